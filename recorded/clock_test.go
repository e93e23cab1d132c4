package recorded_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/truhooktest"
)

const clockSecret = "sandbox-0123456789abcdef0123456789abcdef01234567" // made for this test

// The shortest test that a user can write: no clock is set anywhere but in the file.
func TestFile_AnOldRecordingIsHandledAsOnItsDay(t *testing.T) {
	t.Parallel()
	key, err := hmacsig.NewKey("current", clockSecret)
	require.NoError(t, err)
	for _, year := range []int{2016, 2023, 2026, time.Now().Year() + 1} {
		at := time.Date(year, 3, 2, 9, 30, 0, 0, time.UTC)
		body := fmt.Appendf(nil, `{"webhook_id":"w1","event_type":"order-created","order_id":"o1","event_created_at":%q}`, at.Format(time.RFC3339))
		signed := truhooktest.NewRequest(t, truhooktest.HMAC(truv.Scheme(), key), "/hook", truhooktest.Event{ID: "w1", Body: body, At: at})
		var wire strings.Builder
		require.NoError(t, signed.Write(&wire))
		f, err := recorded.Read(strings.NewReader("provider: truv\nexpect: accepted\nnow: " + at.Add(time.Second).Format(time.RFC3339) +
			"\nsecret: current " + clockSecret + "\n\n" + wire.String()))
		require.NoError(t, err)

		for how, handle := range map[string]func(*truhook.Middleware, *idempotency.Middleware, func(context.Context, *truhook.Verified) error) int{
			"Request": func(verify *truhook.Middleware, once *idempotency.Middleware, h func(context.Context, *truhook.Verified) error) int {
				r, err := f.Request()
				require.NoError(t, err)
				w := httptest.NewRecorder()
				verify.Wrap(once.Handle(h)).ServeHTTP(w, r)
				return w.Code
			},
			"ReadDelivery": func(verify *truhook.Middleware, once *idempotency.Middleware, h func(context.Context, *truhook.Verified) error) int {
				r, err := f.Request()
				require.NoError(t, err)
				w := httptest.NewRecorder()
				d, err := verify.ReadDelivery(w, r)
				require.NoError(t, err)
				v, err := verify.Verify(r.Context(), d)
				require.NoError(t, err)
				once.Do(r.Context(), v, func(ctx context.Context) error { return h(ctx, v) }).Respond(w)
				return w.Code
			},
			"Delivery": func(verify *truhook.Middleware, once *idempotency.Middleware, h func(context.Context, *truhook.Verified) error) int {
				d, err := f.Delivery()
				require.NoError(t, err)
				ctx := truhook.WithReceived(t.Context(), f.Now)
				v, err := verify.Verify(ctx, d)
				require.NoError(t, err)
				w := httptest.NewRecorder()
				once.Do(ctx, v, func(ctx context.Context) error { return h(ctx, v) }).Respond(w)
				return w.Code
			},
			"NewRequest": func(verify *truhook.Middleware, once *idempotency.Middleware, h func(context.Context, *truhook.Verified) error) int {
				r := truhooktest.NewRequest(t, truhooktest.HMAC(truv.Scheme(), key), "/hook", truhooktest.Event{ID: "w1", Body: body, At: at})
				w := httptest.NewRecorder()
				verify.Wrap(once.Handle(h)).ServeHTTP(w, r)
				return w.Code
			},
		} {
			v, err := truv.New(clockSecret)
			require.NoError(t, err)
			var outcome idempotency.Outcome
			once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "t", truv.EventID, idempotency.Config{
				Policy: truv.RetryPolicy(), Version: truv.EventVersion,
				Observe: func(_ context.Context, o idempotency.Observation) { outcome = o.Outcome },
			})
			require.NoError(t, err)
			called := 0
			status := handle(truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler)}), once, func(context.Context, *truhook.Verified) error { called++; return nil })
			assert.Equal(t, 200, status, "%s of %d", how, year)
			assert.Equal(t, 1, called, "%s of %d: %s", how, year, outcome)
		}
	}
}

// A signature with a time in it is judged as of the recording, and is too old everywhere else.
func TestFile_ASignedTimeIsJudgedAsOfTheRecording(t *testing.T) {
	t.Parallel()
	key, err := hmacsig.NewKey("current", clockSecret)
	require.NoError(t, err)
	scheme := truval.Scheme()
	scheme.Name, scheme.Content, scheme.Timestamp, scheme.Tolerance = "timed", "{timestamp}.{body}", "X-Time", 5*time.Minute
	v, err := hmacsig.New(scheme, hmacsig.StaticKeys(key), hmacsig.Config{})
	require.NoError(t, err)
	at := time.Date(2019, 5, 1, 12, 0, 0, 0, time.UTC)
	signed := func() truhooktest.Event { return truhooktest.Event{ID: "1", Body: []byte("{}"), At: at} }
	r := truhooktest.NewRequest(t, truhooktest.HMAC(scheme, key), "/hook", signed())
	w := httptest.NewRecorder()
	verify := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler)})
	handled := 0
	h := verify.Wrap(idle(&handled))
	h.ServeHTTP(w, r)
	assert.Equal(t, 200, w.Code)
	old := truhooktest.NewRequest(t, truhooktest.HMAC(scheme, key), "/hook", signed())
	w = httptest.NewRecorder()
	h.ServeHTTP(w, old.WithContext(context.Background()))
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, 1, handled)
}

func idle(handled *int) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *handled++ })
}
