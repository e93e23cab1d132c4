package form

import (
	"encoding/base64"
	"encoding/hex"
)

// decodedLength returns how many bytes text stands for, if it is sound.
func decodedLength(e Encoding, text string) int {
	switch e {
	case Base64:
		n := len(text) / 4 * 3
		for i := len(text) - 1; i >= len(text)-2 && i >= 0 && text[i] == '='; i-- {
			n--
		}
		return n
	case Base64URL:
		return base64.RawURLEncoding.DecodedLen(len(text))
	}
	return len(text) / 2
}

// decode fills to, whose length is decodedLength, and reports whether text is in e and nothing else: no blanks, no line
// breaks, no bits left over, padding exactly where it belongs.
func decode(e Encoding, to []byte, text string) bool {
	switch e {
	case Base64:
		padding := (3 - len(to)%3) % 3
		if len(text)%4 != 0 || len(text) < padding {
			return false
		}
		return decodeBase64(to, text[:len(text)-padding], '+', '/')
	case Base64URL:
		return len(text)%4 != 1 && decodeBase64(to, text, '-', '_')
	}
	if len(text)%2 != 0 {
		return false
	}
	if len(to)%4 == 0 {
		return DecodeHex(to, text)
	}
	n, err := hex.Decode(to, []byte(text))
	return err == nil && n == len(to)
}

// decodeBase64 takes text without padding. encoding/base64 passes over line breaks and takes bytes, not strings. There
// is no branch on what a character is: guessing wrong which it is costs the processor more than computing all of them.
func decodeBase64(to []byte, text string, plus, slash byte) bool {
	if len(text) != base64.RawStdEncoding.EncodedLen(len(to)) {
		return false
	}
	var bits uint32
	var wrong int32
	held, n := 0, 0
	for i := range len(text) {
		value := sextet(text[i], plus, slash)
		wrong |= value
		bits, held = bits<<6|uint32(value)&63, held+6
		if held >= 8 {
			held -= 8
			to[n] = byte(bits >> held)
			n++
		}
	}
	spare := int32(bits & (1<<held - 1)) //nolint:gosec // at most 4 bits
	return n == len(to) && wrong >= 0 && spare == 0
}

// sextet returns what a character stands for, or -1.
func sextet(c, plus, slash byte) int32 {
	x := int32(c)
	within := func(from, to byte) int32 { // all ones if c is
		return (int32(from) - 1 - x) & (x - int32(to) - 1) >> 31
	}
	return within('A', 'Z')&(x-'A'+1) + within('a', 'z')&(x-'a'+27) + within('0', '9')&(x-'0'+53) +
		within(plus, plus)&63 + within(slash, slash)&64 - 1
}

// encode is the way back.
func encode(e Encoding, signature []byte) string {
	switch e {
	case Base64:
		return base64.StdEncoding.EncodeToString(signature)
	case Base64URL:
		return base64.RawURLEncoding.EncodeToString(signature)
	}
	return hex.EncodeToString(signature)
}
