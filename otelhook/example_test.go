package otelhook_test

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/otelhook"
)

// One hook for each provider. Without providers of its own it reports to those of OpenTelemetry's globals.
func ExampleNew() {
	hook, err := otelhook.New(otelhook.Config{Provider: "truv"})
	if err != nil {
		log.Fatal(err)
	}
	v, err := truv.New("sandbox-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{
		Observe: hook.Delivery,
		Logger:  slog.New(slog.DiscardHandler), // leave it out in a service
	})
	w := httptest.NewRecorder()
	verify.Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	fmt.Println(w.Code)
	// Output: 401
}
