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

// PlatformKeys returns a key set that asks the platform for its public keys by id, at base + "/public/v3/public-key/" +
// id, kept as by jose.CacheByID. base must begin with https://, or be of the loopback address; the vendor's SDKs use
// https://api.launchkey.com, which by the vendor's own word went offline in 2023. Keys that you have as files, in a
// jose.StaticKeys, are the better choice: with them no stranger can cause an outbound call or a 503.
//
// An id that does not have the shape of a [Fingerprint] is unknown without a question. A key counts only if the answer
// names its id in X-IOV-KEY-ID and its fingerprint is that id; the latter needs MD5, so PlatformKeys answers
// KeysUnavailable under GODEBUG=fips140=only. Status 404 means an unknown id, any other but 200 that it cannot tell.
// client may be nil; redirects are not followed. Nothing is fetched before the first delivery.
func PlatformKeys(base string, client *http.Client, cfg jose.CacheConfig) (jose.KeySource, error) {
	if err := fetch.CheckURL(base); err != nil {
		return nil, fmt.Errorf("transunion: PlatformKeys: %w", err)
	}
	p := platform{url: strings.TrimRight(base, "/") + "/public/v3/public-key/", client: fetch.Client(client)}
	cached, err := jose.CacheByID(p.fetch, cfg)
	if err != nil {
		return nil, err
	}
	return shaped{cached}, nil
}

// shaped keeps ids of another shape away from the cache and its one fetch an interval.
type shaped struct{ keys *jose.CachedKeys }

func (s shaped) PublicKeys(ctx context.Context, keyID string) ([]jose.PublicKey, error) {
	if !isFingerprint(keyID) {
		return nil, nil
	}
	return s.keys.PublicKeys(ctx, keyID)
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
