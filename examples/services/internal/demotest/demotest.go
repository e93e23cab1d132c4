// Package demotest drives the examples from their tests.
package demotest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/truhooktest"
)

// secret is that of every example.
const secret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"

// A Service is an example that runs.
type Service struct {
	URL   string
	lines *bufio.Scanner
}

// Start runs an example until the test ends.
func Start(t *testing.T, run func(ctx context.Context, out io.Writer) error) *Service {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, writer)
		_ = writer.CloseWithError(fmt.Errorf("the example has ended: %w", err))
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		go func() { _, _ = io.Copy(io.Discard, reader) }()
		assert.NoError(t, <-done)
	})
	return Read(t, reader)
}

// Read waits until the example that writes to out listens.
func Read(t *testing.T, out io.Reader) *Service {
	t.Helper()
	s := &Service{lines: bufio.NewScanner(out)}
	s.URL = strings.TrimPrefix(s.Line(t, "listening on "), "listening on ")
	return s
}

// Line returns the next line with the given beginning.
func (s *Service) Line(t *testing.T, prefix string) string {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for s.lines.Scan() {
			if strings.HasPrefix(s.lines.Text(), prefix) {
				found <- s.lines.Text()
				return
			}
		}
	}()
	select {
	case line, ok := <-found:
		require.True(t, ok, "the example has ended without a line %q: %v", prefix, s.lines.Err())
		return line
	case <-time.After(time.Minute):
		require.Fail(t, "no line", "%q", prefix)
	}
	return ""
}

// Event is the body of an event of Truv's. It is of now: what is older than the retention is refused as a replay.
func Event(id string) string {
	return fmt.Sprintf(`{"webhook_id":%q,"event_type":"order-status-updated","order_id":"1","status":"completed",`+
		`"updated_at":%q}`, id, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// Post sends the body, signed under the secret, and returns the status.
func (s *Service) Post(t *testing.T, secret, body string) int {
	t.Helper()
	key, err := hmacsig.NewKey("demo", secret)
	require.NoError(t, err)
	r := truhooktest.NewRequest(t, truhooktest.HMAC(truv.Scheme(), key), s.URL, truhooktest.Event{Body: []byte(body)})
	r.RequestURI = ""
	res, err := (&http.Client{Timeout: 10 * time.Second}).Do(r)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// TestDuplicates sends events, each twice, and a forgery, and wants one effect for each event.
func TestDuplicates(t *testing.T, s *Service) {
	t.Helper()
	assert.Equal(t, 401, s.Post(t, "a wrong secret of enough bytes", Event("forged")))
	for _, id := range []string{"a", "b"} {
		assert.Equal(t, 200, s.Post(t, secret, Event(id)))
		assert.Equal(t, 200, s.Post(t, secret, Event(id)))
	}
	var got []string
	for range 2 {
		got = append(got, s.Line(t, "handled "))
	}
	assert.Equal(t, 200, s.Post(t, secret, Event("a")), "after it was handled")
	assert.Equal(t, 200, s.Post(t, secret, Event("end")))
	got = append(got, s.Line(t, "handled "))
	assert.ElementsMatch(t, []string{
		"handled a/order-status-updated, attempt 1", "handled b/order-status-updated, attempt 1",
		"handled end/order-status-updated, attempt 1",
	}, got)
}
