package fipstest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/keysig"
)

const secretText = "truhook-test-only-0123456789"

var (
	body = []byte(`{"id":"evt_1"}`)
	at   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

// made holds what construct made for deliver.
type made struct{ v truhook.Verifier }

func (m *made) from(v truhook.Verifier, err error) error {
	m.v = v
	return err
}

func hmacTrials(t *testing.T) (all []trial) {
	t.Helper()
	add := func(what string, s hmacsig.Scheme, secret string) {
		var m made
		all = append(all, trial{
			"HMAC", what,
			func() error {
				k, err := s.NewKey("k", secret)
				if err != nil {
					return err
				}
				return m.from(hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{}))
			},
			func() error {
				k, err := s.NewKey("k", secret)
				if err != nil {
					return err
				}
				h := http.Header{}
				if err := s.Sign(h, k, hmacsig.Message{Body: body}); err != nil {
					return err
				}
				return judged(t, m.v, &truhook.Delivery{Header: h, Body: body, Received: at})
			},
		})
	}
	for _, s := range []hmacsig.Scheme{truv.Scheme(), trulioo.Scheme(), truval.Scheme()} {
		add(s.Name, s, secretText)
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA1} {
		add(h.String(), hmacsig.Scheme{Name: "own", Header: "X-Signature", Hash: h}, secretText)
	}
	add("a secret of 14 bytes", hmacsig.Scheme{Name: "own", Header: "X-Signature"}, secretText[:14])
	add("a secret of 13 bytes", hmacsig.Scheme{Name: "own", Header: "X-Signature"}, secretText[:13])
	return all
}

// catalogTrials lists the rows that do not work, and counts the others by one line.
func catalogTrials(t *testing.T) (all []trial) {
	t.Helper()
	for p := range catalog.All() {
		var file struct {
			Vectors []struct {
				Secret  string      `json:"secret"`
				Secrets []string    `json:"secrets"`
				Headers [][2]string `json:"headers"`
				Body    string      `json:"body"`
				BodyB64 string      `json:"body_b64"`
				URL     string      `json:"url"`
				Method  string      `json:"method"`
				Now     int64       `json:"now"`
			}
		}
		text, err := os.ReadFile(filepath.Join("../../catalog/testdata/vectors", p.Name+".json"))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &file))
		one := file.Vectors[0]
		for _, v := range file.Vectors {
			if len(v.Secret) > len(one.Secret) {
				one = v
			}
		}
		secrets := one.Secrets
		switch {
		case secrets != nil:
		case len(one.Secret) < 14: // that of an example in somebody's documentation: whether it is long enough is no matter of the row
			secrets = []string{secretText}
		default:
			secrets = []string{one.Secret}
		}
		var m made
		all = append(all, trial{
			"catalog", p.Name,
			func() error { return m.from(p.New(catalog.Config{URL: one.URL}, secrets...)) },
			func() error {
				d := &truhook.Delivery{Method: one.Method, RequestURI: "/hook", Header: http.Header{}, Body: []byte(one.Body), Received: at}
				if one.BodyB64 != "" {
					d.Body, err = base64.StdEncoding.DecodeString(one.BodyB64)
					require.NoError(t, err)
				}
				for _, h := range one.Headers {
					d.Header.Add(h[0], h[1])
				}
				// Whether the time is right is another test's: a signature that is old was computed or not, and nothing panicked.
				if _, err := m.v.Verify(t.Context(), d); err != nil && truhook.ReasonOf(err).Status() >= 500 {
					return err
				}
				return nil
			},
		})
	}
	require.Greater(t, len(all), 50)
	return all
}

func publicKeyTrials(t *testing.T) (all []trial) {
	t.Helper()
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	number, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	add := func(what string, a keysig.Algorithm, public crypto.PublicKey, private crypto.Signer) {
		s := keysig.Scheme{Algorithm: a, Form: hmacsig.Scheme{Name: "own", Header: "X-Signature", Encoding: hmacsig.Base64}}
		var m made
		x := trial{area: "public key", what: what, construct: func() error {
			return m.from(keysig.New(s, keysig.StaticKeys(keysig.Key{ID: "k", Public: public}), keysig.Config{}))
		}}
		if private != nil {
			x.deliver = func() error {
				h := http.Header{}
				if err := s.Sign(h, private, hmacsig.Message{Body: body}); err != nil {
					return err
				}
				return judged(t, m.v, &truhook.Delivery{Header: h, Body: body, Received: at})
			}
		}
		all = append(all, x)
	}
	add("Ed25519", keysig.Ed25519, edwards.Public(), edwards)
	add("ECDSA over P-256, DER", keysig.ECDSA, curve.Public(), curve)
	add("ECDSA over P-256, r and s", keysig.ECDSARaw, curve.Public(), curve)
	add("RSA PKCS #1 v1.5, 2048 bits", keysig.RSAPKCS1v15, number.Public(), number)
	add("RSA PSS, 2048 bits", keysig.RSAPSS, number.Public(), number)
	add("RSA, 2049 bits", keysig.RSAPKCS1v15, oddKey(), nil)
	add("RSA PSS, 2049 bits", keysig.RSAPSS, oddKey(), nil)
	add("RSA, exponent 3", keysig.RSAPKCS1v15, &rsa.PublicKey{N: number.N, E: 3}, nil)
	return all
}

// oddKey has a modulus of an odd number of bits. Nobody has its private half, as it is a product of no primes known.
func oddKey() *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 2048)
	return &rsa.PublicKey{N: n.Add(n, big.NewInt(0x10001)), E: 65537}
}
