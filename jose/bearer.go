package jose

import (
	"context"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
)

// BearerConfig says which tokens [Bearer] takes. Issuer, Audience, Keys and Algorithms are required.
type BearerConfig struct {
	_ [0]func()

	Issuer     string           // what iss must be
	Audience   string           // what aud must be or hold
	Subject    string           // what sub must be; empty: not compared
	Keys       KeySource        // by key id; a token without a kid is refused
	Algorithms []string         // as in Config
	Leeway     time.Duration    // zero: 30 s
	MaxAge     time.Duration    // how long after iat a token is taken; zero: 24 h
	Now        func() time.Time // for deliveries without Received; nil: time.Now
}

// Bearer returns a truhook.Check that a delivery carries a signed JWT as "Authorization: Bearer" (RFC 6750), with exp
// and iat. The reasons are those of [Verifier.Verify].
//
// Such a token says nothing about the request that it came with: whoever sees it once can send anything with it until
// it expires. That is why Bearer is a Check, to be put before a Verifier with truhook.Require, and not a Verifier.
func Bearer(cfg BearerConfig) (truhook.Check, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 24 * time.Hour
	}
	t, err := newTokens(cfg.Keys, nil, cfg.Algorithms, expectation{
		issuer: cfg.Issuer, audience: cfg.Audience, subject: cfg.Subject, leeway: cfg.Leeway, maxAge: cfg.MaxAge,
	}, clock.Guard("jose", cfg.Now, clock.Report(nil, nil)))
	if err != nil {
		return truhook.Check{}, err
	}
	return truhook.NewCheck("bearer", func(ctx context.Context, d *truhook.Delivery) error {
		at := d.Received
		if at.IsZero() {
			at = t.now()
		}
		text, err := bearerToken(d.CanonicalHeader())
		if err == nil {
			var k *token
			if k, err = t.read(text, at); err == nil {
				_, err = t.prove(ctx, k, at)
			}
		}
		if err != nil {
			return named("bearer", err)
		}
		return nil
	}), nil
}
