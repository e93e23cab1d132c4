//go:build !race

// The race detector makes sync.Pool forget what it holds, so what is counted here has no meaning under it.

package hmacsig_test

import (
	"context"
	"fmt"
	"net/http"
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

// A proof that carries an id and a time takes two: the proof with the id's bytes, and the Message.
func TestVerifier_AllocationsOfOtherForms(t *testing.T) {
	url := usesURL
	for name, s := range forms {
		secret, key := formSecret(s)
		v, k := formVerifier(t, s, secret, url(s))
		d := formSigned(t, s, k, key, body)
		most := 1.0
		if s.Timestamp != "" || s.ID != "" {
			most = 2
		}
		requireReason(t, "", v, d)
		got := testing.AllocsPerRun(200, func() { kept, _ = v.Verify(context.Background(), d) })
		require.LessOrEqual(t, got, most, name)
		got = testing.AllocsPerRun(200, func() { _ = v.Precheck(context.Background(), d) })
		require.Zero(t, got, "%s: the Precheck of an honest head", name)
	}
}

func TestVerifier_RefusalsByTheHeadAllocateOnce(t *testing.T) {
	at := fmt.Sprint(start.Unix())
	standard, good := forms["standard_webhooks"], "v1,"+base64Of(testSecret, body)
	standard.KeyText = hmacsig.KeyText{}
	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		d      *truhook.Delivery
		want   truhook.Reason
	}{
		"missing":             {forms["truv"], delivery(body), truhook.MissingSignature},
		"malformed":           {forms["truv"], delivery(body, "X-Webhook-Sign", "v1=zz"), truhook.MalformedSignature},
		"malformed hex":       {forms["truv"], delivery(body, "X-Webhook-Sign", "v1="+strings.Repeat("z", 64)), truhook.MalformedSignature},
		"twice":               {forms["truv"], delivery(body, "X-Webhook-Sign", "v1=", "X-Webhook-Sign", "v1="), truhook.DuplicateHeader},
		"too long":            {forms["truv"], delivery(body, "X-Webhook-Sign", strings.Repeat("0", 5000)), truhook.HeaderTooLong},
		"a list of none":      {forms["stripe"], delivery(body, "Stripe-Signature", "t="+at+",v0=zz"), truhook.MalformedSignature},
		"no time":             {forms["stripe"], delivery(body, "Stripe-Signature", "v1="+hexOf(testSecret, body)), truhook.MissingTimestamp},
		"a malformed time":    {forms["stripe"], delivery(body, "Stripe-Signature", "t=x,v1="+hexOf(testSecret, body)), truhook.MalformedTimestamp},
		"too old":             {forms["stripe"], delivery(body, "Stripe-Signature", "t=1,v1="+hexOf(testSecret, body)), truhook.Expired},
		"too new":             {forms["stripe"], delivery(body, "Stripe-Signature", "t=9999999999,v1="+hexOf(testSecret, body)), truhook.NotYetValid},
		"no id":               {standard, delivery(body, "Webhook-Signature", good, "Webhook-Timestamp", at), truhook.MissingMessageID},
		"a malformed id":      {standard, delivery(body, "Webhook-Signature", good, "Webhook-Timestamp", at, "Webhook-Id", "a.b"), truhook.MalformedMessageID},
		"no method":           {forms["hubspot_v3"], &truhook.Delivery{Header: http.Header{"X-Hubspot-Signature-V3": {base64Of(testSecret, body)}, "X-Hubspot-Request-Timestamp": {at + "000"}}}, truhook.WrongMethod},
		"eight headers, none": {forms["docusign"], delivery(body), truhook.MissingSignature},
	} {
		v, _ := formVerifier(t, tt.scheme, testSecret, usesURL(tt.scheme))
		tt.d.Received = start
		require.Equal(t, tt.want, truhook.ReasonOf(v.Precheck(context.Background(), tt.d)), name)
		got := testing.AllocsPerRun(200, func() { keptError = v.Precheck(context.Background(), tt.d) })
		require.LessOrEqual(t, got, 1.0, name)
	}
}

var keptError error

func TestVerifier_SixteenKeysAllocateNoMoreThanOne(t *testing.T) {
	var keys []hmacsig.Key
	for i := range 15 {
		keys = append(keys, testKey(t, fmt.Sprint(i), fmt.Sprint("another secret, number ", i)))
	}
	keys = append(keys, testKey(t, "k", testSecret))
	v := verifier(t, forms["truv"], keys...)
	d := delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	requireReason(t, "", v, d)
	require.LessOrEqual(t, testing.AllocsPerRun(200, func() { kept, _ = v.Verify(context.Background(), d) }), 1.0)
}
