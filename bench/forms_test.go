package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// otherForms are the forms in which most providers sign, beside the plain one of BenchmarkHMAC.
func otherForms() []hmacsig.Scheme {
	return []hmacsig.Scheme{
		{Name: "stripe", Header: "Stripe-Signature", Prefix: "v1=", Separator: ",",
			Content: "{timestamp}.{body}", Timestamp: "Stripe-Signature#t", Tolerance: 5 * time.Minute},
		{Name: "standard-webhooks", Header: "Webhook-Signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
			Content: "{id}.{timestamp}.{body}", ID: "Webhook-Id", Timestamp: "Webhook-Timestamp", Tolerance: 5 * time.Minute},
		{Name: "body-before-time", Header: "Box-Signature-Primary, Box-Signature-Secondary", Encoding: hmacsig.Base64,
			Content: "{body}{timestamp}", Timestamp: "Box-Delivery-Timestamp", TimeFormat: hmacsig.RFC3339, Tolerance: 10 * time.Minute},
		{Name: "numbered", Header: "X-DocuSign-Signature-{n}", Encoding: hmacsig.Base64},
	}
}

func signedAs(tb testing.TB, s hmacsig.Scheme, size int) *truhook.Delivery {
	tb.Helper()
	key, err := hmacsig.NewKey("bench", benchSecret)
	require.NoError(tb, err)
	d := signed(tb, size)
	m := hmacsig.Message{ID: "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj", Time: d.Received, Body: d.Body}
	require.NoError(tb, s.Sign(d.Header, key, m))
	return truhook.NewDelivery(*d)
}

// BenchmarkForms: one verification of other forms beside the same floor, which does less: one header, hex, the body
// alone.
func BenchmarkForms(b *testing.B) {
	key, err := hmacsig.NewKey("bench", benchSecret)
	require.NoError(b, err)
	ctx := context.Background()
	for _, s := range otherForms() {
		v, err := hmacsig.New(s, hmacsig.StaticKeys(key), hmacsig.Config{})
		require.NoError(b, err)
		for _, size := range sizes[:3] {
			d := signedAs(b, s, size.n)
			floor := newFloor(benchSecret)
			b.Run(s.Name+"/"+size.name, func(b *testing.B) {
				ratio(b, func() {
					if !floor.verify(d.Header["X-Webhook-Sign"][0], d.Body) {
						b.Fatal("the floor refuses")
					}
				}, func() {
					if _, err := v.Verify(ctx, d); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkKeys: growth with the number of keys, beside one key: "x-floor" is at most the number.
func BenchmarkKeys(b *testing.B) {
	ctx := context.Background()
	scheme := hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}
	verifier := func(n int) *hmacsig.Verifier {
		var keys []hmacsig.Key
		for i := range n {
			secret := fmt.Sprint("another secret that is being rotated, number ", i)
			if i == n-1 {
				secret = benchSecret
			}
			key, err := hmacsig.NewKey(fmt.Sprint(i), secret)
			require.NoError(b, err)
			keys = append(keys, key)
		}
		v, err := hmacsig.New(scheme, hmacsig.StaticKeys(keys...), hmacsig.Config{})
		require.NoError(b, err)
		return v
	}
	one, d := verifier(1), signedAs(b, scheme, 1<<10)
	for _, n := range []int{2, 4, 8, 16} {
		v := verifier(n)
		verify := func(v *hmacsig.Verifier) func() {
			return func() {
				if _, err := v.Verify(ctx, d); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) { ratio(b, verify(one), verify(v)) })
	}
}

// BenchmarkHeadRefusals: what a stranger's head costs before a byte of the body is read.
func BenchmarkHeadRefusals(b *testing.B) {
	key, err := hmacsig.NewKey("bench", benchSecret)
	require.NoError(b, err)
	for name, h := range map[string]http.Header{
		"missing":   {},
		"malformed": {"Stripe-Signature": {"t=1,v1=zz"}},
		"too-old":   {"Stripe-Signature": {"t=1600000000,v1=" + fmt.Sprintf("%064d", 0)}},
		"list":      {"Stripe-Signature": {fmt.Sprintf("t=1600000000,%0999d", 0)}},
	} {
		v, err := hmacsig.New(otherForms()[0], hmacsig.StaticKeys(key), hmacsig.Config{})
		require.NoError(b, err)
		d := truhook.NewDelivery(truhook.Delivery{Method: http.MethodPost, Header: h, Received: time.Now()})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if v.Precheck(context.Background(), d) == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}
