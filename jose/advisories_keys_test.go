package jose_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// bySecret is config for tokens under a shared secret.
func bySecret(t testing.TB, secrets ...string) jose.Config {
	t.Helper()
	cfg := config()
	var static jose.StaticSecrets
	for i, text := range secrets {
		s, err := jose.NewSecret(fmt.Sprint("s", i), text)
		require.NoError(t, err)
		static = append(static, s)
	}
	cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, static, []string{"HS256"}
	return cfg
}

// jwkset kept keys that its source had removed.
func TestAdvisory_CVE_2025_22149_ARemovedKeyIsForgotten(t *testing.T) {
	t.Parallel()
	k := testKeys()
	set := []jose.PublicKey{{ID: "1", Key: &k.rsa.PublicKey}, {ID: "2", Key: &k.other.PublicKey}}
	keys, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) { return set, nil }, jose.CacheConfig{})
	require.NoError(t, err)
	cfg := config()
	cfg.Keys = keys
	v := newVerifier(t, cfg)
	_, err = v.Verify(t.Context(), delivery(token(t, nil)))
	require.NoError(t, err)
	set = set[1:]
	require.NoError(t, keys.Refresh(t.Context()))
	refusesToken(t, v, token(t, nil), truhook.UnknownKey)
}

// fast-jwt verified with the empty key that a lookup had not found.
func TestAdvisory_CVE_2026_44351_AKeyThatIsNotFoundIsNoEmptyKey(t *testing.T) {
	t.Parallel()
	forged := hsToken(t, "", `{"alg":"HS256","kid":"nobody"}`, claims(nil))
	for want, answer := range map[truhook.Reason][]jose.Secret{truhook.NoKey: nil, truhook.KeysUnavailable: {{}}} {
		cfg := bySecret(t, sharedSecret)
		cfg.Secrets = secretSourceFunc(func(context.Context, jose.Query) ([]jose.Secret, error) { return answer, nil })
		refusesToken(t, newVerifier(t, cfg), forged, want)
	}
}

// ruby-jwt took nil and "" for keys of HMAC.
func TestAdvisory_CVE_2026_45363_AnEmptySecretIsNotMade(t *testing.T) {
	t.Parallel()
	_, err := jose.NewSecret("s", "")
	require.Error(t, err)
	for _, secrets := range []jose.SecretSource{jose.StaticSecrets{}, jose.StaticSecrets(nil), jose.StaticSecrets{{}}} {
		cfg := bySecret(t, sharedSecret)
		cfg.Secrets = secrets
		_, err := jose.New(cfg)
		require.Error(t, err)
	}
	refusesToken(t, newVerifier(t, bySecret(t, sharedSecret)), hsToken(t, "", `{"alg":"HS256"}`, claims(nil)), truhook.SignatureMismatch)
}

// libjwt computed an HMAC of no key where the key set held an RSA key without "alg".
func TestAdvisory_CVE_2026_44699_AnRSAKeyWithoutAlgorithmServesNoHMAC(t *testing.T) {
	t.Parallel()
	keys, err := jose.ParseJWKS(keySet(t, object{
		"kty": "RSA", "kid": "1", "n": b64(testKeys().rsa.N.Bytes()), "e": "AQAB",
	}))
	require.NoError(t, err)
	cfg := config()
	cfg.Keys = keys
	refusesToken(t, newVerifier(t, cfg), hsToken(t, "", `{"alg":"HS256","kid":"1"}`, claims(nil)), truhook.AlgorithmNotAllowed)
	cfg.Algorithms = []string{"HS256"}
	_, err = jose.New(cfg)
	require.Error(t, err, "public keys and an HMAC algorithm make no verifier")
}

// node-jws looked the secret up by what the token itself says, and then verified nothing.
func TestAdvisory_GHSA_869p_cjfg_cm3x_ASecretChosenByTheTokenStillHasToSignIt(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"a": "secret of tenant a, for tests", "b": "secret of tenant b, for tests"}
	cfg := bySecret(t, sharedSecret)
	cfg.Secrets = secretSourceFunc(func(_ context.Context, q jose.Query) ([]jose.Secret, error) {
		s, err := jose.NewSecret(q.KeyID, secrets[q.KeyID])
		if err != nil {
			return nil, nil
		}
		return []jose.Secret{s}, nil
	})
	v := newVerifier(t, cfg)
	_, err := v.Verify(t.Context(), delivery(hsToken(t, secrets["a"], `{"alg":"HS256","kid":"a"}`, claims(nil))))
	require.NoError(t, err)
	refusesToken(t, v, hsToken(t, secrets["a"], `{"alg":"HS256","kid":"b"}`, claims(nil)), truhook.SignatureMismatch)
	refusesToken(t, v, hsToken(t, "", `{"alg":"HS256","kid":"c"}`, claims(nil)), truhook.NoKey)
	refusesToken(t, v, hsToken(t, "", `{"alg":"none","kid":"a"}`, claims(nil)), truhook.AlgorithmNotAllowed)
}

// php-jwt let the token say which algorithm goes with the key that it names.
func TestAdvisory_CVE_2021_46743_AKeyServesItsOwnAlgorithmOnly(t *testing.T) {
	t.Parallel()
	k := testKeys()
	cfg := config()
	cfg.Algorithms = []string{"RS256", "PS256", "ES256"}
	cfg.Keys = jose.StaticKeys{{ID: "1", Key: &k.rsa.PublicKey, Algorithm: "RS256"}, {ID: "2", Key: &k.ec.PublicKey}}
	v := newVerifier(t, cfg)
	refusesToken(t, v, signed(t, "PS256", k.rsa), truhook.AlgorithmNotAllowed)
	refusesToken(t, v, signed(t, "ES256", k.ec), truhook.AlgorithmNotAllowed) // it names the RSA key
	spki, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	require.NoError(t, err)
	refusesToken(t, v, hsToken(t, string(spki), `{"alg":"HS256","kid":"1"}`, claims(nil)), truhook.AlgorithmNotAllowed)
}

// publicTexts are spellings of public keys that everybody has, each of which some library took for a secret.
func publicTexts(t testing.TB) (pkcs1, certificate, openSSH []string) {
	t.Helper()
	k := testKeys()
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	spki, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.rsa.PublicKey, k.rsa)
	require.NoError(t, err)
	wire := func(parts ...[]byte) string {
		var b []byte
		for _, p := range parts {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	point, err := k.ec.PublicKey.ECDH()
	require.NoError(t, err)
	return []string{block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey)), block("PUBLIC KEY", spki)},
		[]string{block("CERTIFICATE", der), block("X509 CERTIFICATE", der)},
		[]string{
			"ssh-ed25519 " + wire([]byte("ssh-ed25519"), k.ed.Public().(ed25519.PublicKey)) + " a@b",
			"ecdsa-sha2-nistp256 " + wire([]byte("ecdsa-sha2-nistp256"), []byte("nistp256"), point.Bytes()),
			"ssh-rsa " + wire([]byte("ssh-rsa"), big.NewInt(65537).Bytes(), append([]byte{0}, k.rsa.N.Bytes()...)),
		}
}

// refusesPublicTexts checks that what everybody knows signs nothing: neither where the public key verifies tokens, nor
// by way of a secret that was made of its text by mistake.
func refusesPublicTexts(t *testing.T, texts []string) {
	t.Helper()
	cfg := config()
	cfg.Algorithms = []string{"RS256", "ES256", "EdDSA"}
	v := newVerifier(t, cfg)
	for _, text := range texts {
		refusesToken(t, v, hsToken(t, text, `{"alg":"HS256","kid":"1"}`, claims(nil)), truhook.AlgorithmNotAllowed)
		text = strings.TrimSuffix(text, "\n")
		refusesToken(t, v, hsToken(t, text, `{"alg":"HS256","kid":"1"}`, claims(nil)), truhook.AlgorithmNotAllowed)
		_, err := jose.NewSecret("s", text)
		require.ErrorContains(t, err, "public key", "%.40q", text)
		assert.NotContains(t, err.Error(), text)
	}
}

// PyJWT knew the PEM of one kind of public key only, so that another could be the secret of a forged HMAC.
func TestAdvisory_CVE_2017_11424_AnyPEMOfAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	pkcs1, _, _ := publicTexts(t)
	refusesPublicTexts(t, pkcs1)
}

// PyJWT took public keys as OpenSSH writes them for secrets of HMAC.
func TestAdvisory_CVE_2022_29217_APublicKeyOfOpenSSHIsNoSecret(t *testing.T) {
	t.Parallel()
	_, _, openSSH := publicTexts(t)
	refusesPublicTexts(t, openSSH)
}

// Authlib let the token choose HMAC for a public key in any form, certificates among them.
func TestAdvisory_CVE_2024_37568_ACertificateIsNoSecret(t *testing.T) {
	t.Parallel()
	_, certificates, _ := publicTexts(t)
	refusesPublicTexts(t, certificates)
}

// python-jose refused the PEM of a public key as a secret, and took the same key as DER.
func TestAdvisory_CVE_2026_85394_DERIsNoSecret(t *testing.T) {
	t.Parallel()
	pkcs1, certificates, _ := publicTexts(t)
	var all []string
	for _, text := range append(pkcs1, certificates...) {
		block, _ := pem.Decode([]byte(text))
		all = append(all, string(block.Bytes))
	}
	refusesPublicTexts(t, all)
}

// PyJWT took a public JWK for a secret.
func TestAdvisory_CVE_2026_48526_AJWKIsNoSecret(t *testing.T) {
	t.Parallel()
	k := testKeys()
	refusesPublicTexts(t, []string{
		`{"kty":"RSA","n":"` + b64(k.rsa.N.Bytes()) + `","e":"AQAB"}`, string(toJSON(t, jwk(t, &k.ec.PublicKey, nil))),
		string(toJSON(t, object{"keys": []object{jwk(t, &k.rsa.PublicKey, nil)}})),
	})
}

// indistinct checks that a forger who has the first n bytes of a MAC right learns nothing from what is said. How long
// it takes is measured by "make timing", and internal/house holds the functions that compare.
func indistinct(t *testing.T, algorithm string) {
	t.Helper()
	secret := sharedSecret + strings.Repeat("x", 64)
	cfg := bySecret(t, secret, "another secret of these tests")
	cfg.Algorithms = []string{algorithm}
	v := newVerifier(t, cfg)
	good := signedPayload(t, algorithm, []byte(secret), toJSON(t, claims(nil)))
	_, err := v.Verify(t.Context(), delivery(good))
	require.NoError(t, err)
	input := good[:strings.LastIndexByte(good, '.')+1]
	mac, err := base64.RawURLEncoding.DecodeString(good[len(input):])
	require.NoError(t, err)
	said := map[string]bool{}
	for i := range mac {
		forged := slices.Clone(mac)
		for j := i; j < len(mac); j++ {
			forged[j] ^= 0x5a
		}
		_, err := v.Verify(t.Context(), delivery(input+b64(forged)))
		require.ErrorIs(t, err, truhook.SignatureMismatch)
		said[err.Error()] = true
	}
	assert.Len(t, said, 1)
	refusesToken(t, v, input+b64(mac[:len(mac)-1]), truhook.SignatureMismatch)
	refusesToken(t, v, input+b64(append(slices.Clone(mac), 0)), truhook.SignatureMismatch)
}

// robbert229/jwt compared MACs byte by byte, so that they could be guessed byte by byte.
func TestAdvisory_CVE_2015_10004_AMACIsNotGuessedByteByByte(t *testing.T) {
	t.Parallel()
	indistinct(t, "HS256")
}

// python-jose compared MACs with ==.
func TestAdvisory_CVE_2016_7036_ALongMACIsNotGuessedByteByByte(t *testing.T) {
	t.Parallel()
	indistinct(t, "HS512")
}
