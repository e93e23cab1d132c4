package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

// A provider is one whose deliveries the program can judge and sign.
type provider struct {
	name, title string
	scheme      hmacsig.Scheme // header, content and keys, of those that sign a header
	token       bool           // signs with a token: TransUnion
	policy      retry.Policy
	row         *catalog.Provider // nil: one with a package of its own
}

func ownProviders() []provider {
	return []provider{
		{name: "truv", title: "Truv", scheme: truv.Scheme(), policy: truv.RetryPolicy()},
		{name: "trulioo", title: "Trulioo", scheme: trulioo.Scheme(), policy: trulioo.RetryPolicy()},
		{name: "truval", title: "Truval", scheme: truval.Scheme(), policy: truval.RetryPolicy()},
		{name: "transunion", title: "TransUnion TruValidate", token: true, policy: transunion.RetryPolicy()},
	}
}

// allProviders returns the own providers and the rows of the catalog. The result is shared: it is read only.
var allProviders = sync.OnceValue(func() []provider { return append(ownProviders(), catalogProviders()...) })

func findProvider(name string) (provider, error) {
	all := allProviders()
	i := slices.IndexFunc(all, func(p provider) bool { return p.name == name })
	if i < 0 {
		plain, _, _ := strings.Cut(strings.ToLower(name), "/")
		if slices.ContainsFunc(all, func(p provider) bool { return p.name == plain }) {
			return provider{}, usagef("no provider is called %s; did you mean %s?", printable(name), plain)
		}
		return provider{}, usagef("no provider is called %s; \"truhook providers\" lists them", printable(name))
	}
	return all[i], nil
}

// parseProvider reads -provider: NAME, NAME/ID, or nothing.
func parseProvider(text string) (name, id string, err error) {
	name, id, one := strings.Cut(text, "/")
	switch {
	case text == "":
		return "", "", nil
	case name == "", one && id == "":
		return "", "", usagef("-provider is NAME or NAME/ID, such as truv or truv/prod")
	}
	_, err = findProvider(name)
	return name, id, err
}

// fits reports whether d has a header of the provider's.
func (p provider) fits(d *truhook.Delivery) bool {
	if p.token {
		return len(d.Header.Values("X-IOV-JWT")) > 0 || strings.HasPrefix(strings.ToUpper(d.Header.Get("Authorization")), "IOV-JWT ")
	}
	for name := range strings.SplitSeq(p.scheme.Header, ",") {
		name = strings.TrimSpace(name)
		if len(d.Header.Values(name)) > 0 || len(d.Header.Values(strings.ReplaceAll(name, "{n}", "1"))) > 0 {
			return true
		}
	}
	return false
}

// A keyring is what the program was given to judge with.
type keyring struct {
	secrets []secret
	source  string // the file that they are from
	single  string // of TRUHOOK_SECRET or a prompt: for whatever provider is judged
	dir     string // platform-*.pem and service-*.pem
	entity  string
	url     string // the public URL, for schemes that sign it
}

// errNoKey says that nothing was given to judge with.
var errNoKey = errors.New("no key")

// verifier returns what the service would have: the provider's keys, all of them or the one of that id. With at, times
// are judged by the delivery's Received; without, they are not judged.
func (k *keyring) verifier(p provider, id string, judgeTimes bool) (truhook.Verifier, error) {
	if p.token {
		return k.transUnion(judgeTimes)
	}
	keys, err := k.keys(p, id)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, k.noKey(p, id)
	}
	return p.build(keys, k.url, judgeTimes)
}

// keys returns the provider's keys; id, if not empty, chooses one of them.
func (k *keyring) keys(p provider, id string) ([]held, error) {
	var keys []held
	add := func(s secret) error {
		key, err := p.key(s)
		keys = append(keys, key)
		return err
	}
	for _, s := range k.secrets {
		if s.provider == p.name && (id == "" || s.id == id) {
			if err := add(s); err != nil {
				return nil, err
			}
		}
	}
	if k.single != "" && len(keys) == 0 {
		if err := add(secret{provider: p.name, id: firstOf(id, "TRUHOOK_SECRET"), value: k.single}); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// others returns a verifier for each key that is not among those of the service, so that an explanation can name it.
func (k *keyring) others(p provider, id string) []truhook.Verifier {
	var others []truhook.Verifier
	for _, s := range k.secrets {
		if s.provider == p.name && (id == "" || s.id == id) {
			continue
		}
		q, err := findProvider(s.provider)
		if err != nil || q.token {
			continue
		}
		key, err := q.key(secret{provider: s.provider, id: s.provider + "/" + s.id, value: s.value})
		if err != nil {
			continue
		}
		if v, err := q.build([]held{key}, k.url, false); err == nil {
			others = append(others, v)
		}
	}
	return others
}

// transUnion returns a verifier with the keys of the folder: platform-*.pem and service-*.pem.
func (k *keyring) transUnion(judgeTimes bool) (truhook.Verifier, error) {
	if k.dir == "" {
		return nil, fmt.Errorf("%w for transunion: give -keys DIR with platform-*.pem and service-*.pem", errNoKey)
	}
	if k.entity == "" {
		return nil, fmt.Errorf("%w for transunion: give -entity with the service or directory of this endpoint, such as svc:…", errNoKey)
	}
	var platform jose.StaticKeys
	err := eachPEM(k.dir, "platform-*.pem", func(pem []byte) error {
		key, err := publicKey(pem)
		if err != nil {
			return err
		}
		id, err := transunion.Fingerprint(key)
		platform = append(platform, jose.PublicKey{ID: id, Key: key})
		return err
	})
	if err != nil {
		return nil, err
	}
	var service jose.StaticPrivateKeys
	err = eachPEM(k.dir, "service-*.pem", func(pem []byte) error {
		key, err := jose.ParsePrivateKey(pem)
		if err != nil {
			return err
		}
		id, err := transunion.Fingerprint(key)
		service = append(service, jose.PrivateKey{ID: id, Key: key})
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(platform) == 0 || len(service) == 0 {
		return nil, fmt.Errorf("%w for transunion: %s needs a platform-*.pem and a service-*.pem", errNoKey, k.dir)
	}
	v, err := transunion.New(transunion.Config{Entity: k.entity, Keys: platform, PrivateKeys: service})
	if err != nil || judgeTimes {
		return v, err
	}
	return atItsOwnTime{v}, nil
}

func eachPEM(dir, pattern string, use func(pem []byte) error) error {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	for _, name := range names {
		pem, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := use(pem); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// atItsOwnTime judges a token at the time at which it says that it was issued: nobody said when it was received.
type atItsOwnTime struct{ truhook.Verifier }

// at returns d as received when its token was issued.
func (a atItsOwnTime) at(d *truhook.Delivery) *truhook.Delivery {
	c := *d
	if issued := issuedAt(d); !issued.IsZero() {
		c.Received = issued
	}
	return &c
}

// Verify implements [truhook.Verifier].
func (a atItsOwnTime) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	return a.Verifier.Verify(ctx, a.at(d))
}

// Explain implements [truhook.Explainer].
func (a atItsOwnTime) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	x, ok := a.Verifier.(truhook.Explainer)
	if !ok {
		return truhook.Explanation{}
	}
	q.Delivery = a.at(q.Delivery)
	return x.Explain(ctx, q)
}

// Audit implements [truhook.Auditor].
func (a atItsOwnTime) Audit(ctx context.Context) []truhook.Finding {
	return truhook.Audit(ctx, a.Verifier)
}

// issuedAt returns the iat of the token in d, unverified; zero where there is none.
func issuedAt(d *truhook.Delivery) time.Time {
	token := d.Header.Get("X-IOV-JWT")
	if token == "" {
		_, token, _ = strings.Cut(d.Header.Get("Authorization"), " ")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		IssuedAt float64 `json:"iat"`
	}
	if json.Unmarshal(text, &claims) != nil || claims.IssuedAt < 1 || claims.IssuedAt > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.IssuedAt), 0).UTC()
}
