package truhooktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/truhook/truhook/retry"
)

// An Attempt is the record of one request.
type Attempt struct {
	Event     string        // Event.ID
	Number    int           // 1 is the first; a duplicate has the number of what it is a duplicate of
	Duplicate bool          // one of the further copies of an attempt
	Fault     Fault         // what was made to go wrong
	At        time.Time     // when it began
	Took      time.Duration // from the first byte sent to the end of the response
	Status    int           // retry.NoAnswer (0): no answer
	Err       error         // why there was no answer
	Outcome   retry.Outcome // what the provider makes of it
	Header    http.Header   // of the answer
	Body      []byte        // of the answer, the first 64 KiB
}

func (p *Provider) send(ctx context.Context, m message, a *Attempt) {
	ctx, cancel := context.WithTimeout(ctx, p.scaled(p.config.Timeout))
	defer cancel()
	transport := p.transport
	if cut := a.Fault & (Timeout | ResetBefore | ResetAfter); p.memory == nil || len(m.body) == 0 || cut != 0 {
		transport = newTransport(p.dial, cut)
		defer transport.CloseIdleConnections()
	}

	r, err := http.NewRequestWithContext(ctx, m.method, m.target, bytes.NewReader(m.body))
	if err != nil {
		a.Err = withoutURL(err)
		return
	}
	r.Header = m.header.Clone()
	r.GetBody = nil // the transport must not send again by itself, as it may over a connection that was in use before
	answer, err := transport.RoundTrip(r)
	if err == nil {
		a.Status, a.Header = answer.StatusCode, answer.Header
		a.Outcome = p.policy.Outcome(a.Status)
		if p.config.answered != nil {
			p.config.answered(*a)
		}
		a.Body, _ = io.ReadAll(io.LimitReader(answer.Body, 64<<10))
		_ = answer.Body.Close()
	} else {
		a.Err = fmt.Errorf("truhooktest: no answer: %w", withoutURL(err))
		a.Outcome = p.policy.Outcome(retry.NoAnswer)
	}
	a.Took = time.Since(a.At)
}

// withoutURL drops the URL from an error of net/http or net/url: its query can hold a token, and the error is printed.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) && u.Err != nil {
		return u.Err
	}
	return err
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func newTransport(dial dialer, f Fault) *http.Transport {
	return &http.Transport{
		DisableCompression:  true,
		DisableKeepAlives:   f != 0,
		MaxIdleConnsPerHost: 16,
		ReadBufferSize:      1 << 10, WriteBufferSize: 1 << 10, // deliveries are small, and there are many
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil || f == 0 {
				return c, err
			}
			return &faultyConn{Conn: c, fault: f, closed: make(chan struct{})}, nil
		},
	}
}
