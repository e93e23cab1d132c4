package truhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
)

// lines decodes the lines of a JSON log, without their time and help.
func lines(t *testing.T, out *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		all = append(all, one)
	}
	return all
}

func jsonLogger(out *bytes.Buffer) *slog.Logger { return slog.New(slog.NewJSONHandler(out, nil)) }

func TestLogger_FirstRefusalAtOnceThenOneLineAMinute(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{Logger: jsonLogger(&out), Now: func() time.Time { return now }})
	send := func(change func(r *http.Request)) {
		r := signed([]byte("{}"))
		change(r)
		m.Wrap(noContent()).ServeHTTP(httptest.NewRecorder(), r)
	}
	forged := func(r *http.Request) { r.Header.Set("X-Webhook-Sign", truvHeader([]byte("x"))) }
	missing := func(r *http.Request) { r.Header.Del("X-Webhook-Sign") }
	genuine := func(*http.Request) {}
	for _, step := range []struct {
		after  time.Duration
		change func(r *http.Request)
		want   string // reason and count
	}{
		{0, forged, "signature-mismatch 1"},
		{time.Second, forged, ""},
		{0, missing, "missing-signature 1"},
		{58 * time.Second, forged, ""},
		{time.Second, forged, "signature-mismatch 3"},
		{0, genuine, "verified"},
		{0, genuine, ""},
		{time.Hour, genuine, ""},
		{0, missing, "missing-signature 1"},
		{-5 * time.Second, missing, ""},                   // a request that began earlier
		{-48 * time.Hour, missing, "missing-signature 2"}, // the clock goes back
		{time.Second, missing, ""},
	} {
		now = now.Add(step.after)
		out.Reset()
		send(step.change)
		got := ""
		for _, line := range lines(t, &out) {
			if line["reason"] == nil {
				got += "verified"
				continue
			}
			got += fmt.Sprint(line["reason"], " ", line["count"])
			assert.Contains(t, line["help"], "truhook verify")
			assert.Contains(t, line["help"], "docs/troubleshooting.md")
		}
		require.Equal(t, step.want, got)
	}
}

func TestLogger_ContentOfALine(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now := start
	var out bytes.Buffer
	refusal := error(nil)
	v := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		if refusal != nil {
			return nil, refusal
		}
		return &truhook.Verified{Proofs: []truhook.Proof{{Scheme: "sw", KeyID: "2026"}}}, nil
	})
	m := truhook.NewMiddleware(v, truhook.Config{Logger: jsonLogger(&out), Now: func() time.Time { return now }})
	verify := func(err error) map[string]any {
		out.Reset()
		refusal = err
		_, _ = m.Verify(t.Context(), &truhook.Delivery{Body: []byte("12345"), Header: http.Header{"A": {"b"}, "C": {"d"}}})
		all := lines(t, &out)
		require.Len(t, all, 1)
		delete(all[0], "time")
		delete(all[0], "help")
		return all[0]
	}
	mismatch := &truhook.Error{Scheme: "sw", Reason: truhook.SignatureMismatch, KeyIDs: []string{"2026", "2025"}}
	assert.Equal(t, map[string]any{
		"level": "INFO", "msg": "truhook: a delivery is refused", "provider": "sw", "reason": "signature-mismatch", "status": 401.0, "count": 1.0,
		"headers": 2.0, "body_bytes": 5.0, "key_ids": []any{"2026", "2025"}, "accepted": 0.0, "refused_since": 1.0,
	}, verify(fmt.Errorf("around: %w", mismatch)))
	assert.Equal(t, map[string]any{
		"level": "INFO", "msg": "truhook: the first delivery since the start is verified", "body_bytes": 5.0,
		"proof": map[string]any{"scheme": "sw", "key_id": "2026"}, "payload_bytes": 0.0,
	}, verify(nil))
	now = now.Add(time.Hour)
	assert.Equal(t, map[string]any{
		"level": "WARN", "msg": "truhook: a delivery is refused", "reason": "internal", "status": 500.0, "count": 1.0, "headers": 2.0, "body_bytes": 5.0,
		"error_type": "*errors.errorString",
		"accepted":   1.0, "last_accepted": start.Format(time.RFC3339), "accepted_by_key": map[string]any{"2026": 1.0}, "refused_since": 1.0,
	}, verify(errors.New("hunter2")), "the text of an error without a Reason is not logged")
	assert.Equal(t, map[string]any{
		"level": "INFO", "msg": "truhook: a delivery is refused", "provider": "sw", "reason": "signature-mismatch", "status": 401.0, "count": 1.0,
		"headers": 2.0, "body_bytes": 5.0, "key_ids": []any{"2025", "2026"}, "accepted": 1.0, "last_accepted": start.Format(time.RFC3339),
		"accepted_by_key": map[string]any{"2026": 1.0}, "refused_since": 1.0,
	}, verify(errors.Join(&truhook.Error{Scheme: "sw", Reason: truhook.SignatureMismatch, KeyIDs: []string{"2025"}}, mismatch)))
}

// formed explains a malformed header without hashing.
type formed struct {
	headed
	explain func(q truhook.ExplainQuery) truhook.Explanation
}

func (x formed) Explain(_ context.Context, q truhook.ExplainQuery) truhook.Explanation {
	return x.explain(q)
}

func TestLogger_SaysInWhichFormASignatureCame(t *testing.T) {
	t.Parallel()
	form := truhook.Finding{Name: "signature-form", Problem: "64 characters of base64, no prefix v1=."}
	for name, test := range map[string]struct {
		reason truhook.Reason
		finds  func(q truhook.ExplainQuery) truhook.Explanation
		found  any
	}{
		"malformed": {truhook.MalformedSignature, func(q truhook.ExplainQuery) truhook.Explanation {
			return truhook.Explanation{Findings: []truhook.Finding{{Name: "body-empty"}, form}}
		}, form.Problem},
		"nothing found":        {truhook.MalformedSignature, func(truhook.ExplainQuery) truhook.Explanation { return truhook.Explanation{} }, nil},
		"the Explainer panics": {truhook.MalformedSignature, func(truhook.ExplainQuery) truhook.Explanation { panic("hunter2") }, nil},
		"no matter of form":    {truhook.WrongPath, func(truhook.ExplainQuery) truhook.Explanation { t.Error("asked"); return truhook.Explanation{} }, nil},
	} {
		var out bytes.Buffer
		v := formed{headed{accepting("x"), func(context.Context, *truhook.Delivery) error { return test.reason }}, func(q truhook.ExplainQuery) truhook.Explanation {
			assert.Zero(t, q.MaxHashedBytes)
			return test.finds(q)
		}}
		truhook.NewMiddleware(v, truhook.Config{Logger: jsonLogger(&out)}).Wrap(unreached(t)).ServeHTTP(httptest.NewRecorder(), signed([]byte("{}")))
		all := lines(t, &out)
		require.Len(t, all, 1, name)
		assert.Equal(t, test.found, all[0]["found"], name)
		assert.NotContains(t, out.String(), "hunter2")
	}
}

type panickingHandler struct{ slog.Handler }

func (panickingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (panickingHandler) Handle(context.Context, slog.Record) error { panic("hunter2") }

func TestLogger_CannotTurnAVerdictAround(t *testing.T) {
	t.Parallel()
	for name, logger := range map[string]*slog.Logger{"panics": slog.New(panickingHandler{}), "discards": slog.New(slog.DiscardHandler)} {
		m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{Logger: logger})
		for range 2 {
			w := httptest.NewRecorder()
			m.Wrap(noContent()).ServeHTTP(w, signed([]byte("{}")))
			require.Equal(t, http.StatusNoContent, w.Code, name)
			r := signed([]byte("{}"))
			r.Header.Del("X-Webhook-Sign")
			w = httptest.NewRecorder()
			m.Wrap(noContent()).ServeHTTP(w, r)
			require.Equal(t, http.StatusUnauthorized, w.Code, name)
		}
	}
}

// It is not parallel, as it replaces slog.Default.
func TestLogger_NilIsTheDefaultOfTheMoment(t *testing.T) {
	m := truhook.NewMiddleware(refusing(truhook.Expired), truhook.Config{})
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(jsonLogger(&out))
	defer slog.SetDefault(before)
	_, err := m.Verify(t.Context(), &truhook.Delivery{})
	require.Error(t, err)
	require.Contains(t, out.String(), `"reason":"expired"`)

	for name, m := range map[string]*truhook.Middleware{"zero": {}, "nil": nil} {
		out.Reset()
		wrapped := m.Wrap(unreached(t))
		for range 3 {
			require.Equal(t, http.StatusServiceUnavailable, status(wrapped, signed([]byte("x"))), name)
		}
		require.Equal(t, 1, strings.Count(out.String(), `"reason":"no-key"`), name)
	}
}

func TestLogger_StrangersCannotFillTheJournal(t *testing.T) {
	t.Parallel()
	n := 0
	v := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		n++
		if n%2 == 0 {
			return &truhook.Verified{Proofs: []truhook.Proof{{Scheme: fmt.Sprint("scheme ", n), KeyID: fmt.Sprint("key ", n)}}}, nil
		}
		return nil, &truhook.Error{Scheme: fmt.Sprint("scheme ", n), Reason: truhook.Expired}
	})
	var out bytes.Buffer
	m := truhook.NewMiddleware(v, truhook.Config{Logger: jsonLogger(&out)})
	for range 10_000 {
		_, _ = m.Verify(t.Context(), &truhook.Delivery{})
	}
	require.LessOrEqual(t, len(lines(t, &out)), 258)
}

// Whatever holds a Delivery can be printed and marshaled: neither shows what was sent.
func TestLog_DeliveryPrintsNothingThatWasSent(t *testing.T) {
	t.Parallel()
	d := truhook.Delivery{
		Method: "POST", RequestURI: "/hook?token=hunter2", Host: "hunter2.example", Header: http.Header{"X-Hunter2": {"hunter2"}},
		Body: []byte("hunter2"), RemoteAddr: "hunter2",
	}
	v := &truhook.Verified{Payload: []byte("hunter2"), Proofs: []truhook.Proof{{Scheme: "x", KeyID: "k", Detail: "hunter2"}}}
	for name, value := range map[string]any{
		"Delivery": d, "*Delivery": &d, "Observation": truhook.Observation{Delivery: &d, Verified: v}, "*Observation": &truhook.Observation{Delivery: &d, Verified: v},
		"Verified": *v, "*Verified": v, "a refused Observation": truhook.Observation{Delivery: &d, Err: fmt.Errorf("hunter2: %w", truhook.Expired)},
		"ExplainQuery": truhook.ExplainQuery{Delivery: &d}, "*ExplainQuery": &truhook.ExplainQuery{Delivery: &d},
		"a struct around": struct {
			D truhook.Delivery
			P *truhook.Delivery
		}{d, &d},
		"a slice": []truhook.Delivery{d}, "a map": map[string]*truhook.Delivery{"d": &d}, "a context": truhook.NewContext(context.Background(), v),
	} {
		var out bytes.Buffer
		for _, verb := range "vsqdxXobcUTteg" { // not p, which is for pointers and asks no Formatter
			for _, flag := range []string{"", "+", "#", " ", "0"} {
				_, _ = fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", value)
			}
		}
		if !strings.HasSuffix(name, "Verified") && name != "a context" {
			raw, err := json.Marshal(value)
			require.NoError(t, err, name)
			out.Write(raw)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("x", "value", value)
		}
		for _, needle := range []string{"hunter2", "Hunter2", "68756e74657232", "aHVudGVyM", "104 117 110"} {
			assert.False(t, strings.Contains(out.String(), needle), "%s: %s", name, needle)
		}
	}
}
