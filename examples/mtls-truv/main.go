// Mtls-truv receives Truv's webhooks with a client certificate on top of the signature, in both ways that Truv
// documents ("mTLS", section "mTLS for webhooks"): with a certificate that you issued for Truv's signing request, and
// with Truv's own certificate. It plays Truv's side too, over real TLS connections, and prints who got in. It exits
// with status 1 if a verdict is not the expected one.
//
//	go run ./examples/mtls-truv
//
// ca.go and receiver.go are what a service would hold; sender.go is the other side.
package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// secret was made for this example and opens nothing.
const secret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mtls-truv:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	now := time.Now()
	truv, err := newSender("mtls-prod.truv.example")
	if err != nil {
		return err
	}
	ca, err := newAuthority(now)
	if err != nil {
		return err
	}
	request, err := truv.signingRequest()
	if err != nil {
		return err
	}
	issued, err := ca.issue(request, truvName, now)
	if err != nil {
		return err
	}
	own, err := truv.selfSigned(now)
	if err != nil {
		return err
	}
	stranger, err := newSender("stranger.example")
	if err != nil {
		return err
	}
	strangers, err := stranger.selfSigned(now)
	if err != nil {
		return err
	}

	byIssued, err := issuedByYou(ca.pool())
	if err != nil {
		return err
	}
	byOwn, err := certificateOfTruv(own)
	if err != nil {
		return err
	}
	signed := []delivery{
		{"the certificate that you issued", truv.certificate(issued), secret, byIssued, ""},
		{"no certificate", nil, secret, byIssued, "no-client-certificate"},
		{"a stranger's certificate", stranger.certificate(strangers), secret, byIssued, "untrusted-certificate"},
		{"the right certificate, a forged signature", truv.certificate(issued), "guess", byIssued, "signature-mismatch"},
		{"Truv's own certificate", truv.certificate(own), secret, byOwn, ""},
		{"a stranger's certificate", stranger.certificate(strangers), secret, byOwn, "untrusted-certificate"},
		{"the right certificate, a forged signature", truv.certificate(own), "guess", byOwn, "signature-mismatch"},
	}
	failed := 0
	for _, d := range signed {
		got, err := d.send()
		if err != nil {
			return err
		}
		verdict := "as expected"
		if got.reason != d.want {
			verdict = "NOT AS EXPECTED"
			failed++
		}
		fmt.Fprintf(out, "%-42s %d %-22s %-12s %s\n", d.name, got.status, got.reason, verdict, got.proofs)
	}
	if failed > 0 {
		return fmt.Errorf("%d verdicts were not as expected", failed)
	}
	return nil
}
