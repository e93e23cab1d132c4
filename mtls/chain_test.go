package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// hostile returns n certificates of a stranger's own making: every authority bears one name, and each certificate is
// signed by the key of the next, the last by that of the second.
func hostile(t testing.TB, n int, newKey func() (crypto.Signer, error)) []*x509.Certificate {
	t.Helper()
	keys := make([]crypto.Signer, n)
	for i := range keys {
		var err error
		keys[i], err = newKey()
		require.NoError(t, err)
	}
	template := func(i int, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i > 0, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
	}
	var all []*x509.Certificate
	for i := range keys {
		name := "x"
		if i == 0 {
			name = "leaf"
		}
		signer := keys[(i+1)%n]
		if i == n-1 && n > 1 {
			signer = keys[1]
		}
		parent := template(99, "x")
		der, err := x509.CreateCertificate(rand.Reader, template(i, name), parent, keys[i].Public(), signer)
		require.NoError(t, err)
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

func keyKinds() map[string]func() (crypto.Signer, error) {
	return map[string]func() (crypto.Signer, error){
		"P-521":   func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"P-256":   func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
		"RSA":     func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
		"Ed25519": func() (crypto.Signer, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err },
	}
}

func connection(certificates []*x509.Certificate) *truhook.Delivery {
	return &truhook.Delivery{TLS: &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: certificates}}
}

func asAuthorities(certificates []*x509.Certificate) (all []*authority) {
	for _, c := range certificates {
		all = append(all, &authority{cert: c})
	}
	return all
}

// A stranger's chain costs at most what a true one costs, whatever it is made of and wherever it comes from, and once.
func TestChain_AStrangersIsNotWorkedThrough(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	subjects := mtls.Subjects(pool(root), production)
	peers := map[string]mtls.Peer{
		"subjects": subjects, "DNS names": mtls.DNSNames(pool(root), "a.example"), "pins": mtls.Pinned(mtls.Pin(root.cert)),
	}
	for kind, newKey := range keyKinds() {
		for _, n := range []int{1, 2, 3, 4, 6, 10} {
			certificates := hostile(t, n, newKey)
			for from, s := range sourcesOf(certificates) {
				for who, peer := range peers {
					v, err := mtls.New(s.source, peer, mtls.Config{})
					require.NoError(t, err)
					work := mtls.CountWork(v)
					var wg sync.WaitGroup
					for range 8 { // as the streams of one HTTP/2 connection
						wg.Go(func() {
							for range 4 {
								if v.Precheck(t.Context(), s.d) == nil {
									t.Error("accepted")
								}
							}
						})
					}
					wg.Wait()
					what := fmt.Sprintf("%d of %s from %s for %s", n, kind, from, who)
					assert.LessOrEqual(t, work.Chains.Load(), int64(1), what)
					assert.Zero(t, work.Candidates.Load(), what)
					if n > 3 || who == "pins" {
						assert.Zero(t, work.Chains.Load(), what)
					}
				}
			}
		}
	}
}

type sourced struct {
	source mtls.Source
	d      *truhook.Delivery
}

// sourcesOf are the ways in which a chain of certificates comes in.
func sourcesOf(certificates []*x509.Certificate) map[string]sourced {
	all := asAuthorities(certificates)
	return map[string]sourced{
		"TLS":         {mtls.FromTLS(), connection(certificates)},
		"RFC 9440":    {mtls.FromClientCert(proxies...), chainHeaders(certificates)},
		"Traefik":     {mtls.FromTraefik(proxies...), from(proxyAddr, "X-Forwarded-Tls-Client-Cert", base64DER(all...))},
		"passthrough": {mtls.FromALBPassthrough(proxies...), from(proxyAddr, "X-Amzn-Mtls-Clientcert", bare(all...))},
		"Envoy":       {mtls.FromEnvoy(proxies...), from(proxyAddr, "X-Forwarded-Client-Cert", xfcc(all[0], all[1:]...))},
	}
}

func chainHeaders(certificates []*x509.Certificate) *truhook.Delivery {
	pairs := []string{"Client-Cert", rfc9440(&authority{cert: certificates[0]})}
	chain := ""
	for _, c := range certificates[1:] {
		if chain != "" {
			chain += ", "
		}
		chain += rfc9440(&authority{cert: c})
	}
	return from(proxyAddr, append(pairs, "Client-Cert-Chain", chain)...)
}

func TestChain_OnlyWhatCanStandInItIsTaken(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	deep := inter.issue(t, true)
	deeper := deep.issue(t, true)
	prod := named(productionName())
	good := inter.issue(t, false, prod)
	other, another := newRoot(t), newRoot(t)
	// The root's own name and key, vouched for by an older root that nobody here trusts.
	cross := crossSigned(t, root, another)
	renewed := func(a *authority) *authority { // another key under the same name
		return root.issue(t, true, func(c *x509.Certificate) { c.Subject = a.cert.Subject })
	}
	for name, c := range map[string]struct {
		sent []*authority
		cfg  mtls.Config
		want truhook.Reason
	}{
		"the leaf twice":                 {[]*authority{good, good, inter}, mtls.Config{}, ""},
		"copies of the intermediate":     {[]*authority{good, inter, inter, inter, inter}, mtls.Config{}, ""},
		"strangers beside it":            {[]*authority{good, other, another, inter}, mtls.Config{}, ""},
		"in another order":               {[]*authority{good, root, inter}, mtls.Config{}, ""},
		"a root that was cross-signed":   {[]*authority{good, inter, cross, another}, mtls.Config{}, ""},
		"the intermediate's old key too": {[]*authority{good, renewed(inter), inter}, mtls.Config{}, ""},
		"three keys under one name":      {[]*authority{good, renewed(inter), renewed(inter), inter}, mtls.Config{MaxChain: 8}, truhook.ChainTooLong},
		"four in a row":                  {[]*authority{deep.issue(t, false, prod), deep, inter}, mtls.Config{}, truhook.ChainTooLong},
		"five in a row":                  {[]*authority{deeper.issue(t, false, prod), deeper, deep, inter}, mtls.Config{}, truhook.ChainTooLong},
		"five where five may be":         {[]*authority{deeper.issue(t, false, prod), deeper, deep, inter}, mtls.Config{MaxChain: 5}, ""},
		"two where two may be":           {[]*authority{root.issue(t, false, prod)}, mtls.Config{MaxChain: 2}, ""},
		"three where two may be":         {[]*authority{good, inter}, mtls.Config{MaxChain: 2}, truhook.ChainTooLong},
		"the root itself":                {[]*authority{root}, mtls.Config{MaxChain: 1}, truhook.WrongSubjectName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), c.cfg)
			require.NoError(t, err)
			assert.Equal(t, c.want, verdict(t, v, over(c.sent...)))
		})
	}
}

// Certificates of many names that all could stand in the chain are as costly as those of one name.
func TestChain_ManyNamesAreNotWorkedThrough(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	named := func(by *authority, name string) *authority {
		return by.issue(t, true, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} })
	}
	b, c := named(nil, "b"), named(nil, "c")
	a1, a2 := named(b, "a"), named(c, "a") // two keys under one name, which two others vouch for
	leaf := a1.issue(t, false)
	for n, sent := range map[int][]*authority{3: {leaf, a1, a2}, 4: {leaf, a1, a2, b}, 5: {leaf, a1, a2, b, c}} {
		v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		work := mtls.CountWork(v)
		want, chains := truhook.ChainTooLong, int64(0)
		if n == 3 {
			want, chains = truhook.UntrustedCertificate, 1
		}
		assert.Equal(t, want, verdict(t, v, over(sent...)), "%d certificates", n)
		assert.Equal(t, chains, work.Chains.Load(), "%d certificates", n)
	}
}

func crossSigned(t testing.TB, a, by *authority) *authority {
	t.Helper()
	template := *a.cert
	template.SerialNumber = big.NewInt(77)
	der, err := x509.CreateCertificate(rand.Reader, &template, by.cert, &a.key.PublicKey, by.key)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{c, a.key}
}

// What Precheck found serves Verify and the requests that follow, for the same bytes and no others.
func TestMemory_AVerdictIsOfTheBytesThatWerePresented(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	evil := newRoot(t).issue(t, false, named(productionName()))
	for name, p := range allProxies() {
		v, err := mtls.New(p.source(proxies...), mtls.Subjects(pool(root), production),
			mtls.Config{Intermediates: []*x509.Certificate{inter.cert}})
		require.NoError(t, err)
		work := mtls.CountWork(v)
		d := from(proxyAddr, p.headers(good, inter)...)
		for range 3 {
			assert.Equal(t, truhook.Reason(""), verdict(t, v, d), name)
		}
		assert.EqualValues(t, 1, work.Chains.Load(), name)
		require.NoError(t, v.Precheck(t.Context(), d))
		d.Header = from(proxyAddr, p.headers(evil, inter)...).Header // changed between Precheck and Verify
		_, err = v.Verify(t.Context(), d)
		assert.Equal(t, truhook.UntrustedCertificate, truhook.ReasonOf(err), name)
		assert.EqualValues(t, 2, work.Chains.Load(), name)
	}

	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	d := over(good, inter)
	require.NoError(t, v.Precheck(t.Context(), d))
	d.TLS.PeerCertificates[0] = evil.cert // the same connection, the same slice
	_, err = v.Verify(t.Context(), d)
	assert.Equal(t, truhook.UntrustedCertificate, truhook.ReasonOf(err))

	first, err := v.Verify(t.Context(), over(good, inter))
	require.NoError(t, err)
	id, _ := truhook.Detail[mtls.Identity](first)
	id.Chain[0] = evil.cert // whoever was given the proof may do what he likes with it
	again, err := v.Verify(t.Context(), over(good, inter))
	require.NoError(t, err)
	id, _ = truhook.Detail[mtls.Identity](again)
	assert.True(t, good.cert.Equal(id.Chain[0]))
}

func TestMemory_AVerdictEndsWithTheCertificates(t *testing.T) {
	t.Parallel()
	start := time.Now().Truncate(time.Second)
	root := newRoot(t)
	for name, c := range map[string]struct {
		leaf, inter change
	}{
		"of the leaf":         {valid(-10*time.Second, 10*time.Second), valid(-time.Hour, time.Hour)},
		"of the intermediate": {valid(-time.Hour, time.Hour), valid(-10*time.Second, 10*time.Second)},
	} {
		inter := root.issue(t, true, c.inter)
		leaf := inter.issue(t, false, named(productionName()), c.leaf)
		for _, configured := range []bool{false, true} {
			cfg, sent := mtls.Config{}, []*authority{leaf, inter}
			if configured {
				cfg.Intermediates, sent = []*x509.Certificate{inter.cert}, sent[:1]
			}
			v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), cfg)
			require.NoError(t, err)
			for _, step := range []struct {
				at   time.Duration // also backwards
				want truhook.Reason
			}{
				{0, ""}, {9 * time.Second, ""}, {12 * time.Second, truhook.CertificateExpired}, {9 * time.Second, ""},
				{-12 * time.Second, truhook.CertificateNotYetValid}, {0, ""}, {-12 * time.Second, truhook.CertificateNotYetValid},
				{13 * time.Second, truhook.CertificateExpired}, {-9 * time.Second, ""},
			} {
				d := over(sent...)
				d.Received = start.Add(step.at)
				assert.Equal(t, step.want, verdict(t, v, d), "%s at %v, configured: %v", name, step.at, configured)
			}
		}
	}
}

func TestMemory_IsBoundedAndKeepsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromClientCert(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	work := mtls.CountWork(v)
	d := from(proxyAddr, "Client-Cert", rfc9440(good))
	require.NoError(t, v.Precheck(t.Context(), d))
	for i := range 2 * mtls.MaxRemembered {
		require.Error(t, v.Precheck(t.Context(), from(proxyAddr, "Client-Cert", fmt.Sprintf(":%08d:", i))))
	}
	assert.Equal(t, mtls.MaxRemembered, mtls.Remembered(v))
	require.NoError(t, v.Precheck(t.Context(), d))
	assert.EqualValues(t, 1, work.Chains.Load(), "strangers do not push out what was accepted")
}

// A handshake's verdict serves the requests of its connection.
func TestMemory_TheHandshakeServesTheRequests(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	leaf := root.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	work := mtls.CountWork(v)
	cfg, err := v.TLSConfig(nil)
	require.NoError(t, err)
	d := over(leaf)
	require.NoError(t, cfg.VerifyConnection(*d.TLS))
	require.NoError(t, v.Precheck(t.Context(), d))
	assert.EqualValues(t, 1, work.Chains.Load())
}

func TestSource_HeaderNamesAreReadInAnyCase(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	for name, p := range allProxies() {
		v, err := mtls.New(p.source(proxies...), mtls.Subjects(pool(root), production),
			mtls.Config{Intermediates: []*x509.Certificate{inter.cert}})
		require.NoError(t, err)
		for how, spell := range spellings() {
			d := &truhook.Delivery{RemoteAddr: proxyAddr, Header: http.Header{}}
			pairs := p.headers(good, inter)
			for i := 0; i < len(pairs); i += 2 {
				d.Header[spell(pairs[i])] = []string{pairs[i+1]}
			}
			assert.Equal(t, truhook.Reason(""), verdict(t, v, d), "%s, %s", name, how)
			d.Header[http.CanonicalHeaderKey(pairs[0])] = append(d.Header[http.CanonicalHeaderKey(pairs[0])], pairs[1])
			assert.Equal(t, truhook.DuplicateHeader, verdict(t, v, d), "%s, %s and canonical", name, how)
		}
	}
}
