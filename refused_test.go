package truhook_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// explained is Truv's verifier with an Explainer of the test.
type explained struct {
	truhook.Verifier
	explain func(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation
}

func (x explained) Precheck(ctx context.Context, d *truhook.Delivery) error {
	return x.Verifier.(truhook.Prechecker).Precheck(ctx, d)
}

func (x explained) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	return x.explain(ctx, q)
}

func forgedRequest(body string) *http.Request {
	r := signed([]byte(body))
	r.Header.Set("X-Webhook-Sign", truvHeader([]byte("other")))
	return r
}

func TestRefused_ExplainRefusalsAfterTheResponseAndSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var asked atomic.Int64
		var answered atomic.Bool
		v := explained{truvVerifier(t), func(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
			if q.MaxHashedBytes == 0 {
				return truhook.Explanation{} // for the line of the refusal
			}
			asked.Add(1)
			assert.True(t, answered.Load(), "the response comes first")
			assert.EqualValues(t, 8<<20, q.MaxHashedBytes)
			deadline, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.LessOrEqual(t, time.Until(deadline), 10*time.Millisecond)
			assert.Equal(t, "{}", string(q.Delivery.Body))
			<-time.After(3 * time.Millisecond)
			return truhook.Explanation{Reason: truhook.SignatureMismatch, Complete: true, Tried: 7, RuledOut: []string{"key-quoted"}, Findings: []truhook.Finding{
				{Name: "body-text-changed", Subject: "whitespace", Problem: "P.", Remedy: "R.", Proven: true, Offset: 1},
			}}
		}}
		m := truhook.NewMiddleware(v, truhook.Config{ExplainRefusals: true, Logger: jsonLogger(&out)})
		send := func() {
			w := httptest.NewRecorder()
			m.Wrap(unreached(t)).ServeHTTP(w, forgedRequest("{}"))
			require.Equal(t, http.StatusUnauthorized, w.Code)
			answered.Store(true)
		}
		for range 100 {
			send()
		}
		require.Zero(t, asked.Load())
		<-time.After(time.Second / 10) // by the clock of the bubble
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load(), "one at a time")
		send()
		<-time.After(time.Second / 10)
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load(), "it rests for 100 times its duration")
		<-time.After(300 * time.Millisecond)
		send()
		<-time.After(time.Second / 10)
		synctest.Wait()
		require.EqualValues(t, 2, asked.Load())
		var found []map[string]any
		for _, line := range lines(t, &out) {
			if line["cause"] != nil {
				delete(line, "time")
				found = append(found, line)
			}
		}
		require.Len(t, found, 2)
		assert.Equal(t, map[string]any{
			"level": "INFO", "msg": "truhook: why a delivery was refused", "provider": "truv", "reason": "signature-mismatch", "complete": true, "tried": 7.0,
			"tried_without_success": []any{"key-quoted"},
			"cause":                 map[string]any{"name": "body-text-changed", "subject": "whitespace", "problem": "P.", "remedy": "R.", "proven": true, "offset": 1.0},
		}, found[0])
	})
}

func TestRefused_ExplainRefusalsEveryEntryAndOnlyWhereItHelps(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		off    bool
		refuse truhook.Reason
		change func(r *http.Request)
		want   bool
	}{
		"a mismatch":           {false, truhook.SignatureMismatch, func(*http.Request) {}, true},
		"a certificate":        {false, truhook.UntrustedCertificate, func(*http.Request) {}, true},
		"off":                  {true, truhook.SignatureMismatch, func(*http.Request) {}, false},
		"not the sender":       {false, truhook.KeysUnavailable, func(*http.Request) {}, false},
		"a header of 100 KiB":  {false, truhook.SignatureMismatch, func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 100<<10)) }, false},
		"the explainer panics": {false, truhook.SignatureMismatch, func(r *http.Request) { r.Header.Set("Panic", "now") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for entry, send := range map[string]func(m *truhook.Middleware, r *http.Request){
					"Wrap": func(m *truhook.Middleware, r *http.Request) {
						m.Wrap(unreached(t)).ServeHTTP(httptest.NewRecorder(), r)
					},
					"ReadDelivery, Verify": func(m *truhook.Middleware, r *http.Request) {
						d, err := m.ReadDelivery(httptest.NewRecorder(), r)
						require.NoError(t, err)
						_, err = m.Verify(t.Context(), d)
						require.Error(t, err)
						copy(d.Body, "zz") // the host uses its memory again
					},
				} {
					var asked atomic.Bool
					v := explained{headed{refusing(test.refuse), func(context.Context, *truhook.Delivery) error { return nil }}, func(_ context.Context, q truhook.ExplainQuery) truhook.Explanation {
						if q.MaxHashedBytes > 0 {
							asked.Store(true)
						}
						assert.Equal(t, "{}", string(q.Delivery.Body))
						if q.Delivery.Header.Get("Panic") != "" {
							panic("hunter2")
						}
						return truhook.Explanation{}
					}}
					r := signed([]byte("{}"))
					test.change(r)
					send(truhook.NewMiddleware(v, truhook.Config{ExplainRefusals: !test.off}), r)
					<-time.After(time.Second)
					require.Equal(t, test.want, asked.Load(), entry)
				}
			})
		})
	}
}

func TestRefused_CaptureSeesRefusalsWithTheirBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var kept []string
		cfg := truhook.Config{Capture: func(_ context.Context, o truhook.Observation) {
			kept = append(kept, fmt.Sprintf("%s %s", truhook.ReasonOf(o.Err), o.Delivery.Body))
			panic("dropped")
		}}
		wrapped := truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(noContent())
		send := func(want int, r *http.Request) {
			w := httptest.NewRecorder()
			wrapped.ServeHTTP(w, r)
			require.Equal(t, want, w.Code)
		}
		missing := func() *http.Request { r := signed([]byte("head")); r.Header.Del("X-Webhook-Sign"); return r }
		send(http.StatusNoContent, signed([]byte("good")))
		send(http.StatusUnauthorized, forgedRequest("forged"))
		for range 3 {
			send(http.StatusUnauthorized, missing()) // of which one is read
		}
		<-time.After(time.Second)
		send(http.StatusUnauthorized, missing())
		require.Equal(t, []string{"signature-mismatch forged", "missing-signature head", "missing-signature ", "missing-signature ", "missing-signature head"}, kept)

		// What is wrong with the body changes nothing about a refusal by the head.
		for name, change := range map[string]func(r *http.Request){
			"cut":       cutShort,
			"too large": func(r *http.Request) { r.ContentLength = 1 << 40 },
			"endless":   func(r *http.Request) { r.Body, r.ContentLength = &countingReader{Reader: endless{}}, -1 },
			"none":      func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
		} {
			<-time.After(time.Second)
			r := missing()
			change(r)
			w := httptest.NewRecorder()
			wrapped.ServeHTTP(w, r)
			require.Equal(t, http.StatusUnauthorized, w.Code, name)
			require.Equal(t, "Unauthorized\n", w.Body.String(), name)
			require.Empty(t, w.Header().Get("Connection"), name)
			require.Equal(t, "missing-signature ", kept[len(kept)-1], name)
		}
	})
}

// The line of a refusal says in which form a signature came, and the line after it why it does not fit.
func TestExplainRefusals_WithAProvider(t *testing.T) {
	t.Parallel()
	const body = `{"a":1.0}`
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{Logger: jsonLogger(&out), ExplainRefusals: true}).Wrap(unreached(t))
		for _, test := range []struct {
			signature string
			found     string // in the line of the refusal
			cause     string
			proven    bool
		}{
			{strings.TrimPrefix(truvHeader([]byte(body)), "v1="), "64 characters of hex", "signature-form", true},
			{truvHeader([]byte(body + "\n")), "", "body-text-changed", true},
			{truvHeader([]byte("another")), "", "no-cause-found", false},
		} {
			out.Reset()
			r := signed([]byte(body))
			r.Header.Set("X-Webhook-Sign", test.signature)
			wrapped.ServeHTTP(httptest.NewRecorder(), r)
			<-time.After(time.Minute)
			synctest.Wait()
			all := lines(t, &out)
			require.Len(t, all, 2)
			if test.found != "" {
				assert.Contains(t, all[0]["found"], test.found)
			}
			cause := all[1]["cause"].(map[string]any)
			assert.Equal(t, test.cause, cause["name"])
			assert.Equal(t, test.proven, cause["proven"])
			for _, line := range all {
				assert.False(t, strings.Contains(fmt.Sprint(line), test.signature), "no value is logged")
			}
		}
	})
}
