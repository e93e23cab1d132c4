package truhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

func TestMiddleware_ObserveIsCalledOnceAndBeforeWhateverAnswers(t *testing.T) {
	t.Parallel()
	type ctxKey struct{}
	tests := map[string]struct {
		v      truhook.Verifier
		change func(*http.Request)
		want   truhook.Reason
	}{
		"accepted":            {accepting("x"), func(*http.Request) {}, ""},
		"refused by the head": {headed{accepting("x"), func(context.Context, *truhook.Delivery) error { return truhook.Expired }}, func(*http.Request) {}, truhook.Expired},
		"announced too large": {accepting("x"), func(r *http.Request) { r.ContentLength = 1 << 40 }, truhook.BodyTooLarge},
		"incomplete":          {accepting("x"), cutShort, truhook.BodyIncomplete},
		"refused":             {refusing(truhook.WrongPath), func(*http.Request) {}, truhook.WrongPath},
		"panicked":            {truhook.VerifierFunc(panicsHere), func(*http.Request) {}, truhook.Internal},
		"no verdict":          {truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { return nil, nil }), func(*http.Request) {}, truhook.Internal},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var order []string
			cfg := truhook.Config{
				Observe: func(ctx context.Context, o truhook.Observation) {
					order = append(order, "observe")
					require.Equal(t, "of the request", ctx.Value(ctxKey{}))
					require.Equal(t, tt.want, truhook.ReasonOf(o.Err))
					require.Equal(t, tt.want == "", o.Verified != nil)
					require.NotNil(t, o.Delivery)
				},
				OnReject: func(http.ResponseWriter, *http.Request, error) { order = append(order, "answer") },
			}
			h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order = append(order, "answer") })
			r := signed([]byte("x"))
			tt.change(r)
			r = r.WithContext(context.WithValue(t.Context(), ctxKey{}, "of the request"))
			truhook.NewMiddleware(tt.v, cfg).Wrap(h).ServeHTTP(httptest.NewRecorder(), r)
			require.Equal(t, []string{"observe", "answer"}, order)
		})
	}
}

func TestMiddleware_ReadDeliveryAndVerifyObserveOnceTogether(t *testing.T) {
	t.Parallel()
	for want, change := range map[truhook.Reason]func(*http.Request){
		"":                       func(*http.Request) {},
		truhook.BodyIncomplete:   cutShort,
		truhook.MissingSignature: func(r *http.Request) { r.Header.Del("X-Webhook-Sign") },
	} {
		var seen []truhook.Reason
		m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{Observe: func(_ context.Context, o truhook.Observation) {
			seen = append(seen, truhook.ReasonOf(o.Err))
		}})
		r := signed([]byte("x"))
		change(r)
		d, err := m.ReadDelivery(httptest.NewRecorder(), r)
		if err == nil {
			_, err = m.Verify(t.Context(), d)
		}
		require.Equal(t, want, truhook.ReasonOf(err))
		require.Equal(t, []truhook.Reason{want}, seen)
	}
}

func TestMiddleware_DurationsAreByTheClocksTheyAreMeasuredWith(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	v := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		now = now.Add(3 * time.Millisecond)
		return accepting("x").Verify(ctx, d)
	})
	_, o := judge(t, v, truhook.Config{Now: func() time.Time { return now }}, noContent(), signed([]byte("x")))
	require.Equal(t, 3*time.Millisecond, o.VerifyDuration)
	require.Positive(t, o.ReadDuration)
}

// logged is what slog makes of an observation.
func logged(t *testing.T, o truhook.Observation) (text string, fields map[string]any) {
	t.Helper()
	var asText, asJSON bytes.Buffer
	slog.New(slog.NewTextHandler(&asText, nil)).Info("delivery", "o", o)
	slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("delivery", "o", o)
	var line struct{ O map[string]any }
	require.NoError(t, json.Unmarshal(asJSON.Bytes(), &line))
	return asText.String() + asJSON.String(), line.O
}

func TestMiddleware_LogValueHasTheVerdictAndTheSizesOnly(t *testing.T) {
	t.Parallel()
	d := &truhook.Delivery{
		Method: "POST", RequestURI: "/?token=" + canary, Host: canary, Header: http.Header{"X-A": {canary}}, Body: []byte(canary), RemoteAddr: canary,
	}
	v := &truhook.Verified{
		Payload: []byte(canary), Inner: []byte(canary), Proofs: []truhook.Proof{{Scheme: "truv", KeyID: "current", Detail: canary}},
	}
	text, fields := logged(t, truhook.Observation{Delivery: d, Verified: v, ReadDuration: 1, VerifyDuration: 2})
	require.NotContains(t, text, canary)
	require.Equal(t, map[string]any{
		"verified": true, "proof": map[string]any{"scheme": "truv", "key_id": "current"}, "payload_bytes": 20.0, "body_bytes": 20.0,
		"read_duration": 1.0, "verify_duration": 2.0,
	}, fields)
	err := &truhook.Error{Scheme: "truv", Reason: truhook.Expired, Err: &truhook.Error{Scheme: canary, Err: loudError{canary}}}
	text, fields = logged(t, truhook.Observation{Delivery: d, Err: err})
	require.NotContains(t, text, canary)
	require.Equal(t, map[string]any{
		"verified": false, "reason": "expired", "scheme": "truv", "body_bytes": 20.0, "read_duration": 0.0, "verify_duration": 0.0,
	}, fields)
	_, fields = logged(t, truhook.Observation{})
	require.Equal(t, false, fields["verified"])
}

func TestMiddleware_LogNamesTheSchemeThatGaveTheReason(t *testing.T) {
	t.Parallel()
	v := truhook.AnyOf(
		refusing(&truhook.Error{Scheme: "truv", Reason: truhook.SignatureMismatch}),
		refusing(&truhook.Error{Scheme: "truval", Reason: truhook.KeysUnavailable}),
	)
	_, err := v.Verify(t.Context(), &truhook.Delivery{})
	_, fields := logged(t, truhook.Observation{Err: err})
	require.Equal(t, "keys-unavailable", fields["reason"])
	require.Equal(t, "truval", fields["scheme"])
}

func TestMiddleware_PlainErrorIsLoggedByItsReasonOnly(t *testing.T) {
	t.Parallel()
	text, fields := logged(t, truhook.Observation{Err: loudError{canary}})
	require.NotContains(t, text, canary)
	require.Equal(t, "internal", fields["reason"])
}

func TestMiddleware_ConfigsCannotBeComparedOrSetByPosition(t *testing.T) {
	t.Parallel()
	for _, config := range []any{truhook.Config{}, hmacsig.Config{}} {
		typ := reflect.TypeOf(config)
		first := typ.Field(0)
		require.Equal(t, "_", first.Name, typ)
		require.Equal(t, reflect.TypeFor[[0]func()](), first.Type, typ)
		require.False(t, typ.Comparable())
	}
}
