package keysig_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// A delivery of the specification of Standard Webhooks, signed with Ed25519 ("v1a").
func ExampleNew() {
	s := keysig.Scheme{Form: hmacsig.Scheme{
		Name: "acme", Header: "Webhook-Signature", Prefix: "v1a,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "Webhook-Id", Timestamp: "Webhook-Timestamp", Tolerance: 5 * time.Minute,
		KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64, Prefix: "whpk_"},
	}}
	key, err := s.NewKey("2021", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=") // published, for tests
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := keysig.New(s, keysig.StaticKeys(key), keysig.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	header := http.Header{}
	header.Set("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
	header.Set("Webhook-Timestamp", "1614265330")
	header.Set("Webhook-Signature",
		"v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==")
	d := truhook.NewDelivery(truhook.Delivery{
		Method: http.MethodPost, Header: header, Body: []byte(`{"test": 2432232314}`), Received: time.Unix(1614265330, 0),
	})
	verified, err := v.Verify(context.Background(), d)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(verified.Proofs[0].KeyID)
	d.Body[0] = '['
	_, err = v.Verify(context.Background(), d)
	fmt.Println(truhook.ReasonOf(err))
	// Output:
	// 2021
	// signature-mismatch
}
