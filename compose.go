package truhook

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// AllOf returns a [Verifier] that accepts a delivery if every one of its verifiers does.
//
// They run in the order of the arguments, so put the cheap ones first; the first refusal ends the work and is the
// error. The proofs are those of all of them in that order. The payload is the one that is not the body itself: at
// most one verifier may decrypt, and two that do are [Internal]. AllOf forwards [Prechecker] and has the method
// Unwrap() []Verifier. It panics if a verifier is nil. The result is safe for concurrent use.
func AllOf(first Verifier, rest ...Verifier) Verifier {
	return allOf{collect("AllOf", first, rest)}
}

// AnyOf returns a [Verifier] that accepts a delivery if at least one of its verifiers does.
//
// They run in the order of the arguments until one accepts. If none accepts, the error keeps that
// of every one of them for errors.Is and errors.As, so a delivery can be a mismatch and an outage at once: branch on
// [ReasonOf], which gives the first reason that is not the sender's fault (5xx), else the first. AnyOf forwards
// [Prechecker], refusing by the head only where all of its verifiers do, and has the method Unwrap() []Verifier. It
// panics if a verifier is nil. The result is safe for concurrent use.
//
// AnyOf is as weak as its weakest verifier. It is meant for a provider that changes its scheme, not for letting an
// address list stand in for a signature.
func AnyOf(first Verifier, rest ...Verifier) Verifier {
	return anyOf{collect("AnyOf", first, rest)}
}

// Require returns a [Verifier] that accepts what v accepts, if every check passes too.
//
// The order is fixed: the checks that look at the head only ([HeadCheck]), the Precheck of v, the other checks
// ([NewCheck]), then v; within a kind the order of the arguments. The first refusal ends the work and is the error. The
// middleware runs the head checks and the Precheck before it reads the body, and all of it again after. Require has the
// method Unwrap() []Verifier and forwards [Explainer] to v. It panics if v is nil or a check is the zero Check. The
// result is safe for concurrent use.
func Require(v Verifier, first Check, rest ...Check) Verifier {
	q := require{verifiers: collect("Require", v, nil)}
	for i, c := range append([]Check{first}, rest...) {
		switch {
		case c.isZero():
			panic(fmt.Sprintf("truhook: Require: check %d is the zero Check", i+1))
		case c.head != nil:
			q.heads = append(q.heads, c)
		default:
			q.checks = append(q.checks, c)
		}
	}
	return q
}

func collect(caller string, first Verifier, rest []Verifier) []Verifier {
	all := append([]Verifier{first}, rest...)
	for i, v := range all {
		if v == nil {
			panic(fmt.Sprintf("truhook: %s: verifier %d is nil", caller, i+1))
		}
	}
	return all
}

func precheck(ctx context.Context, v Verifier, d *Delivery) error {
	if d == nil {
		return &Error{Reason: Internal, Err: errNoDelivery}
	}
	if p, ok := v.(Prechecker); ok {
		return p.Precheck(ctx, d)
	}
	return nil
}

type allOf struct{ verifiers []Verifier }

func (a allOf) Unwrap() []Verifier { return slices.Clone(a.verifiers) }

func (a allOf) Precheck(ctx context.Context, d *Delivery) error {
	for _, v := range a.verifiers {
		if err := precheck(ctx, v, d); err != nil {
			return err
		}
	}
	return nil
}

func (a allOf) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	if d == nil {
		return nil, &Error{Reason: Internal, Err: errNoDelivery}
	}
	all := &Verified{Payload: d.Body}
	changed := false
	for _, v := range a.verifiers {
		one, err := verify(ctx, v, d)
		if err != nil {
			return nil, err
		}
		all.Proofs = append(all.Proofs, one.Proofs...)
		if same(one.Payload, d.Body) && one.Inner == nil {
			continue
		}
		if changed {
			return nil, &Error{Reason: Internal, Err: errors.New("AllOf: two verifiers changed the payload")}
		}
		all.Payload, all.Inner, changed = one.Payload, one.Inner, true
	}
	return all, nil
}

// verify asks one verifier of several.
func verify(ctx context.Context, v Verifier, d *Delivery) (*Verified, error) {
	if d == nil {
		return nil, &Error{Reason: Internal, Err: errNoDelivery}
	}
	one, err := v.Verify(ctx, d)
	if err != nil {
		return nil, err
	}
	if one == nil {
		return nil, &Error{Reason: Internal, Err: errNoVerdict}
	}
	return one, nil
}

// same reports whether a and b are one slice, not whether they hold equal bytes.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

type anyOf struct{ verifiers []Verifier }

func (a anyOf) Unwrap() []Verifier { return slices.Clone(a.verifiers) }

func (a anyOf) Precheck(ctx context.Context, d *Delivery) error {
	var refusals []error
	for _, v := range a.verifiers {
		err := precheck(ctx, v, d)
		if err == nil {
			return nil
		}
		refusals = append(refusals, err)
	}
	return &anyError{refusals}
}

func (a anyOf) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	var refusals []error
	for _, v := range a.verifiers {
		one, err := verify(ctx, v, d)
		if err == nil {
			return one, nil
		}
		refusals = append(refusals, err)
	}
	return nil, &anyError{refusals}
}

type require struct {
	verifiers []Verifier // exactly one
	heads     []Check
	checks    []Check
}

func (q require) Unwrap() []Verifier { return slices.Clone(q.verifiers) }

func (q require) Precheck(ctx context.Context, d *Delivery) error {
	if err := q.runHeads(d); err != nil {
		return err
	}
	return precheck(ctx, q.verifiers[0], d)
}

func (q require) runHeads(d *Delivery) error {
	if d == nil {
		return &Error{Reason: Internal, Err: errNoDelivery}
	}
	head := d
	for _, c := range q.heads {
		if !c.headOnly && head == d {
			head = bodiless(d)
		}
		if err := c.head(head); err != nil {
			return &checkError{c.name, err}
		}
	}
	return nil
}

func (q require) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	if err := q.runHeads(d); err != nil {
		return nil, err
	}
	if len(q.checks) > 0 {
		if err := precheck(ctx, q.verifiers[0], bodiless(d)); err != nil {
			return nil, err
		}
	}
	for _, c := range q.checks {
		if err := c.full(ctx, d); err != nil {
			return nil, &checkError{c.name, err}
		}
	}
	return verify(ctx, q.verifiers[0], d)
}
