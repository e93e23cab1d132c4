package trulioo_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

const handshake = `{"challenge":"c<h>&\u0061\"l","type":"URL_VERIFICATION","token":"static"}`

const handshakeAnswer = `{"challenge":"c<h>&a\"l"}`

// reached answers 299 with the body it got.
func reached() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
		} else {
			w.WriteHeader(299)
		}
		_, _ = w.Write(body)
	})
}

func hexOf(secret, content string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return hex.EncodeToString(h.Sum(nil))
}

func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func requireAnswered(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, handshakeAnswer, w.Body.String())
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
}

// afterVerification is a request that the middleware let through.
func afterVerification(payload string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(payload))
	return r.WithContext(truhook.NewContext(r.Context(), verified(payload)))
}

func TestAnswerChallenge_InAnyLetterCase(t *testing.T) {
	t.Parallel()
	h := trulioo.AnswerChallenge(reached())
	for _, typ := range []string{"URL_VERIFICATION", "url_verification", "Url_Verification"} {
		requireAnswered(t, ask(h, afterVerification(strings.Replace(handshake, "URL_VERIFICATION", typ, 1))))
	}
}

func TestAnswerChallenge_WhatIsNoneGoesOn(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		"", "{}", "[]", "not JSON", flowEnd, `{"type":"URL_VERIFICATION"}`, `{"type":"URL_VERIFICATION","challenge":""}`, `{"challenge":"c"}`,
		`{"type":"URL_VERIFICATION","challenge":true}`, `{"type":"URL_VERIFICATION","challenge":["c"]}`, `{"type":"URL VERIFICATION","challenge":"c"}`, handshake + handshake, handshake[:40],
		`{"type":"URL_VERIFICATION","challenge":"` + strings.Repeat("c", 5000) + `"}`,
	} {
		w := ask(trulioo.AnswerChallenge(reached()), afterVerification(payload))
		require.Equal(t, 299, w.Code, payload)
		require.Equal(t, payload, w.Body.String())
		w = ask(trulioo.InsecureAnswerUnsignedChallenge(reached()), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(payload)))
		require.Equal(t, 299, w.Code, payload)
		require.Equal(t, payload, w.Body.String(), "the body is whole")
	}
}

// A handshake is read in one way: what Parse and EventID take for one is answered.
func TestAnswerChallenge_WhatParseTakesForOneIsAnswered(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"type":"URL_VERIFICATION","challenge":"abc"}`:                      `{"challenge":"abc"}`,
		"\ufeff" + `{"type":"url_verification","challenge":"abc"}`:           `{"challenge":"abc"}`,
		" \r\n" + `{"type":"URL_VERIFICATION","challenge":"abc"}` + "\n":     `{"challenge":"abc"}`,
		`{"token":5,"type":"URL_VERIFICATION","challenge":"abc"}`:            `{"challenge":"abc"}`,
		`{"TYPE":"URL_VERIFICATION","Challenge":"abc"}`:                      `{"challenge":"abc"}`,
		`{"type":"URL_VERIFICATION","challenge":17}`:                         `{"challenge":17}`,
		`{"type":"URL_VERIFICATION","challenge":0}`:                          `{"challenge":0}`,
		`{"type":"URL_VERIFICATION","challenge":12345678901234567890}`:       `{"challenge":12345678901234567890}`,
		`{"type":"URL_VERIFICATION","challenge":-1.50e400}`:                  `{"challenge":-1.50e400}`,
		`{"type":5,"type":"URL_VERIFICATION","challenge":"abc"}`:             `{"challenge":"abc"}`,
		`{"type":"URL_VERIFICATION","challenge":"abc","challenge":null}`:     `{"challenge":"abc"}`,
		`{"type":"URL_VERIFICATION","challenge":[],"challenge":"<b>\u0000"}`: `{"challenge":"\u003cb\u003e\u0000"}`,
	} {
		e, err := trulioo.Parse(verified(body))
		require.NoError(t, err)
		require.Equal(t, trulioo.URLVerification, e.Type, body)
		w := ask(trulioo.AnswerChallenge(reached()), afterVerification(body))
		require.Equal(t, http.StatusOK, w.Code, body)
		assert.Equal(t, want, w.Body.String(), body)
		w = ask(trulioo.InsecureAnswerUnsignedChallenge(reached()), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		assert.Equal(t, want, w.Body.String(), body)
	}
}

func TestAnswerChallenge_OutsideOfVerificationIsA500(t *testing.T) {
	t.Parallel()
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("went on") })
	for _, payload := range []string{handshake, flowEnd, ""} {
		w := ask(trulioo.AnswerChallenge(next), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(payload)))
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.NotContains(t, w.Body.String(), "c<h>")
	}
	require.Panics(t, func() { trulioo.AnswerChallenge(nil) })
	require.Panics(t, func() { trulioo.InsecureAnswerUnsignedChallenge(nil) })
}

func TestAnswerChallenge_ReadsWhatWasVerifiedNotTheBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Replace(handshake, "c<h>", "forged", 1)))
	requireAnswered(t, ask(trulioo.AnswerChallenge(reached()), r.WithContext(truhook.NewContext(r.Context(), verified(handshake)))))
}

func TestAnswerChallenge_ThroughTheMiddlewareOnlyIfSigned(t *testing.T) {
	t.Parallel()
	keys, err := trulioo.ParseCredentials(credentials("null", "null"))
	require.NoError(t, err)
	v, err := trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
	require.NoError(t, err)
	h := truhook.NewMiddleware(v, truhook.Config{}).Wrap(trulioo.AnswerChallenge(reached()))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))
	require.Equal(t, http.StatusUnauthorized, ask(h, r).Code)
	r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))
	r.Header.Set("X-Trulioo-Signature", strings.Repeat("0", 64))
	require.Equal(t, http.StatusUnauthorized, ask(h, r).Code)
	r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))
	r.Header.Set("X-Trulioo-Signature", hexOf(sampleSecret, handshake))
	requireAnswered(t, ask(h, r))
}

func TestInsecureAnswerUnsignedChallenge_WhateverComesUnsigned(t *testing.T) {
	t.Parallel()
	h := trulioo.InsecureAnswerUnsignedChallenge(reached())
	for _, announced := range []int64{-1, int64(len(handshake))} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))
		r.ContentLength = announced
		requireAnswered(t, ask(h, r))
	}
}

func TestInsecureAnswerUnsignedChallenge_LeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	h := trulioo.InsecureAnswerUnsignedChallenge(reached())
	for name, change := range map[string]func(*http.Request){
		"signed":                 func(r *http.Request) { r.Header.Set("x-trulioo-signature", "zz") },
		"signed by nothing":      func(r *http.Request) { r.Header["X-Trulioo-Signature"] = []string{""} },
		"GET":                    func(r *http.Request) { r.Method = http.MethodGet },
		"PUT":                    func(r *http.Request) { r.Method = http.MethodPut },
		"announced too large":    func(r *http.Request) { r.ContentLength = 4097 },
		"a body that breaks off": func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader(handshake), broken{})) },
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))
		change(r)
		w := ask(h, r)
		want := 299
		if name == "a body that breaks off" {
			want = http.StatusTeapot // the handler sees the error too
		}
		require.Equal(t, want, w.Code, name)
		require.Equal(t, handshake, w.Body.String(), name)
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Body = nil
	assert.Panics(t, func() { ask(h, r) }, "reached as it came, without a body")
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken off") }

func TestInsecureAnswerUnsignedChallenge_ALargeBodyIsWhole(t *testing.T) {
	t.Parallel()
	h := trulioo.InsecureAnswerUnsignedChallenge(reached())
	for _, size := range []int{4095, 4096, 4097, 4098, 100_000} {
		body := handshake + strings.Repeat(" ", size-len(handshake))
		for _, announced := range []int64{-1, int64(size)} {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.ContentLength = announced
			w := ask(h, r)
			if size <= 4096 {
				requireAnswered(t, w)
				continue
			}
			require.Equal(t, 299, w.Code)
			require.Equal(t, body, w.Body.String())
		}
	}
}

func TestInsecureAnswerUnsignedChallenge_LeavesSignedDeliveriesVerifiable(t *testing.T) {
	t.Parallel()
	keys, err := trulioo.ParseCredentials(credentials("null", "null"))
	require.NoError(t, err)
	v, err := trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
	require.NoError(t, err)
	h := trulioo.InsecureAnswerUnsignedChallenge(truhook.NewMiddleware(v, truhook.Config{}).Wrap(reached()))
	requireAnswered(t, ask(h, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(handshake))))
	require.Equal(t, http.StatusUnauthorized, ask(h, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(flowEnd))).Code)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(flowEnd))
	r.Header.Set("X-Trulioo-Signature", hexOf(sampleSecret, flowEnd))
	require.Equal(t, 299, ask(h, r).Code)
}
