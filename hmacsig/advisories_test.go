package hmacsig_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

// new-api verified Stripe's webhooks with the empty secret that nobody had set, so that anybody could sign them.
func TestAdvisory_CVE_2026_41432_AnUnsetSecretVerifiesNothing(t *testing.T) {
	t.Setenv("TRUHOOK_TEST_EMPTY", "")
	for name, err := range map[string]error{
		"NewKey":        second(hmacsig.NewKey("current", "")),
		"NewKeys":       second(hmacsig.NewKeys("", "")),
		"a second one":  second(hmacsig.NewKeys(testSecret, "")),
		"not set":       second(hmacsig.EnvKeys("TRUHOOK_TEST_NOT_SET")),
		"set to empty":  second(hmacsig.EnvKeys("TRUHOOK_TEST_EMPTY")),
		"no key at all": second(hmacsig.New(stripe(), hmacsig.StaticKeys(), hmacsig.Config{})),
		"a zero key":    second(hmacsig.New(stripe(), hmacsig.StaticKeys(hmacsig.Key{}), hmacsig.Config{})),
		"no source":     second(hmacsig.New(stripe(), nil, hmacsig.Config{})),
		"truv":          second(truv.New("")),
		"truval":        second(truval.New("")),
		"trulioo":       second(trulioo.New(hmacsig.StaticKeys(), hmacsig.Config{})),
		"decoded":       second(hmacsig.Scheme{KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64, Prefix: "whsec_"}}.NewKey("a", "whsec_")),
	} {
		require.Error(t, err, name)
	}
	// Secrets that are looked up for each request fail there.
	forged := delivery(body, "X-Webhook-Sign", "v1="+hexOf("", body))
	for want, keys := range map[truhook.Reason][]hmacsig.Key{truhook.NoKey: nil, truhook.KeysUnavailable: {{}}} {
		source := hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) { return keys, nil })
		_, err := must(hmacsig.New(truv.Scheme(), source, hmacsig.Config{})).Verify(t.Context(), forged)
		require.Equal(t, 503, truhook.ReasonOf(err).Status(), "%v, not %s", err, want)
	}
	requireReason(t, truhook.SignatureMismatch, verifier(t, truv.Scheme()), forged)
}

func second[T any](_ T, err error) error { return err }

// svix (Rust) compared as many bytes as the shorter of two signatures has: "v1," alone was right.
func TestAdvisory_CVE_2024_21491_AVersionWithoutASignatureIsNone(t *testing.T) {
	t.Parallel()
	v := verifier(t, standard())
	const id, at = "msg_000001", "1772452800"
	good := base64Of(testSecret, id+"."+at+"."+body)
	offer := func(signature string) *truhook.Delivery {
		return delivery(body, "webhook-id", id, "webhook-timestamp", at, "webhook-signature", signature)
	}
	requireReason(t, "", v, offer("v1,"+good))
	for _, signature := range []string{"v1,", "v1, v1,", "v1,=", "v1,====", "v1,A", "v1", ",", "v1,,"} {
		requireReason(t, truhook.MalformedSignature, v, offer(signature))
	}
	for _, s := range providers() {
		requireReason(t, truhook.MalformedSignature, verifier(t, s), delivery(body, s.Header, s.Prefix+""+" "))
	}
}

// svix (Rust) let any true prefix of a signature pass.
func TestAdvisory_RUSTSEC_2024_0010_NoPrefixOfASignaturePasses(t *testing.T) {
	t.Parallel()
	v := verifier(t, standard())
	const id, at = "msg_000001", "1772452800"
	mac := macOf(testSecret, id+"."+at+"."+body)
	for n := range mac {
		signature := "v1," + base64.StdEncoding.EncodeToString(mac[:n])
		d := delivery(body, "webhook-id", id, "webhook-timestamp", at, "webhook-signature", signature)
		requireReason(t, truhook.MalformedSignature, v, d)
		requireReason(t, truhook.MalformedSignature, verifier(t, truv.Scheme()), delivery(body, "X-Webhook-Sign", "v1="+hex.EncodeToString(mac[:n])))
	}
}

// cashfree-pg-sdk-nodejs (issue 124) compared signatures with ===, as many samples do. How long a comparison takes is
// measured by "make timing".
func TestAdvisory_CASHFREE_124_ASignatureIsNotGuessedByteByByte(t *testing.T) {
	t.Parallel()
	for _, s := range append(providers(), hmacsig.Scheme{Name: "base64", Header: "X-Sign", Encoding: hmacsig.Base64}) {
		v := verifier(t, s)
		mac := macOf(testSecret, body)
		said := map[string]bool{}
		for i := range mac {
			forged := append([]byte(nil), mac...)
			for j := i; j < len(forged); j++ {
				forged[j] ^= 0x5a
			}
			text := s.Prefix + hex.EncodeToString(forged)
			if s.Encoding == hmacsig.Base64 {
				text = base64.StdEncoding.EncodeToString(forged)
			}
			_, err := v.Verify(t.Context(), delivery(body, s.Header, text))
			require.ErrorIs(t, err, truhook.SignatureMismatch)
			said[err.Error()] = true
		}
		assert.Len(t, said, 1, "%s: nothing tells how much of a guess is right", s.Name)
	}
}

// lcobucci/jwt took the path of a key's file, which can be guessed, for the key.
func TestAdvisory_CVE_2021_41106_ThePathOfAFileIsNotItsSecret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	_, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
	require.Error(t, err, "a file that is not there is no secret either")
	require.NoError(t, os.WriteFile(path, []byte(testSecret), 0o600))
	keys, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
	require.NoError(t, err)
	v, err := hmacsig.New(truv.Scheme(), keys, hmacsig.Config{})
	require.NoError(t, err)
	requireReason(t, "", v, delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body)))
	for _, guess := range []string{path, "file://" + path, filepath.Base(path), ""} {
		requireReason(t, truhook.SignatureMismatch, v, delivery(body, "X-Webhook-Sign", "v1="+hexOf(guess, body)))
	}
}

// Vela chose the secret by one field of the payload and acted on another, so that one tenant could speak for the next.
func TestAdvisory_CVE_2025_27616_ATenantSpeaksForItselfOnly(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"/hooks/a": "secret of tenant a, for tests", "/hooks/b": "secret of tenant b, for tests"}
	source := hmacsig.KeySourceFunc(func(_ context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
		secret, known := secrets[q.Delivery.RequestURI]
		if !known {
			return nil, nil
		}
		k, err := hmacsig.NewKey("tenant "+strings.TrimPrefix(q.Delivery.RequestURI, "/hooks/"), secret)
		return []hmacsig.Key{k}, err
	})
	v := must(hmacsig.New(truv.Scheme(), source, hmacsig.Config{}))
	const claimsB = `{"webhook_id":"1","tenant":"b"}`
	offer := func(path string) *truhook.Delivery {
		d := delivery(claimsB, "X-Webhook-Sign", "v1="+hexOf(secrets["/hooks/a"], claimsB), "X-Tenant", "b")
		d.RequestURI = path
		return d
	}
	got, err := v.Verify(t.Context(), offer("/hooks/a"))
	require.NoError(t, err)
	assert.Equal(t, "tenant a", got.Proofs[0].KeyID, "whatever the payload says: who signed it is told")
	_, err = v.Verify(t.Context(), offer("/hooks/b"))
	require.ErrorIs(t, err, truhook.SignatureMismatch)
	_, err = v.Verify(t.Context(), offer("/hooks/c"))
	require.Equal(t, 503, truhook.ReasonOf(err).Status())
}

// Gitea joined the parts of what it signs without a mark between them, so that other parts had the same signature.
func TestAdvisory_CVE_2026_58426_NoByteMovesBetweenTheSignedParts(t *testing.T) {
	t.Parallel()
	for _, template := range []string{"{id}{timestamp}{body}", "{timestamp}{body}", "{id}{body}", "{body}{id}", "{id}{timestamp}.{body}"} {
		s := standard()
		s.Content = template
		_, err := hmacsig.New(s, hmacsig.StaticKeys(testKey(t, "k", testSecret)), hmacsig.Config{})
		require.Error(t, err, template)
	}
	v := verifier(t, standard())
	const id, at = "msg_000001", "1772452800"
	signature := "v1," + base64Of(testSecret, id+"."+at+"."+body)
	requireReason(t, "", v, delivery(body, "webhook-id", id, "webhook-timestamp", at, "webhook-signature", signature))
	for _, moved := range [][3]string{
		{id + "." + at, "", body}, {id[:9], id[9:] + "." + at, body}, {id, at + "." + body[:1], body[1:]}, {id + "." + at[:3], at[3:], body},
		{id, at[:9], at[9:] + "." + body}, {"", id + "." + at, body},
	} {
		_, err := v.Verify(t.Context(), delivery(moved[2], "webhook-id", moved[0], "webhook-timestamp", moved[1], "webhook-signature", signature))
		require.Equal(t, 401, truhook.ReasonOf(err).Status(), "%q: %v", moved, err)
	}
}
