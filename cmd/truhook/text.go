package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable returns s with everything that a terminal could take for a command written as an escape: control
// characters, bytes that are not UTF-8, and marks that change the direction of text.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if r == utf8.RuneError || !harmless(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case harmless(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
		s = s[n:]
	}
	return b.String()
}

func harmless(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Bidi_Control, r)
}

const (
	hexRow     = 16 // bytes
	hexAround  = 2  // rows before and behind the marked one
	maxHexRows = 2*hexAround + 1
)

// writeHex shows the rows of data around offset, as hex and as text, with a mark under the byte at offset.
func writeHex(w io.Writer, data []byte, offset int) {
	if offset < 0 || offset > len(data) {
		return
	}
	first := max(0, offset/hexRow-hexAround) * hexRow
	for row, at := 0, first; row < maxHexRows && at < len(data) || at == first; row, at = row+1, at+hexRow {
		line := data[at:min(at+hexRow, len(data))]
		var hexes, text strings.Builder
		for i := range hexRow {
			if i < len(line) {
				fmt.Fprintf(&hexes, "%02x ", line[i])
				if line[i] >= 0x20 && line[i] < 0x7f {
					text.WriteByte(line[i])
				} else {
					text.WriteByte('.')
				}
			} else {
				hexes.WriteString("   ")
			}
		}
		fmt.Fprintf(w, "    %08x  %s |%s|\n", at, hexes.String(), text.String())
		if in := offset - at; in >= 0 && in < hexRow {
			fmt.Fprintf(w, "    %8s  %s^^%s  %s^\n", "", strings.Repeat("   ", in), strings.Repeat(" ", (hexRow-in)*3-2),
				strings.Repeat(" ", in))
		}
	}
}
