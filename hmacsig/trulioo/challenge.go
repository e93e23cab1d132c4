package trulioo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
)

// maxChallengeBytes is far above any handshake, which has three short members.
const maxChallengeBytes = 4 << 10

// AnswerChallenge answers Trulioo's handshake, a body of type URL_VERIFICATION in any letter case, with 200 and
// {"challenge":"..."}, and hands everything else to next. What is a handshake to [Parse] is one here. A challenge that
// is a number is answered as that number; a handshake without a challenge, or over 4 KiB, goes to next. It belongs
// inside of the middleware, so that only a signed handshake is answered:
//
//	verify.Wrap(trulioo.AnswerChallenge(once.Handle(h)))
//
// The response to a request that nothing verified is 500 ([truhook.NotVerified]), and it goes no further. Whether
// Trulioo expects the challenge as JSON or as plain text is not documented; customers send JSON (Trulioo, "API
// Handshake"). It panics if next is nil.
func AnswerChallenge(next http.Handler) http.Handler {
	if next == nil {
		panic("trulioo: AnswerChallenge: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, ok := truhook.FromContext(r.Context())
		if !ok {
			status := truhook.NotVerified.Status()
			http.Error(w, http.StatusText(status), status)
			return
		}
		if challenge := challengeIn(v.Payload); challenge != nil {
			answerChallenge(w, challenge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// InsecureAnswerUnsignedChallenge answers a handshake without a signature to whoever sends one, and hands everything
// else to next with its body whole. It goes around the middleware, and is for the minutes in which an endpoint is
// registered before its secret is known, should Trulioo not sign the handshake:
//
//	mux.Handle("POST /webhooks/trulioo", trulioo.InsecureAnswerUnsignedChallenge(verify.Wrap(handler)))
//
// It reflects up to 4 KiB that nobody vouched for, as JSON, and proves nothing about who sent it. A body over 4 KiB, or
// one that comes with a signature, goes to next unread. How long the body may take is bounded by the http.Server's
// ReadTimeout only. It panics if next is nil.
func InsecureAnswerUnsignedChallenge(next http.Handler) http.Handler {
	if next == nil {
		panic("trulioo: InsecureAnswerUnsignedChallenge: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := len(r.Header.Values(Scheme().Header)) > 0
		if signed || r.Method != http.MethodPost || r.Body == nil || r.ContentLength > maxChallengeBytes {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxChallengeBytes+1))
		if err == nil && len(body) <= maxChallengeBytes {
			if challenge := challengeIn(body); challenge != nil {
				answerChallenge(w, challenge)
				return
			}
		}
		rest := io.Reader(r.Body)
		if err != nil {
			rest = failedReader{err}
		}
		copied := r.WithContext(r.Context())
		copied.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), rest), r.Body}
		next.ServeHTTP(w, copied)
	})
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }

// challengeIn returns the challenge of a handshake as JSON, or nil. It reads the body as Parse and EventID do.
func challengeIn(body []byte) json.RawMessage {
	if len(body) > maxChallengeBytes {
		return nil
	}
	o, _ := payload.Parse(body)
	if kind, _ := o.Get("type").Text(); !strings.EqualFold(kind, string(URLVerification)) {
		return nil
	}
	challenge := o.Get("challenge")
	if text, ok := challenge.Text(); ok && text != "" {
		quoted, _ := json.Marshal(text) // of a string, which cannot fail
		return quoted
	}
	if _, number := challenge.ID(); number {
		return json.RawMessage(challenge)
	}
	return nil
}

func answerChallenge(w http.ResponseWriter, challenge json.RawMessage) {
	response, _ := json.Marshal(map[string]json.RawMessage{"challenge": challenge}) // of JSON, which cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(response)))
	_, _ = w.Write(response)
}
