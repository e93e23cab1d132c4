package trulioo

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/internal/keycache"
)

// CredentialSource is a [hmacsig.KeySource] over Trulioo's credentials endpoint. [NewCredentialSource] makes it. It is
// safe for concurrent use. A nil or zero CredentialSource has no keys, so that deliveries are rejected with NoKey.
type CredentialSource struct {
	cache *hmacsig.CachedKeys
	clock *skew
}

// skew tells how far the clock of the endpoint is from ours.
type skew struct {
	now   func() time.Time
	ahead atomic.Int64 // nanoseconds that the endpoint's clock is ahead of now
}

const (
	maxCredentials = 256 << 10 // bytes; one credential takes 300
	defaultRetain  = 24 * time.Hour
)

// NewCredentialSource returns a source of the credentials of an account, which it fetches from
// client-webhooks/current-credential (Trulioo, "HMAC", step 2) and caches by the rules of [hmacsig.NewCachedKeys].
// client has to authorise its requests: it is one of [NewClient], or of golang.org/x/oauth2/clientcredentials.
// endpoint is the whole URL, https and without the query, to which AccountIdentifier is added. Trulioo documents only
// that of its development platform,
//
//	https://auth-api-primary.dev.trulioo.com/api/v2/client-webhooks/current-credential
//
// and a newer version of the page leaves the endpoint out: ask Trulioo for the host of your environment, and whether it
// still exists. Static keys work without it.
//
// All webhooks of the account and all their credentials are tried, each within its window, which is in UTC. A
// credential that is not of the documented form costs that credential only: see [ParseCredentials]. Of more than 16
// those that are valid come first, and the others are left out. OnError and Audit name what was. The next response is
// fetched a minute before the earliest one expires, and when a delivery fits none. The endpoint lists current
// credentials only; one that it no longer lists counts as one that ended then. Give [New] a Grace to go on accepting
// those for a while; cfg.Retain bounds it, and is 24 h if zero.
//
// Whatever comes in, it begins one fetch every cfg.MinInterval at the most, and makes at most one call in it; a
// client of NewClient makes at most two more, for a token and after a 401. After 429 or 503 with Retry-After it makes
// none for that long, at most 15 min. Redirects are not followed, responses over 256 KiB are not read, and anything
// but 200 is a failure: the last good credentials stay in use for cfg.MaxStale.
//
// A nil client, an empty account and an endpoint that is not such a URL are errors.
func NewCredentialSource(
	client *http.Client, endpoint, account string, cfg hmacsig.CacheConfig,
) (*CredentialSource, error) {
	if client == nil {
		return nil, errors.New("trulioo: the client is nil")
	}
	if account == "" {
		return nil, errors.New("trulioo: the account identifier is empty")
	}
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, fmt.Errorf("trulioo: the credentials endpoint %w", err)
	}
	u.RawQuery = url.Values{"AccountIdentifier": {account}}.Encode()
	cfg.Now = clock.Guard("trulioo", cfg.Now, clock.Report(cfg.Logger, cfg.OnError))
	if cfg.Retain == 0 {
		cfg.Retain = defaultRetain
	}
	s := &CredentialSource{clock: &skew{now: cfg.Now}}
	own, address := fetch.Client(client), u.String()
	s.cache, err = hmacsig.NewCachedKeys(func(ctx context.Context) ([]hmacsig.Key, error) {
		return s.clock.fetch(ctx, own, address)
	}, cfg)
	if err != nil {
		return nil, fmt.Errorf("trulioo: %w", err)
	}
	return s, nil
}

// parseEndpoint wants https, a host and nothing that is ours to add.
func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return nil, errors.New("cannot be parsed") // err repeats it
	case u.Scheme != "https" || u.Host == "" || u.User != nil:
		return nil, errors.New("is not an https URL with a host and without user info")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("has a query or a fragment")
	}
	return u, nil
}

func (c *skew) fetch(ctx context.Context, client *http.Client, address string) ([]hmacsig.Key, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("trulioo: the credentials endpoint cannot be asked")
	}
	request.Header.Set("Accept", "application/json")
	response, err := fetch.Do(client, request, maxCredentials)
	if err != nil {
		return nil, fmt.Errorf("trulioo: the credentials endpoint: %w", err)
	}
	now := c.now()
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		c.ahead.Store(int64(date.Sub(now)))
	}
	if err := checkJSON(response, now); err != nil {
		return nil, fmt.Errorf("trulioo: the credentials endpoint: %w", err)
	}
	keys, dropped, err := parseCredentials(response.Body)
	if err != nil {
		return nil, err
	}
	keys, over := current(keys, now)
	return keys, keycache.Drop(append(dropped, over...)...)
}

// maxKeys is how many keys package hmacsig tries.
const maxKeys = 16

// current returns at most maxKeys keys, those that are valid now first, and why each of the others is left out.
func current(keys []hmacsig.Key, now time.Time) (kept []hmacsig.Key, dropped []error) {
	if len(keys) <= maxKeys {
		return keys, nil
	}
	valid := func(k hmacsig.Key) bool {
		return !now.Before(k.NotBefore) && (k.NotAfter.IsZero() || !now.After(k.NotAfter))
	}
	kept = slices.Clone(keys)
	slices.SortStableFunc(kept, func(a, b hmacsig.Key) int {
		switch {
		case valid(a) == valid(b):
			return 0
		case valid(a):
			return -1
		}
		return 1
	})
	for _, k := range kept[maxKeys:] {
		dropped = append(dropped, fmt.Errorf("trulioo: credential %q is left out, as there are more than %d", k.ID(), maxKeys))
	}
	return kept[:maxKeys:maxKeys], dropped
}

// checkJSON returns an error unless the response has status 200 and a Content-Type that may be JSON.
func checkJSON(response *fetch.Response, now time.Time) error {
	if err := response.OK(now); err != nil {
		return err
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err == nil && kind != "application/json" && !strings.HasSuffix(kind, "+json") && kind != "text/plain" {
		return errors.New("the response is not JSON")
	}
	return nil
}

// Keys implements [hmacsig.KeySource] by the rules of [hmacsig.NewCachedKeys].
func (s *CredentialSource) Keys(ctx context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
	if s == nil {
		return nil, nil
	}
	return s.cache.Keys(ctx, q)
}

// Refresh fetches the credentials now. See [hmacsig.CachedKeys.Refresh].
func (s *CredentialSource) Refresh(ctx context.Context) error {
	if s == nil {
		return s.none()
	}
	return s.cache.Refresh(ctx)
}

// Run keeps the credentials fresh where deliveries are few, until ctx ends. See [hmacsig.CachedKeys.Run].
func (s *CredentialSource) Run(ctx context.Context) error {
	if s == nil {
		return s.none()
	}
	return s.cache.Run(ctx)
}

func (*CredentialSource) none() error {
	return errors.New("trulioo: a CredentialSource that NewCredentialSource did not make")
}
