// Transunion reads each event that TransUnion TruValidate sends, out of recorded deliveries, and says what it allows.
//
//	go run ./examples/transunion
//
// handle.go is what a service takes over; claims.json shows what one of the tokens claims.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "transunion:", err)
		os.Exit(1)
	}
}

// verifier takes the keys of the recorded deliveries; a service gives files to jose.NewFileKeys and
// jose.NewFilePrivateKeys.
func verifier() (truhook.Verifier, error) {
	pem, err := fs.ReadFile(deliveries.FS(), "transunion/platform-public.pem")
	if err != nil {
		return nil, err
	}
	platform, err := jose.ParsePublicKey(pem)
	if err != nil {
		return nil, err
	}
	platformID, err := transunion.Fingerprint(platform)
	if err != nil {
		return nil, err
	}
	if pem, err = fs.ReadFile(deliveries.FS(), "transunion/service-current.pem"); err != nil {
		return nil, err
	}
	service, err := jose.ParsePrivateKey(pem)
	if err != nil {
		return nil, err
	}
	serviceID, err := transunion.Fingerprint(service)
	if err != nil {
		return nil, err
	}
	return transunion.New(transunion.Config{
		Entity:      "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a",
		Keys:        jose.StaticKeys{{ID: platformID, Key: platform}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: serviceID, Key: service}},
	})
}

func receiver(v truhook.Verifier, s service) (http.Handler, error) {
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "transunion/prod", transunion.EventID,
		idempotency.Config{Policy: transunion.RetryPolicy()})
	if err != nil {
		return nil, err
	}
	return truhook.NewMiddleware(v, truhook.Config{}).Wrap(once.Handle(s.handle)), nil
}

func run(out io.Writer) error {
	v, err := verifier()
	if err != nil {
		return err
	}
	for _, name := range []string{
		"event-authorization-response", "event-authorization-denied", "event-device-link", "event-session-end",
		"event-a-type-of-next-year", "token-forged", "claim-sub-wrong",
	} {
		file, err := recorded.ReadFS(deliveries.FS(), "transunion/"+name+".http")
		if err != nil {
			return err
		}
		r, err := file.Request() // judged as of the day it was recorded: tokens live for five seconds
		if err != nil {
			return err
		}
		h, err := receiver(v, service{out}) // a new one for each: two of these deliveries answer one request
		if err != nil {
			return err
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			fmt.Fprintf(out, "%s: %d\n", name, w.Code)
		}
	}
	return nil
}
