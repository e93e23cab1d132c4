package mtls

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxSubjectText bounds the text that is parsed as a name. RFC 5280, appendix A.1, allows 64 characters a value.
const maxSubjectText = 4096

// aliases are the ways in which TransUnion's guide and its readers' logs spell the two names that it documents
// ("Webhooks", section "Mutual TLS"): with a bare comma as the guide prints them, as nginx escapes RFC 4514 in its
// access log, and as the guide repeats that. None is valid RFC 4514, so none can mean another name. They hold as a
// whole only: undoing \x5C anywhere else would let a certificate forge a comma.
func alias(text string) string {
	for _, cn := range []string{"CN=webhooks.launchkey.com", "CN=ci-webhooks.launchkey.com"} {
		for _, o := range []string{`iovation, Inc.`, `iovation\x5C, Inc.`, `iovationx5C, Inc.`} {
			if text == cn+",O="+o+",L=Portland,ST=Oregon,C=US" {
				return cn + `,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US`
			}
		}
	}
	return text
}

// ParseSubject reads a name from your configuration. Two forms are accepted:
//
//   - RFC 4514, the certificate's last attribute first:
//     CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US. It is what nginx, Apache and openssl x509
//     -nameopt RFC2253 print. Spaces may follow a comma; quotes, semicolons and bare spaces around a value are refused.
//   - the older slash form, the first attribute first:
//     /C=US/ST=Oregon/L=Portland/O=iovation, Inc./CN=webhooks.launchkey.com. It cannot be escaped without doubt, so a
//     backslash or a plus sign in it is refused.
//
// The spellings of TransUnion's two names in TransUnion's guide, which are neither, are accepted as they stand.
// Attribute types are CN, O, OU, L, ST or S, C, street, postalCode, serialNumber, title, emailAddress or E, DC, UID,
// businessCategory, organizationIdentifier, jurisdictionL, jurisdictionST, jurisdictionC, in any letter case, or dotted
// numbers. An empty text is an error, and so are control characters and more than 4096 bytes.
func ParseSubject(text string) (Subject, error) {
	if text == "" {
		return Subject{}, errors.New("mtls: the subject is empty")
	}
	if len(text) > maxSubjectText {
		return Subject{}, errors.New("mtls: the subject is too long")
	}
	var name []rdn
	var err error
	if strings.HasPrefix(text, "/") {
		name, err = parseSlashed(text)
	} else {
		name, err = parseRFC4514(alias(text))
		slices.Reverse(name)
	}
	if err != nil {
		return Subject{}, fmt.Errorf("mtls: subject %.300q: %w", text, err)
	}
	return subjectOf(name), nil
}

func parseSlashed(text string) ([]rdn, error) {
	if strings.ContainsAny(text, `\+`) {
		return nil, errors.New("a backslash or a plus sign in the slash form has no single meaning: write it as RFC 4514")
	}
	var name []rdn
	for part := range strings.SplitSeq(text[1:], "/") {
		typ, value, found := strings.Cut(part, "=")
		if !found {
			return nil, errors.New("an attribute has no equals sign")
		}
		oid, err := attributeType(typ)
		if err != nil {
			return nil, err
		}
		if err := validText(value); err != nil {
			return nil, err
		}
		name = append(name, rdn{{oid, value}})
	}
	return name, nil
}

func parseRFC4514(text string) ([]rdn, error) {
	name := []rdn{nil}
	for {
		typ, rest, found := strings.Cut(text, "=")
		if !found {
			return nil, errors.New("an attribute has no equals sign")
		}
		oid, err := attributeType(strings.TrimLeft(typ, " "))
		if err != nil {
			return nil, err
		}
		value, rest, err := parseValue(rest)
		if err != nil {
			return nil, err
		}
		last := &name[len(name)-1]
		*last = append(*last, attribute{oid, value})
		if rest == "" {
			return name, nil
		}
		if rest[0] == ',' {
			name = append(name, nil)
		}
		text = rest[1:]
	}
}

// parseValue reads up to the next unescaped comma or plus sign, which it leaves at the head of rest.
func parseValue(text string) (value, rest string, err error) {
	if strings.HasPrefix(text, "#") {
		end := strings.IndexAny(text, ",+")
		if end < 0 {
			end = len(text)
		}
		value, err = decodeHexString(text[1:end])
		return value, text[end:], err
	}
	var b strings.Builder
	var bareSpace bool // whether the last byte of the value is a space without a backslash
	i := 0
loop:
	for ; i < len(text); i++ {
		switch c := text[i]; c {
		case ',', '+':
			break loop
		case '"', ';', '<', '>':
			return "", "", fmt.Errorf("%q must be escaped", c)
		case '\\':
			decoded, width, err := unescape(text[i+1:])
			if err != nil {
				return "", "", err
			}
			b.WriteByte(decoded)
			i, bareSpace = i+width, false
		default:
			if c == ' ' && i == 0 {
				return "", "", errors.New("a space at the start of a value must be escaped")
			}
			b.WriteByte(c)
			bareSpace = c == ' '
		}
	}
	if bareSpace {
		return "", "", errors.New("a space at the end of a value must be escaped")
	}
	return b.String(), text[i:], validText(b.String())
}

func unescape(text string) (decoded byte, width int, err error) {
	if text != "" && strings.IndexByte(`"+,;<>\ #=`, text[0]) >= 0 {
		return text[0], 1, nil
	}
	if len(text) >= 2 {
		if b, err := hex.DecodeString(text[:2]); err == nil {
			return b[0], 2, nil
		}
	}
	return 0, 0, errors.New("a backslash escapes nothing")
}

// decodeHexString decodes the #hexstring of RFC 4514, section 2.4: the BER encoding of the value.
func decodeHexString(text string) (string, error) {
	der, err := hex.DecodeString(text)
	if err != nil {
		return "", errors.New("a value after # is not hexadecimal")
	}
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 {
		return "", errors.New("a value after # is not an encoded string")
	}
	return stringOf(v)
}

// String prints one attribute so that no two different ones print alike.
func (a attribute) String() string {
	name := typeName(a.oid)
	if name == "" {
		der, err := asn1.MarshalWithParams(a.value, "utf8")
		if err != nil { // validText has passed, so this cannot be
			panic("mtls: " + err.Error())
		}
		return a.oid + "=#" + hex.EncodeToString(der)
	}
	var b strings.Builder
	b.WriteString(name)
	b.WriteByte('=')
	for i := range len(a.value) {
		c := a.value[i]
		edge := i == 0 && (c == ' ' || c == '#') || i == len(a.value)-1 && c == ' '
		if edge || strings.IndexByte(`"+,;<>\`, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
