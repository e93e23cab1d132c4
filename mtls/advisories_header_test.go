package mtls_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// Traefik removed the headers that say who the client is where the client had named them in Connection.
func TestAdvisory_CVE_2024_45410_AHeaderThatWasRemovedIsNoCertificate(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	cfg := mtls.Config{Intermediates: []*x509.Certificate{inter.cert}}
	for name, p := range allProxies() {
		v, err := mtls.New(p.source(proxies...), mtls.Subjects(pool(root), production), cfg)
		require.NoError(t, err)
		pairs := p.headers(good, inter)
		require.Empty(t, verdict(t, v, from(proxyAddr, pairs...)), name)
		for i := 0; i < len(pairs); i += 2 {
			d := from(proxyAddr, pairs...)
			d.Header.Del(pairs[i])
			d.Header.Set("Connection", pairs[i])
			if got := verdict(t, v, d); strings.Contains(pairs[i], "Chain") {
				assert.Empty(t, got, "%s without %s: the intermediate is configured", name, pairs[i])
			} else {
				assert.Equal(t, 403, got.Status(), "%s without %s: %s", name, pairs[i], got)
			}
		}
		d := from(proxyAddr, "Connection", "X")
		assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, d), name)
	}
}
