package trulioo_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

// Credentials from Trulioo's API, which a server of this example stands in for. Ask Trulioo for the hosts of your
// environment; https://auth-api-primary.dev.trulioo.com is documented for development. A client of
// golang.org/x/oauth2/clientcredentials serves in place of NewClient.
func ExampleNewCredentialSource() {
	platform := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/connect/token" {
			_, _ = io.WriteString(w, `{"access_token":"made-for-this-example","token_type":"Bearer","expires_in":1800}`)
			return
		}
		_, _ = io.WriteString(w, `{"data":{"webhooks":[{"credentials":[{"credentialIdentifier":"current",
			"secretValue":"a secret that was made for this example","effectiveStartDateTimeUTC":"2026-03-02T00:00:00"}]}]}}`)
	}))
	defer platform.Close()
	client, err := trulioo.NewClient(platform.URL+"/connect/token", "client", "made for this example",
		trulioo.ClientConfig{HTTPClient: platform.Client()}) // leave HTTPClient out in a service
	if err != nil {
		log.Fatal(err)
	}
	source, err := trulioo.NewCredentialSource(client, platform.URL+"/api/v2/client-webhooks/current-credential", "account",
		hmacsig.CacheConfig{OnError: func(err error) { log.Print(err) }})
	if err != nil {
		log.Fatal(err)
	}
	v, err := trulioo.New(source, hmacsig.Config{Grace: 10 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range truhook.Audit(context.Background(), v) { // fetches, so that the first delivery does not wait
		fmt.Println(f.Severity, f.Name)
	}
	fmt.Println(source.Keys(context.Background(), hmacsig.Query{}))
	verify := truhook.NewMiddleware(v, truhook.Config{})
	http.Handle("POST /webhooks/trulioo", verify.Wrap(trulioo.AnswerChallenge(http.NotFoundHandler())))
	// Output: [current] <nil>
}
