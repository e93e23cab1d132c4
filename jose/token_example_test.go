package jose_test

import (
	"context"
	"crypto/rsa"
	"fmt"
	"io/fs"
	"log"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded/deliveries"
	"github.com/truhook/truhook/truhooktest"
)

func ExampleHeaderToken() {
	token := jose.HeaderToken("Provider-Signature")
	for _, h := range []http.Header{
		{"Provider-Signature": {"a.b.c"}}, {}, {"Provider-Signature": {"a.b.c", "d.e.f"}},
	} {
		text, err := token(h)
		fmt.Printf("%q %q\n", text, truhook.ReasonOf(err))
	}
	// Output:
	// "a.b.c" ""
	// "" "missing-token"
	// "" "duplicate-header"
}

func ExampleAuthorizationToken() {
	token := jose.AuthorizationToken("IOV-JWT")
	for _, line := range []string{"IOV-JWT a.b.c", "iov-jwt a.b.c", "Basic dGVzdDp0ZXN0"} {
		text, err := token(http.Header{"Authorization": {line}})
		fmt.Printf("%q %q\n", text, truhook.ReasonOf(err))
	}
	// Output:
	// "a.b.c" ""
	// "a.b.c" ""
	// "" "missing-token"
}

// A decrypter for bodies that are encrypted to a key of yours. Config.Decrypter of New takes one.
func ExampleNewDecrypter() {
	text, err := fs.ReadFile(deliveries.FS(), "transunion/service-current.pem") // made for tests
	if err != nil {
		log.Fatal(err)
	}
	private, err := jose.ParsePrivateKey(text)
	if err != nil {
		log.Fatal(err)
	}
	id, err := transunion.Fingerprint(private)
	if err != nil {
		log.Fatal(err)
	}
	d, err := jose.NewDecrypter(jose.DecrypterConfig{
		Keys:              jose.StaticPrivateKeys{{ID: id, Key: private}},
		KeyAlgorithms:     []string{"RSA-OAEP-256"},
		ContentAlgorithms: []string{"A256CBC-HS512"},
	})
	if err != nil {
		log.Fatal(err)
	}
	encrypted, err := truhooktest.TransUnionJWE(jose.PublicKey{ID: id, Key: &private.(*rsa.PrivateKey).PublicKey}, []byte("content"))
	if err != nil {
		log.Fatal(err)
	}
	plain, _, err := d.Decrypt(context.Background(), []byte(encrypted))
	fmt.Println(string(plain), err)
	// Output: content <nil>
}
