package keysig_test

import (
	"crypto/ed25519"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// What is said is what was tried, and a wrong key is not told as a body that something wrote again.
func TestExplain_TellsWhatWasTried(t *testing.T) {
	t.Parallel()
	stranger := ed25519.NewKeyFromSeed([]byte("a seed of 32 bytes for tests 111"))
	another := ed25519.NewKeyFromSeed([]byte("a seed of 32 bytes for tests 222"))
	s := scheme(keysig.Ed25519)
	v := verifier(t, s, key(keysig.Ed25519, "2026"))
	environment := verifier(t, s, keysig.Key{ID: "production", Public: another.Public()})
	elsewhere := s
	elsewhere.Form.Name = "elsewhere"
	provider := verifier(t, elsewhere, keysig.Key{ID: "production", Public: another.Public()})
	send := func(text string) *truhook.Delivery {
		d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(text), Received: now}
		require.NoError(t, s.Sign(d.Header, stranger, hmacsig.Message{ID: "evt_1", Time: now, Body: d.Body}))
		return d
	}
	const sorted, unsorted = `{"a":1,"b":2,"c":3,"d":4}`, `{"d":1,"b":2,"c":3,"a":4}`
	always := []string{"content-form", "time-unit"}
	for name, tt := range map[string]struct {
		body   string
		others []truhook.Verifier
		notes  int
		want   []string
	}{
		"sorted members":      {sorted, nil, 2, always},
		"other members":       {unsorted, nil, 1, always},
		"another environment": {unsorted, []truhook.Verifier{environment}, 1, append([]string{"key-of-other-environment"}, always...)},
		"another provider":    {sorted, []truhook.Verifier{truhook.AnyOf(provider)}, 2, append([]string{"key-of-other-provider"}, always...)},
		"no others at all":    {unsorted, []truhook.Verifier{nil, v}, 1, always},
	} {
		got, e := explained(t, v, send(tt.body), tt.others...)
		assert.Equal(t, "likely no-cause-found", got, name)
		assert.Len(t, e.Findings, tt.notes, name)
		assert.ElementsMatch(t, tt.want, e.RuledOut, name)
		if tt.notes > 1 {
			assert.Equal(t, "body-reserialized", e.Findings[1].Name, name)
			assert.Contains(t, e.Findings[1].Problem, "the key is wrong", name)
		}
	}
	d := send(sorted)
	d.Body = nil
	got, _ := explained(t, v, d)
	assert.Equal(t, "likely body-empty", got)
}

// A delivery that another verifier accepts as it came was sent to the wrong endpoint.
func TestExplain_ADeliveryOfAnotherEndpoint(t *testing.T) {
	t.Parallel()
	for a, private := range privateKeys() {
		s := scheme(a)
		elsewhere := s
		elsewhere.Form.Name, elsewhere.Form.Header = "elsewhere", "Elsewhere-Signature"
		here := verifier(t, elsewhere, key(a, "2026"))
		there := verifier(t, s, key(a, "live"))
		got, e := explained(t, here, signedBy(t, s, private), truhook.AnyOf(there))
		require.Equal(t, "delivery-of-other-provider/acme, key live", got, a)
		require.True(t, e.Findings[0].Proven)
		forged := signedBy(t, s, private)
		forged.Body = []byte(`{"id":"evt_2"}`)
		_, e = explained(t, here, forged, there)
		for _, f := range e.Findings {
			require.False(t, f.Proven, a)
		}
		d := signedBy(t, s, private)
		judged := there.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: int64(len(d.Body)) - 1, JudgeOnly: true})
		require.Empty(t, judged.Proofs, "no budget")
		require.False(t, judged.Complete)
	}
}
