package keysig_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// publishedKey is the public key of RFC 8037, appendix A.1.
const publishedKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"

func newPublicKey() ed25519.PublicKey {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	return public
}

// provider stands for a provider's server.
func provider(body []byte) *http.Client {
	return &http.Client{Transport: exampleTransport(body)}
}

type exampleTransport []byte

func (t exampleTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(t)), Request: r}, nil
}

func ExampleStaticKeys() {
	source := keysig.StaticKeys(keysig.Key{ID: "2026", Public: newPublicKey()})
	keys, err := source.Keys(context.Background(), keysig.Query{})
	fmt.Println(len(keys), err)
	// Output: 1 <nil>
}

// Keys from anywhere, behind a cache.
func ExampleNewCachedKeys() {
	source, err := keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) {
		return []keysig.Key{{ID: "2026", Public: newPublicKey()}}, nil
	}, hmacsig.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := source.Keys(context.Background(), keysig.Query{})
	fmt.Println(len(keys), err)
	// Output: 1 <nil>
}

// Keys one by one, for a scheme whose deliveries name their key (Scheme.KeyID).
func ExampleNewCachedKeysByID() {
	source, err := keysig.NewCachedKeysByID(func(_ context.Context, keyID string) ([]keysig.Key, error) {
		return []keysig.Key{{ID: keyID, Public: newPublicKey()}}, nil // a call to the provider
	}, hmacsig.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := source.Keys(context.Background(), keysig.Query{KeyID: "2026-01"})
	fmt.Println(len(keys), keys[0].ID, err)
	// Output: 1 2026-01 <nil>
}

// A JWK Set of the provider.
func ExampleNewJWKSKeys() {
	client := provider([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","x":"` + publishedKey + `"}]}`))
	source, err := keysig.NewJWKSKeys("https://acme.example/jwks.json", client, hmacsig.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := source.Keys(context.Background(), keysig.Query{})
	fmt.Println(len(keys), keys[0].ID, err)
	// Output: 1 2026-01 <nil>
}

// Keys in files, each as the scheme says (KeyText, else PEM).
func ExampleNewFileKeys() {
	folder, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	der, err := x509.MarshalPKIXPublicKey(newPublicKey())
	if err != nil {
		log.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, "2026"), text, 0o600); err != nil {
		log.Fatal(err)
	}
	s := keysig.Scheme{Form: hmacsig.Scheme{Name: "acme", Header: "Acme-Signature", KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyPEM}}}
	source, err := keysig.NewFileKeys(folder, s, hmacsig.FileConfig{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := source.Keys(context.Background(), keysig.Query{})
	fmt.Println(len(keys), keys[0].ID, err)
	// Output: 1 2026 <nil>
}

// A delivery names the URL of the certificate that it was signed with. Only the one host is asked.
func ExampleNewCertificateKeys() {
	now := time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "messages.acme.example"}, DNSNames: []string{"messages.acme.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	source, err := keysig.NewCertificateKeys("certs.acme.example", "messages.acme.example", roots,
		provider(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), hmacsig.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	for _, url := range []string{"https://certs.acme.example/2026.pem", "https://certs.evil.example/2026.pem"} {
		keys, err := source.Keys(context.Background(), keysig.Query{KeyID: url})
		fmt.Println(len(keys), err)
	}
	// Output:
	// 1 <nil>
	// 0 <nil>
}
