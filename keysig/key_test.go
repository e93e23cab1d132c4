package keysig_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

func pemOf(t testing.TB, kind string, der []byte) string {
	t.Helper()
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func spki(t testing.TB, public crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return der
}

func TestNewKey_TakesEachWrittenForm(t *testing.T) {
	t.Parallel()
	ed := privateKeys()[keysig.Ed25519].Public().(ed25519.PublicKey)
	ec := privateKeys()[keysig.ECDSA].Public().(*ecdsa.PublicKey)
	r := privateKeys()[keysig.RSAPSS].Public().(*rsa.PublicKey)
	point, err := ec.Bytes()
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "acme"}, NotBefore: now, NotAfter: now.Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, r, privateKeys()[keysig.RSAPSS])
	require.NoError(t, err)
	for name, c := range map[string]struct {
		algorithm keysig.Algorithm
		text      hmacsig.KeyText
		key       string
	}{
		"Ed25519 in PEM":    {keysig.Ed25519, hmacsig.KeyText{}, pemOf(t, "PUBLIC KEY", spki(t, ed))},
		"Ed25519 in hex":    {keysig.Ed25519, hmacsig.KeyText{Encoding: hmacsig.KeyHex}, hex.EncodeToString(ed)},
		"Ed25519 in base64": {keysig.Ed25519, hmacsig.KeyText{Encoding: hmacsig.KeyBase64}, base64.StdEncoding.EncodeToString(ed)},
		"Ed25519, whpk_": {
			keysig.Ed25519, hmacsig.KeyText{Encoding: hmacsig.KeyBase64, Prefix: "whpk_"},
			"whpk_" + base64.StdEncoding.EncodeToString(ed),
		},
		"Ed25519, DER":    {keysig.Ed25519, hmacsig.KeyText{Encoding: hmacsig.KeyBase64}, base64.StdEncoding.EncodeToString(spki(t, ed))},
		"ECDSA in PEM":    {keysig.ECDSA, hmacsig.KeyText{Encoding: hmacsig.KeyPEM}, pemOf(t, "PUBLIC KEY", spki(t, ec))},
		"ECDSA, DER":      {keysig.ECDSARaw, hmacsig.KeyText{Encoding: hmacsig.KeyHex}, hex.EncodeToString(spki(t, ec))},
		"ECDSA, point":    {keysig.ECDSA, hmacsig.KeyText{Encoding: hmacsig.KeyHex}, hex.EncodeToString(point)},
		"RSA in PEM":      {keysig.RSAPKCS1v15, hmacsig.KeyText{}, pemOf(t, "PUBLIC KEY", spki(t, r))},
		"RSA in PKCS #1":  {keysig.RSAPSS, hmacsig.KeyText{}, pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(r))},
		"RSA certificate": {keysig.RSAPSS, hmacsig.KeyText{}, pemOf(t, "CERTIFICATE", certificate)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scheme(c.algorithm)
			s.Form.KeyText = c.text
			k, err := s.NewKey("k", c.key)
			require.NoError(t, err)
			if name == "RSA certificate" {
				assert.True(t, k.NotBefore.Equal(now))
				assert.True(t, k.NotAfter.Equal(now.Add(time.Hour)))
			}
			requireReason(t, "", verifier(t, s, k), signedBy(t, s, privateKeys()[c.algorithm]))
		})
	}
}

func TestNewKey_RefusesWhatIsWeakOrNoPublicKey(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil { // where the module does not even make one
		small = &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 1023), big.NewInt(1)), E: 65537}}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(privateKeys()[keysig.ECDSA])
	require.NoError(t, err)
	ed := privateKeys()[keysig.Ed25519].Public().(ed25519.PublicKey)
	even := *privateKeys()[keysig.RSAPSS].Public().(*rsa.PublicKey)
	even.N = new(big.Int).Add(even.N, big.NewInt(1))
	huge := rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1)), E: 65537}
	hexText, base64Text := hmacsig.KeyText{Encoding: hmacsig.KeyHex}, hmacsig.KeyText{Encoding: hmacsig.KeyBase64, Prefix: "whpk_"}
	point := func(text string) string { return text }
	for name, c := range map[string]struct {
		algorithm keysig.Algorithm
		text      hmacsig.KeyText
		id, key   string
	}{
		"empty":                   {keysig.Ed25519, hexText, "k", ""},
		"no id":                   {keysig.Ed25519, hexText, "", hex.EncodeToString(ed)},
		"id and key swapped":      {keysig.RSAPSS, hmacsig.KeyText{}, pemOf(t, "PUBLIC KEY", spki(t, ed)), "k"},
		"a secret for PEM":        {keysig.RSAPSS, hmacsig.KeyText{}, "k", "truhook-test-only-secret"},
		"a private key":           {keysig.ECDSA, hmacsig.KeyText{}, "k", pemOf(t, "PRIVATE KEY", private)},
		"another PEM block":       {keysig.ECDSA, hmacsig.KeyText{}, "k", pemOf(t, "MESSAGE", []byte("x"))},
		"broken PEM":              {keysig.ECDSA, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", []byte("x"))},
		"two PEM blocks":          {keysig.Ed25519, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, ed)) + pemOf(t, "PUBLIC KEY", spki(t, ed))},
		"text in front of PEM":    {keysig.Ed25519, hmacsig.KeyText{}, "k", "key:\n" + pemOf(t, "PUBLIC KEY", spki(t, ed))},
		"no prefix":               {keysig.Ed25519, base64Text, "k", base64.StdEncoding.EncodeToString(ed)},
		"the prefix twice":        {keysig.Ed25519, base64Text, "k", "whpk_whpk_" + base64.StdEncoding.EncodeToString(ed)},
		"a secret's prefix":       {keysig.Ed25519, base64Text, "k", "whsec_" + base64.StdEncoding.EncodeToString(ed)},
		"31 bytes":                {keysig.Ed25519, hexText, "k", hex.EncodeToString(ed[1:])},
		"RSA of 1024 bits":        {keysig.RSAPSS, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, &small.PublicKey))},
		"RSA of 8193 bits":        {keysig.RSAPSS, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, &huge))},
		"an even modulus":         {keysig.RSAPSS, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, &even))},
		"P-384":                   {keysig.ECDSA, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, p384.Public()))},
		"Ed25519 for ECDSA":       {keysig.ECDSA, hmacsig.KeyText{}, "k", pemOf(t, "PUBLIC KEY", spki(t, ed))},
		"point off the curve":     {keysig.ECDSA, hexText, "k", "04" + hex.EncodeToString(make([]byte, 63)) + "01"},
		"order 1":                 {keysig.Ed25519, hexText, "k", point("0100000000000000000000000000000000000000000000000000000000000000")},
		"order 2":                 {keysig.Ed25519, hexText, "k", point("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		"order 4":                 {keysig.Ed25519, hexText, "k", point("0000000000000000000000000000000000000000000000000000000000000000")},
		"order 4, other sign":     {keysig.Ed25519, hexText, "k", point("0000000000000000000000000000000000000000000000000000000000000080")},
		"order 8":                 {keysig.Ed25519, hexText, "k", point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")},
		"order 8, other":          {keysig.Ed25519, hexText, "k", point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")},
		"order 8, other sign":     {keysig.Ed25519, hexText, "k", point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa")},
		"not canonical, p":        {keysig.Ed25519, hexText, "k", point("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		"not canonical, p+1":      {keysig.Ed25519, hexText, "k", point("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")},
		"not canonical, 2^255-1":  {keysig.Ed25519, hexText, "k", point("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")},
		"more text than any key":  {keysig.Ed25519, hexText, "k", string(make([]byte, 40<<10))},
		"PEM in an hex key field": {keysig.Ed25519, hexText, "k", pemOf(t, "PUBLIC KEY", spki(t, ed))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scheme(c.algorithm)
			s.Form.KeyText = c.text
			_, err := s.NewKey(c.id, c.key)
			require.Error(t, err)
			if len(c.key) > 8 {
				assert.NotContains(t, err.Error(), c.key)
				assert.NotContains(t, err.Error(), "truhook-test-only")
				assert.NotContains(t, err.Error(), "BEGIN")
			}
		})
	}
}

// One signature fits every content under a point of small order: that is why such keys are refused.
func TestKey_OfSmallOrderWouldAcceptForgeries(t *testing.T) {
	t.Parallel()
	identity := ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...))
	signature := append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...)
	assert.True(t, ed25519.Verify(identity, []byte("anything"), signature), "the standard library does not refuse it")
	_, err := keysig.New(scheme(keysig.Ed25519), keysig.StaticKeys(keysig.Key{ID: "k", Public: identity}), keysig.Config{})
	assert.Error(t, err)
}

// hmacsig refuses how a public key is written, and keysig a secret.
func TestKey_SecretsAndPublicKeysAreNotMixedUp(t *testing.T) {
	t.Parallel()
	s := hmacsig.Scheme{Name: "acme", Header: "Acme-Signature", KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyPEM}}
	k, err := hmacsig.NewKey("k", "truhook-test-only-secret")
	require.NoError(t, err)
	_, err = hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{})
	assert.Error(t, err)
	public := pemOf(t, "PUBLIC KEY", spki(t, privateKeys()[keysig.RSAPSS].Public()))
	_, err = hmacsig.NewKey("k", public)
	assert.Error(t, err, "a public key is no secret: anybody could sign")
}
