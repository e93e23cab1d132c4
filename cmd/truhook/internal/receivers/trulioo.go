package receivers

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/idempotency"
)

// Trulioo mounts a receiver of Trulioo's deliveries, the handshake included.
func Trulioo(mux *http.ServeMux, store idempotency.Store, handle func(ctx context.Context, v *truhook.Verified) error) {
	key, err := hmacsig.NewKey("2026", os.Getenv("TRULIOO_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	v, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
	if err != nil {
		log.Fatal(err)
	}
	once, err := idempotency.NewMiddleware(store, "trulioo/prod", trulioo.EventID, idempotency.Config{
		Policy:      trulioo.RetryPolicy(),
		Version:     trulioo.EventVersion,
		Fingerprint: trulioo.Fingerprint,
	})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux.Handle("POST /webhooks/trulioo", verify.Wrap(trulioo.AnswerChallenge(once.Handle(handle))))
}
