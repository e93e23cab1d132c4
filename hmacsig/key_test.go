package hmacsig_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

func TestAKeyNeedsAnIDAndASecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string][2]string{
		"no id": {"", testSecret}, "no secret": {"k", ""}, "neither": {"", ""}, "a newline in the id": {"a\nb", testSecret},
		"an escape in the id": {"a\x1b[31m", testSecret}, "DEL in the id": {"a\x7f", testSecret},
	} {
		k, err := hmacsig.NewKey(tt[0], tt[1])
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), testSecret, name)
		require.Empty(t, k.ID())
		_, err = hmacsig.New(truv.Scheme(), hmacsig.StaticKeys(k), hmacsig.Config{})
		require.Error(t, err, "the key of an error is refused where keys are given")
	}
}

func TestEmptySecretsAreErrorsInEveryConstructor(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func() error{
		"NewKeys":               func() error { _, err := hmacsig.NewKeys(""); return err },
		"NewKeys, previous":     func() error { _, err := hmacsig.NewKeys(testSecret, ""); return err },
		"NewKeys, a later one":  func() error { _, err := hmacsig.NewKeys(testSecret, testSecret+"2", ""); return err },
		"truv":                  func() error { _, err := truv.New(""); return err },
		"truv, previous":        func() error { _, err := truv.New(testSecret, ""); return err },
		"truval":                func() error { _, err := truval.New(""); return err },
		"truval, previous":      func() error { _, err := truval.New(testSecret, ""); return err },
		"truval, 7 characters":  func() error { _, err := truval.New("1234567"); return err },
		"truval, previous of 7": func() error { _, err := truval.New(testSecret, "1234567"); return err },
		"trulioo, no source":    func() error { _, err := trulioo.New(nil, hmacsig.Config{}); return err },
		"trulioo, no keys":      func() error { _, err := trulioo.New(hmacsig.StaticKeys(), hmacsig.Config{}); return err },
		"trulioo, zero key":     func() error { _, err := trulioo.New(hmacsig.StaticKeys(hmacsig.Key{}), hmacsig.Config{}); return err },
		"a zero key that has a window": func() error {
			_, err := trulioo.New(hmacsig.StaticKeys(within(hmacsig.Key{}, start, start)), hmacsig.Config{})
			return err
		},
		"two keys of one id": func() error {
			k := testKey(t, "k", testSecret)
			_, err := trulioo.New(hmacsig.StaticKeys(k, k), hmacsig.Config{})
			return err
		},
		"17 keys": func() error {
			var keys []hmacsig.Key
			for i := range 17 {
				keys = append(keys, testKey(t, fmt.Sprint(i), testSecret))
			}
			_, err := trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
			return err
		},
	} {
		err := f()
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), testSecret, name)
	}
}

func TestTheSecretIsTakenAsItStands(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		" " + testSecret, testSecret + " ", "whsec_" + testSecret, `"quoted"`, "c2VjcmV0", "736563726574", "\x00\xff", strings.Repeat("k", 64), strings.Repeat("k", 65), "x",
	} {
		s := truv.Scheme()
		d := delivery(body, s.Header, s.Prefix+hexOf(secret, body))
		requireReason(t, "", verifier(t, s, testKey(t, "k", secret)), d)
		if trimmed := strings.TrimSpace(strings.TrimPrefix(secret, "whsec_")); trimmed != secret {
			requireReason(t, truhook.SignatureMismatch, verifier(t, s, testKey(t, "k", trimmed)), d)
		}
	}
}

// holder is a struct of a service that holds a key where fmt reaches it by reflection only.
type holder struct {
	key     hmacsig.Key
	pointer *hmacsig.Key
	list    []hmacsig.Key
	byName  map[string]hmacsig.Key
	any     any
	Public  hmacsig.Key
	source  hmacsig.KeySource
	verify  *truv.Verifier
}

func TestAKeyPrintsAsItsIDUnderEveryVerb(t *testing.T) {
	t.Parallel()
	k := within(testKey(t, "the-id", testSecret), start, start.Add(time.Hour))
	for _, verb := range "vsqdxXobcUpTtegG" {
		for _, flag := range []string{"", "+", "#", " ", "-20", "020", "+#"} {
			got := fmt.Sprintf("%"+flag+string(verb), k)
			switch verb {
			case 'T', 'p': // which fmt prints itself
				require.NotContains(t, got, testSecret)
			default:
				require.Equal(t, "the-id", got, "%%%s%c", flag, verb)
			}
		}
	}
	require.Equal(t, "the-id", k.String())
	require.Equal(t, "the-id", k.ID())
	require.Empty(t, fmt.Sprint(hmacsig.Key{}))
}

func TestNothingThatHoldsAKeyPrintsItsSecret(t *testing.T) {
	t.Parallel()
	k := testKey(t, "the-id", testSecret)
	v, err := truv.New(testSecret, testSecret+"2")
	require.NoError(t, err)
	d := delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	_, err = v.Verify(t.Context(), d) // so that what verification leaves behind is looked at too
	require.NoError(t, err)
	h := holder{k, &k, []hmacsig.Key{k}, map[string]hmacsig.Key{"k": k}, k, k, hmacsig.StaticKeys(k), v}
	var out strings.Builder
	for _, value := range []any{k, &k, h, &h, []any{h}, map[string]any{"h": h}, v, *v, hmacsig.StaticKeys(k), errors.New(fmt.Sprint(k))} {
		for _, verb := range "vsqdxXobcUpTteg" {
			for _, flag := range []string{"", "+", "#"} {
				fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", value)
			}
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "value", value)
		asJSON, err := json.Marshal(value)
		if err == nil {
			out.Write(asJSON)
		}
		func() {
			defer func() { fmt.Fprint(&out, recover()) }()
			panic(value)
		}()
	}
	for what, text := range map[string]string{
		"itself": testSecret, "a part": testSecret[20:], "hex": hex.EncodeToString([]byte(testSecret)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(testSecret))),
		"base64":   base64.StdEncoding.EncodeToString([]byte(testSecret)),
		"numbers":  strings.Trim(fmt.Sprint([]byte(testSecret)), "[]"),
		"Go bytes": strings.Trim(fmt.Sprintf("%#v", []byte(testSecret))[7:], "}"),
		"octal":    strings.Trim(fmt.Sprintf("%o", []byte(testSecret)), "[]"),
		"binary":   strings.Trim(fmt.Sprintf("%b", []byte(testSecret)), "[]"),
		"a MAC":    hexOf(testSecret, body), "a MAC in numbers": strings.Trim(fmt.Sprint(macOf(testSecret, body)), "[]"),
	} {
		require.False(t, strings.Contains(out.String(), text), what)
	}
	require.Contains(t, out.String(), "the-id")
}

func TestAKeyIsLoggedAndMarshaledAsItsID(t *testing.T) {
	t.Parallel()
	k := testKey(t, "the-id", testSecret)
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", k)
	require.Contains(t, out.String(), `"key":"the-id"`)
	got, err := json.Marshal(map[string]any{"k": k, "p": &k, "l": []hmacsig.Key{k}})
	require.NoError(t, err)
	require.JSONEq(t, `{"k":"the-id","p":"the-id","l":["the-id"]}`, string(got))
	var back any = &k
	require.Error(t, json.Unmarshal([]byte(`"the-id"`), back), "there is no way back")
}

func TestTheIDsOfSecretsWithoutIDs(t *testing.T) {
	t.Parallel()
	keys, err := hmacsig.NewKeys("a-secret-for-tests", "b-secret-for-tests", "c-secret-for-tests")
	require.NoError(t, err)
	require.Equal(t, "[current previous-1 previous-2]", fmt.Sprint(keys))
}
