package jose_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// vectors is the part of a Wycheproof file that is read here.
type vectors struct {
	TestGroups []struct {
		Comment, Type, Sha, MgfSha string
		Public, Private            json.RawMessage
		PrivateKeyPem              string
		Tests                      []vector
	}
}

type vector struct {
	TcID                       json.Number
	Comment, Result            string
	JWS, JWE, PT, Enc          string
	Key, IV, AAD, Msg, CT, Tag string
	Label                      string
}

func readVectors(t *testing.T, name string) vectors {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	require.NoError(t, err)
	data = []byte(strings.ReplaceAll(strings.ReplaceAll(string(data), `"tcId": "`, `"tcId": `), "\x00", ""))
	var v vectors
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	return raw
}

// symmetric says whether an algorithm is one that no allow-list of this package takes.
func symmetric(algorithm string) bool { return strings.HasPrefix(algorithm, "HS") }

func TestWycheproofSignatures(t *testing.T) {
	t.Parallel()
	// Vectors whose verdict is not ours, and why.
	deviations := map[string]string{
		"346": "the key says PS256, the token PS384", "350": "as 346",
		"347": `the key's alg is the typing error "ES521"`, "351": "as 347",
		"259": "an empty payload holds no claims", "264": "as 259", "268": "as 259", "272": "as 259", "320": "as 259",
		"325": "as 259",
	}
	ran, refusedHMAC := 0, 0
	for _, g := range readVectors(t, "json_web_signature_test.json").TestGroups {
		raw := g.Public
		if raw == nil {
			raw = g.Private
		}
		var named struct{ Alg, Kid string }
		require.NoError(t, json.Unmarshal(raw, &named))
		set, keyErr := jose.ParseJWKS(withID(t, raw))
		for _, v := range g.Tests {
			ran++
			if symmetric(named.Alg) {
				refusedHMAC++
				_, err := jose.VerifySignature(v.JWS, "RS256", jose.PublicKey{ID: "1", Key: &testKeys().rsa.PublicKey})
				assert.Error(t, err, "%s: a symmetric algorithm", v.TcID)
				assert.Error(t, keyErr, "%s: a symmetric key", v.TcID)
				continue
			}
			accepted := false
			if keyErr == nil {
				algorithm := named.Alg
				if algorithm == "" {
					algorithm = "RS256"
				}
				_, err := jose.VerifySignature(v.JWS, algorithm, set[0])
				accepted = err == nil
				if err != nil {
					assert.NotEqual(t, truhook.Internal, truhook.ReasonOf(err), "%s", v.TcID)
				}
			}
			assertVerdict(t, v, accepted, deviations)
		}
	}
	assert.Equal(t, 401, ran)
	assert.Equal(t, 40, refusedHMAC)
	assert.Empty(t, deviations, "deviations that did not occur")
}

// assertVerdict holds a verdict to the vector's, or to its opposite for a listed deviation, which it crosses off.
func assertVerdict(t *testing.T, v vector, accepted bool, deviations map[string]string) {
	t.Helper()
	want := v.Result == "valid"
	if _, listed := deviations[v.TcID.String()]; listed {
		delete(deviations, v.TcID.String())
		want = !want
	}
	assert.Equal(t, want, accepted, "%s %s", v.TcID, v.Comment)
}

// withID makes a key set of one key, which gets an id if it has none.
func withID(t *testing.T, jwk json.RawMessage) []byte {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(jwk, &members))
	if members["kid"] == nil {
		members["kid"] = "1"
	}
	return toJSON(t, object{"keys": []any{members}})
}

func TestWycheproofKeySets(t *testing.T) {
	t.Parallel()
	// Symmetric keys never serve here, so vectors that call a token under one valid are refused.
	deviations := map[string]string{"2": "HS256", "13": "HS256", "14": "HS384", "15": "HS512"}
	ran := 0
	for _, g := range readVectors(t, "json_web_key_test.json").TestGroups {
		raw := g.Public
		if raw == nil {
			raw = g.Private
		}
		set, keyErr := jose.ParseJWKS(raw)
		if keyErr != nil && !strings.Contains(string(raw), `"keys"`) {
			set, keyErr = jose.ParseJWKS(withID(t, raw))
		}
		for _, v := range g.Tests {
			ran++
			accepted := false
			if keyErr == nil {
				_, err := jose.VerifySignature(v.JWS, set[0].Algorithm, set[0])
				accepted = err == nil
			}
			assertVerdict(t, v, accepted, deviations)
		}
	}
	assert.Equal(t, 26, ran)
	assert.Empty(t, deviations)
}

func TestWycheproofEncryption(t *testing.T) {
	t.Parallel()
	contents := []string{"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"}
	ran, valid := 0, 0
	for _, g := range readVectors(t, "json_web_encryption_test.json").TestGroups {
		var key gojose.JSONWebKey
		require.NoError(t, json.Unmarshal(g.Private, &key), g.Comment)
		id := key.KeyID
		if id == "" {
			id = "1"
		}
		d, keyErr := jose.NewDecrypter(jose.DecrypterConfig{
			Keys:          jose.StaticPrivateKeys{{ID: id, Key: key.Key}},
			KeyAlgorithms: []string{key.Algorithm}, ContentAlgorithms: contents,
		})
		ours := key.Algorithm == "RSA-OAEP" || key.Algorithm == "RSA-OAEP-256"
		for _, v := range g.Tests {
			ran++
			if !ours {
				assert.Error(t, keyErr, "%s: %s is not on our list", v.TcID, key.Algorithm)
				continue
			}
			require.NoError(t, keyErr)
			plaintext, err := d.DecryptWithoutID(t.Context(), []byte(v.JWE), id)
			assertVerdict(t, v, err == nil, nil)
			if err == nil {
				valid++
				assert.Equal(t, unhex(t, v.PT), plaintext, v.TcID)
			}
		}
	}
	assert.Equal(t, 139, ran)
	assert.Equal(t, 14, valid)
}

func TestWycheproofContentEncryption(t *testing.T) {
	t.Parallel()
	for name, enc := range map[string]string{
		"a256cbc_hs512_test.json": "A256CBC-HS512", "a128cbc_hs256_test.json": "A128CBC-HS256",
	} {
		ran := 0
		for _, g := range readVectors(t, name).TestGroups {
			for _, v := range g.Tests {
				ran++
				got, err := jose.OpenContent(enc, unhex(t, v.Key), unhex(t, v.IV), unhex(t, v.AAD), unhex(t, v.CT), unhex(t, v.Tag))
				assertVerdict(t, v, err == nil, nil)
				if err == nil {
					assert.Equal(t, v.Msg, hex.EncodeToString(got), v.TcID)
				}
			}
		}
		assert.Equal(t, 94, ran)
	}
}

func TestWycheproofOAEP(t *testing.T) {
	t.Parallel()
	for name, algorithm := range map[string]string{
		"rsa_oaep_2048_sha1_mgf1sha1_test.json":     "RSA-OAEP",
		"rsa_oaep_2048_sha256_mgf1sha256_test.json": "RSA-OAEP-256",
		"rsa_oaep_2048_sha256_mgf1sha1_test.json":   "", // neither of JOSE's
	} {
		ran, valid := 0, 0
		for _, g := range readVectors(t, name).TestGroups {
			key, err := jose.ParsePrivateKey([]byte(g.PrivateKeyPem))
			require.NoError(t, err)
			d, err := jose.NewDecrypter(jose.DecrypterConfig{
				Keys: jose.StaticPrivateKeys{{ID: "1", Key: key}}, KeyAlgorithms: []string{"RSA-OAEP", "RSA-OAEP-256"},
				ContentAlgorithms: []string{"A256CBC-HS512"},
			})
			require.NoError(t, err)
			for _, v := range g.Tests {
				ran++
				for _, try := range []string{"RSA-OAEP", "RSA-OAEP-256"} {
					got, err := d.DecryptRSA(t.Context(), try, "1", unhex(t, v.CT))
					if v.Result != "valid" || v.Label != "" || try != algorithm { // JOSE has no label
						assert.Equal(t, truhook.DecryptFailed, truhook.ReasonOf(err), "%s %s", v.TcID, v.Comment)
						continue
					}
					require.NoError(t, err, v.TcID)
					valid++
					assert.Equal(t, v.Msg, hex.EncodeToString(got), v.TcID)
				}
			}
		}
		assert.GreaterOrEqual(t, ran, 31, name)
		assert.Equal(t, algorithm != "", valid > 0, name)
	}
}
