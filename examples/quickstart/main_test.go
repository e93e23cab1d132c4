package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryVerdictIsTheExpectedOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, "127.0.0.1:0", false))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, len(rows)+2)
	assert.Equal(t, []string{"provider", "delivery", "status", "reason", "µs"}, strings.Fields(lines[0]))
	assert.Regexp(t, `^42 deliveries: 19 accepted, 23 refused, 0 not as expected$`, lines[len(lines)-1])
	for _, provider := range []string{"truv", "trulioo", "truval"} {
		assert.Regexp(t, `(?m)^`+provider+` +event-\S+ +200 +- +\d+ *$`, out.String())
		assert.Regexp(t, `(?m)^`+provider+` +\S+ +401 +signature-mismatch +\d+ *$`, out.String())
	}
}

func TestAnUnexpectedVerdictIsAnError(t *testing.T) {
	t.Parallel()
	// This receiver holds no secret called next, so a delivery that expects to be early is a mismatch.
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now)
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(nil)
	server.Config = newServer(handler)
	server.Start()
	defer server.Close()
	addr := server.Listener.Addr().String()
	var out bytes.Buffer
	err = sendAll(&out, addr, w, []row{{"truv", "event-order-created"}, {"truv", "secret-not-yet-valid"}})
	require.Error(t, err)
	assert.Contains(t, out.String(), "expected 401 secret-not-yet-valid")
	assert.Contains(t, out.String(), "2 deliveries: 1 accepted, 1 refused, 1 not as expected")
	assert.Error(t, sendAll(io.Discard, addr, w, []row{{"truv", "absent"}}))

	out.Reset()
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	defer elsewhere.Close()
	require.Error(t, sendAll(&out, elsewhere.Listener.Addr().String(), w, rows[:1]))
	assert.Contains(t, out.String(), "expected 200 -")
}

func TestTheCurlLineIsAccepted(t *testing.T) {
	t.Parallel()
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, invite(&out, "127.0.0.1:1"))
	parts := regexp.MustCompile(`-H '(X-WEBHOOK-SIGN): ([^']*)' --data-binary '([^']*)'`).FindStringSubmatch(out.String())
	require.NotNil(t, parts, out.String())

	for signature, want := range map[string]int{parts[2]: http.StatusOK, parts[2] + "0": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(parts[3]))
		r.Header.Set(parts[1], signature)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		assert.Equal(t, want, answer.Code)
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	require.NoError(t, run(ctx, out, "127.0.0.1:0", true))
}

func TestATakenAddressIsAnError(t *testing.T) {
	t.Parallel()
	assert.Error(t, run(t.Context(), io.Discard, "127.0.0.1:-1", false))
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
