package hmacsig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook"
)

// Config adjusts a [Verifier]. Its zero value is the strict default.
type Config struct {
	_ [0]func()

	// Grace is how long a key is accepted after the end of its validity. Zero and below mean not at all.
	Grace time.Duration

	// Now replaces time.Now. It counts only for deliveries without a time of receipt.
	Now func() time.Time
}

// A Verifier accepts what one provider signed. It implements [truhook.Verifier] and [truhook.Prechecker] and is safe
// for concurrent use. A nil or zero Verifier refuses everything with [truhook.NoKey].
//
// It refuses with MissingSignature, DuplicateHeader, HeaderTooLong, MalformedSignature, MissingTimestamp,
// MalformedTimestamp, Expired, NotYetValid, MissingMessageID and MalformedMessageID before anything is hashed; with
// SignatureMismatch, or KeyExpired and KeyNotYetValid where the signature fits a key outside its validity; and,
// when the fault is on this side, with NoKey, KeysUnavailable and Canceled.
//
// The proof of an accepted delivery has the scheme's name and the id of the key that fitted. Its Detail is a [Message]
// where the scheme signs an id or a timestamp, else nil.
type Verifier struct {
	format *format
	keys   KeySource
	grace  time.Duration
	now    func() time.Time
}

var (
	_ truhook.Verifier   = (*Verifier)(nil)
	_ truhook.Prechecker = (*Verifier)(nil)
)

// New returns a verifier of deliveries that are signed by s under one of the keys. A scheme that is not sound, a nil
// source and static keys that cannot verify anything are errors.
func New(s Scheme, keys KeySource, cfg Config) (*Verifier, error) {
	f, err := s.compile()
	if err != nil {
		return nil, err
	}
	if keys == nil {
		return nil, fmt.Errorf("hmacsig: scheme %q: the key source is nil", s.Name)
	}
	if static, ok := keys.(staticKeys); ok {
		if err := static.check(f); err != nil {
			return nil, fmt.Errorf("hmacsig: scheme %q: %w", s.Name, err)
		}
	}
	hashes := &secret{bytes: make([]byte, 32)} // no key, but long enough for FIPS 140-3 mode to show what it makes of the hash
	if err := hashes.probe(f.Hash); err != nil {
		return nil, fmt.Errorf("hmacsig: scheme %q: %w", s.Name, err)
	}
	v := &Verifier{format: f, keys: keys, grace: max(cfg.Grace, 0), now: cfg.Now}
	if v.now == nil {
		v.now = time.Now
	}
	return v, nil
}

// Precheck refuses by the head alone: a signature that is missing or not of the documented form, and a timestamp that
// is out of tolerance. It hashes nothing and asks for no key.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	if v == nil || v.format == nil {
		return noVerifier()
	}
	var s signatures
	return v.format.read(d, v.received(d), &s)
}

func noVerifier() error {
	return &truhook.Error{Reason: truhook.NoKey, Err: errors.New("hmacsig: a Verifier that New did not make")}
}

// Verify accepts d if one of its signatures is that of its bytes under a key that is valid.
func (v *Verifier) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	if v == nil || v.format == nil {
		return nil, noVerifier()
	}
	if err := ctx.Err(); err != nil {
		return nil, v.refuse(truhook.Canceled, err)
	}
	now := v.received(d)
	var s signatures
	if err := v.format.read(d, now, &s); err != nil {
		return nil, err
	}
	keys, err := v.ask(ctx, Query{Delivery: d})
	if err != nil {
		return nil, err
	}
	id, reason := v.try(keys, &s, d.Body, now)
	if reason != "" {
		// Anybody can get here, so the second question is the source's to refuse: the same slice again ends the search.
		fresh, err := v.ask(ctx, Query{Delivery: d, Missed: true})
		if err != nil {
			return nil, err
		}
		if !sameKeys(keys, fresh) {
			id, reason = v.try(fresh, &s, d.Body, now)
		}
	}
	if reason != "" {
		return nil, v.refuse(reason, nil)
	}
	return v.accept(d, id, &s), nil
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

func (v *Verifier) accept(d *truhook.Delivery, keyID string, s *signatures) *truhook.Verified {
	one := &struct { // one allocation for both
		verified truhook.Verified
		proofs   [1]truhook.Proof
	}{}
	proof := &one.proofs[0]
	proof.Scheme, proof.KeyID = v.format.Name, keyID
	if v.format.id.present() || v.format.stamp.present() {
		proof.Detail = Message{ID: s.id, Time: s.time}
	}
	one.verified.Payload, one.verified.Proofs = d.Body, one.proofs[:]
	return &one.verified
}

func (v *Verifier) ask(ctx context.Context, q Query) ([]Key, error) {
	keys, err := v.keys.Keys(ctx, q)
	if err != nil {
		if r := truhook.ReasonOf(err); r != truhook.Internal || errors.Is(err, truhook.Internal) {
			return nil, v.refuse(r, err)
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
			return nil, v.refuse(truhook.NoKey, errors.New("the source gave a zero Key"))
		}
	}
	return keys, nil
}

// try returns the id of the key that fits, or why none does.
func (v *Verifier) try(keys []Key, s *signatures, body []byte, now time.Time) (id string, refused truhook.Reason) {
	// Every key inside its window is tried, whichever fits, so that the time does not tell which one it was.
	fitted := -1
	for i := range keys {
		if keys[i].at(now, v.grace) == inside && v.fits(&keys[i], s, body) && fitted < 0 {
			fitted = i
		}
	}
	if fitted >= 0 {
		return keys[fitted].id, ""
	}
	for i := range keys {
		switch w := keys[i].at(now, v.grace); {
		case w == inside || !v.fits(&keys[i], s, body):
		case w == before:
			return "", truhook.KeyNotYetValid
		default:
			return "", truhook.KeyExpired
		}
	}
	return "", truhook.SignatureMismatch
}

// fits reports whether one of the signatures is that of body under k. It compares every one of them.
func (v *Verifier) fits(k *Key, s *signatures, body []byte) bool {
	secret := k.open()
	m := secret.get(v.format.Hash)
	matched := s.match(m.compute(v.format, s.id, s.timestamp, body))
	secret.put(v.format.Hash, m)
	return matched
}

// compute writes what is signed and returns the MAC, which lies in m.
func (m *mac) compute(f *format, id, timestamp string, body []byte) []byte {
	for i := range f.parts {
		switch p := &f.parts[i]; p.kind {
		case bodyPart:
			m.Write(body)
		case idPart:
			m.writeString(id)
		case timestampPart:
			m.writeString(timestamp)
		default:
			m.writeString(p.literal)
		}
	}
	return m.Sum(m.sum[:0])
}

func (m *mac) writeString(s string) {
	m.text = append(m.text[:0], s...)
	m.Write(m.text)
}

func sameKeys(a, b []Key) bool {
	return len(a) == len(b) && &a[0] == &b[0]
}
