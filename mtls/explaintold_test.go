package mtls_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// Nothing is said to be tried of which no candidate was there.
func TestExplain_TellsWhatWasTried(t *testing.T) {
	t.Parallel()
	root, otherRoot := newRoot(t), newRoot(t)
	stranger := otherRoot.issue(t, false, named(productionName()))
	other := root.issue(t, false, named(rdns("CN", "ci.example")))
	subjects := mtls.Subjects(pool(root), production)
	verifier := func(s mtls.Source, p mtls.Peer) *mtls.Verifier {
		v, err := mtls.New(s, p, mtls.Config{})
		require.NoError(t, err)
		return v
	}
	direct, nginx := verifier(mtls.FromTLS(), subjects), verifier(mtls.FromNginx(proxies...), subjects)
	elsewhere := verifier(mtls.FromTLS(), mtls.Subjects(pool(root), "CN=nobody.example"))
	for name, c := range map[string]struct {
		v      *mtls.Verifier
		d      *truhook.Delivery
		others []truhook.Verifier
		want   []string
	}{
		"no certificate at all":                             {direct, from(proxyAddr), nil, nil},
		"a header without one":                              {direct, from(proxyAddr, "X-Other", "text"), []truhook.Verifier{elsewhere}, nil},
		"a stranger's in a header":                          {direct, from(proxyAddr, "Client-Cert", rfc9440(stranger)), nil, []string{"header-similar-name"}},
		"a connection of a stranger, where no proxy speaks": {direct, over(stranger), nil, nil},
		"a proxy that says no":                              {nginx, from(proxyAddr, "X-SSL-Client-Escaped-Cert", escaped(stranger), "X-SSL-Client-Verify", "FAILED:x"), nil, []string{"proxy-did-not-verify"}},
		"one key":                                           {direct, over(other), nil, nil},
		"another that wants another":                        {direct, over(other), []truhook.Verifier{elsewhere}, []string{"key-of-other-environment"}},
	} {
		e := truhook.Explain(t.Context(), c.v, c.d, truhook.ExplainConfig{Others: c.others})
		assert.NotEmpty(t, e.Reason, name)
		assert.ElementsMatch(t, c.want, e.RuledOut, name)
		for _, f := range e.Findings {
			assert.NotEqual(t, "no-cause-found", f.Name, "it has nothing to do with a secret")
		}
		judged := c.v.Explain(t.Context(), truhook.ExplainQuery{Delivery: c.d, JudgeOnly: true})
		assert.Equal(t, e.Reason, judged.Reason, name)
		assert.Empty(t, judged.Findings, name)
	}
}
