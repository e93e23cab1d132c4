package jose_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/recorded/deliveries"
)

// published is a public key as a provider publishes it.
func published() (inPEM []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func ExampleParsePublicKey() {
	key, err := jose.ParsePublicKey(published())
	fmt.Printf("%T %v\n", key, err)
	_, err = jose.ParsePublicKey([]byte("no key"))
	fmt.Println(err != nil)
	// Output:
	// *ecdsa.PublicKey <nil>
	// true
}

func ExampleParsePrivateKey() {
	text, err := fs.ReadFile(deliveries.FS(), "transunion/service-current.pem") // made for tests
	if err != nil {
		log.Fatal(err)
	}
	key, err := jose.ParsePrivateKey(text)
	fmt.Printf("%T %v\n", key, err)
	// Output: *rsa.PrivateKey <nil>
}

// A set that you hold already. One odd key costs that key only.
func ExampleParseJWKS() {
	keys, err := jose.ParseJWKS([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"2026-01","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"of next year","kid":"2027-01"}]}`))
	fmt.Println(len(keys), keys[0].ID, err)
	// Output: 1 2026-01 <nil>
}

// A set behind a URL, cached. A server of this example stands for the provider's.
func ExampleJWKS() {
	provider := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-01","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer provider.Close()
	keys, err := jose.JWKS(provider.URL+"/.well-known/jwks.json", provider.Client(), jose.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"2026-01", "guessed"} {
		found, err := keys.PublicKeys(context.Background(), jose.Query{KeyID: id})
		fmt.Println(id, len(found), err)
	}
	// Output:
	// 2026-01 1 <nil>
	// guessed 0 <nil>
}

// A whole set from anywhere: a function of yours, behind a cache that strangers cannot make ask more than once in an
// interval.
func ExampleCacheSet() {
	keys, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) {
		key, err := jose.ParsePublicKey(published())
		return []jose.PublicKey{{ID: "2026-01", Key: key}}, err
	}, jose.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	found, err := keys.PublicKeys(context.Background(), jose.Query{KeyID: "2026-01"})
	fmt.Println(len(found), err)
	// Output: 1 <nil>
}

// Keys one by one, where a provider gives each by its id. Give known ids to Prefetch at start.
func ExampleCacheByID() {
	keys, err := jose.CacheByID(func(_ context.Context, keyID string) ([]jose.PublicKey, error) {
		if keyID != "2026-01" {
			return nil, truhook.UnknownKey
		}
		key, err := jose.ParsePublicKey(published())
		return []jose.PublicKey{{ID: keyID, Key: key}}, err
	}, jose.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Prefetch(context.Background(), "2026-01"))
	found, err := keys.PublicKeys(context.Background(), jose.Query{KeyID: "2026-01"})
	fmt.Println(len(found), err)
	// Output:
	// <nil>
	// 1 <nil>
}

// Public keys in files. The name of a file is the id of its key, unless KeyID says otherwise.
func ExampleNewFileKeys() {
	folder, err := os.MkdirTemp("", "keys")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "2026-01"), published(), 0o600); err != nil {
		log.Fatal(err)
	}
	keys, err := jose.NewFileKeys(folder, jose.FolderConfig{})
	if err != nil {
		log.Fatal(err)
	}
	found, err := keys.PublicKeys(context.Background(), jose.Query{KeyID: "2026-01"})
	fmt.Println(len(found), err)
	// Output: 1 <nil>
}

// A secret that you share with the provider, for HS256 and its like.
func ExampleNewSecret() {
	secret, err := jose.NewSecret("2026", "a secret that was made for this example alone")
	fmt.Println(secret, err)
	_, err = jose.NewSecret("2026", "")
	fmt.Println(err != nil)
	// Output:
	// jose.Secret(2026) <nil>
	// true
}
