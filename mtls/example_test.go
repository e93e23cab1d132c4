package mtls_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// A certificate and a signature in one verdict, behind nginx. A service reads its roots from a file.
func ExampleNew() {
	certificate, roots := sender()
	peer, err := mtls.New(mtls.FromNginx(theProxy()), mtls.Subjects(roots, `CN=webhooks,O=Acme\, Inc.`), mtls.Config{})
	if err != nil {
		log.Fatal(err)
	}
	signature := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "signature"}}}, nil // of another package
	})
	v := truhook.AllOf(peer, signature)
	verified, err := v.Verify(context.Background(), &truhook.Delivery{RemoteAddr: "10.0.0.7:40000", Header: http.Header{
		"X-Ssl-Client-Verify": {"SUCCESS"}, "X-Ssl-Client-Escaped-Cert": {escapedPEM(certificate)},
	}})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range verified.Proofs {
		fmt.Println(p.Scheme, p.KeyID)
	}
	// Output:
	// mtls CN=webhooks,O=Acme\, Inc.
	// signature
}

func ExampleParseSubject() {
	for _, text := range []string{
		`CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US`,
		`/C=US/ST=Oregon/L=Portland/O=iovation, Inc./CN=webhooks.launchkey.com`,
		`C=US,ST=Oregon,L=Portland,O=iovation\, Inc.,CN=webhooks.launchkey.com`, // the wrong way round: another name
		`CN=webhooks.launchkey.com,O=Evil, CN=webhooks.launchkey.com, Inc.`,
	} {
		s, err := mtls.ParseSubject(text)
		fmt.Println(s, err != nil)
	}
	// Output:
	// CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US false
	// CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US false
	// C=US,ST=Oregon,L=Portland,O=iovation\, Inc.,CN=webhooks.launchkey.com false
	//  true
}

// What a handler can read about the certificate, and a check of your own on it.
func ExampleIdentity() {
	_ = func(_ http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		if id, ok := truhook.Detail[mtls.Identity](v); ok {
			log.Printf("from %s, certificate until %s", id.Name, id.Certificate.NotAfter)
		}
	}
}
