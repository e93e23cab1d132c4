package catalog

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/payload"
)

// A Challenge says how a provider asks whether an endpoint is yours, in a signed POST whose JSON body is no event.
// The zero Challenge recognizes nothing.
type Challenge struct {
	// Member and Equals recognize the handshake: "type" and "url_verification". An empty Equals takes every body that
	// has the member Value.
	Member, Equals string

	// Value is the path of the text to send back, such as "challenge" or "payload.plainToken".
	Value string

	// Name is the member under which the response repeats the value: {"challenge":"..."}. Empty: the response is the
	// bare text, as text/plain.
	Name string

	// Digest is the member for the hex HMAC-SHA256 of the value under Key. Empty: none. Whoever can ask for a digest
	// of a text of his choice can have forgeries signed, so it is given to signed requests only.
	Digest string

	// Key is the key of Digest. It is required with Digest.
	Key hmacsig.Key
}

const maxChallenge = 4 << 10 // bytes of a body that may be a handshake

// AnswerChallenge responds to a signed handshake with 200 and hands everything else to next. It belongs inside of the
// middleware, so that nobody else has a response:
//
//	slack := catalog.Challenge{Member: "type", Equals: "url_verification", Value: "challenge", Name: "challenge"}
//	mux.Handle("POST /webhooks/slack", verify.Wrap(catalog.AnswerChallenge(slack, next)))
//
// The response to a request that nothing verified is 500 (truhook.NotVerified), and it goes no further. A body over 4
// KiB is no handshake. It panics if c has no Value, if it has a Digest and no Key, or if next is nil.
func AnswerChallenge(c Challenge, next http.Handler) http.Handler {
	if c.Value == "" || next == nil || c.Digest != "" && c.Key.ID() == "" {
		panic("catalog: AnswerChallenge: the Challenge has no Value, its Digest has no Key, or the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := truhook.FromContext(r.Context())
		if !ok {
			status := truhook.NotVerified.Status()
			http.Error(w, http.StatusText(status), status)
			return
		}
		value, ok := c.valueIn(v.Payload)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if c.Name == "" && c.Digest == "" {
			respond(w, "text/plain; charset=utf-8", []byte(value))
			return
		}
		response := map[string]string{}
		if c.Name != "" {
			response[c.Name] = value
		}
		if c.Digest != "" {
			digest, err := sign(c.Key, value)
			if err != nil {
				http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				return
			}
			response[c.Digest] = digest
		}
		body, _ := json.Marshal(response) // of strings, which cannot fail
		respond(w, "application/json", body)
	})
}

func (c *Challenge) valueIn(body []byte) (string, bool) {
	if len(body) > maxChallenge {
		return "", false
	}
	if c.Equals != "" {
		if kind, ok := textAt(root(body), c.Member); !ok || kind != c.Equals {
			return "", false
		}
	}
	value, ok := textAt(root(body), c.Value)
	return value, ok && value != ""
}

// textAt returns the string at a path.
func textAt(v payload.Value, path string) (string, bool) {
	values, ok := valuesAt(v, path)
	if !ok || len(values) != 1 {
		return "", false
	}
	return values[0].Text()
}

// sign returns the hex HMAC-SHA256 of text.
func sign(k hmacsig.Key, text string) (string, error) {
	h := http.Header{}
	scheme := hmacsig.Scheme{Name: "challenge", Header: "X-Digest"}
	err := scheme.Sign(h, k, hmacsig.Message{Body: []byte(text)})
	return h.Get("X-Digest"), err
}

func respond(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// AnswerPing responds to signed bodies whose member has this JSON value with response, as application/json, and hands
// everything else to next: Discord's PING is AnswerPing("type", "1", `{"type":1}`, next). It belongs inside of the
// middleware; the response to a request that nothing verified is 500. It panics if member, value or response is
// empty, if response is not JSON, or if next is nil.
func AnswerPing(member, value, response string, next http.Handler) http.Handler {
	if member == "" || value == "" || !json.Valid([]byte(response)) || next == nil {
		panic("catalog: AnswerPing: the member, the value or the response is empty, or the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := truhook.FromContext(r.Context())
		if !ok {
			status := truhook.NotVerified.Status()
			http.Error(w, http.StatusText(status), status)
			return
		}
		if found, ok := valuesAt(root(v.Payload), member); ok && len(found) == 1 && string(found[0]) == value {
			respond(w, "application/json", []byte(response))
			return
		}
		next.ServeHTTP(w, r)
	})
}
