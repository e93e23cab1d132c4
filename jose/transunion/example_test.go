package transunion_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync/atomic"

	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded"
)

func ExampleNew() {
	read := func(name string) []byte {
		pem, err := os.ReadFile("../../recorded/deliveries/transunion/" + name)
		if err != nil {
			log.Fatal(err)
		}
		return pem
	}
	platform, err := jose.ParsePublicKey(read("platform-public.pem"))
	if err != nil {
		log.Fatal(err)
	}
	platformID, err := transunion.Fingerprint(platform)
	if err != nil {
		log.Fatal(err)
	}
	var keys jose.StaticPrivateKeys // the current one, and the one before: webhooks may still come for it
	for _, name := range []string{"service-current.pem", "service-retired.pem"} {
		key, err := jose.ParsePrivateKey(read(name))
		if err != nil {
			log.Fatal(err)
		}
		id, err := transunion.Fingerprint(key)
		if err != nil {
			log.Fatal(err)
		}
		keys = append(keys, jose.PrivateKey{ID: id, Key: key})
	}

	v, err := transunion.New(transunion.Config{
		Entity:      "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a",
		Keys:        jose.StaticKeys{{ID: platformID, Key: platform}},
		PrivateKeys: keys,
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, name := range []string{"key-retired-in-grace", "token-forged"} {
		file, err := recorded.ReadFile("../../recorded/deliveries/transunion/" + name + ".http")
		if err != nil {
			log.Fatal(err)
		}
		delivery, err := file.Delivery()
		if err != nil {
			log.Fatal(err)
		}
		verified, err := v.Verify(context.Background(), delivery)
		if err != nil {
			fmt.Println(err)
			continue
		}
		event, err := transunion.Parse(verified)
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case transunion.AuthorizationResponse:
			fmt.Println("authorized:", e.Authorized(), e.AuthRequest)
		case transunion.SessionEnded:
			fmt.Println("ended:", e.ServiceUserHash)
		}
	}
	// Output:
	// authorized: true 62e09ff8-f9a9-11e8-bbe2-0242ac130008
	// transunion: signature-mismatch: token
}

// liveKeys is a PrivateKeySource whose keys can be replaced while deliveries are verified. A key of
// jose.ParsePrivateKey is precomputed already.
type liveKeys struct {
	now atomic.Pointer[jose.StaticPrivateKeys]
}

func (l *liveKeys) PrivateKeys(ctx context.Context, keyID string) ([]jose.PrivateKey, error) {
	return l.now.Load().PrivateKeys(ctx, keyID)
}

// Keys rotate by putting another set in place of the old one; the sets themselves never change.
func ExampleConfig_rotation() {
	pem, err := os.ReadFile("../../recorded/deliveries/transunion/service-current.pem")
	if err != nil {
		log.Fatal(err)
	}
	key, err := jose.ParsePrivateKey(pem)
	if err != nil {
		log.Fatal(err)
	}
	var live liveKeys
	live.now.Store(&jose.StaticPrivateKeys{{ID: "old", Key: key}})
	cfg := transunion.Config{PrivateKeys: &live}
	live.now.Store(&jose.StaticPrivateKeys{{ID: "new", Key: key}, {ID: "old", Key: key}})

	keys, err := cfg.PrivateKeys.PrivateKeys(context.Background(), "new")
	fmt.Println(keys, err)
	// Output: [jose.PrivateKey(new)] <nil>
}
