package catalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// everything is verified by it.
type everything struct{}

func (everything) Verify(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "test"}}}, nil
}

// FuzzHandshakes sends any body to what answers handshakes: the response is sound, or the body goes on whole.
func FuzzHandshakes(f *testing.F) {
	for _, body := range []string{
		`{"type":"url_verification","challenge":"abc"}`, `{"event":"endpoint.url_validation","payload":{"plainToken":"q"}}`, `{"type":1}`, `{"type":1.0}`,
		`{"verification_token":"secret_x"}`, `{"type":"url_verification","challenge":"\u0000<\u2028"}`, `[]`, "\xff", "",
	} {
		f.Add([]byte(body))
	}
	key, err := hmacsig.NewKey("k", "truhook-test-only-0123456789")
	require.NoError(f, err)
	verify := truhook.NewMiddleware(everything{}, truhook.Config{})
	f.Fuzz(func(t *testing.T, body []byte) {
		var passed []byte
		next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var err error
			passed, err = io.ReadAll(r.Body)
			assert.NoError(t, err)
			w.WriteHeader(http.StatusNoContent)
		})
		for name, h := range map[string]http.Handler{
			"slack":   verify.Wrap(catalog.AnswerChallenge(catalog.Challenge{Member: "type", Equals: "url_verification", Value: "challenge", Name: "challenge"}, next)),
			"text":    verify.Wrap(catalog.AnswerChallenge(catalog.Challenge{Member: "type", Value: "challenge"}, next)),
			"zoom":    verify.Wrap(catalog.AnswerChallenge(catalog.Challenge{Value: "payload.plainToken", Name: "plainToken", Digest: "encryptedToken", Key: key}, next)),
			"discord": verify.Wrap(catalog.AnswerPing("type", "1", `{"type":1}`, next)),
			"notion":  catalog.InsecureAcceptToken("verification_token", "X-Signature", func(context.Context, string) error { return nil }, next),
		} {
			passed = nil
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
			if w.Code == http.StatusNoContent {
				require.Equal(t, string(body), string(passed), name)
				continue
			}
			require.Equal(t, http.StatusOK, w.Code, name)
			if w.Header().Get("Content-Type") == "application/json" {
				require.True(t, json.Valid(w.Body.Bytes()), name)
			}
		}
	})
}
