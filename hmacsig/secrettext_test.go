package hmacsig_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

// waysIn are all the ways in which a secret is configured.
func waysIn(t *testing.T) map[string]func(secret string) error {
	t.Helper()
	const good = "another-secret-0123456789abcdef"
	fromFile := func(folder string) func(secret string) error {
		return func(secret string) error {
			path := filepath.Join(t.TempDir(), folder, "current")
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, []byte(secret), 0o600))
			if folder != "" {
				path = filepath.Dir(path)
			}
			_, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
			return err
		}
	}
	return map[string]func(secret string) error{
		"NewKey":            func(s string) error { _, err := hmacsig.NewKey("k", s); return err },
		"NewKeys":           func(s string) error { _, err := hmacsig.NewKeys(s); return err },
		"NewKeys, previous": func(s string) error { _, err := hmacsig.NewKeys(good, s); return err },
		"Scheme.NewKey":     func(s string) error { _, err := truv.Scheme().NewKey("k", s); return err },
		"Scheme.NewKeys":    func(s string) error { _, err := trulioo.Scheme().NewKeys(good, s); return err },
		"truv":              func(s string) error { _, err := truv.New(s); return err },
		"truv, previous":    func(s string) error { _, err := truv.New(good, s); return err },
		"truval":            func(s string) error { _, err := truval.New(s); return err },
		"truval, previous":  func(s string) error { _, err := truval.New(good, s); return err },
		"EnvKeys": func(s string) error {
			t.Setenv("TRUHOOK_TEST_SECRET", s)
			_, err := hmacsig.EnvKeys("TRUHOOK_TEST_SECRET")
			return err
		},
		"Scheme.EnvKeys": func(s string) error {
			t.Setenv("TRUHOOK_TEST_SECRET", s)
			_, err := truval.Scheme().EnvKeys("TRUHOOK_TEST_SECRET")
			return err
		},
		"FileKeys, a file":   fromFile(""),
		"FileKeys, a folder": fromFile("secrets"),
		"Trulioo's credentials": func(s string) error {
			_, err := trulioo.ParseCredentials(fmt.Appendf(nil, `{"data":{"webhooks":[{"credentials":[{"credentialIdentifier":"a","secretValue":%q}]}]}}`, s))
			return err
		},
	}
}

func TestSecretText_EveryWayInRejectsTheSameSecrets(t *testing.T) {
	const good = "0123456789abcdef-for-tests-only"
	for name, way := range waysIn(t) {
		require.NoError(t, way(good), name)
		require.NoError(t, way(" "+good+"\t"), "%s: blanks may be part of a secret; Audit warns", name)
		for what, secret := range map[string]string{
			"LF behind": good + "\n", "CR LF behind": good + "\r\n", "LF in front": "\n" + good, "several": good + "\n\n", "LF alone": "\n",
			"nothing": "", "a byte order mark": "\ufeff" + good,
			"a public key": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
		} {
			err := way(secret)
			require.Error(t, err, "%s: %s", name, what)
			require.NotContains(t, err.Error(), good, "%s: %s", name, what)
		}
	}
}

func TestSecretText_SwappedArgumentsPrintNoSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"sandbox-0123456789abcdef0123456789abcdef01234567", "prod-7e577e577e577e577e577e577e577e577e577e57",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH",
		"RdvaYFYUXuIFuEbvZHwMfYFhUf7aMYjYcmM24+Aj40c=", "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00",
		"l1U^g#FIZ1MZ=lLG3107UmuaZ-6B_3i435$@?", "truhook-test-only^current#=$?@_Zq4%&!(,*",
		"pdl_ntfset_01hsdn8d43dt7mezr1ef2jtbaw_hKkRiCGyyRhbFwIUuqiTBgI7gnWoV0Gr", "correct-horse-battery-staple",
	} {
		for _, label := range []string{"2026", "current", "k"} {
			_, err := hmacsig.NewKey(secret, label)
			require.ErrorContains(t, err, "looks like a secret", secret)
			require.NotContains(t, err.Error(), secret)
			_, err = hmacsig.NewKey(secret, label+"\n")
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret)
		}
		if secret == "correct-horse-battery-staple" { // a label by its look
			continue
		}
		_, err := hmacsig.NewKey(secret, "another-secret-0123456789abcdef")
		require.ErrorContains(t, err, "looks like a secret", secret)
		_, err = hmacsig.EnvKeys(secret)
		require.NotContains(t, err.Error(), secret)
		if !strings.ContainsAny(secret, `/\`) {
			_, err = hmacsig.NewFileKeys(secret, hmacsig.FileConfig{})
			require.Error(t, err)
			require.NotContains(t, err.Error(), secret)
		}
	}
	for _, label := range []string{
		"2026", "current", "previous-1", "TRUV_ACCESS_SECRET", "TRUV_ACCESS_SECRET_FOR_PRODUCTION_2026_ROTATED_IN_MARCH",
		"35fd3bc3-672f-4474-86de-bd905687d580b4", "f96bb54bee164fc5aa658c2d9e5b546f", "F96BB54B-EE16-4FC5-AA65-8C2D9E5B546F",
		"2026-03-02T09:30:00Z", "tenant-17/primary", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:truv",
		"truv.prod.primary.2026", "my_service_webhook_secret_v2", "Key von März", "key 17 of 99",
	} {
		_, err := hmacsig.NewKey(label, testSecret)
		require.NoError(t, err, label)
	}
}

func TestKeyText_DecodesAndDemandsTheWrittenForm(t *testing.T) {
	t.Parallel()
	raw := "0123456789abcdef0123456789abcdef"
	b64 := base64.StdEncoding.EncodeToString([]byte(raw))
	hexadecimal := hmacsig.KeyText{Encoding: hmacsig.KeyHex}
	for _, tt := range []struct {
		form hmacsig.KeyText
		text string
		want string // "" for an error
	}{
		{hmacsig.KeyText{}, raw, raw},
		{hmacsig.KeyText{}, "whsec_" + b64, "whsec_" + b64}, // Stripe's, where the prefix is part of the key
		{whsec, "whsec_" + b64, raw},
		{whsec, "whsec_" + strings.TrimRight(b64, "="), raw},
		{whsec, b64, ""},
		{whsec, "whsec_", ""},
		{whsec, "whsec_whsec_" + b64, ""},
		{whsec, "WHSEC_" + b64, ""},
		{whsec, " whsec_" + b64, ""},
		{whsec, "whsec_" + b64 + " ", ""},
		{whsec, "whsec_" + b64[:10] + "\n" + b64[10:], ""},
		{whsec, "whsec_" + b64 + "=", ""},
		{whsec, "whsec_not base64", ""},
		{whsec, "whpk_" + b64, ""},
		{hmacsig.KeyText{Encoding: hmacsig.KeyBase64}, b64, raw},
		{hmacsig.KeyText{Encoding: hmacsig.KeyBase64}, b64 + "!", ""},
		{hexadecimal, "30313233", "0123"},
		{hexadecimal, "3031323", ""},
		{hexadecimal, "0x303132", ""},
		{hexadecimal, "zz", ""},
		{hmacsig.KeyText{Encoding: hmacsig.KeyPEM}, "-----BEGIN PUBLIC KEY-----\nMDEy\n-----END PUBLIC KEY-----\n", "012"},
		{hmacsig.KeyText{Encoding: hmacsig.KeyPEM}, "MDEy", ""},
		{hmacsig.KeyText{Encoding: hmacsig.KeyPEM}, "-----BEGIN A-----\nMDEy\n-----END A-----\nx", ""},
		{hmacsig.KeyText{Encoding: 9}, raw, ""},
	} {
		got, err := tt.form.Decode(tt.text)
		assert.Equal(t, tt.want, string(got), tt.text)
		assert.Equal(t, tt.want == "", err != nil, tt.text)
		if err != nil && len(tt.text) > 8 {
			assert.NotContains(t, err.Error(), tt.text)
		}
	}
}

func TestKeyText_AKeyThatStillBearsThePrefixIsRejected(t *testing.T) {
	s := forms["standard_webhooks"]
	const text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	undecoded := testKey(t, "k", text)
	_, err := hmacsig.New(s, hmacsig.StaticKeys(undecoded), hmacsig.Config{})
	require.ErrorContains(t, err, "Scheme.NewKey")
	require.NotContains(t, err.Error(), text)
	reloadable, err := hmacsig.NewReloadableKeys(undecoded)
	require.NoError(t, err)
	_, err = hmacsig.New(s, reloadable, hmacsig.Config{})
	require.ErrorContains(t, err, "Scheme.NewKey")
	path := filepath.Join(t.TempDir(), "standard")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	files, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
	require.NoError(t, err)
	_, err = hmacsig.New(s, files, hmacsig.Config{})
	require.ErrorContains(t, err, "Scheme.NewKey")

	fetched := hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) { return []hmacsig.Key{undecoded}, nil })
	v, err := hmacsig.New(s, fetched, hmacsig.Config{Now: func() time.Time { return start }})
	require.NoError(t, err)
	d := delivery(body, "Webhook-Id", "msg_1", "Webhook-Timestamp", "1772452800", "Webhook-Signature", "v1,"+base64Of(text, "msg_1.1772452800."+body))
	requireReason(t, truhook.NoKey, v, d)

	// Decoded, it serves from every source.
	k, err := s.NewKey("k", text)
	require.NoError(t, err)
	t.Setenv("TRUHOOK_TEST_SECRET", text)
	env, err := s.EnvKeys("TRUHOOK_TEST_SECRET")
	require.NoError(t, err)
	files, err = hmacsig.NewFileKeys(path, hmacsig.FileConfig{KeyText: s.KeyText})
	require.NoError(t, err)
	for _, source := range []hmacsig.KeySource{hmacsig.StaticKeys(k), env, files} {
		v, err := hmacsig.New(s, source, hmacsig.Config{Now: func() time.Time { return start }})
		require.NoError(t, err)
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		require.NoError(t, err)
		requireReason(t, "", v, delivery(body, "Webhook-Id", "msg_1", "Webhook-Timestamp", "1772452800",
			"Webhook-Signature", "v1,"+base64Of(string(secret), "msg_1.1772452800."+body)))
	}
	_, err = hmacsig.New(hmacsig.Scheme{Name: "x", Header: "X", KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyPEM}}, hmacsig.StaticKeys(k), hmacsig.Config{})
	require.ErrorContains(t, err, "keysig")
}

func TestFileKeys_AFileThatCannotBeReadIsNoMismatch(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, secret string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(secret), 0o600))
	}
	write("current", testSecret)
	now := time.Now()
	files, err := hmacsig.NewFileKeys(folder, hmacsig.FileConfig{Now: func() time.Time { return now }})
	require.NoError(t, err)
	v, err := hmacsig.New(truv.Scheme(), files, hmacsig.Config{})
	require.NoError(t, err)
	good := delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	next := delivery(body, "X-Webhook-Sign", "v1="+hexOf("the next secret, for tests only", body))
	requireReason(t, truhook.SignatureMismatch, v, next)
	write("next", "the next secret, for tests only\n") // which is not what it should be
	now = now.Add(time.Minute)
	require.Error(t, files.Refresh(t.Context()))
	requireReason(t, "", v, good)
	_, err = v.Verify(t.Context(), next)
	require.ErrorIs(t, err, truhook.KeysStale)
	require.NotContains(t, err.Error(), "the next secret")
	write("next", "the next secret, for tests only")
	now = now.Add(time.Minute)
	require.NoError(t, files.Refresh(t.Context()))
	now = now.Add(time.Minute)
	require.NoError(t, files.Refresh(t.Context()))
	requireReason(t, "", v, next)
}
