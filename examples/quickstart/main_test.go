package main

import (
	"bytes"
	"context"
	"errors"
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
	require.Len(t, lines, len(rows)+len(onceRows)+len(layeredRows)+2)
	assert.Equal(t, []string{"provider", "delivery", "status", "reason", "proofs", "event", "µs"}, strings.Fields(lines[0]))
	assert.Regexp(t, `^69 deliveries: 31 accepted, 38 refused, 0 not as expected$`, lines[len(lines)-1])
	for _, provider := range []string{"truv", "trulioo", "truval", "transunion"} {
		assert.Regexp(t, `(?m)^`+provider+` +event-\S+ +200 +- +`+provider+` \S+ +- +\d+ *$`, out.String())
		assert.Regexp(t, `(?m)^`+provider+` +\S+ +401 +signature-mismatch +- +- +\d+ *$`, out.String())
	}
	for _, outcome := range []string{"200 .* handled", "200 .* duplicate", "503 .* failed", "200 .* stale"} {
		assert.Regexp(t, `(?m)^truv +event-\S+ +`+outcome+` +\d+ *$`, out.String())
	}
	assert.Regexp(t, `(?m)^truv .* 200 +- +mtls \S+ \+ truv current +- +\d+ *$`, out.String())
}

func TestAnUnexpectedVerdictIsAnError(t *testing.T) {
	t.Parallel()
	// This receiver holds no secret called next, so a delivery that expects to be early is a mismatch.
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now)
	require.NoError(t, err)
	sendTo := func(handler http.Handler, rows []row) (string, error) {
		var out bytes.Buffer
		table := newTable(&out, w)
		err := serve(handler, nil, "127.0.0.1:0", func(addr string) error { return table.send(rows, dialer(addr)) })
		err = errors.Join(err, table.close())
		return out.String(), err
	}
	out, err := sendTo(handler, []row{
		{provider: "truv", delivery: "event-order-created"}, {provider: "truv", delivery: "secret-not-yet-valid"},
	})
	require.Error(t, err)
	assert.Contains(t, out, "expected 401 key-not-yet-valid")
	assert.Contains(t, out, "2 deliveries: 1 accepted, 1 refused, 1 not as expected")

	_, err = sendTo(handler, []row{{provider: "truv", delivery: "absent"}})
	require.Error(t, err)
	_, err = sendTo(http.NotFoundHandler(), rows[:1])
	require.Error(t, err)
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
