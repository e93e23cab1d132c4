package hmacsig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/form"
)

// Config adjusts a [Verifier]. Its zero value is the strict default.
type Config struct {
	_ [0]func()

	// URL is the public URL of the endpoint, exactly as it is registered with the provider, for schemes that sign {url}.
	// It is required there and an error elsewhere. The Host that was sent is never used: whoever sends could choose it.
	URL string

	// Grace is how long a key is accepted after NotAfter. Zero and below mean not at all.
	Grace time.Duration

	// Now replaces time.Now. It counts only for deliveries without a time of receipt. A panic of it is logged, and the
	// real time counts.
	Now func() time.Time
}

// A Verifier accepts what one provider signed. It implements [truhook.Verifier], [truhook.Prechecker],
// [truhook.Auditor] and [truhook.Explainer] and is safe for concurrent use. A nil or zero Verifier rejects everything
// with [truhook.NoKey].
//
// It rejects with MissingSignature, DuplicateHeader, HeaderTooLong, MalformedSignature, MissingTimestamp,
// MalformedTimestamp, Expired, NotYetValid, MissingMessageID, MalformedMessageID and WrongMethod before anything is
// hashed. A missing or unsuitable {header:Name} has the reasons of an id. It rejects with SignatureMismatch, or with
// KeyExpired and KeyNotYetValid where the signature fits a key outside its validity. Where the fault is on this side it
// rejects with NoKey, KeysUnavailable, KeysStale and Canceled.
//
// The proof of an accepted delivery has the scheme's name and the id of the key that fitted. Its Detail is a [Message]
// where the scheme signs an id or a timestamp, else nil. It keeps no memory of the request but the body.
type Verifier struct {
	scheme Scheme
	format *format
	keys   KeySource
	static []Key // the keys, where New has checked them
	grace  time.Duration
	now    func() time.Time

	last   atomic.Pointer[[]Key]  // what the source gave last, for Explain
	fitted atomic.Pointer[secret] // of the key that fitted last
}

var (
	_ truhook.Verifier   = (*Verifier)(nil)
	_ truhook.Prechecker = (*Verifier)(nil)
)

// New returns a verifier of deliveries that are signed by s under one of the keys. A scheme that is not sound, a nil
// source, and keys that cannot verify anything are errors, as far as the source has its keys at hand.
func New(s Scheme, keys KeySource, cfg Config) (*Verifier, error) {
	f, err := s.compile(cfg.URL)
	if err != nil {
		return nil, err
	}
	if keys == nil {
		return nil, s.unsound(errors.New("the key source is nil"))
	}
	v := &Verifier{scheme: s, format: f, keys: keys, grace: max(cfg.Grace, 0), now: clock.Guard("hmacsig", cfg.Now, clock.Report(nil, nil))}
	switch source := keys.(type) {
	case staticKeys:
		v.static = source
		err = source.check()
	case *ReloadableKeys, *FileKeys:
		v.static, err = source.Keys(context.Background(), Query{}) // which does not wait
	}
	for i := range v.static {
		if err == nil && v.static[i].open != nil {
			err = f.usable(&v.static[i])
		}
	}
	if err != nil {
		return nil, s.unsound(err)
	}
	if _, ok := keys.(staticKeys); !ok {
		first := v.static // of its own: the field is emptied
		v.last.Store(&first)
		v.static = nil
	}
	hashes := &secret{bytes: make([]byte, 32)} // no key, but long enough for FIPS 140-3 mode to show what it makes of the hash
	if err := hashes.probe(f.hash); err != nil {
		return nil, s.unsound(err)
	}
	return v, nil
}

// usable returns what keeps k from verifying anything.
func (f *format) usable(k *Key) error {
	secret := k.open()
	if f.keyText.undecoded(secret.bytes) {
		return fmt.Errorf("the secret still begins with %q, which is no part of the key: make it with Scheme.NewKey", f.keyText.Prefix)
	}
	return secret.probe(f.hash)
}

// Precheck rejects by the head alone: a signature that is missing or not of the documented form, and a timestamp that
// is out of tolerance. It hashes nothing and asks for no key.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	switch {
	case v == nil || v.format == nil:
		return noVerifier()
	case d == nil:
		d = &truhook.Delivery{}
	}
	if text, plain := v.format.plainText(d); plain && form.IsHex(text) {
		return nil
	}
	return v.readHead(d)
}

func (v *Verifier) readHead(d *truhook.Delivery) error {
	var head form.Head
	return v.format.Read(d, v.received(d), &head)
}

func noVerifier() error {
	return &truhook.Error{Reason: truhook.NoKey, Err: errNoVerifier}
}

var errNoVerifier = errors.New("hmacsig: a Verifier that New did not make")

// signed is what a delivery claims: the one signature of a plain scheme, or the head of any other.
type signed struct {
	plain [64]byte   // of which the scheme's size counts
	head  *form.Head // nil for a plain scheme
	group int        // of head, whose signature fitted
}

// Verify accepts d if one of its signatures is that of its bytes under a key that is valid. ctx bounds the key source
// only: what can be computed with keys at hand is computed.
func (v *Verifier) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	switch {
	case v == nil || v.format == nil:
		return nil, noVerifier()
	case d == nil:
		d = &truhook.Delivery{}
	}
	var s signed
	if text, plain := v.format.plainText(d); plain && form.DecodeHex(s.plain[:v.format.size], text) {
		return v.verify(ctx, d, v.received(d), &s)
	}
	return v.verifyHead(ctx, d)
}

func (v *Verifier) verifyHead(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	var head form.Head
	now := v.received(d)
	if err := v.format.Read(d, now, &head); err != nil {
		return nil, err
	}
	s := signed{head: &head}
	return v.verify(ctx, d, now, &s)
}

// plainText returns the digits of the common case: one hex signature of the body, in one header. Whatever else there is
// is for form.Format.Read to judge.
func (f *format) plainText(d *truhook.Delivery) (text string, plain bool) {
	if !f.plain {
		return "", false
	}
	lines := d.HeaderValues(f.header)
	if len(lines) != 1 || len(lines[0]) != f.encoded || !strings.HasPrefix(lines[0], f.prefix) {
		return "", false
	}
	return lines[0][len(f.prefix):], true
}

// verify asks for the keys and tries them, twice at the most.
func (v *Verifier) verify(ctx context.Context, d *truhook.Delivery, now time.Time, s *signed) (*truhook.Verified, error) {
	keys := v.static
	if keys == nil {
		var err error
		if keys, err = v.ask(ctx, Query{Delivery: d}); err != nil {
			return nil, err
		}
	}
	id, reason := v.try(keys, s, d.Body, now)
	if reason != "" && v.static == nil {
		// Anybody can get here, so the second question is the source's to refuse: the same slice again ends the search.
		fresh, err := v.ask(ctx, Query{Delivery: d, Missed: true})
		if err != nil {
			return nil, err
		}
		if !sameKeys(keys, fresh) {
			keys = fresh
			id, reason = v.try(keys, s, d.Body, now)
		}
	}
	if reason != "" {
		return nil, &truhook.Error{Scheme: v.format.Name, Reason: reason, KeyIDs: ids(keys)}
	}
	return v.accept(d, id, s), nil
}

func ids(keys []Key) []string {
	out := make([]string, len(keys))
	for i := range keys {
		out[i] = keys[i].id
	}
	return out
}

func (v *Verifier) received(d *truhook.Delivery) time.Time {
	if d.Received.IsZero() {
		return v.now()
	}
	return d.Received
}

func (v *Verifier) refuse(r truhook.Reason, cause error) error {
	return &truhook.Error{Scheme: v.format.Name, Reason: r, Err: cause}
}

func (v *Verifier) ask(ctx context.Context, q Query) ([]Key, error) {
	keys, err := v.keys.Keys(ctx, q)
	if err != nil {
		if r := truhook.ReasonOf(err); r != truhook.Internal || errors.Is(err, truhook.Internal) {
			return nil, v.refuse(r, err)
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, v.refuse(truhook.Canceled, err)
		}
		return nil, v.refuse(truhook.KeysUnavailable, err)
	}
	if len(keys) == 0 {
		return nil, v.refuse(truhook.NoKey, nil)
	}
	if len(keys) > maxKeys {
		return nil, v.refuse(truhook.KeysUnavailable, errTooManyKeys)
	}
	for i := range keys {
		if keys[i].open == nil {
			return nil, v.refuse(truhook.NoKey, errZeroKey)
		}
		if v.format.keyText.undecoded(keys[i].open().bytes) {
			return nil, v.refuse(truhook.NoKey, v.format.usable(&keys[i]))
		}
	}
	if last := v.last.Load(); last == nil || !sameKeys(*last, keys) {
		kept := keys // of its own, or every call would allocate
		v.last.Store(&kept)
	}
	return keys, nil
}

var errZeroKey = errors.New("the source gave a zero Key")

func sameKeys(a, b []Key) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
