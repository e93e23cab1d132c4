package transunion

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/jose"
)

// PlatformKeys is a [jose.KeySource] that asks the platform for its public keys by id. [NewPlatformKeys] makes it. It
// is safe for concurrent use. The nil and the zero PlatformKeys reject with NoKey.
type PlatformKeys struct{ *cachedKeys }

type cachedKeys = jose.CachedKeys

// NewPlatformKeys returns a source that asks the platform for its public keys by id, at base +
// "/public/v3/public-key/" + id, and keeps them by the rules of [jose.CacheByID]. base must begin with https://, or
// be of the loopback address; the vendor's SDKs use https://api.launchkey.com, which by the vendor's own word went
// offline in 2023. Keys that you have as files, in [jose.StaticKeys], are the better choice: with them no stranger
// can cause an outbound call or a 503.
//
// Give the ids of the platform's keys that you know to [PlatformKeys.Prefetch] at start. Strangers cannot get in the
// way of these. The first fetch of any other id is best effort against a stranger who guesses every claim right.
//
// An id that does not have the shape of a [Fingerprint] is unknown without a question. A key counts only if the
// answer names its id in X-IOV-KEY-ID and its fingerprint is that id; the latter needs MD5, so NewPlatformKeys returns
// an error under GODEBUG=fips140=only. Status 404 means an unknown id, but from a platform that has never
// given a key it is KeysStale, 503, as a mistyped base is 404 for every id. Any other status but 200 means that the
// platform cannot tell. client may be nil; redirects are not followed. Nothing is fetched before the first delivery.
func NewPlatformKeys(base string, client *http.Client, cfg jose.CacheConfig) (*PlatformKeys, error) {
	if err := fetch.CheckURL(base); err != nil {
		return nil, fmt.Errorf("transunion: NewPlatformKeys: %w", err)
	}
	if !fingerprintsWork() {
		return nil, errors.New("transunion: NewPlatformKeys: FIPS 140-3 mode refuses MD5, of which the platform makes its key ids")
	}
	p := platform{url: strings.TrimRight(base, "/") + "/public/v3/public-key/", client: fetch.Client(client)}
	cached, err := jose.CacheByID(p.fetch, cfg)
	if err != nil {
		return nil, err
	}
	return &PlatformKeys{cached}, nil
}

// PublicKeys implements [jose.KeySource]. It keeps ids of another shape away from the cache and its one fetch an
// interval.
func (p *PlatformKeys) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	keys := p.cached()
	if keys != nil && !isFingerprint(q.KeyID) {
		return nil, nil
	}
	return keys.PublicKeys(ctx, q)
}

// Prefetch is [jose.CachedKeys.Prefetch]. An id without the shape of a [Fingerprint] is an error.
func (p *PlatformKeys) Prefetch(ctx context.Context, keyIDs ...string) error {
	for _, id := range keyIDs {
		if !isFingerprint(id) {
			return fmt.Errorf("transunion: %q is not the id of a key", id)
		}
	}
	return p.cached().Prefetch(ctx, keyIDs...)
}

// Refresh is [jose.CachedKeys.Refresh].
func (p *PlatformKeys) Refresh(ctx context.Context) error { return p.cached().Refresh(ctx) }

// Run is [jose.CachedKeys.Run].
func (p *PlatformKeys) Run(ctx context.Context) error { return p.cached().Run(ctx) }

func (p *PlatformKeys) cached() *jose.CachedKeys {
	if p == nil {
		return nil
	}
	return p.cachedKeys
}

type platform struct {
	url    string
	client *http.Client
}

var errPlatform = errors.New("transunion: the platform's answer is not the key that was asked for")

func (p platform) fetch(ctx context.Context, keyID string) ([]jose.PublicKey, error) {
	response, err := fetch.Get(ctx, p.client, p.url+keyID, 0)
	if err == nil && response.Status == http.StatusNotFound {
		return nil, nil
	}
	if err == nil {
		err = response.OK(time.Now())
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("transunion: the platform's key: %w", err)
	case response.Header.Get("X-IOV-KEY-ID") != keyID:
		return nil, errPlatform
	}
	key, err := jose.ParsePublicKey(response.Body)
	if err != nil {
		return nil, err
	}
	if id, err := Fingerprint(key); err != nil {
		return nil, err
	} else if id != keyID {
		return nil, errPlatform
	}
	return []jose.PublicKey{{ID: keyID, Key: key}}, nil
}
