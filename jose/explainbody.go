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
	if f.fits(s.d.Body, "") {
		return nil, true
	}
	if s.v.decrypter != nil {
		if plaintext, err := s.decrypted(s.d.Body); err == nil {
			if f.fits(plaintext, "") {
				return []change{{cause: causePlaintext}}, true
			}
			if changes, _ := f.variant(plaintext, probe.Hints{}); changes != nil {
				return append(changes, change{cause: causePlaintext}), true
			}
		}
	}
	hints := probe.Hints{ContentType: s.d.Header.Get("Content-Type"), ContentEncoding: s.d.Header.Get("Content-Encoding")}
	changes, *offset = f.variant(s.d.Body, hints)
	if changes != nil {
		return changes, true
	}
	s.ruledOut = append(s.ruledOut, causePlaintext, probe.TextChanged, probe.Reserialized, probe.ContentEncoding,
		probe.Base64, probe.FormField, probe.InEnvelope)
	return nil, false
}

// decrypted decrypts a body with the private keys that are known without asking anybody.
func (s *search) decrypted(body []byte) ([]byte, error) {
	plaintext, _, err := s.v.decrypter.Decrypt(folder.KnownOnly(s.Ctx), body)
	return plaintext, err
}

// hashFit compares texts with the claimed hash.
type hashFit struct {
	s        *search
	function crypto.Hash
	want     []byte
}

func (f *hashFit) matches(write func(h io.Writer)) bool {
	f.s.tried++
	h := f.s.Meter(f.function.New())
	write(h)
	return !f.s.Spent && subtle.ConstantTimeCompare(h.Sum(nil), f.want) == 1
}

func (f *hashFit) fits(text []byte, tail string) bool {
	return f.matches(func(h io.Writer) { _, _ = h.Write(text); _, _ = io.WriteString(h, tail) })
}

// variant looks for what text was before something changed it, and for the content that a variant is encrypted to.
func (f *hashFit) variant(text []byte, hints probe.Hints) (changes []change, offset int64) {
	for _, tail := range probe.Tails() {
		if f.fits(text, tail) {
			return []change{{cause: probe.TextChanged, subject: "whitespace"}}, int64(len(text))
		}
	}
	for variant := range probe.Variants(f.s.Ctx, text, hints) {
		fits := f.matches(func(h io.Writer) { _, _ = variant.WriteTo(h) })
		if !fits && !f.decrypts(variant) {
			if f.s.Spent {
				break
			}
			continue
		}
		for _, c := range variant.Changes {
			changes = append(changes, change{cause: c.Cause, subject: c.Subject})
		}
		if !fits {
			changes = append(changes, change{cause: causePlaintext})
		}
		return changes, variant.Offset(text)
	}
	return nil, -1
}

// decrypts reports whether a variant is encrypted, and its content has the claimed hash.
func (f *hashFit) decrypts(variant probe.Variant) bool {
	if f.s.v.decrypter == nil || variant.Changes[len(variant.Changes)-1].Cause == probe.Reserialized {
		return false
	}
	var encrypted bytes.Buffer
	_, _ = variant.WriteTo(&encrypted)
	if bytes.Count(encrypted.Bytes(), []byte(".")) != 4 { // RFC 7516, section 7.1
		return false
	}
	plaintext, err := f.s.decrypted(encrypted.Bytes())
	return err == nil && f.fits(plaintext, "")
}
