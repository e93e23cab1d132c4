package catalog

import (
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/retry"
)

// Evidence is how a row is known. The zero Evidence is that of no row.
type Evidence string

// The classes of evidence.
const (
	// PublishedVector: the provider, or the specification that it names, publishes a key, headers and a body, and the
	// signature was recomputed.
	PublishedVector Evidence = "A"

	// ProviderPage: the provider's own page or SDK was read, and something made apart from it agrees.
	ProviderPage Evidence = "B"

	// IndependentReceivers: two or more registries or receivers made apart from one another agree. The provider's page
	// was not in reach.
	IndependentReceivers Evidence = "C"
)

// A Provider is one row of the catalog. It is made by [Lookup] and [All]; the zero Provider makes no verifier. Its
// fields are data: changing them changes the copy. It is safe for concurrent use while nobody changes it.
type Provider struct {
	Name          string   // the key of the row, such as "stripe"
	Title         string   // the provider's name, such as "Stripe"
	Area          string   // the kind of business
	Documentation string   // the address of the provider's page
	Aliases       []string // names that the row had before; Lookup knows them

	Evidence Evidence
	Checked  string   // the date on which the sources were read, "2026-11-26"
	Sources  []Source // at least two, or one with a published vector

	Scheme          hmacsig.Scheme // how it signs with a shared secret; zero for public keys
	PublicKeyScheme keysig.Scheme  // how it signs with a key pair; zero for shared secrets

	Guards []Guard // headers that must have one value, though they are not signed: they can only reject

	// ToleranceSource says where Scheme.Tolerance comes from: a source, or that it is suggested here. Empty: no window.
	ToleranceSource string

	EventIDAt   Place // where the id of the event stands; zero: not known
	EventTypeAt Place // where its type stands; zero: not known

	// Retry is what is known of redelivery. Without Sources nothing is published, and everything but Provider is zero.
	Retry retry.Policy

	Handshake string   // what has to be responded before or between deliveries; empty: nothing is known of one
	Pitfalls  []string // what receivers got wrong

	normalizeKey      bool // secrets are used in Unicode form NFKD
	optionalKeyPrefix bool // secrets come with and without Scheme.KeyText.Prefix
}

// A Source is one place that a row was taken from.
type Source struct {
	At       string // an address, or a repository and a path
	Kind     string // "provider-docs", "provider-sdk", "registry" or "code"
	Confirms string // which fields
	Group    string // sources with one group count once: P for the provider, a letter for each registry, C1 and so on
}

// A Guard is a Header that must come once and have this Value, such as one that names the algorithm.
type Guard struct{ Header, Value string }

// A Place is where something stands in a delivery: in a header, or in the JSON of the body. The zero Place is nowhere.
type Place struct {
	Header string // the name of a header
	Member string // a path in the body, such as "event.id"; "events[].id" is one for each element of an array
	Signed bool   // it is inside what is signed
}

// IsZero reports whether nothing is known.
func (p Place) IsZero() bool { return p == Place{} }

// String says the place in words.
func (p Place) String() string {
	where := "header " + p.Header
	if p.Header == "" {
		where = "member " + p.Member
	}
	switch {
	case p.IsZero():
		return "not known"
	case p.Signed:
		return where
	}
	return where + ", outside the signature"
}

// A Config has what a verifier may need besides secrets. The zero Config is that of most rows.
type Config struct {
	_ [0]func()

	// URL is the public URL of the endpoint, exactly as it is registered with the provider. It is required for the rows
	// that sign it, and an error elsewhere.
	URL string

	// Now replaces time.Now. It counts only for deliveries without a time of receipt. A panic of it is logged, and the
	// real time counts.
	Now func() time.Time
}

// New returns a verifier of the provider's deliveries, as the function [New] does. Where the provider signs with a
// key pair, the secrets are its public keys.
func (p Provider) New(cfg Config, secrets ...string) (truhook.Verifier, error) {
	if p.Name == "" {
		return nil, fmt.Errorf("catalog: the zero Provider makes no verifier")
	}
	keys, publicKeys, err := p.keys(secrets)
	if err != nil {
		return nil, err
	}
	var v truhook.Verifier
	if p.publicKey() {
		own := keysig.Config{URL: cfg.URL, Now: cfg.Now}
		v, err = keysig.New(p.PublicKeyScheme, keysig.StaticKeys(publicKeys...), own)
	} else {
		v, err = hmacsig.New(p.Scheme, hmacsig.StaticKeys(keys...), hmacsig.Config{URL: cfg.URL, Now: cfg.Now})
	}
	if err != nil {
		return nil, fmt.Errorf("catalog: %s: %w", p.Name, err)
	}
	return p.Guard(v), nil
}

func (p Provider) publicKey() bool { return p.PublicKeyScheme != keysig.Scheme{} }

// Form returns where the signature, the id and the time stand, what is signed and how keys are written, of either
// kind of scheme. It is for reading: the scheme of a public key is never one of an HMAC, whose secret everybody would
// know.
func (p Provider) Form() hmacsig.Scheme {
	if p.publicKey() {
		return p.PublicKeyScheme.Form
	}
	return p.Scheme
}

// Guard returns v behind the row's Guards, and v itself if the row has none. It serves verifiers with keys that change:
//
//	v, err := hmacsig.New(p.Scheme, source, hmacsig.Config{})
//	...
//	verify := truhook.NewMiddleware(p.Guard(v), truhook.Config{})
func (p Provider) Guard(v truhook.Verifier) truhook.Verifier {
	var checks []truhook.Check
	for _, g := range p.Guards {
		checks = append(checks, truhook.HeaderEquals(g.Header, g.Value))
	}
	if len(checks) == 0 {
		return v
	}
	return truhook.Require(v, checks[0], checks[1:]...)
}

// keys makes the keys of either kind.
func (p Provider) keys(secrets []string) (keys []hmacsig.Key, publicKeys []keysig.Key, err error) {
	if len(secrets) == 0 {
		return nil, nil, fmt.Errorf("catalog: %s: no secret is given", p.Name)
	}
	for i, secret := range secrets {
		id := "current"
		if i > 0 {
			id = fmt.Sprintf("previous-%d", i)
		}
		if secret == "" {
			const text = "catalog: %s: secret %d is empty, as an environment variable is that nobody has set"
			return nil, nil, fmt.Errorf(text, p.Name, i+1)
		}
		if p.publicKey() {
			key, err := p.PublicKeyScheme.NewKey(id, secret)
			if err != nil {
				return nil, nil, fmt.Errorf("catalog: %s: key %d: %w", p.Name, i+1, err)
			}
			publicKeys = append(publicKeys, key)
			continue
		}
		scheme := p.Scheme
		if p.optionalKeyPrefix && !strings.HasPrefix(secret, scheme.KeyText.Prefix) {
			scheme.KeyText.Prefix = ""
		}
		if p.normalizeKey {
			secret = nfkd(secret)
		}
		key, err := scheme.NewKey(id, secret)
		if err != nil {
			return nil, nil, fmt.Errorf("catalog: %s: secret %d: %w", p.Name, i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, publicKeys, nil
}
