package truhook_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/netip"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// deliveryOf is a delivery that Truv has signed under a secret made for the examples.
func deliveryOf(secret string) *truhook.Delivery {
	r := genuine(secret, `{"webhook_id":"1"}`)
	return &truhook.Delivery{
		Method: r.Method, RequestURI: "/webhooks/truv?token=for-the-examples", Header: r.Header, Body: []byte(`{"webhook_id":"1"}`),
		RemoteAddr: "34.212.57.93:443",
	}
}

func newTruv(secret string) truhook.Verifier {
	v, err := truv.New(secret)
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// say prints the verdict of v.
func say(v truhook.Verifier, d *truhook.Delivery) {
	verified, err := v.Verify(context.Background(), d)
	if err != nil {
		fmt.Println("refused:", truhook.ReasonOf(err))
		return
	}
	for _, p := range verified.Proofs {
		fmt.Println("accepted:", p.Scheme, p.KeyID)
	}
}

// Two proofs, one verdict: in a service the first is a client certificate.
func ExampleAllOf() {
	certificate := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		if d.RemoteAddr != "34.212.57.93:443" {
			return nil, truhook.NoClientCertificate
		}
		return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "certificate", KeyID: "truv"}}}, nil
	})
	v := truhook.AllOf(certificate, newTruv("sandbox-made-for-the-examples"))
	say(v, deliveryOf("sandbox-made-for-the-examples"))
	say(v, deliveryOf("sandbox-of-somebody-else"))
	// Output:
	// accepted: certificate truv
	// accepted: truv current
	// refused: signature-mismatch
}

// A provider that changes its scheme, or an endpoint that serves two environments for a while.
func ExampleAnyOf() {
	v := truhook.AnyOf(newTruv("sandbox-made-for-the-examples"), newTruv("prod-made-for-the-examples"))
	say(v, deliveryOf("prod-made-for-the-examples"))
	say(v, deliveryOf("prod-of-somebody-else"))
	// Output:
	// accepted: truv current
	// refused: signature-mismatch
}

// A source address in front of the signature. It is no proof: it refuses before the body is read.
func ExampleRequire() {
	v := truhook.Require(newTruv("sandbox-made-for-the-examples"), truhook.RemoteAddrIn(truv.WebhookAddrs()...))
	d := deliveryOf("sandbox-made-for-the-examples")
	say(v, d)
	d.RemoteAddr = "192.0.2.7:443"
	say(v, d)
	// Output:
	// accepted: truv current
	// refused: source-not-allowed
}

// A check of your own that has to wait, such as one that asks a service of yours. It runs behind the head checks.
func ExampleNewCheck() {
	maintenance := false
	open := truhook.NewCheck("open for deliveries", func(context.Context, *truhook.Delivery) error {
		if maintenance {
			return truhook.Overloaded // 503: the provider comes again
		}
		return nil
	})
	v := truhook.Require(newTruv("sandbox-made-for-the-examples"), open)
	say(v, deliveryOf("sandbox-made-for-the-examples"))
	maintenance = true
	say(v, deliveryOf("sandbox-made-for-the-examples"))
	// Output:
	// accepted: truv current
	// refused: overloaded
}

// A header whose value you agreed on with the provider.
func ExampleHeaderEquals() {
	v := truhook.Require(newTruv("sandbox-made-for-the-examples"), truhook.HeaderEquals("X-Client-Secret", "agreed for the examples"))
	d := deliveryOf("sandbox-made-for-the-examples")
	say(v, d)
	d.Header.Set("X-Client-Secret", "agreed for the examples")
	say(v, d)
	// Output:
	// refused: check-failed
	// accepted: truv current
}

// A token in the URL that you registered. Keep queries out of your access log.
func ExampleQueryEquals() {
	v := truhook.Require(newTruv("sandbox-made-for-the-examples"), truhook.QueryEquals("token", "for-the-examples"))
	d := deliveryOf("sandbox-made-for-the-examples")
	say(v, d)
	d.RequestURI = "/webhooks/truv?token=guessed"
	say(v, d)
	// Output:
	// accepted: truv current
	// refused: check-failed
}

// The address of the direct peer: right only where no proxy stands in front.
func ExampleRemoteAddrIn() {
	check := truhook.RemoteAddrIn(netip.MustParsePrefix("192.0.2.0/24"))
	for _, peer := range []string{"192.0.2.7:40000", "198.51.100.7:40000", ""} {
		fmt.Println(check.Run(context.Background(), &truhook.Delivery{RemoteAddr: peer}))
	}
	// Output:
	// <nil>
	// source-not-allowed: the address of the direct peer is not on the list
	// source-not-allowed: the delivery has no address of its direct peer: the host has to set RemoteAddr
}

// Behind a proxy that writes the Forwarded header of RFC 7239.
func ExampleClientAddrInForwarded() {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	check := truhook.ClientAddrInForwarded(proxies, netip.MustParsePrefix("192.0.2.0/24"))
	for _, line := range []string{
		"for=192.0.2.7;proto=https",
		"for=192.0.2.7, for=198.51.100.9", // the client claims an address, the proxy appends the true one
	} {
		d := &truhook.Delivery{RemoteAddr: "10.0.0.5:40000", Header: http.Header{"Forwarded": {line}}}
		fmt.Println(check.Run(context.Background(), d))
	}
	// Output:
	// <nil>
	// source-not-allowed: the client by Forwarded is not on the list
}

// Addresses out of a configuration.
func ExampleParsePrefixes() {
	fmt.Println(truhook.ParsePrefixes("10.0.0.7", "192.0.2.0/24", "2001:db8::/32"))
	_, err := truhook.ParsePrefixes("10.0.0.0/33")
	fmt.Println(err != nil)
	// Output:
	// [10.0.0.7/32 192.0.2.0/24 2001:db8::/32] <nil>
	// true
}
