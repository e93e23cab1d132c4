package form

import "encoding/binary"

// DecodeHex fills to from the hex digits of text, which has two for each byte, and reports whether all were digits. It
// takes eight at a time: encoding/hex needs a tenth of a whole verification of a small body (see bench), and a test
// holds the two to each other.
func DecodeHex(to []byte, text string) bool {
	const (
		ones = 0x0101010101010101
		high = 0xf0 * ones
		past = ('a' ^ '0' | 0x20) - 10 // what a letter is above its value
	)
	var wrong uint64
	for ; len(to) >= 4; to = to[4:] {
		c := load(text) ^ '0'*ones // 0 to 9 of a digit
		text = text[8:]
		letter := c >> 6 & ones // 1 in the place of each letter
		value := (c | letter<<5) - past*letter
		// A value has four bits. With six added it has the fifth where it takes a letter to write.
		wrong |= value | ((value + 6*ones) ^ letter<<4)
		pairs := (value<<4 | value>>8) & 0x00ff00ff00ff00ff
		pairs = (pairs | pairs>>8) & 0x0000ffff0000ffff
		binary.LittleEndian.PutUint32(to, uint32(pairs|pairs>>16))
	}
	return wrong&high == 0
}

// load is binary.LittleEndian.Uint64 of a string, which the compiler makes one instruction of.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
