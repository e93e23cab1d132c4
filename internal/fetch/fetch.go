// Package fetch gets small documents from a key server: bounded, without redirects, over TLS.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
)

// MaxBytes is the most that one answer may have.
const MaxBytes = 1 << 20

// Client returns a copy of c, or of a plain client, that follows no redirect.
func Client(c *http.Client) *http.Client {
	var own http.Client
	if c != nil {
		own = *c
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// CheckURL returns an error unless raw is an https URL, or an http URL of this machine's loopback address, without
// user, query and fragment.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("not an absolute URL without user, query and fragment")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && loopback {
		return nil
	}
	return errors.New("the URL must begin with https://")
}

// Get returns status, header and body of one GET. Any status is an answer.
func Get(ctx context.Context, c *http.Client, target string) (int, http.Header, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxBytes+1))
	if err != nil {
		return 0, nil, nil, err
	}
	if len(body) > MaxBytes {
		return 0, nil, nil, fmt.Errorf("the answer has more than %d bytes", MaxBytes)
	}
	return res.StatusCode, res.Header, body, nil
}
