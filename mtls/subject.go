package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A Subject is a distinguished name (RFC 5280, section 4.1.2.4). Two are == if and only if they are the same name: the
// same relative names in the same order, each with the same attributes, however often each comes, and values of the
// same code points whatever string type encodes them. Nothing is folded, trimmed or left out. The zero Subject is the
// empty name, which matches nothing.
type Subject struct {
	text string // RFC 4514; one text only for one name, so that == compares the structure
}

// String returns the name in the form of RFC 4514, which [ParseSubject] reads back as the same Subject.
func (s Subject) String() string { return s.text }

var errSubject = errors.New("the subject cannot be compared")

// SubjectOf returns the subject of c, read from its DER encoding. It returns an error if c has none, if the encoding
// is not that of a name, or if a value has another type than PrintableString, UTF8String, IA5String and BMPString or
// holds a control character. The text of the error has nothing out of the certificate. SubjectOf panics if c is nil.
func SubjectOf(c *x509.Certificate) (Subject, error) {
	var name []rdn
	rest, err := elements(c.RawSubject, asn1.TagSequence)
	if err != nil || len(rest) == 0 {
		return Subject{}, fmt.Errorf("%w: it is empty or not a sequence", errSubject)
	}
	for _, raw := range rest {
		set, err := elements(raw.FullBytes, asn1.TagSet)
		if err != nil || len(set) == 0 {
			return Subject{}, fmt.Errorf("%w: a relative name is not a set", errSubject)
		}
		var r rdn
		for _, pair := range set {
			a, err := attributeOf(pair.FullBytes)
			if err != nil {
				return Subject{}, err
			}
			r = append(r, a)
		}
		name = append(name, r)
	}
	return subjectOf(name), nil
}

// An rdn is a relative name: a set of attributes in which the order does not count and repeats do.
type rdn []attribute

type attribute struct{ oid, value string }

// subjectOf prints a name, the last relative name first (RFC 4514, section 2.1).
func subjectOf(name []rdn) Subject {
	texts := make([]string, 0, len(name))
	for _, r := range slices.Backward(name) {
		set := make([]string, 0, len(r))
		for _, a := range r {
			set = append(set, a.String())
		}
		slices.Sort(set)
		texts = append(texts, strings.Join(set, "+"))
	}
	return Subject{strings.Join(texts, ",")}
}

// elements returns what der, one element of the given tag and nothing after it, consists of.
func elements(der []byte, tag int) ([]asn1.RawValue, error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(der, &outer)
	if err != nil || len(rest) > 0 || outer.Class != asn1.ClassUniversal || outer.Tag != tag || !outer.IsCompound {
		return nil, errSubject
	}
	var all []asn1.RawValue
	for rest = outer.Bytes; len(rest) > 0; {
		var one asn1.RawValue
		if rest, err = asn1.Unmarshal(rest, &one); err != nil {
			return nil, errSubject
		}
		all = append(all, one)
	}
	return all, nil
}

func attributeOf(der []byte) (attribute, error) {
	pair, err := elements(der, asn1.TagSequence)
	if err != nil || len(pair) != 2 {
		return attribute{}, fmt.Errorf("%w: an attribute is not a pair", errSubject)
	}
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(pair[0].FullBytes, &oid); err != nil || len(rest) > 0 {
		return attribute{}, fmt.Errorf("%w: an attribute has no type", errSubject)
	}
	value, err := stringOf(pair[1])
	if err != nil {
		return attribute{}, err
	}
	return attribute{oid.String(), value}, nil
}

// stringOf decodes a directory string. TeletexString is left out, as nobody agrees on what its bytes mean.
func stringOf(v asn1.RawValue) (string, error) {
	if v.Class != asn1.ClassUniversal || v.IsCompound {
		return "", fmt.Errorf("%w: a value is not a string", errSubject)
	}
	s := string(v.Bytes)
	ok := false
	switch v.Tag {
	case asn1.TagUTF8String:
		ok = true // validText looks at the encoding
	case asn1.TagPrintableString, asn1.TagIA5String:
		ok = !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
	case asn1.TagBMPString:
		s, ok = decodeBMP(v.Bytes)
	}
	if !ok {
		return "", fmt.Errorf("%w: a value has an unsupported string type or encoding", errSubject)
	}
	return s, validText(s)
}

// decodeBMP decodes UCS-2, which has no surrogates.
func decodeBMP(b []byte) (string, bool) {
	if len(b)%2 != 0 {
		return "", false
	}
	var s strings.Builder
	for ; len(b) > 0; b = b[2:] {
		r := rune(b[0])<<8 | rune(b[1])
		if utf16.IsSurrogate(r) {
			return "", false
		}
		s.WriteRune(r)
	}
	return s.String(), true
}

func validText(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%w: a value has control characters or is not UTF-8", errSubject)
	}
	return nil
}
