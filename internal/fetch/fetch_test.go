package fetch_test

import (
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/fetch"
)

func TestCheckURL_WantsTLSAndNothingBesideAPath(t *testing.T) {
	t.Parallel()
	for raw, good := range map[string]bool{
		"https://keys.example/jwks.json":   true,
		"https://keys.example":             true,
		"https://keys.example:8443/a%20b":  true,
		"http://127.0.0.1:8080/jwks":       true,
		"http://[::1]/jwks":                true,
		"http://localhost/jwks":            true,
		"http://keys.example/jwks":         false,
		"http://127.0.0.1.example/jwks":    false,
		"http://localhost.example/jwks":    false,
		"http://10.0.0.1/jwks":             false,
		"https://user:pass@keys.example":   false,
		"https://keys.example/jwks?a=b":    false,
		"https://keys.example/jwks?":       false,
		"https://keys.example/jwks#top":    false,
		"https:///jwks":                    false,
		"ftp://keys.example/jwks":          false,
		"file:///etc/passwd":               false,
		"keys.example/jwks":                false,
		"":                                 false,
		"https://keys.example\x00/":        false,
		"HTTPS://keys.example/jwks":        true,
		"https://keys.example/ws\tcontrol": false,
	} {
		err := fetch.CheckURL(raw)
		assert.Equal(t, good, err == nil, "%q: %v", raw, err)
		if err != nil {
			assert.NotContains(t, err.Error(), "pass")
		}
	}
}

// server runs h on the loopback address.
func server(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestGet_BoundsTheBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter)
		good   bool
	}{
		"as many bytes as allowed":      {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 100)) }, true},
		"none":                          {func(http.ResponseWriter) {}, true},
		"one more, announced":           {func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, 101)) }, false},
		"one more, chunked":             {func(w http.ResponseWriter) { w.(http.Flusher).Flush(); _, _ = w.Write(make([]byte, 101)) }, false},
		"one more, with another status": {func(w http.ResponseWriter) { w.WriteHeader(500); _, _ = w.Write(make([]byte, 101)) }, false},
		"a body that grows unpacked": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 1<<20))
			_ = z.Close()
		}, false},
		"fewer bytes than announced": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "50")
			_, _ = w.Write(make([]byte, 10))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := server(t, func(w http.ResponseWriter, _ *http.Request) { test.answer(w) })
			response, err := fetch.Get(t.Context(), fetch.Client(nil), target, 100)
			require.Equal(t, test.good, err == nil, "%v", err)
			if test.good {
				assert.LessOrEqual(t, len(response.Body), 100)
			}
		})
	}
}

func TestGet_ReadsOneMebibyteWhereNoLimitIsGiven(t *testing.T) {
	t.Parallel()
	for size, good := range map[int]bool{fetch.MaxBytes: true, fetch.MaxBytes + 1: false} {
		target := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) })
		_, err := fetch.Get(t.Context(), fetch.Client(nil), target, 0)
		assert.Equal(t, good, err == nil, "%d bytes: %v", size, err)
	}
}

func TestClient_FollowsNoRedirectAndKeepsNoCookies(t *testing.T) {
	t.Parallel()
	asked := 0
	target := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		assert.Empty(t, r.Cookies())
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	original := &http.Client{Jar: jar{}}
	client := fetch.Client(original)
	for range 2 {
		response, err := fetch.Get(t.Context(), client, target, 0)
		require.NoError(t, err)
		assert.ErrorContains(t, response.OK(time.Now()), "redirects are not followed")
	}
	assert.Equal(t, 2, asked)
	assert.NotNil(t, original.Jar, "the client that was given is left as it is")
	assert.Nil(t, original.CheckRedirect)
}

type jar struct{ http.CookieJar }

func TestGet_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	target := server(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := fetch.Get(ctx, fetch.Client(nil), target, 0)
	require.ErrorIs(t, err, context.Canceled)
}

func TestGet_ErrorsDoNotRepeatTheURL(t *testing.T) {
	t.Parallel()
	client := fetch.Client(&http.Client{Transport: failing{}})
	for _, target := range []string{"https://keys.example/?account=canary", "https://keys.example/canary\x7f"} {
		_, err := fetch.Get(t.Context(), client, target, 0)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "canary")
	}
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

func TestResponse_OKIsOfStatus200Only(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		status int
		header http.Header
		after  time.Duration
	}{
		"too many requests, seconds":       {429, http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		"unavailable, a date":              {503, http.Header{"Retry-After": {"Mon, 02 Mar 2026 09:31:00 GMT"}}, time.Minute},
		"a date by the server's own clock": {503, http.Header{"Retry-After": {"Mon, 02 Mar 2026 12:00:05 GMT"}, "Date": {"Mon, 02 Mar 2026 12:00:00 GMT"}}, 5 * time.Second},
		"a date that is over":              {503, http.Header{"Retry-After": {"Mon, 02 Mar 2026 09:00:00 GMT"}}, 0},
		"a negative number":                {503, http.Header{"Retry-After": {"-5"}}, 0},
		"a number beyond all sense":        {503, http.Header{"Retry-After": {strings.Repeat("9", 30)}}, 0},
		"no such header":                   {503, http.Header{}, 0},
		"another status":                   {404, http.Header{"Retry-After": {"7"}}, 0},
		"a redirect":                       {302, http.Header{}, 0},
		"another good status":              {204, http.Header{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := (&fetch.Response{Status: test.status, Header: test.header}).OK(now)
			var status *fetch.StatusError
			require.ErrorAs(t, err, &status)
			assert.Equal(t, test.status, status.Status)
			assert.Equal(t, test.after, status.RetryAfter())
		})
	}
	assert.NoError(t, (&fetch.Response{Status: 200}).OK(now))
}
