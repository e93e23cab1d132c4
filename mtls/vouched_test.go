package mtls_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// forged returns n certificates of a stranger's own keys, each signed by the next, whose names lead to root: the last
// one says that root has issued it.
func forged(t testing.TB, root *x509.Certificate, n int, newKey func() (crypto.Signer, error), changes ...change) []*x509.Certificate {
	t.Helper()
	keys, names := make([]crypto.Signer, n+1), make([][]byte, n+1)
	for i := range keys {
		var err error
		keys[i], err = newKey()
		require.NoError(t, err)
		names[i], err = asn1.Marshal(pkix.Name{CommonName: fmt.Sprint("stranger ", i)}.ToRDNSequence())
		require.NoError(t, err)
	}
	names[n] = root.RawSubject
	var all []*x509.Certificate
	for i := range n {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), RawSubject: names[i], AuthorityKeyId: root.SubjectKeyId,
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i > 0, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if i > 0 {
			for _, ch := range changes {
				ch(c)
			}
		}
		der, err := x509.CreateCertificate(rand.Reader, c, &x509.Certificate{RawSubject: names[i+1], SubjectKeyId: root.SubjectKeyId},
			keys[i].Public(), keys[i+1])
		require.NoError(t, err)
		parsed, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		all = append(all, parsed)
	}
	return all
}

// reused gives the same four keys over and over: those of RSA take long to make.
func reused(t testing.TB, newKey func() (crypto.Signer, error)) func() (crypto.Signer, error) {
	t.Helper()
	keys, next := make([]crypto.Signer, 4), 0
	for i := range keys {
		var err error
		keys[i], err = newKey()
		require.NoError(t, err)
	}
	return func() (crypto.Signer, error) { next++; return keys[next%len(keys)], nil }
}

// A stranger's chain that names our root is checked with keys of ours, not with those that the stranger has chosen.
func TestChain_AForgedOneIsCheckedWithOurKeysOnly(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
	}
	rootsName := func(c *x509.Certificate) { c.RawSubject = root.cert.RawSubject }
	for kind, newKey := range keyKinds() {
		newKey = reused(t, newKey)
		for name, sent := range map[string][]*x509.Certificate{
			"one":                               forged(t, root.cert, 1, newKey),
			"two":                               forged(t, root.cert, 2, newKey),
			"three":                             forged(t, root.cert, 3, newKey),
			"an expired authority":              forged(t, root.cert, 3, newKey, valid(-2*time.Hour, -time.Hour)),
			"one that is not valid yet":         forged(t, root.cert, 3, newKey, valid(time.Hour, 2*time.Hour)),
			"one that never is":                 forged(t, root.cert, 3, newKey, valid(time.Hour, -time.Hour)),
			"one of the year 1":                 forged(t, root.cert, 3, newKey, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Time{}, time.Time{} }),
			"one that nobody understands":       forged(t, root.cert, 3, newKey, critical),
			"authorities of the root's name":    forged(t, root.cert, 2, newKey, rootsName),
			"beside the root":                   append(forged(t, root.cert, 2, newKey), root.cert),
			"under an intermediate's name":      forged(t, inter.cert, 2, newKey),
			"beside an intermediate's true one": append(forged(t, inter.cert, 2, newKey), inter.cert),
		} {
			for source, s := range sourcesOf(sent) {
				for who, cfg := range map[string]mtls.Config{
					"as it is": {}, "with the intermediate": {Intermediates: []*x509.Certificate{inter.cert}}, "with long chains": {MaxChain: 8},
				} {
					v, err := mtls.New(s.source, mtls.Subjects(pool(root), production), cfg)
					require.NoError(t, err)
					work := mtls.CountWork(v)
					what := fmt.Sprintf("%s of %s over %s, %s", name, kind, source, who)
					for range 3 {
						assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, s.d), what)
					}
					assert.LessOrEqual(t, work.Chains.Load(), int64(1), what)
					for _, c := range work.Taken() {
						assert.True(t, bytes.Equal(c.Raw, inter.cert.Raw) || bytes.Equal(c.Raw, root.cert.Raw), what)
					}
				}
			}
		}
	}
}

// Genuine chains are accepted in every order and with whatever else was sent, and keep their reasons.
func TestChain_AGenuineOneIsFoundAmongOthers(t *testing.T) {
	t.Parallel()
	name := named(productionName())
	root, old := newRoot(t), newRoot(t)
	// A second root under the name of the first, as after a change of its key.
	twin := (*authority)(nil).issue(t, true, func(c *x509.Certificate) { c.Subject = root.cert.Subject })
	inter := root.issue(t, true)
	again := root.issue(t, true, func(c *x509.Certificate) { c.Subject = inter.cert.Subject }) // the same name, another key
	ofTwin := twin.issue(t, true, func(c *x509.Certificate) { c.Subject = inter.cert.Subject })
	deep := inter.issue(t, true)
	cross := crossSigned(t, inter, old)  // the intermediate, vouched for by an older root
	rolled := crossSigned(t, twin, root) // the new key of the root, vouched for by the old one
	ended := root.issue(t, true, valid(-2*time.Hour, -time.Hour))
	later := root.issue(t, true, valid(time.Hour, 2*time.Hour))
	overRoot := (*authority)(nil).issue(t, true, valid(-2*time.Hour, -time.Hour))
	leaf, deepLeaf := inter.issue(t, false, name), deep.issue(t, false, name)
	stranger := newRoot(t)
	fake := stranger.issue(t, true, func(c *x509.Certificate) { c.Subject = inter.cert.Subject })
	fits := func(roots ...*authority) *x509.CertPool { return pool(roots...) }
	whole := x509.NewCertPool()
	whole.AddCertWithConstraint(root.cert, func(chain []*x509.Certificate) error {
		if chain[0].IsCA {
			return errors.New("a condition about leaves")
		}
		return nil
	})
	never := x509.NewCertPool()
	never.AddCertWithConstraint(root.cert, func([]*x509.Certificate) error { return errors.New("never") })
	five := mtls.Config{MaxChain: 5}
	for name, c := range map[string]struct {
		roots *x509.CertPool
		sent  []*authority
		cfg   mtls.Config
		want  truhook.Reason
	}{
		"as it should be":                         {fits(root), []*authority{leaf, inter}, mtls.Config{}, ""},
		"with the root":                           {fits(root), []*authority{leaf, inter, root}, mtls.Config{}, ""},
		"the root first":                          {fits(root), []*authority{leaf, root, inter}, mtls.Config{}, ""},
		"two intermediates":                       {fits(root), []*authority{deepLeaf, deep, inter}, five, ""},
		"two intermediates, the upper first":      {fits(root), []*authority{deepLeaf, inter, deep}, five, ""},
		"two intermediates and the root between":  {fits(root), []*authority{deepLeaf, inter, root, deep}, five, ""},
		"the upper one configured":                {fits(root), []*authority{deepLeaf, deep}, mtls.Config{MaxChain: 5, Intermediates: []*x509.Certificate{inter.cert}}, ""},
		"the lower one configured":                {fits(root), []*authority{deepLeaf}, mtls.Config{MaxChain: 5, Intermediates: []*x509.Certificate{deep.cert, inter.cert}}, ""},
		"an intermediate of the same name":        {fits(root), []*authority{leaf, again, inter}, mtls.Config{}, ""},
		"one of the same name, behind":            {fits(root), []*authority{leaf, inter, again}, mtls.Config{}, ""},
		"one of the root's other key":             {fits(root), []*authority{leaf, ofTwin, inter}, mtls.Config{}, ""},
		"a fake of the same name":                 {fits(root), []*authority{leaf, fake, inter}, mtls.Config{}, ""},
		"the fake alone":                          {fits(root), []*authority{leaf, fake}, mtls.Config{}, truhook.UntrustedCertificate},
		"cross-signed, the older root is trusted": {fits(old), []*authority{leaf, cross}, mtls.Config{}, ""},
		"cross-signed, both ways are sent":        {fits(old), []*authority{leaf, cross, inter}, mtls.Config{}, ""},
		"cross-signed, the other way first":       {fits(old), []*authority{leaf, inter, cross}, mtls.Config{}, ""},
		"cross-signed, both ways with both roots": {fits(old), []*authority{leaf, inter, root, cross, old}, mtls.Config{}, ""},
		"cross-signed, the roots first":           {fits(old), []*authority{leaf, root, old, inter, cross}, mtls.Config{}, ""},
		"cross-signed, neither root is trusted":   {fits(stranger), []*authority{leaf, inter, cross}, mtls.Config{}, truhook.UntrustedCertificate},
		"cross-signed, the newer root is trusted": {fits(root), []*authority{leaf, inter, cross}, mtls.Config{}, ""},
		"two roots of one name":                   {fits(root, twin), []*authority{leaf, inter}, mtls.Config{}, ""},
		"two roots of one name, the other":        {fits(root, twin), []*authority{ofTwin.issue(t, false, name), ofTwin}, mtls.Config{}, ""},
		"the root's new key, by its old one":      {fits(root), []*authority{twin.issue(t, false, name), rolled}, mtls.Config{}, ""},
		"several roots":                           {fits(old, stranger, root), []*authority{leaf, inter}, mtls.Config{}, ""},
		"a condition about leaves":                {whole, []*authority{leaf, inter}, mtls.Config{}, ""},
		"a condition that never holds":            {never, []*authority{leaf, inter}, mtls.Config{}, truhook.UntrustedCertificate},
		"an expired intermediate":                 {fits(root), []*authority{ended.issue(t, false, name), ended}, mtls.Config{}, truhook.CertificateExpired},
		"an intermediate of next month":           {fits(root), []*authority{later.issue(t, false, name), later}, mtls.Config{}, truhook.CertificateNotYetValid},
		"an expired root":                         {fits(overRoot), []*authority{overRoot.issue(t, false, name)}, mtls.Config{}, truhook.CertificateExpired},
		"an expired root above an intermediate":   expiredRoot(t, overRoot, name),
		"no authority":                            {fits(root), []*authority{leaf, leaf}, mtls.Config{}, truhook.UntrustedCertificate},
		"another usage": {fits(root), []*authority{inter.issue(t, false, name, withUsage(x509.ExtKeyUsageServerAuth)), inter}, mtls.Config{},
			truhook.WrongCertificateUsage},
	} {
		var certificates []*x509.Certificate
		for _, a := range c.sent {
			certificates = append(certificates, a.cert)
		}
		for source, s := range sourcesOf(certificates) {
			v, err := mtls.New(s.source, mtls.Subjects(c.roots, production), c.cfg)
			require.NoError(t, err)
			for range 2 {
				assert.Equal(t, c.want, verdict(t, v, s.d), "%s over %s", name, source)
			}
		}
	}
}

type genuine = struct {
	roots *x509.CertPool
	sent  []*authority
	cfg   mtls.Config
	want  truhook.Reason
}

func expiredRoot(t *testing.T, root *authority, name change) genuine {
	inter := root.issue(t, true)
	return genuine{pool(root), []*authority{inter.issue(t, false, name), inter}, mtls.Config{}, truhook.CertificateExpired}
}

// BenchmarkChain_Hostile is what a stranger's P-521 certificates cost: the first request of a connection, and the next.
// Those of the kind "root" say that our root has issued the last one.
func BenchmarkChain_Hostile(b *testing.B) {
	root := newRoot(b)
	for kind, sent := range map[string][]*x509.Certificate{
		"3":      hostile(b, 3, keyKinds()["P-521"]),
		"10":     hostile(b, 10, keyKinds()["P-521"]),
		"3/root": forged(b, root.cert, 3, keyKinds()["P-521"]),
	} {
		d := connection(sent)
		b.Run(kind+"/first", func(b *testing.B) {
			for b.Loop() {
				v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
				require.NoError(b, err)
				_ = v.Precheck(b.Context(), d)
			}
		})
		v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(b, err)
		b.Run(kind+"/next", func(b *testing.B) {
			for b.Loop() {
				_ = v.Precheck(b.Context(), d)
			}
		})
	}
}
