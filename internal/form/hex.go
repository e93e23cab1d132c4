package form

import "encoding/binary"

// DecodeHex fills to from the hex digits of text, which has two for each byte, and reports whether all were digits. It
// takes eight at a time: encoding/hex needs a tenth of a whole verification of a small body (see bench), and a test
// holds the two to each other.
func DecodeHex(to []byte, text string) bool {
	var wrong uint64
	for ; len(to) >= 4; to = to[4:] {
		value, over := hexValues(load(text))
		text = text[8:]
		wrong |= value | over
		pairs := (value<<4 | value>>8) & 0x00ff00ff00ff00ff
		pairs = (pairs | pairs>>8) & 0x0000ffff0000ffff
		binary.LittleEndian.PutUint32(to, uint32(pairs|pairs>>16))
	}
	return wrong&high == 0
}

// IsHex reports whether text, of a multiple of eight bytes, has hex digits only.
func IsHex(text string) bool {
	var bits uint64
	for ; len(text) >= 8; text = text[8:] {
		value, over := hexValues(load(text))
		bits |= value | over
	}
	return bits&high == 0
}

const (
	ones = 0x0101010101010101
	high = 0xf0 * ones
	past = ('a' ^ '0' | 0x20) - 10 // what a letter is above its value
)

// hexValues returns the values of eight hex digits. What is none has a high bit in value or over: a value has four
// bits, and with six added it has the fifth where it takes a letter to write.
func hexValues(c uint64) (value, over uint64) {
	c ^= '0' * ones         // 0 to 9 of a digit
	letter := c >> 6 & ones // 1 in the place of each letter
	value = (c | letter<<5) - past*letter
	return value, (value + 6*ones) ^ letter<<4
}

// load is binary.LittleEndian.Uint64 of a string, which the compiler makes one instruction of.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
