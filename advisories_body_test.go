package truhook_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// afterEndlessBody returns how many bytes of a body without an end are read before the delivery is refused.
func afterEndlessBody(t *testing.T, length int64, headers ...string) (read int64, reason truhook.Reason) {
	t.Helper()
	body := &countingReader{Reader: endless{}}
	r := httptest.NewRequest(http.MethodPost, "/", body)
	r.ContentLength = length
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	_, o := judge(t, truvVerifier(t), truhook.Config{Logger: slog.New(slog.DiscardHandler)}, unreached(t), r)
	return body.bytes.Load(), truhook.ReasonOf(o.Err)
}

// monetr read the whole body into memory before it looked for a signature.
func TestAdvisory_CVE_2026_40481_NoBodyIsReadWithoutASignature(t *testing.T) {
	t.Parallel()
	for want, headers := range map[truhook.Reason][]string{
		truhook.MissingSignature:   nil,
		truhook.MalformedSignature: {"X-Webhook-Sign", "v1=00"},
		truhook.DuplicateHeader:    {"X-Webhook-Sign", truvHeader(nil), "X-Webhook-Sign", truvHeader(nil)},
	} {
		read, reason := afterEndlessBody(t, -1, headers...)
		assert.Equal(t, want, reason)
		assert.Zero(t, read, want)
	}
}

// Argo CD read a body of any length, as long as its head looked like that of a webhook.
func TestAdvisory_CVE_2024_40634_ABodyIsReadUpToItsLimit(t *testing.T) {
	t.Parallel()
	read, reason := afterEndlessBody(t, -1, "X-Webhook-Sign", truvHeader(nil))
	assert.Equal(t, truhook.BodyTooLarge, reason)
	assert.EqualValues(t, 1<<20+1, read, "the default limit and one byte")
	read, reason = afterEndlessBody(t, 1<<40, "X-Webhook-Sign", truvHeader(nil))
	assert.Equal(t, truhook.BodyTooLarge, reason)
	assert.Zero(t, read, "an announcement beyond the limit is not read at all")
}

// n8n skipped the check where the secret had not been stored.
func TestAdvisory_CVE_2026_86080_NoVerifierIsNoPass(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { truhook.NewMiddleware(nil, truhook.Config{}) })
	var zero truhook.Middleware
	var none *counting
	for name, m := range map[string]*truhook.Middleware{
		"a zero middleware": &zero, "a nil middleware": nil, "a nil verifier": truhook.NewMiddleware(none, truhook.Config{Logger: slog.New(slog.DiscardHandler)}),
		"no function": truhook.NewMiddleware(truhook.VerifierFunc(nil), truhook.Config{Logger: slog.New(slog.DiscardHandler)}),
		"no verdict": truhook.NewMiddleware(truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
			return nil, nil
		}), truhook.Config{Logger: slog.New(slog.DiscardHandler)}),
	} {
		w := httptest.NewRecorder()
		m.Wrap(unreached(t)).ServeHTTP(w, signed([]byte("{}")))
		assert.GreaterOrEqual(t, w.Code, 500, name)
	}
}

// Traefik took X_Forwarded_For for X-Forwarded-For, which the proxy in front had not removed.
func TestAdvisory_CVE_2026_33433_AHeaderOfALikeNameIsAnother(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrIn(ourProxies, ourClients...)
	for _, name := range []string{"X_Forwarded_For", "X.Forwarded.For", "X-Forwarded_For", "XForwardedFor", "X-Forwarded-For-", " X-Forwarded-For"} {
		d := fromPeer("10.0.0.1:1", "X-Forwarded-For", "203.0.113.7")
		d.Header[name] = []string{"34.212.57.93"}
		require.ErrorIs(t, check.Run(t.Context(), d), truhook.SourceNotAllowed, name)
		r := signed([]byte("{}"))
		r.Header["X_Webhook_Sign"], r.Header["X-Webhook-Sign"] = r.Header["X-Webhook-Sign"], nil
		w, o := judge(t, truvVerifier(t), truhook.Config{Logger: slog.New(slog.DiscardHandler)}, unreached(t), r)
		requireRefused(t, truhook.MissingSignature, w, o)
	}
}
