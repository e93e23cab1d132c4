// Package fetch gets small documents from servers of keys and credentials: bounded, without redirects and cookies,
// over TLS. Its errors hold nothing of a response but its status.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

// MaxBytes is the limit of a response's body where none is given.
const MaxBytes = 1 << 20

// Client returns a copy of c, or of a plain client if c is nil. The copy follows no redirect, as the transport of c may
// authorize the request anew for whatever host it is sent to, and keeps no cookies.
func Client(c *http.Client) *http.Client {
	var own http.Client
	if c != nil {
		own = *c
	}
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// CheckURL returns an error unless raw is an https URL, or an http URL of this machine's loopback address, without
// user, query and fragment. The error does not repeat the URL.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return errors.New("not an absolute URL without user, query and fragment")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && addr.IsLoopback()
	if u.Scheme == "https" || u.Scheme == "http" && loopback {
		return nil
	}
	return errors.New("the URL must begin with https://")
}

// A Response is an HTTP response that was read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get gets target. A response of any status is returned; see [Response.OK]. A body of more than limit bytes is an
// error; limit 0 is MaxBytes.
func Get(ctx context.Context, c *http.Client, target string, limit int64) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("the URL cannot be requested") // err repeats it
	}
	req.Header.Set("Accept", "*/*")
	return Do(c, req, limit)
}

// Do sends req, as Get does.
func Do(c *http.Client, req *http.Request, limit int64) (*Response, error) {
	if limit <= 0 {
		limit = MaxBytes
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.ContentLength > limit {
		return nil, fmt.Errorf("the response has more than %d bytes", limit)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("the response broke off: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the response has more than %d bytes", limit)
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// plain leaves the URL out of an error of net/http: its query may hold an account.
func plain(err error) error {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		return urlError.Err
	}
	return err
}

// OK returns nil for status 200, else a *StatusError. now is the time by which a Retry-After that is a date counts.
func (r *Response) OK(now time.Time) error {
	if r.Status == http.StatusOK {
		return nil
	}
	e := &StatusError{Status: r.Status}
	if r.Status == http.StatusTooManyRequests || r.Status == http.StatusServiceUnavailable {
		e.after = RetryAfter(r.Header, now)
	}
	return e
}

// A StatusError says that a response had another status than 200. A keycache leaves the source alone for RetryAfter.
type StatusError struct {
	Status int
	after  time.Duration
}

// Error names the status.
func (e *StatusError) Error() string {
	if e.Status/100 == 3 {
		return fmt.Sprintf("the response has status %d, and redirects are not followed", e.Status)
	}
	return fmt.Sprintf("the response has status %d", e.Status)
}

// RetryAfter is how long the server asked to be left alone with status 429 or 503; zero: it did not.
func (e *StatusError) RetryAfter() time.Duration { return e.after }

// RetryAfter reads the header Retry-After (RFC 9110, section 10.2.3): seconds, or a date, which counts from the header
// Date of the same response where there is one, else from now. It is zero where there is none, and never negative.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(date.Sub(now), 0)
}
