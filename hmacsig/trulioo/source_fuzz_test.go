package trulioo_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

// answers plays both endpoints.
type answers struct{ token, credentials, contentType, retryAfter string }

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	body, status := a.credentials, http.StatusOK
	if r.Method == http.MethodPost {
		body = a.token
	} else if strings.ContainsAny(r.Header.Get("Authorization"), "\r\n") {
		panic("a token broke out of its header")
	}
	if a.retryAfter != "" {
		status = http.StatusTooManyRequests
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r, ContentLength: -1,
		Header: http.Header{"Content-Type": {a.contentType}, "Retry-After": {a.retryAfter}, "Date": {a.retryAfter}},
	}, nil
}

func FuzzAnswersOfTheEndpoints(f *testing.F) {
	const token = `{"access_token":"t","token_type":"Bearer","expires_in":1800}`
	f.Add(token, `{"data":{"webhooks":[{"credentials":[{"credentialIdentifier":"c","secretValue":"s3cretvalue",`+
		`"effectiveStartDateTimeUTC":"2023-06-21T00:00:00","expirationDateTimeUTC":null}]}]}}`, "application/json", "")
	f.Add(`{"Token":"t","ExpiresIn":"99999999999999999999"}`, `{"data":null}`, "text/html", "")
	f.Add(`{"access_token":"t\r\nX: y"}`, `[]`, ";;", "-1")
	f.Add(token, "", "", "Sat, 01 Jan 2000 00:03:00 GMT")
	f.Fuzz(func(t *testing.T, token, credentials, contentType, retryAfter string) {
		client, err := trulioo.NewClient("https://auth.example/token", clientID, clientSecret, trulioo.ClientConfig{
			HTTPClient: &http.Client{Transport: answers{token, credentials, contentType, retryAfter}},
		})
		require.NoError(t, err)
		s, err := trulioo.NewCredentialSource(client, "https://auth.example/credentials", "a", hmacsig.CacheConfig{})
		require.NoError(t, err)
		err = s.Refresh(t.Context())
		keys, _ := s.Keys(t.Context(), hmacsig.Query{})
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys and %v", len(keys), err)
		}
		if err != nil && strings.Contains(err.Error(), clientSecret) {
			t.Fatal("the error holds the secret")
		}
		s.Audit(t.Context())
	})
}
