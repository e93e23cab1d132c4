package trulioo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/internal/payload"
)

// ClientConfig adjusts [NewClient]. Its zero value is the strict default.
type ClientConfig struct {
	_ [0]func()

	// Scope is the scope of the token, if there is to be one. Trulioo's page on HMAC has none.
	Scope string

	// HTTPClient makes the calls, for tokens and for what is authorised by them. Nil means a new http.Client.
	HTTPClient *http.Client

	// Now replaces time.Now. Where it panics, the real time counts.
	Now func() time.Time
}

// NewClient returns a client that authorises its requests with a bearer token of the client credentials grant (RFC
// 6749, section 4.4), for [NewCredentialSource]. tokenURL is the whole URL of the token endpoint. Trulioo documents
// https://auth-api-primary.dev.trulioo.com/connect/token for its development platform, and
// https://auth-api.trulioo.com/connect/token on the pages of other products.
//
// The id and the secret go out form-encoded, over https only. A token is used until shortly before its end. A request
// without a body whose response is 401 is sent once more with a new token, unless the first one was new. Redirects are
// not followed, neither with the secret nor with a token, and responses over 64 KiB are not read. Errors hold
// neither secret nor token, and nothing of a response but its status and an error code of RFC 6749. The client is safe
// for concurrent use and prints without the secret; do not use it for any other host.
//
// An empty id or secret, one with a line break, and a tokenURL that is not such a URL are errors.
func NewClient(tokenURL, clientID, clientSecret string, cfg ClientConfig) (*http.Client, error) {
	u, err := parseEndpoint(tokenURL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("trulioo: the token endpoint %w", err)
	case clientID == "":
		return nil, errors.New("trulioo: the client id is empty")
	case clientSecret == "":
		return nil, errors.New("trulioo: the client secret is empty")
	case strings.ContainsAny(clientID+clientSecret, "\r\n") || strings.HasPrefix(clientSecret, "\xef\xbb\xbf"):
		return nil, errors.New("trulioo: the client id or secret holds a line break or begins with a byte order mark: " +
			"write it with printf '%s'")
	}
	base := &http.Client{}
	if cfg.HTTPClient != nil {
		base = cfg.HTTPClient
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {clientSecret}}
	if cfg.Scope != "" {
		form.Set("scope", cfg.Scope)
	}
	own := fetch.Client(base)
	s := &session{
		client: fetch.Client(base), tokenURL: u.String(), form: form.Encode(), now: clock.Guard("trulioo", cfg.Now, nil), turn: make(chan struct{}, 1),
	}
	own.Transport = authorizing{func() *session { return s }}
	return own, nil
}

// authorizing is the transport of such a client.
type authorizing struct {
	session func() *session // a func value, as fmt prints what pointers point to under a verb that does not fit
}

// session holds the secret and the token.
type session struct {
	client         *http.Client
	tokenURL, form string
	now            func() time.Time

	turn  chan struct{} // held by whoever looks at the token: a mutex that can be waited for with a context
	token string
	until time.Time
}

const (
	maxTokenResponse = 64 << 10
	maxToken         = 16 << 10
	defaultLife      = 5 * time.Minute  // where the response names none
	earlyExpiry      = 30 * time.Second // how long before its end a token is replaced
)

// RoundTrip implements http.RoundTripper.
func (a authorizing) RoundTrip(r *http.Request) (*http.Response, error) {
	s := a.session()
	token, fresh, err := "", false, errInsecure
	if r.URL.Scheme == "https" {
		token, fresh, err = s.authorize(r.Context(), "")
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	answer, err := s.send(r, token)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || fresh || r.Body != nil {
		return answer, err
	}
	_ = answer.Body.Close()
	if token, _, err = s.authorize(r.Context(), token); err != nil {
		return nil, err
	}
	return s.send(r, token)
}

var errInsecure = errors.New("trulioo: a token is sent over https only")

func (s *session) send(r *http.Request, token string) (*http.Response, error) {
	r = r.Clone(r.Context()) // as a RoundTripper must not change its argument
	r.Header.Set("Authorization", "Bearer "+token)
	transport := s.client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	return transport.RoundTrip(r)
}

// authorize returns a token that is not the rejected one, and whether it is new.
func (s *session) authorize(ctx context.Context, rejected string) (token string, fresh bool, err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", false, ctx.Err()
	}
	if s.token != "" && s.token != rejected && s.now().Before(s.until) {
		return s.token, false, nil
	}
	s.token = ""
	token, life, err := s.request(ctx)
	if err != nil {
		return "", false, err
	}
	s.token, s.until = token, s.now().Add(life-min(earlyExpiry, life/2))
	return token, true, nil
}

// request asks for a token (RFC 6749, section 4.4.2).
func (s *session) request(ctx context.Context) (token string, life time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.tokenURL, strings.NewReader(s.form))
	if err != nil {
		return "", 0, errors.New("trulioo: the token endpoint cannot be asked")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	response, err := fetch.Do(s.client, r, maxTokenResponse)
	if err != nil {
		return "", 0, fmt.Errorf("trulioo: the token endpoint: %w", err)
	}
	if err := checkJSON(response, s.now()); err != nil {
		return "", 0, fmt.Errorf("trulioo: the token endpoint: %w%s", err, errorCode(response))
	}
	return parseToken(response.Body)
}

// errorCode returns the code of an error, if it is one of RFC 6749, section 5.2: nothing else of a response is
// repeated.
func errorCode(response *fetch.Response) string {
	o, _ := payload.Parse(response.Body)
	code, _ := o.Get("error").Text()
	known := []string{"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
		"unsupported_grant_type", "invalid_scope"}
	if response.Status == http.StatusOK || !slices.Contains(known, code) {
		return ""
	}
	return ": " + code
}

// parseToken reads both spellings that Trulioo's pages show: access_token and expires_in, Token and ExpiresIn. Members
// that it does not use may be anything. A life that cannot be read is that of a response without one.
func parseToken(body []byte) (token string, life time.Duration, err error) {
	o, ok := payload.Parse(body)
	if !ok {
		return "", 0, errors.New("trulioo: the token's response is not a JSON object")
	}
	value, kind, expires := o.Get("access_token"), o.Get("token_type"), o.Get("expires_in")
	if token, ok = value.Text(); !ok || token == "" {
		value, kind, expires = o.Get("Token"), o.Get("TokenType"), o.Get("ExpiresIn")
		token, ok = value.Text()
	}
	name, named := kind.Text()
	unfit := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	switch {
	case !ok || token == "":
		return "", 0, errors.New("trulioo: the response holds no token")
	case len(token) > maxToken || strings.ContainsFunc(token, unfit):
		return "", 0, errors.New("trulioo: the token cannot stand in a header")
	case named && name != "" && !strings.EqualFold(name, "Bearer"):
		return "", 0, errors.New("trulioo: the token is not a bearer token")
	}
	life, err = tokenLife(expires)
	return token, life, err
}

// tokenLife reads a number of seconds, quoted or not; at most a day counts. Where none came that can be read, a token
// is used for defaultLife: should it be rejected earlier, a request without a body is sent once more.
func tokenLife(expires payload.Value) (time.Duration, error) {
	if text, ok := expires.Text(); ok {
		expires = payload.Value(text)
	}
	if _, ok := expires.ID(); !ok {
		return defaultLife, nil // no number
	}
	seconds, ok := expires.Float()
	if !ok || seconds < 1 {
		return 0, errors.New("trulioo: the token's response has an impossible expiry")
	}
	return time.Duration(min(seconds, 24*60*60)) * time.Second, nil
}
