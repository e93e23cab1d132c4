package keysig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/form"
)

// Config adjusts a [Verifier]. Its zero value is the strict default.
type Config struct {
	_ [0]func()

	// URL is the public URL of the endpoint, exactly as it is registered with the provider, for schemes that sign {url}.
	URL string

	// Now replaces time.Now. It counts only for deliveries without a time of receipt. A panic of it is logged, and the
	// real time counts.
	Now func() time.Time
}

// A Verifier accepts what one provider signed. It implements [truhook.Verifier], [truhook.Prechecker],
// [truhook.Auditor] and [truhook.Explainer], and is safe for concurrent use. A nil or zero Verifier rejects everything
// with NoKey.
//
// It rejects with MissingSignature, DuplicateHeader, HeaderTooLong, MalformedSignature, MissingTimestamp,
// MalformedTimestamp, Expired, NotYetValid, MissingMessageID, MalformedMessageID and MissingKeyID by the head alone;
// with UnknownKey, SignatureMismatch, or KeyExpired and KeyNotYetValid where the signature fits a key outside its
// validity; and, when the fault is on this side, with NoKey, KeysUnavailable, KeysStale and Canceled. At most as many
// signatures are verified as there are keys and signatures together.
//
// The proof of an accepted delivery has the scheme's name and the id of the key that fitted. Its Detail is an
// [hmacsig.Message] where the scheme signs an id or a timestamp, else nil.
type Verifier struct {
	format *format
	keys   KeySource
	now    func() time.Time
	last   atomic.Pointer[[]Key] // what the source gave last, for Explain
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
	if static, ok := keys.(staticKeys); ok {
		if err := f.algorithm.checkAll(static); err != nil {
			return nil, s.unsound(err)
		}
	}
	v := &Verifier{format: f, keys: keys, now: clock.Guard("keysig", cfg.Now, clock.Report(nil, nil))}
	return v, nil
}

// Precheck rejects by the head alone: a signature that is missing or not of the documented form, and a timestamp that
// is out of tolerance. It verifies nothing and asks for no key.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	var head form.Head
	_, err := v.readHead(d, &head)
	return err
}

// readHead returns the id of the key that d names.
func (v *Verifier) readHead(d *truhook.Delivery, head *form.Head) (keyID string, err error) {
	if v == nil || v.format == nil {
		return "", &truhook.Error{Reason: truhook.NoKey, Err: errNoVerifier}
	}
	if d == nil {
		d = &truhook.Delivery{}
	}
	if err := v.format.Read(d, v.received(d), head); err != nil {
		return "", err
	}
	if v.format.keyID == "" {
		return "", nil
	}
	switch lines := d.HeaderValues(v.format.keyID); {
	case len(lines) == 0 || len(lines) == 1 && lines[0] == "":
		return "", v.refuse(truhook.MissingKeyID, errKeyID)
	case len(lines) > 1:
		return "", v.refuse(truhook.DuplicateHeader, errKeyID)
	case len(lines[0]) > maxKeyID:
		return "", v.refuse(truhook.HeaderTooLong, errKeyID)
	default:
		return lines[0], nil
	}
}

const maxKeyID = 512 // bytes: the URL of a certificate fits

var (
	errNoVerifier = errors.New("keysig: a Verifier that New did not make")
	errKeyID      = errors.New("the header that names the key")
)

// Verify accepts d if one of its signatures is that of its bytes under a key that is valid. ctx bounds the key source
// only: what can be computed with keys at hand is computed.
func (v *Verifier) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	var head form.Head
	keyID, err := v.readHead(d, &head)
	if err != nil {
		return nil, err
	}
	now := v.received(d)
	q := Query{KeyID: keyID, Delivery: d}
	keys, err := v.ask(ctx, q)
	if err != nil {
		return nil, err
	}
	fitted, group, reason := v.try(keys, keyID, &head, d.Body, now)
	if reason != "" {
		// Anybody can get here, so the second question is the source's to refuse: the same slice again ends the search.
		q.Missed = true
		fresh, err := v.ask(ctx, q)
		if err != nil {
			return nil, err
		}
		if !sameKeys(keys, fresh) {
			fitted, group, reason = v.try(fresh, keyID, &head, d.Body, now)
		}
	}
	if reason != "" {
		return nil, v.refuse(reason, nil)
	}
	proof := truhook.Proof{Scheme: v.format.name, KeyID: fitted}
	if id, timestamp := v.format.Signs(); id || timestamp {
		proof.Detail = hmacsig.Message{ID: strings.Clone(head.ID), Time: head.Groups[group].Time}
	}
	return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{proof}}, nil
}

func (v *Verifier) received(d *truhook.Delivery) time.Time {
	if d.Received.IsZero() {
		return v.now()
	}
	return d.Received
}

func (v *Verifier) refuse(r truhook.Reason, cause error) error {
	return &truhook.Error{Scheme: v.format.name, Reason: r, Err: cause}
}

func (v *Verifier) ask(ctx context.Context, q Query) ([]Key, error) {
	keys, err := v.keys.Keys(ctx, q)
	switch {
	case err == nil && len(keys) == 0 && v.format.keyID == "":
		return nil, v.refuse(truhook.NoKey, nil)
	case err == nil && len(keys) > maxKeys:
		return nil, v.refuse(truhook.KeysUnavailable, errTooManyKeys)
	case err == nil:
		if last := v.last.Load(); last == nil || !sameKeys(*last, keys) {
			kept := keys // of its own, or every call would allocate
			v.last.Store(&kept)
		}
		return keys, v.usable(keys)
	}
	if r := truhook.ReasonOf(err); r != truhook.Internal || errors.Is(err, truhook.Internal) {
		return nil, v.refuse(r, err)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil, v.refuse(truhook.Canceled, err)
	}
	return nil, v.refuse(truhook.KeysUnavailable, err)
}

// usable returns an error if there are keys and none of them can verify.
func (v *Verifier) usable(keys []Key) (err error) {
	for i := range keys {
		problem := v.format.algorithm.checkKind(keys[i].Public)
		if problem == nil {
			return nil
		}
		err = v.refuse(truhook.NoKey, fmt.Errorf("key %q: %w", printableID(keys[i].ID), problem))
	}
	return err
}

// try returns the id of the key that fits and the group of the signature, or why none does. Keys inside their validity
// come first, so that the bound on work is spent on them.
func (v *Verifier) try(keys []Key, keyID string, head *form.Head, body []byte, now time.Time) (id string, group int, r truhook.Reason) {
	var candidates [maxKeys]*Key
	n, valid := 0, 0
	for _, want := range []bool{true, false} {
		for i := range keys {
			k := &keys[i]
			named := v.format.keyID == "" || k.ID == keyID
			if (k.at(now) == inside) == want && named && v.format.algorithm.checkKind(k.Public) == nil {
				candidates[n] = k
				n++
			}
		}
		if want {
			valid = n
		}
	}
	if n == 0 {
		return "", 0, truhook.UnknownKey
	}
	t := tries{v: v, head: head, body: body, left: n + head.Count()}
	if k, g := t.any(candidates[:valid]); k != nil {
		return k.ID, g, ""
	}
	if k, _ := t.any(candidates[valid:n]); k != nil {
		if k.at(now) == before {
			return "", 0, truhook.KeyNotYetValid
		}
		return "", 0, truhook.KeyExpired
	}
	return "", 0, truhook.SignatureMismatch
}

// tries verifies signatures until its budget is spent.
type tries struct {
	v        *Verifier
	head     *form.Head
	body     []byte
	left     int
	contents [len(form.Head{}.Groups)]*content
}

// any tries pairs of key and signature in the order of their indices' sum: the first key and the first signature first,
// as the current ones stand in front, and each of both before any meets a third.
func (t *tries) any(keys []*Key) (*Key, int) {
	for sum := range len(keys) + t.head.Count() {
		for i := range min(sum+1, len(keys)) {
			j := sum - i
			if j >= t.head.Count() {
				continue
			}
			signature, group := t.head.Signature(j)
			if !t.head.Groups[group].Live() {
				continue
			}
			if t.left == 0 {
				return nil, 0
			}
			t.left--
			if t.v.format.algorithm.fits(keys[i].Public, t.content(group), signature) {
				return keys[i], group
			}
		}
	}
	return nil, 0
}

func (t *tries) content(group int) *content {
	if t.contents[group] == nil {
		text, split := t.v.format.Around(nil, t.head, group)
		c := &content{before: text[:split], body: t.body, after: text[split:]}
		c.prepare(t.v.format.algorithm)
		t.contents[group] = c
	}
	return t.contents[group]
}

func sameKeys(a, b []Key) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
