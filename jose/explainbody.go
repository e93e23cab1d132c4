package jose

import (
	"bytes"
	"crypto"
	"crypto/subtle"
	"io"

	"github.com/truhook/truhook/internal/folder"
	"github.com/truhook/truhook/internal/probe"
)

// body says what gives the claimed hash, and whether anything does.
func (s *search) body(k *token, offset *int64) (changes []change, explained bool) {
	function, want, err := s.v.binding.bodyHash(&k.set)
	if err != nil {
		return nil, false
	}
	f := &hashFit{s, function, want}
	if fit, ok := f.variant(probe.AsSent(s.d.Body), s.d.Body); ok {
		*offset = fit.offset
		return fit.changes, true
	}
	if plaintext, ok := s.decrypted(s.d.Body); ok {
		fit, ok := f.variant(probe.AsSent(plaintext), plaintext)
		if !ok {
			fit, ok = f.search(plaintext, probe.Hints{})
		}
		if ok {
			return append(fit.changes, change{cause: causePlaintext}), true
		}
		s.triedFor(true, causePlaintext)
	}
	hints := probe.Hints{ContentType: s.d.Header.Get("Content-Type"), ContentEncoding: s.d.Header.Get("Content-Encoding")}
	if fit, ok := f.search(s.d.Body, hints); ok {
		*offset = fit.offset
		return fit.changes, true
	}
	return nil, false
}

// decrypted decrypts a body with the private keys that are known without asking anybody.
func (s *search) decrypted(body []byte) (plaintext []byte, ok bool) {
	if s.v.decrypter == nil || bytes.Count(body, []byte(".")) != 4 { // RFC 7516, section 7.1
		return nil, false
	}
	plaintext, _, err := s.v.decrypter.Decrypt(folder.KnownOnly(s.Ctx), body)
	return plaintext, err == nil
}

// hashFit compares texts with the claimed hash.
type hashFit struct {
	s        *search
	function crypto.Hash
	want     []byte
}

// A fit is what had to be undone, and where the text differs first.
type fit struct {
	changes []change
	offset  int64
}

// search looks for what text was before something changed it.
func (f *hashFit) search(text []byte, hints probe.Hints) (found fit, ok bool) {
	for v := range probe.Variants(f.s.Ctx, text, hints) {
		if found, ok = f.variant(v, text); ok || f.s.Spent {
			return found, ok
		}
	}
	return fit{}, false
}

// variant tries a variant of text, the same with white space behind it, and what it is encrypted to.
func (f *hashFit) variant(v probe.Variant, text []byte) (found fit, ok bool) {
	found.offset = v.Offset(text)
	for _, c := range v.Changes {
		found.changes = append(found.changes, change{cause: c.Cause, subject: c.Subject})
	}
	tail, ok := f.fits(v)
	switch {
	case ok && tail != "":
		if len(v.Changes) == 0 {
			found.offset = int64(len(text))
		}
		found.changes = append(found.changes, change{cause: probe.TextChanged, subject: "whitespace"})
	case !ok && len(v.Changes) > 0:
		found.changes = append(found.changes, change{cause: causePlaintext})
		return found, f.decrypts(v)
	}
	return found, ok
}

// fits reports whether a variant has the claimed hash by itself, or with a tail behind it.
func (f *hashFit) fits(v probe.Variant) (tail string, ok bool) {
	hashed := func() *probe.Metered {
		h := f.s.Meter(f.function.New())
		_, _ = v.WriteTo(h)
		return h
	}
	h := hashed()
	if f.matches(h) {
		return "", true
	}
	if len(v.Changes) > 1 { // else it would be a third change
		return "", false
	}
	for _, tail := range probe.Tails() {
		longer := f.s.Meter(probe.Clone(h.Hash))
		if longer.Hash == nil { // Go Cryptographic Module v1.0.0 copies no hash
			longer = hashed()
		}
		_, _ = io.WriteString(longer, tail)
		if f.matches(longer) {
			return tail, true
		}
	}
	return "", false
}

func (f *hashFit) matches(h *probe.Metered) bool {
	f.s.tried++
	return !f.s.Spent && subtle.ConstantTimeCompare(h.Sum(nil), f.want) == 1
}

// decrypts reports whether a variant is encrypted, and its content has the claimed hash.
func (f *hashFit) decrypts(v probe.Variant) bool {
	if f.s.v.decrypter == nil || f.s.Spent || v.Changes[len(v.Changes)-1].Cause == probe.Reserialized {
		return false
	}
	var encrypted bytes.Buffer
	_, _ = v.WriteTo(&encrypted)
	plaintext, ok := f.s.decrypted(encrypted.Bytes())
	if !ok {
		return false
	}
	tail, ok := f.fits(probe.AsSent(plaintext))
	return ok && tail == ""
}
