package catalog

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/truhook/truhook"
)

// InsecureEchoQuery responds to a GET that has the query parameter with its value as text/plain, and hands everything
// else to next. It goes around the middleware, as the request is not signed:
//
//	mux.Handle("/webhooks/dropbox", catalog.InsecureEchoQuery("challenge", verify.Wrap(handler)))
//
// It reflects up to 4 KiB that nobody vouched for, and proves nothing about who sent it; it is no way to an event. It
// panics if parameter is empty or next is nil.
func InsecureEchoQuery(parameter string, next http.Handler) http.Handler {
	if parameter == "" || next == nil {
		panic("catalog: InsecureEchoQuery: the parameter is empty or the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := r.URL.Query()[parameter]
		if r.Method != http.MethodGet || len(values) != 1 || values[0] == "" || len(values[0]) > maxChallenge {
			next.ServeHTTP(w, r)
			return
		}
		respond(w, "text/plain; charset=utf-8", []byte(values[0]))
	})
}

// InsecureAcceptHeader takes the secret that a provider sends in a header of its first, unsigned POST: it gives the
// value to accept, and responds 200 with the same header if that returns nil, else 503. Everything else goes to next.
// It goes around the middleware:
//
//	mux.Handle("POST /webhooks/asana", catalog.InsecureAcceptHeader("X-Hook-Secret", keep, verify.Wrap(handler)))
//
// Whoever sends first chooses the secret. Let accept reject a second one, and take the handler out once the secret is
// kept. A header that comes twice or has over 256 bytes goes to next. It panics if header is empty, or accept or next
// is nil.
func InsecureAcceptHeader(
	header string, accept func(ctx context.Context, secret string) error, next http.Handler,
) http.Handler {
	if header == "" || accept == nil || next == nil {
		panic("catalog: InsecureAcceptHeader: the header is empty, or a function is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines := r.Header.Values(header)
		if r.Method != http.MethodPost || len(lines) != 1 || lines[0] == "" || len(lines[0]) > maxSecret {
			next.ServeHTTP(w, r)
			return
		}
		if accept(r.Context(), lines[0]) != nil {
			reject(w)
			return
		}
		w.Header().Set(header, lines[0])
		w.WriteHeader(http.StatusOK)
	})
}

const maxSecret = 256 // bytes of a secret that is sent

// InsecureAcceptToken takes the secret that a provider sends as a member of its first, unsigned POST: it gives the
// text to accept, and responds 200 if that returns nil, else 503. A request with the header signature, and a body
// over 4 KiB or without the member, goes to next with its body whole. It goes around the middleware:
//
//	notion := catalog.InsecureAcceptToken("verification_token", "X-Notion-Signature", keep, verify.Wrap(handler))
//
// Whoever sends first chooses the secret. Let accept reject a second one, and take the handler out once the secret is
// kept. How long the body may take is bounded by the http.Server's ReadTimeout only. It panics if member or signature
// is empty, or accept or next is nil.
func InsecureAcceptToken(
	member, signature string, accept func(ctx context.Context, secret string) error, next http.Handler,
) http.Handler {
	if member == "" || signature == "" || accept == nil || next == nil {
		panic("catalog: InsecureAcceptToken: the member or the header is empty, or a function is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed := len(r.Header.Values(signature)) > 0
		if signed || r.Method != http.MethodPost || r.Body == nil || r.ContentLength > maxChallenge {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxChallenge+1))
		if err == nil && len(body) <= maxChallenge {
			if token, ok := textAt(root(body), member); ok && token != "" && len(token) <= maxSecret {
				if accept(r.Context(), token) != nil {
					reject(w)
				}
				return // 200
			}
		}
		rest := io.Reader(r.Body)
		if err != nil {
			rest = failedReader{err}
		}
		whole := r.WithContext(r.Context())
		whole.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), rest), r.Body}
		next.ServeHTTP(w, whole)
	})
}

// reject responds 503: the provider asks again.
func reject(w http.ResponseWriter) {
	status := truhook.KeysUnavailable.Status()
	http.Error(w, http.StatusText(status), status)
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }
