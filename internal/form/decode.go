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

// decodeBase64 takes text without padding. encoding/base64 passes over line breaks and takes bytes, not strings.
func decodeBase64(to []byte, text string, plus, slash byte) bool {
	if len(text) != base64.RawStdEncoding.EncodedLen(len(to)) {
		return false
	}
	var bits uint32
	held, n := 0, 0
	for i := range len(text) {
		var value byte
		switch c := text[i]; {
		case c >= 'A' && c <= 'Z':
			value = c - 'A'
		case c >= 'a' && c <= 'z':
			value = c - 'a' + 26
		case c >= '0' && c <= '9':
			value = c - '0' + 52
		case c == plus:
			value = 62
		case c == slash:
			value = 63
		default:
			return false
		}
		bits, held = bits<<6|uint32(value), held+6
		if held >= 8 {
			held -= 8
			to[n] = byte(bits >> held)
			n++
		}
	}
	return n == len(to) && bits&(1<<held-1) == 0
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
