package trulioo_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A secretValue that Trulioo gave you, without the credentials endpoint.
func ExampleNew() {
	file, err := recorded.ReadFS(deliveries.FS(), "trulioo/event-flow-end.http")
	if err != nil {
		log.Fatal(err)
	}
	key, err := hmacsig.NewKey("2026", file.Secrets[0].Value) // os.Getenv("TRULIOO_WEBHOOK_SECRET")
	if err != nil {
		log.Fatal(err)
	}
	v, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	if err != nil {
		log.Fatal(err)
	}
	verified, err := v.Verify(context.Background(), d)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(verified.Proofs[0].Scheme, verified.Proofs[0].KeyID)
	// Output: trulioo 2026
}

func ExampleParse() {
	file, err := recorded.ReadFS(deliveries.FS(), "trulioo/event-flow-end.http")
	if err != nil {
		log.Fatal(err)
	}
	key, err := hmacsig.NewKey("2026", file.Secrets[0].Value)
	if err != nil {
		log.Fatal(err)
	}
	v, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	if err != nil {
		log.Fatal(err)
	}
	verified, err := v.Verify(context.Background(), d)
	if err != nil {
		log.Fatal(err)
	}
	event, err := trulioo.Parse(verified)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(event.Type, event.Time.UTC().Format(time.RFC3339), event.Test)
	// Output: FLOW_END 2026-03-02T09:29:58Z true
}

// What the credentials endpoint answers. An expiration that is null leaves the window open.
func ExampleParseCredentials() {
	keys, err := trulioo.ParseCredentials([]byte(`{"data": {"webhooks": [{"credentials": [
		{"credentialIdentifier": "current", "secretValue": "made for this example",
		 "effectiveStartDateTimeUTC": "2026-03-02T00:00:00", "expirationDateTimeUTC": null}]}]}}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys[0], keys[0].NotBefore, keys[0].NotAfter.IsZero())
	// Output: current 2026-03-02 00:00:00 +0000 UTC true
}

// A client for NewCredentialSource. It asks for a token at the first request.
func ExampleNewClient() {
	_, err := trulioo.NewClient("https://auth-api.trulioo.com/connect/token", "client", "made for this example", trulioo.ClientConfig{})
	fmt.Println(err)
	_, err = trulioo.NewClient("http://auth-api.trulioo.com/connect/token", "client", "made for this example", trulioo.ClientConfig{})
	fmt.Println(err) // a secret goes over https only
	// Output:
	// <nil>
	// trulioo: the token endpoint is not an https URL with a host and without user info
}
