package catalog_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

const handshakeSecret = "made-for-tests-0123456789"

// next reports the body that it was given.
func next() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "cut", http.StatusTeapot)
			return
		}
		_, _ = w.Write(append([]byte("next:"), body...))
	})
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// signedPost is a POST that the verifier of GitHub's form accepts.
func signedPost(body string) *http.Request {
	mac := hmac.New(sha256.New, []byte(handshakeSecret))
	mac.Write([]byte(body))
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func verified(t *testing.T, h http.Handler) http.Handler {
	t.Helper()
	v, err := catalog.New("github", handshakeSecret)
	require.NoError(t, err)
	return truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler)}).Wrap(h)
}

func TestAnswerChallenge_SignedOnly(t *testing.T) {
	t.Parallel()
	key, err := hmacsig.NewKey("zoom", handshakeSecret)
	require.NoError(t, err)
	slack := catalog.Challenge{Member: "type", Equals: "url_verification", Value: "challenge", Name: "challenge"}
	twitch := catalog.Challenge{Value: "challenge"}
	zoom := catalog.Challenge{
		Member: "event", Equals: "endpoint.url_validation", Value: "payload.plainToken", Name: "plainToken", Digest: "encryptedToken", Key: key,
	}
	mac := hmac.New(sha256.New, []byte(handshakeSecret))
	mac.Write([]byte("qgg8vlvZRS6UYooatFL8Aw"))
	for name, c := range map[string]struct {
		challenge  catalog.Challenge
		body, want string
	}{
		"Slack":             {slack, `{"type":"url_verification","token":"t","challenge":"3eZb\"<"}`, `{"challenge":"3eZb\"\u003c"}`},
		"Slack, an event":   {slack, `{"type":"event_callback","challenge":"3eZb"}`, `next:{"type":"event_callback","challenge":"3eZb"}`},
		"Slack, no text":    {slack, `{"type":"url_verification","challenge":17}`, `next:{"type":"url_verification","challenge":17}`},
		"Slack, a form":     {slack, `payload=x`, `next:payload=x`},
		"Slack, in a list":  {slack, `[{"type":"url_verification","challenge":"x"}]`, `next:[{"type":"url_verification","challenge":"x"}]`},
		"Slack, far longer": {slack, `{"type":"url_verification","challenge":"` + strings.Repeat("x", 5000) + `"}`, `next:{"type":"url_verification","challenge":"` + strings.Repeat("x", 5000) + `"}`},
		"Twitch":            {twitch, `{"challenge":"pogchamp-kappa-360noscope-vohiyo"}`, `pogchamp-kappa-360noscope-vohiyo`},
		"Twitch, an event":  {twitch, `{"event":{}}`, `next:{"event":{}}`},
		"Zoom": {
			zoom, `{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event":"endpoint.url_validation"}`,
			`{"encryptedToken":"` + hex.EncodeToString(mac.Sum(nil)) + `","plainToken":"qgg8vlvZRS6UYooatFL8Aw"}`,
		},
	} {
		h := verified(t, catalog.AnswerChallenge(c.challenge, next()))
		w := serve(h, signedPost(c.body))
		assert.Equal(t, http.StatusOK, w.Code, name)
		assert.Equal(t, c.want, w.Body.String(), name)
		r := signedPost(c.body)
		r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
		assert.Equal(t, http.StatusUnauthorized, serve(h, r).Code, name)
		w = serve(catalog.AnswerChallenge(c.challenge, next()), signedPost(c.body))
		assert.Equal(t, http.StatusInternalServerError, w.Code, "%s: nothing has verified it", name)
	}
	assert.Panics(t, func() { catalog.AnswerChallenge(catalog.Challenge{}, next()) })
	assert.Panics(t, func() { catalog.AnswerChallenge(slack, nil) })
	assert.Panics(t, func() { catalog.AnswerChallenge(catalog.Challenge{Value: "a", Digest: "b"}, next()) })
}

func TestAnswerPing_SignedOnly(t *testing.T) {
	t.Parallel()
	h := verified(t, catalog.AnswerPing("type", "1", `{"type":1}`, next()))
	for body, want := range map[string]string{`{"type":1}`: `{"type":1}`, `{"type":2}`: `next:{"type":2}`, `{"type":"1"}`: `next:{"type":"1"}`, `x`: `next:x`} {
		assert.Equal(t, want, serve(h, signedPost(body)).Body.String())
	}
	assert.Equal(t, 500, serve(catalog.AnswerPing("type", "1", `{"type":1}`, next()), signedPost(`{"type":1}`)).Code)
	assert.Panics(t, func() { catalog.AnswerPing("", "1", "{}", next()) })
	assert.Panics(t, func() { catalog.AnswerPing("type", "1", "{", next()) })
	assert.Panics(t, func() { catalog.AnswerPing("type", "1", "{}", nil) })
}

func TestInsecureEchoQuery_EchoesAGetAsText(t *testing.T) {
	t.Parallel()
	h := catalog.InsecureEchoQuery("challenge", verified(t, next()))
	w := serve(h, httptest.NewRequest(http.MethodGet, "/hook?challenge=%3Cscript%3E", nil))
	assert.Equal(t, "<script>", w.Body.String())
	assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	for _, target := range []string{"/hook", "/hook?challenge=", "/hook?challenge=a&challenge=b", "/hook?challenge=" + strings.Repeat("x", 5000)} {
		assert.Equal(t, http.StatusUnauthorized, serve(h, httptest.NewRequest(http.MethodGet, target, nil)).Code, target)
	}
	assert.Equal(t, http.StatusUnauthorized, serve(h, httptest.NewRequest(http.MethodPost, "/hook?challenge=a", nil)).Code)
	assert.Equal(t, "next:{}", serve(h, signedPost("{}")).Body.String())
	assert.Panics(t, func() { catalog.InsecureEchoQuery("", next()) })
	assert.Panics(t, func() { catalog.InsecureEchoQuery("a", nil) })
}

func TestInsecureAcceptHeader_TakesTheSecretThatIsAccepted(t *testing.T) {
	t.Parallel()
	var kept []string
	accept := func(_ context.Context, secret string) error {
		if kept != nil {
			return errors.New("there is one")
		}
		kept = append(kept, secret)
		return nil
	}
	h := catalog.InsecureAcceptHeader("X-Hook-Secret", accept, verified(t, next()))
	post := func(lines ...string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}"))
		r.Header["X-Hook-Secret"] = lines
		return r
	}
	for _, lines := range [][]string{nil, {""}, {"a", "b"}, {strings.Repeat("x", 257)}} {
		assert.Equal(t, http.StatusUnauthorized, serve(h, post(lines...)).Code)
	}
	w := serve(h, post("b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81", w.Header().Get("X-Hook-Secret"))
	w = serve(h, post("of a stranger"))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Empty(t, w.Header().Get("X-Hook-Secret"))
	assert.Len(t, kept, 1)
	assert.Equal(t, "next:{}", serve(h, signedPost("{}")).Body.String())
	assert.Panics(t, func() { catalog.InsecureAcceptHeader("", accept, next()) })
	assert.Panics(t, func() { catalog.InsecureAcceptHeader("a", nil, next()) })
	assert.Panics(t, func() { catalog.InsecureAcceptHeader("a", accept, nil) })
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut") }

func TestInsecureAcceptToken_TakesTheSecretThatIsAccepted(t *testing.T) {
	t.Parallel()
	var kept []string
	accept := func(_ context.Context, secret string) error {
		if kept != nil {
			return errors.New("there is one")
		}
		kept = append(kept, secret)
		return nil
	}
	h := catalog.InsecureAcceptToken("verification_token", "X-Hub-Signature-256", accept, next())
	post := func(body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(body))
	}
	long := `{"x":"` + strings.Repeat("x", 10_000) + `"}`
	for _, body := range []string{"", "{}", "x", `{"verification_token":17}`, `{"verification_token":""}`, long, `{"verification_token":"` + strings.Repeat("x", 257) + `"}`} {
		assert.Equal(t, "next:"+body, serve(h, post(body)).Body.String())
		r := post(body)
		r.ContentLength = -1
		assert.Equal(t, "next:"+body, serve(h, r).Body.String())
	}
	assert.Empty(t, kept)
	assert.Equal(t, `next:{"verification_token":"x"}`, serve(h, signedPost(`{"verification_token":"x"}`)).Body.String(), "signed")
	assert.Equal(t, http.StatusTeapot, serve(h, httptest.NewRequest(http.MethodPost, "/hook", failing{})).Code)
	w := serve(h, post(`{"verification_token":"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}`))
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Empty(t, w.Body.String())
	assert.Equal(t, []string{"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}, kept)
	assert.Equal(t, http.StatusServiceUnavailable, serve(h, post(`{"verification_token":"of a stranger"}`)).Code)
	assert.Len(t, kept, 1)
	assert.Panics(t, func() { catalog.InsecureAcceptToken("", "a", accept, next()) })
	assert.Panics(t, func() { catalog.InsecureAcceptToken("a", "", accept, next()) })
	assert.Panics(t, func() { catalog.InsecureAcceptToken("a", "a", nil, next()) })
	assert.Panics(t, func() { catalog.InsecureAcceptToken("a", "a", accept, nil) })
}
