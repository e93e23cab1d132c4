//go:build !race

// The race detector makes sync.Pool forget what it holds, so what is counted here has no meaning under it.

package hmacsig_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// kept keeps what Verify returns from living on the stack of a test.
var kept *truhook.Verified

// Not parallel: AllocsPerRun counts what the process allocates.
func TestOneVerificationAllocatesOnce(t *testing.T) {
	for _, s := range providers() {
		for _, size := range []int{0, 256, 1 << 10, 64 << 10} {
			for _, keys := range [][]hmacsig.Key{
				{testKey(t, "k", testSecret)},
				{testKey(t, "other", "another-secret"), testKey(t, "k", testSecret)},
			} {
				text := strings.Repeat("x", size)
				v := verifier(t, s, keys...)
				d := delivery(text, s.Header, s.Prefix+hexOf(testSecret, text))
				d.Received = start
				requireReason(t, "", v, d)
				ctx := context.Background()
				got := testing.AllocsPerRun(200, func() { kept, _ = v.Verify(ctx, d) })
				require.LessOrEqual(t, got, 1.0, "%s, %d bytes, %d keys", s.Name, size, len(keys))
				got = testing.AllocsPerRun(200, func() { _ = v.Precheck(ctx, d) })
				require.Zero(t, got, "the Precheck of an honest head")
			}
		}
	}
}

// For these the decoded signature, the Message of the proof and the id cost what they cost; this keeps it from growing.
func TestWhatOtherSchemesAllocate(t *testing.T) {
	at := fmt.Sprint(start.Unix())
	github := hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}
	for _, tt := range []struct {
		scheme hmacsig.Scheme
		d      *truhook.Delivery
		most   float64
	}{
		{github, delivery(body, "X-Hub-Signature-256", "sha256="+hexOf(testSecret, body)), 1},
		{stripe(), delivery(body, "Stripe-Signature", "t="+at+",v1="+hexOf(testSecret, at+"."+body)), 2},
		{standard(), standardDelivery("msg", at, "msg."+at+"."+body, body), 4},
	} {
		v := verifier(t, tt.scheme)
		requireReason(t, "", v, tt.d)
		got := testing.AllocsPerRun(200, func() { kept, _ = v.Verify(context.Background(), tt.d) })
		t.Logf("%s: %v", tt.scheme.Name, got)
		require.LessOrEqual(t, got, tt.most, tt.scheme.Name)
	}
}
