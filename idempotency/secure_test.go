package idempotency_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

// A secret that was made for this test.
const testSecret = "sandbox-0123456789abcdef0123456789abcdef01234567"

func signed(body string) http.Header {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(body))
	h := http.Header{}
	h.Set("X-WEBHOOK-SIGN", "v1="+hex.EncodeToString(mac.Sum(nil)))
	return h
}

func TestMiddleware_WhatIsNotVerifiedNeverTouchesTheStore(t *testing.T) {
	t.Parallel()
	store := &flaky{Store: memory()}
	v, err := truv.New(testSecret)
	require.NoError(t, err)
	once, err := idempotency.NewMiddleware(store, "truv/sandbox", truv.EventID,
		idempotency.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	require.NoError(t, err)
	calls := 0
	h := truhook.NewMiddleware(v, truhook.Config{MaxBodyBytes: 4096}).Wrap(
		once.Handle(func(context.Context, *truhook.Verified) error { calls++; return nil }))

	const good = `{"webhook_id":"488f0b1f5a3c4d7e8f9a0b1c2d3e4f50","event_type":"link-connected","link_id":"d39d"}`
	const other = `{"webhook_id":"588f0b1f5a3c4d7e8f9a0b1c2d3e4f50","event_type":"link-connected","link_id":"d39d"}`
	long := strings.Replace(good, "d39d", strings.Repeat("d", 5000), 1)
	send := func(body io.Reader, header http.Header) int {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", body)
		r.Header = header
		h.ServeHTTP(w, r)
		return w.Code
	}
	twice := signed(good)
	twice["X-Webhook-Sign"] = append(twice["X-Webhook-Sign"], "v1="+strings.Repeat("0", 64))
	for name, c := range map[string]struct {
		body   io.Reader
		header http.Header
		status int
	}{
		"no signature":              {strings.NewReader(good), http.Header{}, 401},
		"the signature of another":  {strings.NewReader(good), signed(other), 401},
		"two signatures":            {strings.NewReader(good), twice, 401},
		"too long, with its length": {strings.NewReader(long), signed(long), 413},
		"too long, without":         {io.MultiReader(strings.NewReader(long)), signed(long), 413},
		"too short":                 {bytes.NewReader(nil), signed(good), 401},
	} {
		for range 3 {
			assert.Equal(t, c.status, send(c.body, c.header), name)
			if c.status == 413 {
				break // the reader is used up
			}
			if s, ok := c.body.(io.Seeker); ok {
				_, _ = s.Seek(0, io.SeekStart)
			}
		}
	}
	assert.Empty(t, store.calls, "not one call")
	assert.Zero(t, calls)

	assert.Equal(t, 200, send(strings.NewReader(good), signed(good)))
	assert.Equal(t, 200, send(strings.NewReader(good), signed(good)))
	assert.Equal(t, map[string]int{"claim": 2, "complete": 1}, store.calls)
	assert.Equal(t, 1, calls)
	assert.Equal(t, 401, send(strings.NewReader(good), signed(other)), "a forged duplicate learns nothing")
	assert.Equal(t, 2, store.called("claim"))
}

func TestMiddleware_TheWrongOrderOfWrapsIsAnswered500(t *testing.T) {
	t.Parallel()
	store := &flaky{Store: memory()}
	v, err := truv.New(testSecret)
	require.NoError(t, err)
	once, err := idempotency.NewMiddleware(store, "truv/sandbox", truv.EventID, idempotency.Config{})
	require.NoError(t, err)
	h := once.Wrap(truhook.NewMiddleware(v, truhook.Config{}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("called")
	})))
	const body = `{"webhook_id":"488f0b1f5a3c4d7e8f9a0b1c2d3e4f50"}`
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header = signed(body)
	h.ServeHTTP(w, r)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Empty(t, store.calls)
}
