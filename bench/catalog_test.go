package bench

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// BenchmarkCatalog: a verifier of a row beside one of the same scheme that is written by hand. x-floor is about 1: a
// row is data, and nothing of it is looked up for a delivery.
func BenchmarkCatalog(b *testing.B) {
	byHand := map[string]hmacsig.Scheme{
		"github": {Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="},
		"stripe": {
			Name: "stripe", Header: "Stripe-Signature", Prefix: "v1=", Separator: ",", Content: "{timestamp}.{body}",
			Timestamp: "Stripe-Signature#t", Tolerance: 5 * time.Minute,
		},
		"slack": {
			Name: "slack", Header: "X-Slack-Signature", Prefix: "v0=", Content: "v0:{timestamp}:{body}",
			Timestamp: "X-Slack-Request-Timestamp", Tolerance: 5 * time.Minute,
		},
	}
	ctx := context.Background()
	for name, scheme := range byHand {
		key, err := hmacsig.NewKey("current", benchSecret)
		require.NoError(b, err)
		hand, err := hmacsig.New(scheme, hmacsig.StaticKeys(key), hmacsig.Config{})
		require.NoError(b, err)
		row, err := catalog.New(name, benchSecret)
		require.NoError(b, err)
		for _, size := range sizes[:3] {
			d := &truhook.Delivery{
				Method: http.MethodPost, RequestURI: "/hook", Header: http.Header{}, Body: []byte(strings.Repeat("x", size.n)), Received: time.Now(),
			}
			require.NoError(b, scheme.Sign(d.Header, key, hmacsig.Message{Time: d.Received, Body: d.Body}))
			verify := func(v truhook.Verifier) func() {
				return func() {
					if _, err := v.Verify(ctx, d); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.Run(name+"/"+size.name, func(b *testing.B) { ratio(b, verify(hand), verify(row)) })
		}
	}
}
