package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

// A service would read these from its environment or its secret store: os.Getenv("TRUV_ACCESS_SECRET"). These are made
// for tests and open nothing.
const (
	truvSecret         = "sandbox-7e577e577e577e577e577e577e577e577e577e57"
	truvPreviousSecret = "sandbox-01d07e5701d07e5701d07e5701d07e5701d07e57"
	truvalSecret       = "whsec_truhook-test-only-current"
)

// truliooCredentials is what Trulioo's endpoint current-credential answers.
//
//go:embed credentials.json
var truliooCredentials []byte

// newReceiver returns the routes of a service. Both arguments only serve to look on: a service can leave them nil.
func newReceiver(observe func(context.Context, truhook.Observation), now func() time.Time) (http.Handler, error) {
	truvVerifier, err := truv.New(truvSecret, truvPreviousSecret)
	if err != nil {
		return nil, err
	}
	credentials, err := trulioo.ParseCredentials(truliooCredentials)
	if err != nil {
		return nil, err
	}
	truliooVerifier, err := trulioo.New(hmacsig.StaticKeys(credentials...), hmacsig.Config{})
	if err != nil {
		return nil, err
	}
	truvalVerifier, err := truval.New(truvalSecret)
	if err != nil {
		return nil, err
	}

	verified := func(v truhook.Verifier, h http.Handler) http.Handler {
		return truhook.NewMiddleware(v, truhook.Config{Observe: observe, Now: now}).Wrap(h)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", verified(truvVerifier, http.HandlerFunc(received)))
	mux.Handle("POST /webhooks/trulioo", verified(truliooVerifier, trulioo.AnswerChallenge(http.HandlerFunc(received))))
	mux.Handle("POST /webhooks/truval", verified(truvalVerifier, http.HandlerFunc(received)))
	return mux, nil
}

// received is the handler that a service has already. It runs for genuine deliveries only.
func received(w http.ResponseWriter, r *http.Request) {
	v, ok := truhook.FromContext(r.Context())
	if !ok { // the middleware is not in front of this handler
		http.Error(w, "not verified", truhook.NotVerified.Status())
		return
	}
	fmt.Fprintf(w, "%s, key %q: %d bytes\n", v.Proofs[0].Scheme, v.Proofs[0].KeyID, len(v.Payload))
}
