package catalog_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// A genuine delivery of each row that comes to the endpoint of another provider is told as that, and nothing else is.
func TestExplain_EachRowAtAnotherEndpoint(t *testing.T) {
	t.Parallel()
	at := time.Unix(1790000000, 0)
	text := []byte(`{"b":1,"a":2,"id":"evt_1"}`)
	same := func(*hmacsig.Scheme, *hmacsig.Message) {}
	acme := hmacsig.Scheme{Name: "acme", Header: "Acme-Signature", Encoding: hmacsig.Hex}
	key, err := hmacsig.NewKey("current", madeForTests)
	require.NoError(t, err)
	here, err := hmacsig.New(acme, hmacsig.StaticKeys(key), hmacsig.Config{})
	require.NoError(t, err)
	told := 0
	for p := range catalog.All() {
		s := newSender(t, p, elsewhere)
		there, err := p.New(s.config(), s.secret)
		require.NoError(t, err, p.Name)
		h := s.sign(t, at, text, same)
		require.NotNil(t, h, p.Name)
		d := &truhook.Delivery{Method: http.MethodPost, Host: "hooks.example", RequestURI: "/in?x=1", Header: h, Body: text, Received: at}
		if _, err := there.Verify(t.Context(), d); err != nil {
			continue // what else the row looks at is not part of this
		}
		told++
		e := truhook.Explain(t.Context(), here, d, truhook.ExplainConfig{Others: []truhook.Verifier{here, truhook.AnyOf(there)}, Timeout: time.Minute})
		require.Len(t, e.Findings, 1, "%s: %+v", p.Name, e)
		f := e.Findings[0]
		assert.Equal(t, "delivery-of-other-provider", f.Name, p.Name)
		assert.True(t, f.Proven, p.Name)
		assert.True(t, strings.HasPrefix(f.Subject, p.Name+", key "), "%s: %s", p.Name, f.Subject)
		assert.Equal(t, truhook.MissingSignature, e.Reason, p.Name)
		assert.Empty(t, e.RuledOut, p.Name)

		forged := *d
		forged.Body = []byte(`{"b":1,"a":3,"id":"evt_1"}`)
		e = truhook.Explain(t.Context(), here, &forged, truhook.ExplainConfig{Others: []truhook.Verifier{there}, Timeout: time.Minute})
		for _, f := range e.Findings {
			assert.False(t, f.Proven, "%s: %+v", p.Name, f)
		}
	}
	require.Greater(t, told, 60)
}
