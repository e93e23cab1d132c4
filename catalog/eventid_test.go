package catalog_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
)

var _ idempotency.KeyFunc = catalog.Provider{}.EventID

// Every row either has an id that the signature covers, or says what to use instead.
func TestEventID_IsSignedOrAnError(t *testing.T) {
	t.Parallel()
	signed := 0
	for p := range catalog.All() {
		for _, v := range vectors(t, p.Name) {
			d := v.delivery(t, p)
			verified, err := v.verifier(t, p).Verify(t.Context(), d)
			require.NoError(t, err)
			id, err := p.EventID(verified)
			if !p.EventIDAt.Signed {
				require.ErrorContains(t, err, "idempotency.BodyDigest", p.Name)
				require.Empty(t, id)
				continue
			}
			require.NoError(t, err, p.Name)
			require.NotEmpty(t, id)
			if p.EventIDAt.Header != "" {
				require.Equal(t, d.Header.Get(p.EventIDAt.Header), id, p.Name)
				require.Equal(t, http.CanonicalHeaderKey(p.Form().ID), http.CanonicalHeaderKey(p.EventIDAt.Header))
			}
			signed++
		}
	}
	assert.Greater(t, signed, 20)
	stripe, _ := catalog.Lookup("stripe")
	_, err := stripe.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}

func TestEventID_ReadsAPathAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]map[string]string{
		"stripe":            {`{"id":"evt_1","other":[]}`: "evt_1", `{"id":17}`: "17", ` {"id":"evt_1"} `: "evt_1"},
		"coinbase_commerce": {`{"id":1,"event":{"id":"e"}}`: "e"},
		"gocardless":        {`{"events":[{"id":"EV1"}]}`: "EV1"},
		"unit":              {`{"data":[{"id":"1"}],"id":"2"}`: "1"},
	} {
		p, ok := catalog.Lookup(name)
		require.True(t, ok)
		for body, want := range c {
			id, err := p.EventID(&truhook.Verified{Payload: []byte(body)})
			require.NoError(t, err)
			assert.Equal(t, want, id, body)
		}
		for _, body := range []string{
			``, `null`, `[]`, `{}`, `{"id":null}`, `{"id":{}}`, `{"event":[]}`, `{"events":{}}`, `{"events":[]}`, `{"data":[{"id":"1"},{}]}`,
			`{"events":[{"id":"EV1"},17]}`, `{"id":"x"`, "\xff",
		} {
			id, err := p.EventID(&truhook.Verified{Payload: []byte(body)})
			require.NoError(t, err)
			assert.True(t, dedupe.IsDigestID(id), "%s: %s", name, body)
		}
	}
	gocardless, _ := catalog.Lookup("gocardless")
	ids := map[string]bool{}
	for _, body := range []string{
		`{"events":[{"id":"EV1"},{"id":"EV2"}]}`, `{"events":[{"id":"EV2"},{"id":"EV1"}]}`, `{"events":[{"id":"EV1"}]}`, `{"events":[{"id":"EV1\",\"EV2"}]}`,
	} {
		id, err := gocardless.EventID(&truhook.Verified{Payload: []byte(body)})
		require.NoError(t, err)
		ids[id] = true
	}
	assert.Len(t, ids, 4)
}

func TestInsecureHeaderID_BelievesAHeader(t *testing.T) {
	t.Parallel()
	github, _ := catalog.Lookup("github")
	vector := vectors(t, "github")[0]
	v, eventID := catalog.InsecureHeaderID(vector.verifier(t, github), "x-github-delivery")
	var _ idempotency.KeyFunc = eventID

	d := vector.delivery(t, github)
	d.Header.Set("X-GitHub-Delivery", "72d3162e")
	verified, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	id, err := eventID(verified)
	require.NoError(t, err)
	assert.Equal(t, "72d3162e", id)
	assert.Equal(t, "github", verified.Proofs[0].Scheme)

	for name, lines := range map[string][]string{"none": nil, "empty": {""}, "two": {"a", "b"}} {
		d.Header["X-Github-Delivery"] = lines
		verified, err := v.Verify(t.Context(), d)
		require.NoError(t, err, name)
		id, err := eventID(verified)
		require.NoError(t, err)
		assert.True(t, dedupe.IsDigestID(id), name)
	}
	d.Body = append(d.Body, 'x')
	_, err = v.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.SignatureMismatch)
	precheck, ok := v.(truhook.Prechecker)
	require.True(t, ok)
	require.Error(t, precheck.Precheck(t.Context(), &truhook.Delivery{Header: http.Header{}}))
	_, err = eventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	assert.Panics(t, func() { catalog.InsecureHeaderID(nil, "X") })
	assert.Panics(t, func() { catalog.InsecureHeaderID(v, "") })
	x, ok := v.(truhook.Explainer)
	require.True(t, ok)
	assert.Zero(t, x.Explain(t.Context(), truhook.ExplainQuery{Delivery: d}).Tried)
	outer, _ := catalog.InsecureHeaderID(explaining{v}, "X")
	assert.Equal(t, 17, outer.(truhook.Explainer).Explain(t.Context(), truhook.ExplainQuery{Delivery: d}).Tried)
}

type explaining struct{ truhook.Verifier }

func (explaining) Explain(context.Context, truhook.ExplainQuery) truhook.Explanation {
	return truhook.Explanation{Tried: 17}
}

func TestPlace_SaysWhereInWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "not known", catalog.Place{}.String())
	assert.Equal(t, "member event.id", catalog.Place{Member: "event.id", Signed: true}.String())
	assert.Equal(t, "header X-Id, outside the signature", catalog.Place{Header: "X-Id"}.String())
	assert.True(t, catalog.Place{}.IsZero())
}
