package truhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// borrowed is a string in a buffer that reuse overwrites, as some frameworks do after a response.
func borrowed(s string) (text string, reuse func()) {
	b := []byte(s)
	return unsafe.String(&b[0], len(b)), func() { copy(b, strings.Repeat("z", len(b))) }
}

func TestTruhook_NewDeliveryHasMemoryOfItsOwn(t *testing.T) {
	t.Parallel()
	var all []func()
	lend := func(s string) string {
		text, reuse := borrowed(s)
		all = append(all, reuse)
		return text
	}
	received := time.Date(2026, 11, 1, 2, 3, 4, 5, time.UTC)
	body := []byte("body")
	given := truhook.Delivery{
		Method: lend("POST"), RequestURI: lend("/hook?a=b"), Host: lend("example.com"), RemoteAddr: lend("192.0.2.1:1"),
		Header: http.Header{lend("x-a"): {lend("one"), lend("two")}, lend("X-B"): {lend("three")}}, Body: body, Received: received,
	}
	d := truhook.NewDelivery(given)
	for _, reuse := range all {
		reuse()
	}
	copy(body, "zzzz")
	assert.Equal(t, "POST /hook?a=b example.com 192.0.2.1:1 body", strings.Join([]string{d.Method, d.RequestURI, d.Host, d.RemoteAddr, string(d.Body)}, " "))
	assert.Equal(t, http.Header{"X-A": {"one", "two"}, "X-B": {"three"}}, d.Header)
	assert.Equal(t, received, d.Received)
}

func TestTruhook_NewDeliveryOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	d := truhook.NewDelivery(truhook.Delivery{})
	require.NotNil(t, d.Header)
	require.Nil(t, d.Body)
	_, err := truvVerifier(t).Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.MissingSignature)
}

func TestTruhook_DeliveryFromContextIsTheOneThatWasVerified(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	r := signed(body)
	w := httptest.NewRecorder()
	truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, ok := truhook.DeliveryFromContext(r.Context())
		if !assert.True(t, ok) {
			return
		}
		assert.Equal(t, body, d.Body)
		assert.Equal(t, "/webhooks/truv?b=%2F&a", d.RequestURI)
		assert.Equal(t, r.Header, d.Header)
		w.WriteHeader(http.StatusNoContent)
	})).ServeHTTP(w, r)
	require.Equal(t, http.StatusNoContent, w.Code)

	d, ok := truhook.DeliveryFromContext(r.Context())
	require.False(t, ok)
	require.Nil(t, d)
	_, ok = truhook.DeliveryFromContext(truhook.NewContext(context.Background(), &truhook.Verified{}))
	require.False(t, ok)
}

func TestTruhook_WithReceivedTakesThePlaceOfTheClock(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := clock.AddDate(-3, 0, 0)
	for name, c := range map[string]struct {
		given, want time.Time
	}{"given": {at, at}, "zero": {time.Time{}, clock}} {
		var judged time.Time
		v := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
			judged = d.Received
			return &truhook.Verified{Payload: d.Body}, nil
		})
		m := truhook.NewMiddleware(v, truhook.Config{Now: func() time.Time { return clock }})
		r := signed([]byte("{}"))
		r = r.WithContext(truhook.WithReceived(r.Context(), c.given))
		m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got, ok := truhook.ReceivedFromContext(r.Context())
			assert.True(t, ok, name)
			assert.Equal(t, c.want, got, name)
		})).ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, c.want, judged, name)
		_, ok := truhook.ReceivedFromContext(t.Context())
		assert.False(t, ok, name)
	}
}
