// Package keycache remembers the keys that a source gives, for sources that have to be asked over the network.
//
// A source gives all its keys at once, or those of one id at a time (Config.ByID). The rules, in short:
//
//   - Nobody waits while an answer is fresh. It is renewed in the background after four fifths of TTL.
//   - Deliveries that no key fits, and unknown ids, make a fetch, at most one every MinInterval. The interval doubles,
//     up to eight times MinInterval, while such fetches bring nothing new. In between the last good answer counts.
//   - A source that fails is asked again every MinInterval, and its last good answer serves for MaxStale. It cannot say
//     that a signature or an id is wrong until it works again: [truhook.KeysStale]. Neither can a source by id that
//     holds no key at all, such as one with a mistyped address.
//   - Without a usable answer a source that failed is [truhook.KeysUnavailable]. Strangers cannot bring that about.
//   - A panic of Fetch, Vet, Now or OnError is recovered and reported, and leaves no lock held and no fetch under way.
//
// Use:
//
//	// cfg is a Config of your type of key. Its fields are
//	//	Package "hmacsig", OnError, Now and the limits: as in the package's own Config
//	//	Fetch   func(ctx context.Context, _ string) ([]Key, error) { return fetch(ctx) }
//	//	Vet     func(_ string, keys []Key) ([]Key, error) { return vet(keys) }, which may return a *Partial beside keys
//	//	Merge   func(old, fresh []Key) []Key { return reuse(old, fresh) }: old itself means that nothing is new
//	c, err := keycache.New(cfg)
//	keys, err := c.Get(ctx, "", false) // ask for the keys
//	again, err := c.Get(ctx, "", true) // none of them fits; the same slice again: a mismatch, 401
//	err = c.Prefetch(ctx, ids...)      // at start, with ByID; Refresh without
//	go c.Run(ctx)                      // optional: keeps answers fresh without deliveries
//	for _, s := range c.States() { … } // for Audit
package keycache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// The defaults of a [Config].
const (
	DefaultTTL         = time.Hour
	DefaultMaxStale    = 72 * time.Hour // a weekend
	DefaultTimeout     = 10 * time.Second
	DefaultWait        = 2 * time.Second
	DefaultMinInterval = 10 * time.Second
	DefaultMaxKeys     = 64
	DefaultMaxWaiters  = 256
)

// Config says what is fetched and how often. Package and Fetch are required. Limits of zero are the defaults, and
// limits below zero are errors.
type Config[K any] struct {
	Package string // begins the texts of errors

	// Fetch gets the keys of one id with ByID, else all keys; then id is empty. It must end when ctx does. With ByID no
	// keys and no error means that there is no such id. Without ByID an empty answer is a failure.
	Fetch func(ctx context.Context, id string) ([]K, error)
	ByID  bool

	// Vet checks and copies what was fetched. Keys beside a *Partial are used. Nil: what came is used.
	Vet func(id string, keys []K) ([]K, error)

	// Merge returns what is kept of a new answer that follows an old one. It returns old itself, the same slice, if
	// nothing is new. Nil: each answer is new.
	Merge func(old, fresh []K) []K

	// NotAfter returns when the validity of a key ends; zero: never. The next fetch is due a minute before. Nil: never.
	NotAfter func(k K) time.Time

	// Retain is how long a key that is no longer in the answer is still given, as Retire makes it. Zero: not at all.
	// SameKey tells whether two are the same key, whatever their validity. MaxKeys bounds the answer. Without ByID only.
	Retain  time.Duration
	Retire  func(k K, at time.Time) K
	SameKey func(a, b K) bool

	TTL         time.Duration // how long an answer is fresh
	MaxStale    time.Duration // how long after the last good answer its keys serve while fetches fail; at least TTL
	Timeout     time.Duration // of one fetch
	Wait        time.Duration // how long after a fetch began deliveries wait for it where older keys could serve
	MinInterval time.Duration // between the beginnings of two fetches; zero: 10 s, or TTL if that is shorter

	MaxKeys    int // with ByID: ids kept; with Retain: keys in an answer
	MaxWaiters int // deliveries that wait for fetches at once

	OnError func(err error)  // is called with each failure, in a goroutine of the cache, and with each new *Partial
	Logger  *slog.Logger     // of the same, at most one line a minute; nil: slog.Default() as it is then
	Now     func() time.Time // nil: time.Now
}

// A Partial is the error beside keys of which some were left out. It names what was left out, without secrets.
type Partial struct{ Dropped []error }

// Error joins the texts of what was left out.
func (p *Partial) Error() string { return errors.Join(p.Dropped...).Error() }

// Unwrap returns what was left out.
func (p *Partial) Unwrap() []error { return p.Dropped }

// Drop returns a *Partial of what was left out, or nil if nothing was.
func Drop(dropped ...error) error {
	if len(dropped) == 0 {
		return nil
	}
	return &Partial{Dropped: dropped}
}

// New returns a cache. It fetches nothing and starts no goroutine.
func New[K any](cfg Config[K]) (*Cache[K], error) {
	if cfg.Fetch == nil {
		return nil, fmt.Errorf("%s: the function that fetches keys is nil", cfg.Package)
	}
	for _, limit := range []struct {
		name   string
		of     *time.Duration
		preset time.Duration
	}{
		{"TTL", &cfg.TTL, DefaultTTL}, {"MaxStale", &cfg.MaxStale, DefaultMaxStale},
		{"Timeout", &cfg.Timeout, DefaultTimeout}, {"Wait", &cfg.Wait, DefaultWait},
		{"MinInterval", &cfg.MinInterval, 0}, {"Retain", &cfg.Retain, 0},
	} {
		if *limit.of < 0 {
			return nil, fmt.Errorf("%s: %s is below zero", cfg.Package, limit.name)
		}
		if *limit.of == 0 {
			*limit.of = limit.preset
		}
	}
	for _, limit := range []struct {
		name   string
		of     *int
		preset int
	}{{"MaxKeys", &cfg.MaxKeys, DefaultMaxKeys}, {"MaxWaiters", &cfg.MaxWaiters, DefaultMaxWaiters}} {
		if *limit.of < 0 {
			return nil, fmt.Errorf("%s: %s is below zero", cfg.Package, limit.name)
		}
		if *limit.of == 0 {
			*limit.of = limit.preset
		}
	}
	if cfg.MinInterval == 0 {
		cfg.MinInterval = min(DefaultMinInterval, cfg.TTL)
	}
	cfg.MaxStale = max(cfg.MaxStale, cfg.TTL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return newCache(cfg), nil
}
