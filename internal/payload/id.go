package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/truhook/truhook/internal/dedupe"
)

const hashed = "sha256:" // marks what ID has hashed

// ID returns the text by which a value tells one event from another, and whether there is one: what a string says, or
// the digits of a number as they came, so that 17 and "17" are one id. A string that is not UTF-8, holds a NUL or
// half of a surrogate pair, that encoding/json would change, or one that looks like what this package makes, is
// replaced by the hash of the value as it came. An empty string, true, false, null, arrays and objects are no id.
func (v Value) ID() (string, bool) {
	if v.isNumber() {
		return string(v), true
	}
	text, ok := v.Text()
	switch {
	case !ok || text == "":
		return "", false
	case !v.isFaithful() || strings.HasPrefix(text, hashed) || dedupe.IsDigestID(text):
		return v.Hash(), true
	}
	return text, true
}

// Part returns what the value adds to an id that another value makes: its ID; nothing if it is absent, null or ""; and
// the hash of the value as it came for any other, so that two events never become one.
func (v Value) Part() string {
	id, ok := v.ID()
	if ok || v.IsNull() || string(v) == `""` {
		return id
	}
	return v.Hash()
}

// Hash returns the SHA-256 of the value as it came, marked as such.
func (v Value) Hash() string {
	sum := sha256.Sum256(v)
	return hashed + hex.EncodeToString(sum[:])
}

// isFaithful reports whether a string decodes without a loss and every store can keep it.
func (v Value) isFaithful() bool {
	if !utf8.Valid(v) {
		return false
	}
	for rest := []byte(v); ; {
		at := bytes.IndexByte(rest, '\\')
		if at < 0 {
			return true
		}
		if rest = rest[at+1:]; rest[0] != 'u' {
			rest = rest[1:]
			continue
		}
		switch unit := unitOf(rest[1:5]); {
		case unit == 0:
			return false
		case unit>>10 == 0xdc00>>10: // a low surrogate without a high one
			return false
		case unit>>10 == 0xd800>>10:
			if len(rest) < 11 || rest[5] != '\\' || rest[6] != 'u' || unitOf(rest[7:11])>>10 != 0xdc00>>10 {
				return false
			}
			rest = rest[6:]
		}
		rest = rest[5:]
	}
}

func unitOf(digits []byte) uint16 {
	var unit [2]byte
	_, _ = hex.Decode(unit[:], digits) // of valid JSON
	return uint16(unit[0])<<8 | uint16(unit[1])
}
