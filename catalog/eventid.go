package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/payload"
)

// EventID returns what stays the same when the provider sends an event again, where the row knows such an id and the
// signature covers it. It serves as idempotency.KeyFunc:
//
//	p, _ := catalog.Lookup("stripe")
//	once, err := idempotency.NewMiddleware(store, "stripe/prod", p.EventID, idempotency.Config{Policy: p.Retry})
//
// Where EventIDAt is not known or not signed, EventID returns an error for every delivery, and you say which you want:
// idempotency.BodyDigest takes equal bodies as one event, and [InsecureHeaderID] believes a header, so that a captured
// delivery under another id is a new event.
//
// A delivery that holds several events, as those of a path with "[]" do, has an id made of all of theirs: handle each
// event of it once by its own id. A body whose id cannot be read has the digest of its bytes, which package
// idempotency reports as unidentified.
func (p Provider) EventID(v *truhook.Verified) (string, error) {
	at := p.EventIDAt
	switch {
	case v == nil:
		return "", &truhook.Error{Scheme: p.Name, Reason: truhook.NotVerified}
	case at.IsZero():
		return "", dedupe.Words("catalog: " + p.Name + ": no event id is known; use idempotency.BodyDigest")
	case !at.Signed:
		return "", dedupe.Words(fmt.Sprintf("catalog: %s: the signature does not cover the event id (%v); "+
			"use idempotency.BodyDigest, or catalog.InsecureHeaderID", p.Name, at))
	case at.Header != "":
		if m, ok := truhook.Detail[hmacsig.Message](v); ok && m.ID != "" {
			return m.ID, nil
		}
		return dedupe.DigestID(v.Payload), nil
	}
	ids, ok := idsAt(root(v.Payload), at.Member)
	switch {
	case !ok || len(ids) == 0:
		return dedupe.DigestID(v.Payload), nil
	case len(ids) == 1:
		return ids[0], nil
	}
	all, _ := json.Marshal(ids) // of strings, which cannot fail
	sum := sha256.Sum256(all)
	return "events-sha256/" + hex.EncodeToString(sum[:]), nil
}

// root returns the JSON value that a body is.
func root(body []byte) payload.Value {
	if body = bytes.TrimSpace(body); !json.Valid(body) {
		return nil
	}
	return payload.Value(body)
}

// idsAt returns the ids at a path, and false if one of them cannot be read.
func idsAt(v payload.Value, path string) (ids []string, ok bool) {
	values, ok := valuesAt(v, path)
	for _, value := range values {
		id, readable := value.ID()
		ok = ok && readable
		ids = append(ids, id)
	}
	return ids, ok
}

// valuesAt returns the values at a path, "event.id" or "events[].id", and false where a part of the path is missing.
func valuesAt(v payload.Value, path string) (values []payload.Value, ok bool) {
	name, rest, nested := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	if name != "" {
		o, ok := v.Object()
		if !ok {
			return nil, false
		}
		v = o.Get(name)
	}
	elements := []payload.Value{v}
	if list {
		if elements, ok = v.Array(); !ok {
			return nil, false
		}
	}
	if !nested {
		return elements, true
	}
	for _, e := range elements {
		below, ok := valuesAt(e, rest)
		if !ok {
			return nil, false
		}
		values = append(values, below...)
	}
	return values, true
}

// headerID is the Detail of the proof that InsecureHeaderID adds.
type headerID string

// InsecureHeaderID returns v, and an idempotency.KeyFunc that takes the id of an event from a header which the
// signature does not cover. It is insecure against replay only: whoever captured a delivery can send it again under
// another id, and it counts as a new event. It never makes a forgery pass.
//
//	v, err := catalog.New("github", secret)
//	...
//	v, eventID := catalog.InsecureHeaderID(v, "X-GitHub-Delivery")
//
// A delivery without one such header has the digest of its body. InsecureHeaderID panics if v is nil or header is
// empty.
func InsecureHeaderID(v truhook.Verifier, header string) (truhook.Verifier, func(v *truhook.Verified) (string, error)) {
	if v == nil || header == "" {
		panic("catalog: InsecureHeaderID: the verifier is nil or the header is empty")
	}
	with := withHeaderID{v, http.CanonicalHeaderKey(header)}
	return with, func(v *truhook.Verified) (string, error) {
		if v == nil {
			return "", &truhook.Error{Reason: truhook.NotVerified}
		}
		if id, ok := truhook.Detail[headerID](v); ok && id != "" {
			return string(id), nil
		}
		return dedupe.DigestID(v.Payload), nil
	}
}

type withHeaderID struct {
	truhook.Verifier
	header string
}

// Verify adds a proof that carries the header. It proves nothing, and its Scheme says so.
func (w withHeaderID) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	v, err := w.Verifier.Verify(ctx, d)
	if err != nil || v == nil {
		return nil, err
	}
	id := ""
	if lines := d.HeaderValues(w.header); len(lines) == 1 {
		id = strings.Clone(lines[0])
	}
	with := *v
	unsigned := truhook.Proof{Scheme: "unsigned header", Detail: headerID(id)}
	with.Proofs = append(append([]truhook.Proof(nil), v.Proofs...), unsigned)
	return &with, nil
}

// Precheck asks the verifier inside, if it has one.
func (w withHeaderID) Precheck(ctx context.Context, d *truhook.Delivery) error {
	if p, ok := w.Verifier.(truhook.Prechecker); ok {
		return p.Precheck(ctx, d)
	}
	return nil
}

// Explain asks the verifier inside, if it can tell.
func (w withHeaderID) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if x, ok := w.Verifier.(truhook.Explainer); ok {
		return x.Explain(ctx, q)
	}
	return truhook.Explanation{}
}

// Unwrap returns the verifier inside, for truhook.Audit.
func (w withHeaderID) Unwrap() []truhook.Verifier { return []truhook.Verifier{w.Verifier} }
