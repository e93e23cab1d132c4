package main

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A service would read these from its environment or its secret store: os.Getenv("TRUV_ACCESS_SECRET"). These are made
// for tests and open nothing.
const (
	truvSecret           = "sandbox-7e577e577e577e577e577e577e577e577e577e57"
	truvProductionSecret = "prod-7e577e577e577e577e577e577e577e577e577e57"
	truvPreviousSecret   = "sandbox-01d07e5701d07e5701d07e5701d07e5701d07e57"
	truvalSecret         = "whsec_truhook-test-only-current"
	service              = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
)

// truliooCredentials is what Trulioo's endpoint current-credential answers.
//
//go:embed credentials.json
var truliooCredentials []byte

// quiet replaces the log that a service has by default, as this program prints what became of each delivery itself.
var quiet = slog.New(slog.DiscardHandler)

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
	transunionVerifier, err := newTransUnion()
	if err != nil {
		return nil, err
	}

	verified := func(v truhook.Verifier, h http.Handler) http.Handler {
		return truhook.NewMiddleware(v, truhook.Config{Observe: observe, Now: now, Logger: quiet}).Wrap(h)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", verified(truvVerifier, http.HandlerFunc(received)))
	mux.Handle("POST /webhooks/trulioo", verified(truliooVerifier, trulioo.AnswerChallenge(http.HandlerFunc(received))))
	mux.Handle("POST /webhooks/truval", verified(truvalVerifier, http.HandlerFunc(received)))
	mux.Handle("POST /webhooks/transunion", verified(transunionVerifier, http.HandlerFunc(received)))
	return mux, nil
}

// newTransUnion holds the platform's public key and two private keys: a webhook may still be encrypted to the one that
// was retired after the request that led to it.
func newTransUnion() (truhook.Verifier, error) {
	cfg := transunion.Config{Entity: service}
	var private jose.StaticPrivateKeys
	for _, name := range []string{"service-current", "service-retired"} {
		text, err := fs.ReadFile(deliveries.FS(), "transunion/"+name+".pem")
		if err != nil {
			return nil, err
		}
		key, err := jose.ParsePrivateKey(text)
		if err != nil {
			return nil, err
		}
		id, err := transunion.Fingerprint(key)
		if err != nil {
			return nil, err
		}
		private = append(private, jose.PrivateKey{ID: id, Key: key})
	}
	text, err := fs.ReadFile(deliveries.FS(), "transunion/platform-public.pem")
	if err != nil {
		return nil, err
	}
	platform, err := jose.ParsePublicKey(text)
	if err != nil {
		return nil, err
	}
	id, err := transunion.Fingerprint(platform)
	if err != nil {
		return nil, err
	}
	cfg.Keys, cfg.PrivateKeys = jose.StaticKeys{{ID: id, Key: platform}}, private
	return transunion.New(cfg)
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
