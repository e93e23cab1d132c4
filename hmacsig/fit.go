package hmacsig

import (
	"crypto/subtle"
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
)

// try returns the id of the key that fits, or why none does. Every key inside its window is tried, whichever fits, and
// what is kept of the one that fits is moved from register to register on a condition. A branch, a look at a place that
// depends on it and a store that is read again have each told which one it was, by the time; see bench/timing.
func (v *Verifier) try(keys []Key, s *signed, body []byte, now time.Time) (id string, refused truhook.Reason) {
	var fitted *secret
	var text *byte // of the id
	var length int
	for i := len(keys) - 1; i >= 0; i-- { // the first one that fits comes last, and stays
		if keys[i].at(now, v.grace) == inside {
			fits, group := v.fits(&keys[i], s, body)
			secret, start, n := keys[i].open(), unsafe.StringData(keys[i].id), len(keys[i].id)
			if fits != 0 { // the compiler makes conditional moves of these
				fitted = secret
			}
			if fits != 0 {
				text = start
			}
			length = subtle.ConstantTimeSelect(fits, n, length)
			s.group = subtle.ConstantTimeSelect(fits, group, s.group)
		}
	}
	id = unsafe.String(text, length)
	if fitted != nil {
		if v.fitted.Load() != fitted {
			v.fitted.Store(fitted)
		}
		return id, ""
	}
	where := inside
	for i := len(keys) - 1; i >= 0; i-- {
		if w := keys[i].at(now, v.grace); w != inside {
			fits, _ := v.fits(&keys[i], s, body)
			where = window(subtle.ConstantTimeSelect(fits, int(w), int(where))) //nolint:gosec // one of three
		}
	}
	return "", [...]truhook.Reason{
		inside: truhook.SignatureMismatch, before: truhook.KeyNotYetValid, after: truhook.KeyExpired,
	}[where]
}

// fits returns 1 if one of the signatures is that of body under k, and its group; else 0. It compares every one of
// them.
func (v *Verifier) fits(k *Key, s *signed, body []byte) (fits, group int) {
	f, secret := v.format, k.open()
	m := secret.get(f.hash)
	defer secret.put(f.hash, m)
	if s.head == nil {
		m.Write(body)
		return constantTimeEqual(m.Sum(m.sum[:0]), s.plain[:]), 0
	}
	for g := range s.head.Groups[:s.head.GroupCount] {
		if !s.head.Groups[g].Live() {
			continue
		}
		if g > 0 {
			m.Reset()
		}
		want := m.compute(f, s.head, g, body)
		for i := range s.head.Count() {
			if signature, of := s.head.Signature(i); of == g {
				equal := constantTimeEqual(want, signature)
				group = subtle.ConstantTimeSelect(equal, g, group)
				fits |= equal
			}
		}
	}
	return fits, group
}

// constantTimeEqual is subtle.ConstantTimeCompare by words of four bytes, of which every MAC is a multiple: byte by
// byte it takes as long as a twentieth of a small delivery (see bench). Its way does not depend on what the two hold.
func constantTimeEqual(want, given []byte) int {
	var different uint32
	for i := 0; i < len(want); i += 4 {
		different |= binary.LittleEndian.Uint32(want[i:]) ^ binary.LittleEndian.Uint32(given[i:])
	}
	return subtle.ConstantTimeEq(int32(different), 0)
}

// compute writes what is signed and returns the MAC, which lies in m.
func (m *mac) compute(f *format, h *form.Head, group int, body []byte) []byte {
	if f.BodyOnly() {
		m.Write(body)
		return m.Sum(m.sum[:0])
	}
	var split int
	m.text, split = f.Around(m.text[:0], h, group)
	m.Write(m.text[:split])
	m.Write(body)
	m.Write(m.text[split:])
	return m.Sum(m.sum[:0])
}
