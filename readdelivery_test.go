package truhook_test

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestReadDeliveryAndVerifyAreTheTwoHalvesOfWrap(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
	body := []byte("\xef\xbb\xbf{}\r\n\x00\xff")
	r := signed(body)
	d, err := m.ReadDelivery(httptest.NewRecorder(), r)
	require.NoError(t, err)
	require.Equal(t, body, d.Body)
	v, err := m.Verify(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, body, v.Payload)
	rest, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Empty(t, rest, "read to the end and not replayed")
	d.Body = append([]byte(nil), d.Body[1:]...)
	_, err = m.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.SignatureMismatch)
}

func TestReadDeliveryWritesNothing(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
	w := httptest.NewRecorder()
	r := signed([]byte("x"))
	r.Header.Del("X-Webhook-Sign")
	d, err := m.ReadDelivery(w, r)
	require.ErrorIs(t, err, truhook.MissingSignature)
	require.Nil(t, d)
	require.False(t, w.Flushed)
	require.Empty(t, w.Header())
	require.Empty(t, w.Body.String())
}

func TestReadDeliveryHoldsItsBytesUntilTheContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBufferedBytes: 1000})
		body := bytes.Repeat([]byte("x"), 900)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := m.ReadDelivery(httptest.NewRecorder(), signed(body).WithContext(ctx))
		require.NoError(t, err)
		_, err = m.ReadDelivery(httptest.NewRecorder(), signed(body).WithContext(t.Context()))
		require.ErrorIs(t, err, truhook.Overloaded)
		cancel()
		synctest.Wait()
		forever := context.WithoutCancel(t.Context())
		for range 3 { // with a context that never ends, only until ReadDelivery returns
			_, err = m.ReadDelivery(httptest.NewRecorder(), signed(body).WithContext(forever))
			require.NoError(t, err)
		}
	})
}

func TestVerifyHoldsTheLimitOfTheBodyToo(t *testing.T) {
	t.Parallel()
	v := &counting{}
	m := truhook.NewMiddleware(v, truhook.Config{MaxBodyBytes: 10})
	_, err := m.Verify(t.Context(), &truhook.Delivery{Body: []byte(strings.Repeat("x", 11))})
	require.ErrorIs(t, err, truhook.BodyTooLarge)
	require.Zero(t, v.asked.Load())
	_, err = m.Verify(t.Context(), &truhook.Delivery{Body: []byte(strings.Repeat("x", 10))})
	require.NoError(t, err)
}

func TestVerifyTakesANilDeliveryForAnEmptyOne(t *testing.T) {
	t.Parallel()
	_, err := truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Verify(t.Context(), nil)
	require.ErrorIs(t, err, truhook.MissingSignature)
}

func TestReadDeliveryEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequest("POST", "/", readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF })).WithContext(ctx)
	d, err := truhook.NewMiddleware(accepting("x"), truhook.Config{}).ReadDelivery(httptest.NewRecorder(), r)
	require.ErrorIs(t, err, truhook.Canceled)
	require.Nil(t, d)
}
