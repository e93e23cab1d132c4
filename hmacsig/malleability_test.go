package hmacsig_test

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

const body = `{"webhook_id":"1","n":1.0}`

func TestEveryBitOfBodyAndSignatureCounts(t *testing.T) {
	t.Parallel()
	for _, s := range providers() {
		v := verifier(t, s)
		mac := macOf(testSecret, body)
		requireReason(t, "", v, delivery(body, s.Header, s.Prefix+hex.EncodeToString(mac)))
		for bit := range len(body) * 8 {
			changed := []byte(body)
			changed[bit/8] ^= 1 << (bit % 8)
			requireReason(t, truhook.SignatureMismatch, v, delivery(string(changed), s.Header, s.Prefix+hex.EncodeToString(mac)))
		}
		for bit := range len(mac) * 8 {
			changed := slices.Clone(mac)
			changed[bit/8] ^= 1 << (bit % 8)
			requireReason(t, truhook.SignatureMismatch, v, delivery(body, s.Header, s.Prefix+hex.EncodeToString(changed)))
		}
		text := s.Prefix + hex.EncodeToString(mac)
		for bit := range len(text) * 8 {
			changed := []byte(text)
			changed[bit/8] ^= 1 << (bit % 8)
			if strings.EqualFold(text[len(s.Prefix):], string(changed[len(s.Prefix):])) && strings.HasPrefix(string(changed), s.Prefix) {
				continue // the same digit in the other case
			}
			_, err := v.Verify(t.Context(), delivery(body, s.Header, string(changed)))
			require.Equal(t, 401, truhook.ReasonOf(err).Status(), "%q", changed)
		}
	}
}

func TestEveryPrefixOfASignatureIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range append(providers(), hmacsig.Scheme{Name: "base64", Header: "X-Sign", Prefix: "v1,", Encoding: hmacsig.Base64}) {
		text := s.Prefix + hexOf(testSecret, body)
		if s.Encoding == hmacsig.Base64 {
			text = s.Prefix + base64Of(testSecret, body)
		}
		v := verifier(t, s)
		requireReason(t, "", v, delivery(body, s.Header, text))
		for n := range len(text) {
			want := truhook.MalformedSignature
			if n == 0 {
				want = truhook.MissingSignature
			}
			requireReason(t, want, v, delivery(body, s.Header, text[:n]))
			requireReason(t, truhook.MalformedSignature, v, delivery(body, s.Header, text+text[n:]))
		}
	}
}

func TestHexOfEitherCaseIsAcceptedByAllThree(t *testing.T) {
	t.Parallel()
	digits := hexOf(testSecret, body)
	mixed := []byte(strings.ToUpper(digits))
	for i := range mixed {
		if i%3 == 0 {
			mixed[i] = digits[i]
		}
	}
	for _, s := range providers() {
		for _, text := range []string{digits, strings.ToUpper(digits), string(mixed)} {
			requireReason(t, "", verifier(t, s), delivery(body, s.Header, s.Prefix+text))
		}
	}
}

func TestSignaturesThatAreNotOfTheDocumentedForm(t *testing.T) {
	t.Parallel()
	digits := hexOf(testSecret, body)
	for _, s := range providers() {
		v := verifier(t, s)
		good := s.Prefix + digits
		tests := map[string]string{
			"31 bytes":                 s.Prefix + digits[:62],
			"33 bytes":                 good + "00",
			"an odd number of digits":  s.Prefix + digits[:63],
			"one digit more":           good + "0",
			"0x":                       s.Prefix + "0x" + digits,
			"0x in place of two":       s.Prefix + "0x" + digits[2:],
			"a blank in front":         " " + good,
			"a blank behind":           good + " ",
			"a blank behind, cut":      good[:len(good)-1] + " ",
			"a blank behind prefix":    s.Prefix + " " + digits,
			"a blank inside":           s.Prefix + digits[:32] + " " + digits[33:],
			"a tab":                    good + "\t",
			"a newline behind":         good + "\n",
			"a newline inside":         s.Prefix + digits[:32] + "\n" + digits[33:],
			"NUL behind":               good + "\x00",
			"NUL inside":               s.Prefix + "\x00" + digits[1:],
			"a full-width digit":       s.Prefix + "\uff11" + digits[3:],
			"full-width digits":        s.Prefix + strings.Repeat("\uff10", 64),
			"Arabic digits":            s.Prefix + strings.Repeat("\u0661", 32),
			"a g":                      s.Prefix + "g" + digits[1:],
			"a colon, after 9":         s.Prefix + ":" + digits[1:],
			"an at sign, before A":     s.Prefix + "@" + digits[1:],
			"a backquote, before a":    s.Prefix + "`" + digits[1:],
			"a byte with its top bit":  s.Prefix + "\xb0" + digits[1:],
			"doubled":                  good + good,
			"the digits doubled":       good + digits,
			"a list":                   good + "," + good,
			"a list with a blank":      good + ", " + good,
			"a list of one":            good + ",",
			"a semicolon":              good + ";",
			"quoted":                   `"` + good + `"`,
			"in base64":                s.Prefix + base64Of(testSecret, body),
			"in base64 without prefix": base64Of(testSecret, body),
			"colons as in fingerprint": s.Prefix + strings.Trim(strings.Join(strings.SplitAfter(digits, ""), ":"), ":"),
			"escaped":                  s.Prefix + "%30" + digits[3:],
			"underscores":              s.Prefix + digits[:1] + "_" + digits[2:],
			"a BOM":                    "\ufeff" + good,
			"SHA-512":                  s.Prefix + digits + digits,
			"SHA-1":                    s.Prefix + digits[:40],
		}
		if s.Prefix != "" {
			tests["no prefix"] = digits
			tests["the prefix alone"] = s.Prefix
			tests["the prefix doubled"] = s.Prefix + good
			tests["the prefix in capitals"] = strings.ToUpper(s.Prefix) + digits
			tests["the prefix with a first capital"] = strings.ToUpper(s.Prefix[:1]) + s.Prefix[1:] + digits
			tests["the prefix with a colon"] = strings.Replace(s.Prefix, "=", ":", 1) + digits
			tests["another version"] = "v2=" + digits
			tests["two prefixes"] = "v1=sha256=" + digits
		} else {
			tests["a prefix"] = "sha256=" + digits
			tests["another prefix"] = "v1=" + digits
		}
		for name, text := range tests {
			_, err := v.Verify(t.Context(), delivery(body, s.Header, text))
			require.Equal(t, truhook.MalformedSignature, truhook.ReasonOf(err), "%s, %s", s.Name, name)
			requireReason(t, truhook.MalformedSignature, v, delivery(body, s.Header, text))
		}
	}
}

func TestSignaturesOfSomethingElse(t *testing.T) {
	t.Parallel()
	for _, s := range providers() {
		v := verifier(t, s)
		for name, digits := range map[string]string{
			"nothing":            hexOf(testSecret, ""),
			"an empty key":       hexOf("", body),
			"another key":        hexOf("another", body),
			"the key, trimmed":   hexOf(strings.TrimPrefix(testSecret, "sandbox-"), body),
			"the key with LF":    hexOf(testSecret+"\n", body),
			"the body with LF":   hexOf(testSecret, body+"\n"),
			"the key and body":   hexOf(body, testSecret),
			"all zero":           strings.Repeat("0", 64),
			"all f":              strings.Repeat("f", 64),
			"the hash of hashes": hexOf(testSecret, hexOf(testSecret, body)),
		} {
			_, err := v.Verify(t.Context(), delivery(body, s.Header, s.Prefix+digits))
			require.Equal(t, truhook.SignatureMismatch, truhook.ReasonOf(err), "%s, %s", s.Name, name)
		}
	}
}

func TestAnotherProvidersSignatureIsMissingOrMalformed(t *testing.T) {
	t.Parallel()
	for _, s := range providers() {
		for _, other := range providers() {
			if s == other {
				continue
			}
			d := delivery(body, other.Header, other.Prefix+hexOf(testSecret, body))
			requireReason(t, truhook.MissingSignature, verifier(t, s), d)
			d = delivery(body, s.Header, other.Prefix+hexOf(testSecret, body))
			requireReason(t, truhook.MalformedSignature, verifier(t, s), d)
		}
	}
}

func TestHeadersThatComeSeveralTimesOrNotAtAll(t *testing.T) {
	t.Parallel()
	for _, s := range providers() {
		v := verifier(t, s)
		good, bad := s.Prefix+hexOf(testSecret, body), s.Prefix+strings.Repeat("0", 64)
		for _, lines := range [][]string{{good, good}, {good, bad}, {bad, good}, {good, ""}, {"", good}, {good, good, good}, {"", ""}} {
			d := delivery(body)
			for _, line := range lines {
				d.Header.Add(s.Header, line)
			}
			requireReason(t, truhook.DuplicateHeader, v, d)
		}
		requireReason(t, truhook.MissingSignature, v, delivery(body))
		requireReason(t, truhook.MissingSignature, v, delivery(body, s.Header, ""))
		requireReason(t, truhook.MissingSignature, v, delivery(body, strings.ReplaceAll(s.Header, "-", "_"), good))
		requireReason(t, truhook.MissingSignature, v, &truhook.Delivery{Body: []byte(body)})
		requireReason(t, truhook.MissingSignature, v, &truhook.Delivery{})
		requireReason(t, truhook.HeaderTooLong, v, delivery(body, s.Header, strings.Repeat("0", 4097)))
		requireReason(t, truhook.MalformedSignature, v, delivery(body, s.Header, strings.Repeat("0", 4096)))
		for _, name := range []string{strings.ToLower(s.Header), strings.ToUpper(s.Header)} {
			requireReason(t, "", v, delivery(body, name, good))
		}
	}
}

func TestBase64IsStrict(t *testing.T) {
	t.Parallel()
	s := hmacsig.Scheme{Name: "base64", Header: "X-Sign", Encoding: hmacsig.Base64}
	v := verifier(t, s)
	found := map[string]bool{}
	for i := 0; !found["+"] || !found["/"]; i++ { // a body whose signature has both + and /
		text := strings.Repeat("x", i)
		good := base64Of(testSecret, text)
		requireReason(t, "", v, delivery(text, "X-Sign", good))
		for old, url := range map[string]string{"+": "-", "/": "_"} {
			if strings.Contains(good, old) {
				found[old] = true
				requireReason(t, truhook.MalformedSignature, v, delivery(text, "X-Sign", strings.Replace(good, old, url, 1)))
			}
		}
		require.Less(t, i, 1000)
	}
	good := base64Of(testSecret, body)
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	last := strings.IndexByte(alphabet, good[42])
	require.Zero(t, last%4, "two bits are left over")
	for bits := 1; bits < 4; bits++ {
		text := good[:42] + alphabet[last+bits:last+bits+1] + "="
		loose, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Equal(t, macOf(testSecret, body), loose, "a decoder that is not strict takes it")
		requireReason(t, truhook.MalformedSignature, v, delivery(body, "X-Sign", text))
	}
	for name, text := range map[string]string{
		"no padding":             good[:43],
		"padding twice":          good + "=",
		"padding replaced":       good[:43] + "A",
		"two signs of padding":   good[:42] + "==",
		"padding in front":       "=" + good[:43],
		"LF inside":              good[:20] + "\n" + good[20:],
		"CR LF inside":           good[:20] + "\r\n" + good[20:],
		"LF instead of padding":  good[:43] + "\n",
		"LF in place of a digit": good[:20] + "\n" + good[21:],
		"CR LF in place of two":  good[:20] + "\r\n" + good[22:],
		"LF behind":              good + "\n",
		"a blank":                good[:20] + " " + good[21:],
		"in hex":                 hexOf(testSecret, body),
		"44 characters of data":  strings.Repeat("A", 44),
		"non-ASCII":              good[:42] + "é",
	} {
		_, err := v.Verify(t.Context(), delivery(body, "X-Sign", text))
		require.Equal(t, truhook.MalformedSignature, truhook.ReasonOf(err), name)
		requireReason(t, truhook.MalformedSignature, v, delivery(body, "X-Sign", text))
	}
}

func TestNoLengthOfAnyHashPanics(t *testing.T) {
	t.Parallel()
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		for _, encoding := range []hmacsig.Encoding{hmacsig.Hex, hmacsig.Base64} {
			for _, separator := range []string{"", ","} {
				v := verifier(t, hmacsig.Scheme{Name: "x", Header: "X-Sign", Hash: hash, Encoding: encoding, Separator: separator})
				for n := range 140 {
					for _, filler := range []string{"A", "=", "/", "\xff", "0"} {
						for _, text := range []string{strings.Repeat(filler, n), strings.Repeat(filler, n) + "=", strings.Repeat(filler, n) + "=="} {
							_, err := v.Verify(t.Context(), delivery(body, "X-Sign", text))
							require.Equal(t, 401, truhook.ReasonOf(err).Status())
						}
					}
				}
			}
		}
	}
}

// A framework may use the memory of a request again: what is kept is a copy.
func TestVerifier_KeepsNoMemoryOfTheRequest(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"msg_000001", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 4000)} {
		at := "1772452800"
		signature := "v1," + base64Of(testSecret, id+"."+at+"."+body)
		buffers := [][]byte{[]byte(id), []byte(at), []byte(signature)}
		borrowed := func(i int) []string { return []string{unsafe.String(&buffers[i][0], len(buffers[i]))} }
		keyID := []byte("tenant-17")
		k := testKey(t, unsafe.String(&keyID[0], len(keyID)), testSecret)
		got, err := verifier(t, standard(), k).Verify(t.Context(), &truhook.Delivery{Body: []byte(body), Header: http.Header{
			"Webhook-Id": borrowed(0), "Webhook-Timestamp": borrowed(1), "Webhook-Signature": borrowed(2),
		}})
		require.NoError(t, err)
		for _, b := range append(buffers, keyID) {
			clear(b)
		}
		m, _ := truhook.Detail[hmacsig.Message](got)
		require.Equal(t, id, m.ID)
		require.Equal(t, "tenant-17", got.Proofs[0].KeyID)
		require.Equal(t, "standard", got.Proofs[0].Scheme)
	}
}
