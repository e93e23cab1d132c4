package receivers

import (
	"context"
	"log"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

// TransUnion mounts a receiver of TransUnion's deliveries. The PEM texts are the platform's public key and your private
// key.
func TransUnion(
	mux *http.ServeMux, store idempotency.Store, platformPEM, minePEM []byte,
	handle func(ctx context.Context, v *truhook.Verified) error,
) {
	platform, err := jose.ParsePublicKey(platformPEM)
	if err != nil {
		log.Fatal(err)
	}
	platformID, err := transunion.Fingerprint(platform)
	if err != nil {
		log.Fatal(err)
	}
	mine, err := jose.ParsePrivateKey(minePEM)
	if err != nil {
		log.Fatal(err)
	}
	mineID, err := transunion.Fingerprint(mine)
	if err != nil {
		log.Fatal(err)
	}
	v, err := transunion.New(transunion.Config{
		Entity:      "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a", // the service or directory of this endpoint
		Keys:        jose.StaticKeys{{ID: platformID, Key: platform}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: mineID, Key: mine}},
	})
	if err != nil {
		log.Fatal(err)
	}
	once, err := idempotency.NewMiddleware(store, "transunion/prod", transunion.EventID, idempotency.Config{Policy: transunion.RetryPolicy()})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux.Handle("POST /webhooks/transunion", verify.Wrap(once.Handle(handle)))
}
