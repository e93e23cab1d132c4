package trulioo_test

import (
	"context"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

// Credentials from Trulioo's API. Ask Trulioo for the hosts of your environment; these are documented for development.
// A client of golang.org/x/oauth2/clientcredentials serves in place of NewClient.
func ExampleNewCredentialSource() {
	const host = "https://auth-api-primary.dev.trulioo.com"
	client, err := trulioo.NewClient(host+"/connect/token",
		os.Getenv("TRULIOO_CLIENT_ID"), os.Getenv("TRULIOO_CLIENT_SECRET"), trulioo.ClientConfig{})
	if err != nil {
		log.Fatal(err)
	}
	source, err := trulioo.NewCredentialSource(client, host+"/api/v2/client-webhooks/current-credential",
		os.Getenv("TRULIOO_ACCOUNT"), hmacsig.CacheConfig{OnError: func(err error) { log.Print(err) }})
	if err != nil {
		log.Fatal(err)
	}
	v, err := trulioo.New(source, hmacsig.Config{Grace: 10 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range truhook.Audit(context.Background(), v) { // fetches, so that the first delivery does not wait
		log.Print(f)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	http.Handle("POST /webhooks/trulioo", verify.Wrap(trulioo.AnswerChallenge(http.NotFoundHandler())))
}
