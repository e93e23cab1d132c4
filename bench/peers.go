package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	playground "github.com/go-playground/webhooks/v6/github"
	"github.com/google/go-github/v88/github"
	"github.com/slack-go/slack"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	stripe "github.com/stripe/stripe-go/v84/webhook"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// A peer is another library, called in the way that its documentation shows, and without what it does beside the check
// where that can be left out.
type peer struct {
	name   string
	scheme hmacsig.Scheme                         // what it expects, to sign by
	verify func(h http.Header, body []byte) error // nil: it takes whole requests only
	handle func(r *http.Request) error            // nil: the body is read by io.ReadAll, then verified
}

func peers() []peer {
	standard, err := standardwebhooks.NewWebhookRaw([]byte(secret))
	must(err)
	svixHook, err := svix.NewWebhook(base64.StdEncoding.EncodeToString([]byte(secret)))
	must(err)
	parser, err := playground.New(playground.Options.Secret(secret))
	must(err)
	return []peer{{
		name: "go-github", scheme: schemeOf("github"),
		verify: func(h http.Header, body []byte) error {
			return github.ValidateSignature(h.Get("X-Hub-Signature-256"), body, []byte(secret))
		},
		handle: func(r *http.Request) error {
			_, err := github.ValidatePayload(r, []byte(secret))
			return err
		},
	}, {
		name: "stripe-go", scheme: schemeOf("stripe"),
		verify: func(h http.Header, body []byte) error {
			return stripe.ValidatePayload(body, h.Get("Stripe-Signature"), secret)
		},
	}, {
		name: "standard-webhooks", scheme: schemeOf("standard_webhooks"),
		verify: func(h http.Header, body []byte) error { return standard.Verify(body, h) },
	}, {
		name: "svix", scheme: schemeOf("svix"),
		verify: func(h http.Header, body []byte) error { return svixHook.Verify(body, h) },
	}, {
		name: "slack-go", scheme: schemeOf("slack"),
		verify: func(h http.Header, body []byte) error {
			v, err := slack.NewSecretsVerifier(h, secret)
			if err != nil {
				return err
			}
			if _, err = v.Write(body); err != nil {
				return err
			}
			return v.Ensure()
		},
	}, {
		name: "go-playground", scheme: schemeOf("github"),
		handle: func(r *http.Request) error {
			_, err := parser.Parse(r, playground.PingEvent)
			return err
		},
	}}
}

// schemeOf returns the scheme of a provider of the catalog.
func schemeOf(name string) hmacsig.Scheme {
	p, ok := catalog.Lookup(name)
	if !ok {
		panic("the catalog has no row " + name)
	}
	return p.Scheme
}

// signed returns the header of a request as a server of net/http gives it, with the signature of body by s.
func signed(s hmacsig.Scheme, body []byte) http.Header {
	h := http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"gzip"}, "Content-Length": {fmt.Sprint(len(body))},
		"Content-Type": {"application/json"}, "User-Agent": {"bench/1.0"}, "X-Github-Event": {"ping"},
	}
	key, err := hmacsig.NewKey("current", secret)
	must(err)
	must(s.Sign(h, key, hmacsig.Message{ID: "msg_2Lh9KRb0pzN4LePd3XiA4v12Axj", Time: time.Now(), Body: body}))
	return h
}

// ServeHTTP is a handler around the peer.
func (p peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handle := p.handle
	if handle == nil {
		handle = func(r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			return p.verify(r.Header, body)
		}
	}
	if err := handle(r); err != nil {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
