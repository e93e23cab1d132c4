package form

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The one test inside the package: DecodeHex and IsHex must agree with encoding/hex on every pair of bytes, at every
// place.
func TestDecodeHexAgreesWithEncodingHex(t *testing.T) {
	t.Parallel()
	for place := range 4 {
		for pair := range 1 << 16 {
			text := strings.Repeat("5a", place) + string([]byte{byte(pair >> 8), byte(pair)}) + strings.Repeat("A5", 3-place)
			want, err := hex.DecodeString(text)
			got := make([]byte, 4)
			if ok := DecodeHex(got, text); ok != (err == nil) || ok != IsHex(text) || ok && string(got) != string(want) {
				require.Failf(t, "differs", "%q: %x %v, encoding/hex %x %v", text, got, ok, want, err)
			}
		}
	}
}

func FuzzDecodeHex(f *testing.F) {
	f.Add(strings.Repeat("0f", 64))
	f.Add(strings.Repeat("G", 64))
	f.Fuzz(func(t *testing.T, text string) {
		if len(text)%8 != 0 || len(text) > 128 {
			return
		}
		want, err := hex.DecodeString(text)
		got := make([]byte, len(text)/2)
		if ok := DecodeHex(got, text); ok != (err == nil) || ok != IsHex(text) || ok && string(got) != string(want) {
			t.Errorf("%q: %x %v, encoding/hex %x %v", text, got, ok, want, err)
		}
	})
}
