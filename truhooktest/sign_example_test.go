package truhooktest_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/recorded/deliveries"
	"github.com/truhook/truhook/truhooktest"
)

// deliver sends one event by a provider and prints its header.
func deliver(sign truhooktest.Signer, header string) {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(header, len(r.Header.Values(header)))
	})
	p := truhooktest.NewProvider(truval.RetryPolicy(), sign, handler, truhooktest.Config{})
	defer p.Close()
	for _, a := range p.Deliver(context.Background(), truhooktest.Event{ID: "1", Body: []byte(`{"job_id":"1"}`)}) {
		fmt.Println(a.Status, a.Outcome, a.Err)
	}
}

// A provider delivers to a handler over a connection of its own, by a policy, and again where the policy says so.
func ExampleNewProvider() {
	key, err := hmacsig.NewKey("test", "a secret made for this example")
	if err != nil {
		log.Fatal(err)
	}
	calls := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := truhooktest.NewProvider(truval.RetryPolicy(), truhooktest.HMAC(truval.Scheme(), key), handler,
		truhooktest.Config{Scale: 0.001, Timeout: 10 * time.Hour}) // a thousandth of every time
	defer p.Close()
	for _, a := range p.Deliver(context.Background(), truhooktest.Event{ID: "1", Body: []byte(`{"job_id":"1"}`)}) {
		fmt.Println(a.Number, a.Status, a.Outcome)
	}
	// Output:
	// 1 503 retried
	// 2 200 delivered
}

func ExampleHMAC() {
	key, err := hmacsig.NewKey("test", "a secret made for this example")
	if err != nil {
		log.Fatal(err)
	}
	deliver(truhooktest.HMAC(truval.Scheme(), key), "X-Truval-Signature")
	// Output:
	// X-Truval-Signature 1
	// 200 delivered <nil>
}

func ExamplePublicKey() {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	acme := keysig.Scheme{Form: hmacsig.Scheme{Name: "acme", Header: "Acme-Signature"}}
	deliver(truhooktest.PublicKey(acme, private), "Acme-Signature")
	// Output:
	// Acme-Signature 1
	// 200 delivered <nil>
}

// Tokens and bodies as TransUnion's: signed by the platform's key, encrypted to yours.
func ExampleTransUnion() {
	parse := func(name string) *rsa.PrivateKey {
		text, err := fs.ReadFile(deliveries.FS(), "transunion/"+name+".pem") // made for tests
		if err != nil {
			log.Fatal(err)
		}
		key, err := jose.ParsePrivateKey(text)
		if err != nil {
			log.Fatal(err)
		}
		return key.(*rsa.PrivateKey)
	}
	platform, service := parse("platform"), parse("service-current")
	id := func(key any) string {
		id, err := transunion.Fingerprint(key)
		if err != nil {
			log.Fatal(err)
		}
		return id
	}
	deliver(truhooktest.TransUnion(truhooktest.TransUnionConfig{
		Entity:   "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a",
		Platform: jose.PrivateKey{ID: id(&platform.PublicKey), Key: platform},
		Service:  jose.PublicKey{ID: id(&service.PublicKey), Key: &service.PublicKey},
	}), "X-Iov-Jwt")
	// Output:
	// X-Iov-Jwt 1
	// 200 delivered <nil>
}
