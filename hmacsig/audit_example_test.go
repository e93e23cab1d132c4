package hmacsig_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// An audit at start: log what it finds, and do not start with an error in the configuration.
func ExampleVerifier_Audit() {
	signature, err := truv.New(`"prod-in-quotes-made-for-this-example"`)
	if err != nil {
		panic(err)
	}
	v := truhook.Require(signature, truhook.RemoteAddrIn(netip.MustParsePrefix("35.167.32.174/32")))

	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	start := true
	for _, f := range truhook.Audit(ctx, v) {
		fmt.Printf("%s %s %s\n", f.Severity, f.Name, f.Subject)
		start = start && f.Severity != truhook.SeverityError
	}
	fmt.Println("start:", start)
	// Output:
	// note addresses-without-proxies RemoteAddrIn
	// error truv-api-addresses 35.167.32.174
	// warning quoted-secret current
	// start: false
}
