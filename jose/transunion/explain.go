package transunion

import (
	"context"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/folder"
)

var _ truhook.Explainer = (*Verifier)(nil)

// Explain implements [truhook.Explainer]. It is [github.com/truhook/truhook/jose.Verifier.Explain]. Where no change
// of the body gives the claimed hash, it decrypts the body with the private keys at hand and tries the text:
// hash-of-plaintext.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if v == nil || v.tokenVerifier == nil || v.body == nil {
		return truhook.Explanation{Reason: truhook.NoKey, Complete: true}
	}
	e := v.tokenVerifier.Explain(ctx, q)
	if q.JudgeOnly || q.Delivery == nil || e.Reason != truhook.BodyHashMismatch && e.Reason != truhook.WrongPath ||
		slices.ContainsFunc(e.Findings, func(f truhook.Finding) bool { return f.Proven }) {
		return e
	}
	plaintext, _, err := v.body.Decrypt(folder.KnownOnly(ctx), q.Delivery.Body)
	if err != nil {
		return e
	}
	d := *q.Delivery
	d.Body = plaintext
	q.Delivery, q.MaxHashedBytes = &d, max(0, q.MaxHashedBytes-e.HashedBytes)
	again := v.tokenVerifier.Explain(ctx, q)
	e.Tried += again.Tried
	e.HashedBytes += again.HashedBytes
	rest := slices.ContainsFunc(again.Findings, func(f truhook.Finding) bool { return !f.Proven })
	if !again.Complete || rest || again.Reason != "" && len(again.Findings) == 0 {
		e.Complete = e.Complete && again.Complete
		return e
	}
	e.RuledOut = nil
	e.Findings = append(again.Findings, truhook.Finding{
		Severity: truhook.SeverityError, Name: "hash-of-plaintext", Proven: true, Offset: -1,
		Problem: "The token holds the hash of the decrypted text, and not of the body as it came.",
		Remedy:  "Look for what decrypts and encrypts the body on its way; the hash has to be over the bytes that arrive.",
	})
	return e
}
