package timing

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/truhook/truhook"
)

// sink is a ResponseWriter that keeps the status.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }
func (s *sink) WriteHeader(status int)      { s.status = status }

const onePair = 500 // calls of one pair of middlewares

// refusalRows are about whole responses: what is turned on, and which refusal it is, must not show.
func refusalRows(t testing.TB) []row {
	right := hex.EncodeToString(macOf(secretText(0)))
	input := make([]byte, len(right))
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	wrap := func(cfg truhook.Config) http.Handler {
		cfg.Logger = slog.New(slog.DiscardHandler)
		return truhook.NewMiddleware(hmacVerifier(t, plain, keys(t, 1)...), cfg).Wrap(next)
	}
	var handler http.Handler
	var handlers [2]http.Handler
	w := &sink{header: http.Header{}}
	content := bytes.NewReader(nil)
	r := &http.Request{
		Method: http.MethodPost, RequestURI: "/hook", Header: http.Header{"X-Signature": {inPlace(input)}}, ProtoMajor: 1, ProtoMinor: 1,
		RemoteAddr: "192.0.2.1:1", ContentLength: int64(len(body)), Body: io.NopCloser(content),
	}
	ask := func(h http.Handler) {
		content.Reset(body)
		w.status = 0
		clear(w.header)
		h.ServeHTTP(w, r)
	}
	// Where two things lie in memory makes half a nanosecond. So the pair is made anew again and again; each answers twice
	// before it counts, as its first refusal begins an explanation.
	calls := 0
	remake := func() {
		for i, on := range []bool{false, true} {
			handlers[i] = wrap(truhook.Config{ExplainRefusals: on})
			ask(handlers[i])
			ask(handlers[i])
		}
	}
	wrong := func(name string) class { return wrongAt(name, right, 0, hexDigits) }
	return []row{{
		name: "refusal, ExplainRefusals", wants: same(truhook.SignatureMismatch, 2), dear: true,
		classes: []class{wrong("off"), wrong("on")},
		subject: subject{
			input: input,
			choose: func(class int) {
				if calls%onePair == 0 {
					remake()
				}
				calls++
				handler = handlers[class]
				content.Reset(body)
				w.status = 0
				clear(w.header)
			},
			call: func() error {
				handler.ServeHTTP(w, r)
				if w.status == http.StatusUnauthorized {
					return errMismatch
				}
				return nil
			},
		},
	}}
}
