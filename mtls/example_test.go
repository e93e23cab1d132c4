package mtls_test

import (
	"crypto/x509"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// A service behind nginx, which receives TransUnion's webhooks.
func ExampleNew() {
	pem, err := os.ReadFile("digicert-high-assurance-ev-root-ca.pem")
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	nginx := netip.MustParsePrefix("10.0.0.7/32")
	subject := `CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US` // transunion.ProductionSubject
	peer, err := mtls.New(mtls.FromNginx(nginx), mtls.Subjects(roots, subject), mtls.Config{})
	if err != nil {
		log.Fatal(err)
	}
	var token truhook.Verifier // of package transunion
	verify := truhook.NewMiddleware(truhook.AllOf(peer, token), truhook.Config{})
	http.Handle("POST /webhooks/transunion", verify.Wrap(http.NotFoundHandler()))
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
