package main

import (
	"context"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/idempotency"
)

// settings are what Trulioo gives you. Ask for the hosts of your environment.
type settings struct {
	tokenURL       string // https://auth-api.trulioo.com/connect/token
	credentialsURL string // https://…/api/v2/client-webhooks/current-credential
	clientID       string
	clientSecret   string
	account        string
	client         *http.Client // nil: a new one
}

// receiver returns the route. Its keys are the credentials of the account, and follow their rotation.
func receiver(
	ctx context.Context, s settings, store idempotency.Store, handle func(ctx context.Context, e *trulioo.Event) error,
) (http.Handler, error) {
	client, err := trulioo.NewClient(s.tokenURL, s.clientID, s.clientSecret, trulioo.ClientConfig{HTTPClient: s.client})
	if err != nil {
		return nil, err
	}
	credentials, err := trulioo.NewCredentialSource(client, s.credentialsURL, s.account, hmacsig.CacheConfig{})
	if err != nil {
		return nil, err
	}
	if err := credentials.Refresh(ctx); err != nil { // at start, so that the first delivery does not wait
		return nil, err
	}
	v, err := trulioo.New(credentials, hmacsig.Config{Grace: 10 * time.Minute})
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(store, "trulioo/prod", trulioo.EventID, idempotency.Config{
		Policy: trulioo.RetryPolicy(), Version: trulioo.EventVersion, Fingerprint: trulioo.Fingerprint,
	})
	if err != nil {
		return nil, err
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	handler := once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		event, err := trulioo.Parse(v)
		if err != nil {
			return err
		}
		return handle(ctx, event)
	})
	return verify.Wrap(trulioo.AnswerChallenge(handler)), nil
}
