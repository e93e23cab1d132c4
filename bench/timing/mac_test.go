package timing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

var (
	body   = []byte(`{"event_type":"task-status-updated","status":"done","webhook_id":"6ed4"}`)
	at     = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	plain  = hmacsig.Scheme{Name: "plain", Header: "X-Signature"}
	listed = hmacsig.Scheme{Name: "listed", Header: "X-Signature", Prefix: "v1=", Separator: ","}
	coded  = hmacsig.Scheme{Name: "coded", Header: "X-Signature", Encoding: hmacsig.Base64}
)

func secretText(i int) string { return fmt.Sprintf("truhook-test-only-secret-%02d", i) }

func macOf(secret string) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	return m.Sum(nil)
}

func keys(t testing.TB, n int) []hmacsig.Key {
	t.Helper()
	all := make([]hmacsig.Key, n)
	for i := range all {
		k, err := hmacsig.NewKey(fmt.Sprintf("key-%02d", i), secretText(i))
		require.NoError(t, err)
		all[i] = k
	}
	return all
}

func hmacVerifier(t testing.TB, s hmacsig.Scheme, keys ...hmacsig.Key) *hmacsig.Verifier {
	t.Helper()
	v, err := hmacsig.New(s, hmacsig.StaticKeys(keys...), hmacsig.Config{})
	require.NoError(t, err)
	return v
}

// signed is a delivery whose one header is input.
func signed(input []byte) *truhook.Delivery {
	return &truhook.Delivery{
		Method: http.MethodPost, RequestURI: "/hook", Body: body, Received: at, Header: http.Header{"X-Signature": {inPlace(input)}},
	}
}

// verifying is v, asked about a delivery whose header has so many bytes.
func verifying(v truhook.Verifier, length int) subject {
	input := make([]byte, length)
	return subject{input: input, call: verdict(v, signed(input))}
}

func macRows(t testing.TB) []row {
	right, coding := hex.EncodeToString(macOf(secretText(0))), base64.StdEncoding.EncodeToString(macOf(secretText(0)))
	wrong := hex.EncodeToString(macOf("another"))
	pair := func(first, second string) string { return "v1=" + first + ",v1=" + second }
	retired := keys(t, 1)
	retired[0].NotAfter = at.Add(-time.Hour)
	one := func() subject { return verifying(hmacVerifier(t, plain, keys(t, 1)...), len(right)) }
	two := func() subject { return verifying(hmacVerifier(t, listed, keys(t, 1)...), len(pair(right, wrong))) }
	mismatch := same(truhook.SignatureMismatch, 2)
	return []row{
		{
			name: "MAC, hex: which byte is wrong", subject: one(), wants: mismatch,
			classes: []class{wrongAt("first byte", right, 0, hexDigits), wrongAt("last byte", right, 63, hexDigits)},
		},
		{
			name: "MAC, hex: one byte or all", subject: one(), wants: mismatch,
			classes: []class{wrongAt("last byte", right, 63, hexDigits), each("all", func(r *rand.Rand) string {
				return hex.EncodeToString(macOf(fmt.Sprint("another", r.Uint64())))
			})},
		},
		{
			name: "MAC, base64: which byte is wrong", wants: mismatch, subject: verifying(hmacVerifier(t, coded, keys(t, 1)...), len(coding)),
			classes: []class{wrongAt("first byte", coding, 0, base64Chars), wrongAt("last byte", coding, 41, base64Chars)},
		},
		{
			name: "MAC: a right one beside another", subject: two(), wants: same("", 2),
			classes: []class{equal("right and right", pair(right, right)), equal("wrong and right", pair(wrong, right))},
		},
		{
			name: "MAC: which of two is right", subject: two(), wants: same("", 2),
			classes: []class{equal("first", pair(right, wrong)), equal("second", pair(wrong, right))},
		},
		{
			name: "MAC under a retired secret", subject: verifying(hmacVerifier(t, plain, retired...), len(right)),
			wants:   []truhook.Reason{truhook.KeyExpired, truhook.SignatureMismatch},
			classes: []class{equal("right", right), equal("wrong", wrong)},
		},
		{
			name: "control: MAC compared up to the first difference", leaky: true, subject: verifying(earlyExit{}, len(right)), wants: mismatch,
			classes: []class{wrongAt("first byte", right, 0, hexDigits), wrongAt("last byte", right, 63, hexDigits)},
		},
	}
}

// earlyExit is the verifier that everybody writes first.
type earlyExit struct{}

func (earlyExit) Verify(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	given, err := hex.DecodeString(d.Header["X-Signature"][0])
	if err != nil {
		return nil, err
	}
	for i, want := range macOf(secretText(0)) {
		if given[i] != want {
			return nil, errMismatch
		}
	}
	return &truhook.Verified{}, nil
}

var errMismatch = &truhook.Error{Reason: truhook.SignatureMismatch, Err: errors.New("leaky")}

// encodingRows are about the text of a signature, which is decoded before it is compared.
func encodingRows(t testing.TB) []row {
	right := macOf(secretText(0))
	of := func(name string, s hmacsig.Scheme, encode func([]byte) string) row {
		v, input := hmacVerifier(t, s, keys(t, 1)...), make([]byte, len(encode(right)))
		d := signed(input)
		return row{
			name: name, wants: same("", 2),
			subject: subject{input: input, call: func() error { return v.Precheck(context.Background(), d) }},
			classes: []class{equal("the right MAC", encode(right)), each("any", func(r *rand.Rand) string {
				raw := make([]byte, sha256.Size)
				for i := range raw {
					raw[i] = byte(r.Uint32())
				}
				return encode(raw)
			})},
		}
	}
	return []row{of("hex decoding", plain, hex.EncodeToString), of("base64 decoding", coded, base64.StdEncoding.EncodeToString)}
}

func keyRows(t testing.TB) []row {
	const n = 16
	right := make([]string, n)
	for i := range right {
		right[i] = hex.EncodeToString(macOf(secretText(i)))
	}
	return []row{{
		name: "which of 16 secrets fits", wants: same("", 3), subject: verifying(hmacVerifier(t, plain, keys(t, n)...), len(right[0])),
		classes: []class{equal("first", right[0]), equal("eighth", right[n/2-1]), equal("last", right[n-1])},
	}}
}
