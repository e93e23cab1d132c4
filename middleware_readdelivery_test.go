package truhook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestMiddleware_ReadDeliveryAndVerifyAreTheTwoHalvesOfWrap(t *testing.T) {
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

func TestMiddleware_ReadDeliveryWritesNothing(t *testing.T) {
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

// Some hosts give a context that ends with the program, or never. Nothing is held for a delivery that ReadDelivery
// returned.
func TestMiddleware_ReadDeliveryHoldsNothingAfterItReturned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, shutdown := context.WithCancel(t.Context())
		v := truvVerifier(t)
		m := truhook.NewMiddleware(v, truhook.Config{MaxBufferedBytes: 1000})
		body := bytes.Repeat([]byte("x"), 900)
		broken := func() *http.Request {
			r := signed(body)
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:700]), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })))
			return r
		}
		for name, ctx := range map[string]context.Context{"of the server": server, "never": context.WithoutCancel(t.Context()), "of the test": t.Context()} {
			for range 50 {
				d, err := m.ReadDelivery(httptest.NewRecorder(), signed(body).WithContext(ctx))
				require.NoError(t, err, name)
				_, err = m.Verify(ctx, d)
				require.NoError(t, err, name)
				_, err = m.ReadDelivery(httptest.NewRecorder(), broken().WithContext(ctx))
				require.ErrorIs(t, err, truhook.BodyIncomplete, name)
			}
		}
		shutdown()
		synctest.Wait() // a goroutine that is left would end the test here
	})
}

func TestMiddleware_VerifyHoldsTheLimitOfTheBodyToo(t *testing.T) {
	t.Parallel()
	v := &counting{}
	m := truhook.NewMiddleware(v, truhook.Config{MaxBodyBytes: 10})
	_, err := m.Verify(t.Context(), &truhook.Delivery{Body: []byte(strings.Repeat("x", 11))})
	require.ErrorIs(t, err, truhook.BodyTooLarge)
	require.Zero(t, v.asked.Load())
	_, err = m.Verify(t.Context(), &truhook.Delivery{Body: []byte(strings.Repeat("x", 10))})
	require.NoError(t, err)
}

func TestMiddleware_VerifyNilDeliveryIsAReason(t *testing.T) {
	t.Parallel()
	var seen []truhook.Observation
	m := truhook.NewMiddleware(accepting("x"), truhook.Config{Observe: func(_ context.Context, o truhook.Observation) { seen = append(seen, o) }})
	v, err := m.Verify(t.Context(), nil)
	require.ErrorIs(t, err, truhook.Internal)
	require.Nil(t, v)
	require.Len(t, seen, 1)
	_ = fmt.Sprint(seen[0])
}
