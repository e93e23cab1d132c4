package jose_test

import (
	"encoding/base64"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose"
)

// requireBase64URL holds the decoder to encoding/base64, which skips line ends and takes nothing for no bytes.
func requireBase64URL(t *testing.T, part []byte) {
	t.Helper()
	want, err := base64.RawURLEncoding.Strict().DecodeString(string(part))
	good := err == nil && len(part) > 0 && !strings.ContainsAny(string(part), "\r\n")
	got, ok := jose.DecodeBase64URL(part)
	require.Equal(t, good, ok, "%q", part)
	if good {
		require.Equal(t, want, got, "%q", part)
	}
}

func TestBase64URL_AgreesWithTheStandardLibrary(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for n := range 70 {
		raw := make([]byte, n)
		for range 20 {
			for i := range raw {
				raw[i] = byte(random.Uint32())
			}
			text := base64.RawURLEncoding.EncodeToString(raw)
			requireBase64URL(t, []byte(text))
			requireBase64URL(t, []byte(text+"A"))
			requireBase64URL(t, []byte(text+"="))
			requireBase64URL(t, []byte(strings.TrimSuffix(text, text[max(0, len(text)-1):])))
		}
	}
}

// Every byte at every place: those around the alphabet, line ends, and ends that are not canonical.
func TestBase64URL_EveryByteAtEveryPlace(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 27; n++ {
		text := []byte(strings.Repeat("A", n))
		for i := range text {
			for c := range 256 {
				text[i] = byte(c)
				requireBase64URL(t, text)
			}
			text[i] = 'A'
		}
	}
}
