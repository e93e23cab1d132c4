package catalog_test

import (
	"fmt"
	"log"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/idempotency"
)

func ExampleNew() {
	v, err := catalog.New("github", "It's a Secret to Everybody")
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	http.Handle("POST /webhooks/github", verify.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		// runs for genuine deliveries only
	})))

	_, err = catalog.New("gitub", "It's a Secret to Everybody")
	fmt.Println(err)
	// Output: catalog: no provider is named "gitub"; the nearest names are github, dub, gusto
}

func ExampleLookup() {
	p, ok := catalog.Lookup("stripe")
	fmt.Println(ok, p.Title, p.Evidence, p.Scheme.Header)
	fmt.Println("event id:", p.EventIDAt)
	p, _ = catalog.Lookup("github")
	fmt.Println("event id:", p.EventIDAt)
	// Output:
	// true Stripe B Stripe-Signature
	// event id: member id
	// event id: header X-GitHub-Delivery, outside the signature
}

func ExampleInsecureHeaderID() {
	signed, err := catalog.New("github", "It's a Secret to Everybody")
	if err != nil {
		log.Fatal(err)
	}
	v, eventID := catalog.InsecureHeaderID(signed, "X-GitHub-Delivery")
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "github/prod", eventID, idempotency.Config{})
	fmt.Println(v != nil, once != nil, err)
	// Output: true true <nil>
}
