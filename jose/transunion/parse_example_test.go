package transunion_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded/deliveries"
)

// What Parse makes of the events, here of payloads that a test claims to be verified. An authorization is read
// strictly, as what cannot be read authorizes nothing.
func ExampleParse() {
	for _, payload := range []string{
		`{"type":"DEVICE_LINK_COMPLETION","device_id":"d1","device_public_key":"k","device_public_key_id":"i"}`,
		`{"service_user_hash":"u1","api_time":"2026-03-02T09:30:00Z"}`,
		`{"type":"SOMETHING_NEW"}`,
		`{"type":"AUTHORIZATION_RESPONSE","auth_jwe":"…"}`, // without its content
	} {
		event, err := transunion.Parse(&truhook.Verified{Payload: []byte(payload)})
		switch e := event.(type) {
		case transunion.AuthorizationResponse:
			fmt.Println("authorized:", e.Authorized())
		case transunion.DeviceLinked:
			fmt.Println("linked:", e.DeviceID)
		case transunion.SessionEnded:
			fmt.Println("ended:", e.ServiceUserHash)
		case transunion.Unknown:
			fmt.Println("not known:", e.Type)
		default:
			fmt.Println(truhook.ReasonOf(err))
		}
	}
	// Output:
	// linked: d1
	// ended: u1
	// not known: SOMETHING_NEW
	// malformed-payload
}

// Keys by id from a platform; a server of this example stands for it. An id is the fingerprint of its key.
func ExampleNewPlatformKeys() {
	text, err := fs.ReadFile(deliveries.FS(), "transunion/platform-public.pem") // made for tests
	if err != nil {
		log.Fatal(err)
	}
	key, err := jose.ParsePublicKey(text)
	if err != nil {
		log.Fatal(err)
	}
	id, err := transunion.Fingerprint(key)
	if err != nil {
		log.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		log.Fatal(err)
	}
	platform := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-IOV-KEY-ID", id)
		_ = pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
	}))
	defer platform.Close()
	keys, err := transunion.NewPlatformKeys(platform.URL, platform.Client(), jose.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Prefetch(context.Background(), id)) // at start
	found, err := keys.PublicKeys(context.Background(), jose.Query{KeyID: id})
	fmt.Println(len(found), err)
	// Output:
	// <nil>
	// 1 <nil>
}
