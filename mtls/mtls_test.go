package mtls_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

func over(certs ...*authority) *truhook.Delivery {
	state := &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true}
	for _, c := range certs {
		state.PeerCertificates = append(state.PeerCertificates, c.cert)
	}
	return &truhook.Delivery{TLS: state, Body: []byte(`{"event":1}`)}
}

// verdict asks Precheck and Verify, which must agree.
func verdict(t testing.TB, v *mtls.Verifier, d *truhook.Delivery) truhook.Reason {
	t.Helper()
	before := v.Precheck(t.Context(), d)
	got, err := v.Verify(t.Context(), d)
	require.Equal(t, truhook.ReasonOf(before), truhook.ReasonOf(err), "Precheck %v, Verify %v", before, err)
	require.Equal(t, err == nil, got != nil)
	return truhook.ReasonOf(err)
}

func TestVerifyRefusesEachWrongCertificateWithItsReason(t *testing.T) {
	t.Parallel()
	root, otherRoot := newRoot(t), newRoot(t)
	inter := root.issue(t, true)
	inter2 := inter.issue(t, true)
	expiredInter := root.issue(t, true, valid(-2*time.Hour, -time.Hour))
	serverInter := root.issue(t, true, withUsage(x509.ExtKeyUsageServerAuth))
	notCA := root.issue(t, false)
	prod := named(productionName())
	good := inter.issue(t, false, prod)
	serverOnly := inter.issue(t, false, prod, withUsage(x509.ExtKeyUsageServerAuth))
	emailOnly := inter.issue(t, false, prod, withUsage(x509.ExtKeyUsageEmailProtection))

	for name, c := range map[string]struct {
		sent []*authority
		cfg  mtls.Config
		want truhook.Reason
	}{
		"right":                            {[]*authority{good, inter}, mtls.Config{}, ""},
		"right, root sent too":             {[]*authority{good, inter, root}, mtls.Config{}, ""},
		"right, by the root itself":        {[]*authority{root.issue(t, false, prod)}, mtls.Config{}, ""},
		"any usage":                        {[]*authority{inter.issue(t, false, prod, withUsage()), inter}, mtls.Config{}, ""},
		"configured intermediate":          {[]*authority{good}, mtls.Config{Intermediates: []*x509.Certificate{inter.cert}}, ""},
		"deeper where allowed":             {[]*authority{inter2.issue(t, false, prod), inter2, inter}, mtls.Config{MaxChain: 4}, ""},
		"server usage where allowed":       {[]*authority{serverOnly, inter}, mtls.Config{AllowServerUsage: true}, ""},
		"none":                             {nil, mtls.Config{}, truhook.NoClientCertificate},
		"wrong subject":                    {[]*authority{inter.issue(t, false), inter}, mtls.Config{}, truhook.WrongSubjectName},
		"wrong issuer":                     {[]*authority{otherRoot.issue(t, false, prod)}, mtls.Config{}, truhook.UntrustedCertificate},
		"expired":                          {[]*authority{inter.issue(t, false, prod, valid(-2*time.Hour, -time.Hour)), inter}, mtls.Config{}, truhook.CertificateExpired},
		"expired intermediate":             {[]*authority{expiredInter.issue(t, false, prod), expiredInter}, mtls.Config{}, truhook.CertificateExpired},
		"not yet valid":                    {[]*authority{inter.issue(t, false, prod, valid(time.Hour, 2*time.Hour)), inter}, mtls.Config{}, truhook.CertificateNotYetValid},
		"self-signed":                      {[]*authority{(*authority)(nil).issue(t, false, prod)}, mtls.Config{}, truhook.UntrustedCertificate},
		"missing intermediate":             {[]*authority{good}, mtls.Config{}, truhook.UntrustedCertificate},
		"another intermediate":             {[]*authority{good, inter2}, mtls.Config{}, truhook.UntrustedCertificate},
		"too deep":                         {[]*authority{inter2.issue(t, false, prod), inter2, inter}, mtls.Config{}, truhook.ChainTooLong},
		"signed by no authority":           {[]*authority{notCA.issue(t, false, prod), notCA}, mtls.Config{}, truhook.UntrustedCertificate},
		"server usage":                     {[]*authority{serverOnly, inter}, mtls.Config{}, truhook.WrongCertificateUsage},
		"server usage above":               {[]*authority{serverInter.issue(t, false, prod), serverInter}, mtls.Config{}, truhook.WrongCertificateUsage},
		"mail usage, server usage allowed": {[]*authority{emailOnly, inter}, mtls.Config{AllowServerUsage: true}, truhook.WrongCertificateUsage},
		"eleven certificates":              {append([]*authority{good, inter}, repeat(root, 9)...), mtls.Config{}, truhook.ChainTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), c.cfg)
			require.NoError(t, err)
			assert.Equal(t, c.want, verdict(t, v, over(c.sent...)))
		})
	}
}

func repeat(a *authority, n int) (all []*authority) {
	for range n {
		all = append(all, a)
	}
	return all
}

func TestAPathLengthConstraintIsChainTooLong(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	narrow := root.issue(t, true, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	below := narrow.issue(t, true)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{MaxChain: 9})
	require.NoError(t, err)
	assert.Equal(t, truhook.ChainTooLong, verdict(t, v, over(below.issue(t, false, named(productionName())), below, narrow)))
}

func TestVerifyProvesWhoPresentedWhat(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	leaf := root.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), "CN=other", production), mtls.Config{})
	require.NoError(t, err)
	d := over(leaf)
	got, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	assert.Same(t, &d.Body[0], &got.Payload[0])
	require.Len(t, got.Proofs, 1)
	assert.Equal(t, "mtls", got.Proofs[0].Scheme)
	assert.Equal(t, production, got.Proofs[0].KeyID)
	id, ok := truhook.Detail[mtls.Identity](got)
	require.True(t, ok)
	assert.Equal(t, production, id.Name)
	assert.True(t, leaf.cert.Equal(id.Certificate))
	require.Len(t, id.Chain, 2)
	assert.True(t, root.cert.Equal(id.Chain[1]))
}

func TestValidityIsJudgedAtTheInstantOfEachDelivery(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	leaf := root.issue(t, false, named(productionName()), valid(-time.Minute, time.Minute))
	now := time.Now()
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{Now: func() time.Time { return now }})
	require.NoError(t, err)
	d := over(leaf)
	assert.Equal(t, truhook.Reason(""), verdict(t, v, d))
	now = now.Add(2 * time.Minute)
	assert.Equal(t, truhook.CertificateExpired, verdict(t, v, d))
	now = now.Add(-4 * time.Minute)
	assert.Equal(t, truhook.CertificateNotYetValid, verdict(t, v, d))
	d.Received = time.Now()
	assert.Equal(t, truhook.Reason(""), verdict(t, v, d), "Received goes before the clock")
}

func TestAnUnfinishedHandshakeHasNoCertificate(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	d := over(root.issue(t, false, named(productionName())))
	d.TLS.HandshakeComplete = false
	assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, d))
	d.TLS = nil
	assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, d))
	assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, &truhook.Delivery{}))
	assert.Equal(t, truhook.NoClientCertificate, truhook.ReasonOf(v.Precheck(t.Context(), nil)))
}

func TestFromTLSReadsNoHeader(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	d := &truhook.Delivery{RemoteAddr: "127.0.0.1:1", Header: http.Header{
		"Client-Cert": {rfc9440(root.issue(t, false, named(productionName())))},
	}}
	assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, d))
}

func TestDNSNamesMatchWholeNamesOfTheAlternativeNames(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for name, c := range map[string]struct {
		leaf *authority
		want truhook.Reason
	}{
		"the name":                {root.issue(t, false, withDNS("a.example", "truv.clients.example.com")), ""},
		"in other letters":        {root.issue(t, false, withDNS("TRUV.Clients.example.com")), ""},
		"the same wildcard":       {root.issue(t, false, withDNS("*.wild.example")), ""},
		"as the common name only": {root.issue(t, false, named(rdns("CN", "truv.clients.example.com"))), truhook.WrongSubjectName},
		"a wildcard over it":      {root.issue(t, false, withDNS("*.clients.example.com")), truhook.WrongSubjectName},
		"a name under a wildcard": {root.issue(t, false, withDNS("x.wild.example")), truhook.WrongSubjectName},
		"a longer name":           {root.issue(t, false, withDNS("truv.clients.example.com.evil.example")), truhook.WrongSubjectName},
		"a name below it":         {root.issue(t, false, withDNS("x.truv.clients.example.com")), truhook.WrongSubjectName},
		"with a final dot":        {root.issue(t, false, withDNS("truv.clients.example.com.")), truhook.WrongSubjectName},
		"no names":                {root.issue(t, false), truhook.WrongSubjectName},
		"another issuer":          {newRoot(t).issue(t, false, withDNS("truv.clients.example.com")), truhook.UntrustedCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(pool(root), "truv.Clients.example.com", "*.wild.example"), mtls.Config{})
			require.NoError(t, err)
			assert.Equal(t, c.want, verdict(t, v, over(c.leaf)))
		})
	}
}

func TestPinnedTakesTheKeyWhoeverIssuedIt(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	pinned, next := root.issue(t, false), root.issue(t, false)
	expired := root.issue(t, false, valid(-2*time.Hour, -time.Hour))
	server := root.issue(t, false, withUsage(x509.ExtKeyUsageServerAuth))
	var hexNext string
	for _, b := range mustPin(t, mtls.Pin(next.cert)) {
		hexNext += fmt.Sprintf("%02x", b)
	}
	peer := mtls.Pinned(mtls.Pin(pinned.cert), hexNext, mtls.Pin(expired.cert), mtls.Pin(server.cert))
	v, err := mtls.New(mtls.FromTLS(), peer, mtls.Config{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		leaf *authority
		want truhook.Reason
	}{
		"pinned": {pinned, ""}, "the next": {next, ""},
		"another of the same authority": {root.issue(t, false), truhook.UntrustedCertificate},
		"the authority":                 {root, truhook.UntrustedCertificate},
		"expired":                       {expired, truhook.CertificateExpired},
		"server usage":                  {server, truhook.WrongCertificateUsage},
	} {
		assert.Equal(t, c.want, verdict(t, v, over(c.leaf)), name)
	}
	assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, over(root.issue(t, false), pinned)), "only the client's own key counts")

	got, err := v.Verify(t.Context(), over(next))
	require.NoError(t, err)
	assert.Equal(t, mtls.Pin(next.cert), got.Proofs[0].KeyID)
	allowed, err := mtls.New(mtls.FromTLS(), peer, mtls.Config{AllowServerUsage: true})
	require.NoError(t, err)
	assert.Equal(t, truhook.Reason(""), verdict(t, allowed, over(server)))
}

func TestNewRefusesWhatWouldVerifyNothing(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	someone := mtls.Subjects(pool(root), production)
	text := mtls.HeaderForm{Certificate: "X-Dn", Encoding: mtls.InsecureSubjectText, Verified: map[string]string{"X-Verify": "SUCCESS"}}
	for name, c := range map[string]struct {
		source mtls.Source
		peer   mtls.Peer
		cfg    mtls.Config
	}{
		"a zero source":               {mtls.Source{}, someone, mtls.Config{}},
		"a zero peer":                 {mtls.FromTLS(), mtls.Peer{}, mtls.Config{}},
		"no roots":                    {mtls.FromTLS(), mtls.Subjects(nil, production), mtls.Config{}},
		"empty roots":                 {mtls.FromTLS(), mtls.Subjects(x509.NewCertPool(), production), mtls.Config{}},
		"no subject":                  {mtls.FromTLS(), mtls.Subjects(pool(root)), mtls.Config{}},
		"an empty subject":            {mtls.FromTLS(), mtls.Subjects(pool(root), ""), mtls.Config{}},
		"one empty subject of two":    {mtls.FromTLS(), mtls.Subjects(pool(root), production, ""), mtls.Config{}},
		"a subject that is no name":   {mtls.FromTLS(), mtls.Subjects(pool(root), "webhooks.launchkey.com"), mtls.Config{}},
		"no DNS name":                 {mtls.FromTLS(), mtls.DNSNames(pool(root)), mtls.Config{}},
		"an empty DNS name":           {mtls.FromTLS(), mtls.DNSNames(pool(root), ""), mtls.Config{}},
		"a DNS name with a space":     {mtls.FromTLS(), mtls.DNSNames(pool(root), "a b"), mtls.Config{}},
		"DNS names without roots":     {mtls.FromTLS(), mtls.DNSNames(nil, "a.example"), mtls.Config{}},
		"no pin":                      {mtls.FromTLS(), mtls.Pinned(), mtls.Config{}},
		"an empty pin":                {mtls.FromTLS(), mtls.Pinned(""), mtls.Config{}},
		"a short pin":                 {mtls.FromTLS(), mtls.Pinned("AAAA"), mtls.Config{}},
		"a pin of bad digits":         {mtls.FromTLS(), mtls.Pinned(fmt.Sprintf("%064s", "g")), mtls.Config{}},
		"no proxy":                    {mtls.FromNginx(), someone, mtls.Config{}},
		"an invalid proxy":            {mtls.FromEnvoy(netip.Prefix{}), someone, mtls.Config{}},
		"a mixed proxy":               {mtls.FromEnvoy(netip.MustParsePrefix("::ffff:0.0.0.0/90")), someone, mtls.Config{}},
		"a nil intermediate":          {mtls.FromTLS(), someone, mtls.Config{Intermediates: []*x509.Certificate{nil}}},
		"a zero form":                 {mtls.FromHeader(proxies, mtls.HeaderForm{}), someone, mtls.Config{}},
		"no header":                   {mtls.FromHeader(proxies, mtls.HeaderForm{Encoding: mtls.PEM}), someone, mtls.Config{}},
		"no encoding":                 {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert"}), someone, mtls.Config{}},
		"an unknown encoding":         {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert", Encoding: 99}), someone, mtls.Config{}},
		"a header with underscores":   {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X_Cert", Encoding: mtls.PEM}), someone, mtls.Config{}},
		"one header for two things":   {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.PEM, Chain: "x-cert"}), someone, mtls.Config{}},
		"verified by absence":         {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.PEM, Verified: map[string]string{"X-Verify": ""}}), someone, mtls.Config{}},
		"a chain in Envoy's form":     {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.XFCC, Chain: "X-Chain"}), someone, mtls.Config{}},
		"a text with roots":           {mtls.FromHeader(proxies, text), someone, mtls.Config{}},
		"a text with DNS names":       {mtls.FromHeader(proxies, text), mtls.DNSNames(pool(root), "a.example"), mtls.Config{}},
		"a text with pins":            {mtls.FromHeader(proxies, text), mtls.Pinned(mtls.Pin(root.cert)), mtls.Config{}},
		"a text without verification": {mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Dn", Encoding: mtls.InsecureSubjectText}), mtls.Subjects(nil, production), mtls.Config{}},
	} {
		v, err := mtls.New(c.source, c.peer, c.cfg)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
}

func TestAZeroVerifierHasNoKey(t *testing.T) {
	t.Parallel()
	d := over(newRoot(t))
	for _, v := range []*mtls.Verifier{nil, {}} {
		assert.Equal(t, truhook.NoKey, verdict(t, v, d))
		cfg, err := v.TLSConfig(nil)
		assert.Error(t, err)
		assert.Nil(t, cfg)
	}
}

func TestRootsAreCopied(t *testing.T) {
	t.Parallel()
	root, late := newRoot(t), newRoot(t)
	roots := pool(root)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(roots, production), mtls.Config{})
	require.NoError(t, err)
	roots.AddCert(late.cert)
	assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, over(late.issue(t, false, named(productionName())))))
}

// A key of many thousand bits in an unverified chain must not be computed with.
func TestAnRSAKeyThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	modulus := new(big.Int).Lsh(big.NewInt(1), 8192)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, root.cert, &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537}, root.key)
	require.NoError(t, err)
	long, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, over(root.issue(t, false, named(productionName())), &authority{cert: long})))
}

func TestErrorsDoNotRepeatWhatAnUntrustedCertificateSays(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	err = v.Precheck(t.Context(), over(newRoot(t).issue(t, false, named(rdns("CN", "canary\x1b[31m")))))
	require.ErrorIs(t, err, truhook.UntrustedCertificate)
	assert.NotContains(t, err.Error(), "canary")
	err = v.Precheck(t.Context(), over(root.issue(t, false, named(rdns("CN", "visible")))))
	require.ErrorIs(t, err, truhook.WrongSubjectName)
	assert.Contains(t, err.Error(), "CN=visible", "a trusted authority vouches for this one, and the operator needs it")
}

func TestAllOfCarriesTheProofsOfCertificateAndSignature(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	peer, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	asked := 0
	signature := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		asked++
		return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "truv", KeyID: "current"}}}, nil
	})
	both := truhook.Require(truhook.AllOf(peer, signature), truhook.HeaderEquals("X-Client-Id", "us"))
	d := over(root.issue(t, false, named(productionName())))
	d.Header = http.Header{"X-Client-Id": {"us"}}
	got, err := both.Verify(t.Context(), d)
	require.NoError(t, err)
	require.Len(t, got.Proofs, 2)
	assert.Equal(t, []string{"mtls", "truv"}, []string{got.Proofs[0].Scheme, got.Proofs[1].Scheme})
	_, ok := truhook.Detail[mtls.Identity](got)
	assert.True(t, ok)

	stranger := over(newRoot(t).issue(t, false, named(productionName())))
	stranger.Header = d.Header
	_, err = both.Verify(t.Context(), stranger)
	require.ErrorIs(t, err, truhook.UntrustedCertificate)
	assert.Equal(t, 1, asked, "the signature of a stranger is not looked at")
	stranger.Body = nil
	require.ErrorIs(t, both.(truhook.Prechecker).Precheck(t.Context(), stranger), truhook.UntrustedCertificate)
}
