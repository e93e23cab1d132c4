package hmacsig

import (
	"strings"
	"unsafe"

	"github.com/truhook/truhook"
)

// acceptance is one allocation for all that a proof needs. What outlives the call is copied: a host may reuse the
// memory of a request, and text has the id.
type acceptance struct {
	verified truhook.Verified
	proofs   [1]truhook.Proof
}

type acceptanceWithID struct {
	acceptance
	text [64]byte
}

func (v *Verifier) accept(d *truhook.Delivery, keyID string, s *signed) *truhook.Verified {
	var one *acceptance
	if id, timestamp := v.format.Signs(); s.head != nil && (id || timestamp) {
		var m Message
		m.Time = s.head.Groups[s.group].Time
		if n := len(s.head.ID); n > 0 && n <= 64 {
			with := &acceptanceWithID{}
			copy(with.text[:], s.head.ID)
			m.ID = unsafe.String(&with.text[0], n) // nothing writes to text from here on
			one = &with.acceptance
		} else {
			m.ID = strings.Clone(s.head.ID)
		}
		if one == nil {
			one = &acceptance{}
		}
		one.proofs[0].Detail = m
	} else {
		one = &acceptance{}
	}
	one.proofs[0].Scheme, one.proofs[0].KeyID = v.format.Name, keyID
	one.verified.Payload, one.verified.Proofs = d.Body, one.proofs[:]
	return &one.verified
}
