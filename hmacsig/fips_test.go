package hmacsig_test

import (
	"crypto"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// fipsChild tells the test binary that it is the one which TestFIPS140OnlyModeIsAnErrorAtStart began.
const fipsChild = "TRUHOOK_TEST_FIPS_CHILD"

func TestFIPS140OnlyModeIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	if os.Getenv(fipsChild) != "" {
		underFIPS(t)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), "GODEBUG=fips140=only", fipsChild+"=1")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "under FIPS: done")
}

// underFIPS runs with GODEBUG=fips140=only, where crypto/hmac panics for keys under 14 bytes and for SHA-1.
func underFIPS(t *testing.T) {
	require.Panics(t, func() { macOf("13 characters", "") }, "the mode is on")
	for n := 1; n < 14; n++ {
		k, err := hmacsig.NewKey("short", strings.Repeat("x", n))
		require.ErrorContains(t, err, "FIPS 140-3", n)
		require.Empty(t, k.ID())
	}
	long, err := hmacsig.NewKey("long", "14 characters!")
	require.NoError(t, err)
	for _, s := range providers() {
		v, err := hmacsig.New(s, hmacsig.StaticKeys(long), hmacsig.Config{})
		require.NoError(t, err)
		requireReason(t, "", v, delivery(body, s.Header, s.Prefix+hexOf("14 characters!", body)))
	}
	sha1 := hmacsig.Scheme{Name: "sha1", Header: "X-Hub-Signature", Prefix: "sha1=", Hash: crypto.SHA1}
	_, err = hmacsig.New(sha1, hmacsig.StaticKeys(long), hmacsig.Config{})
	require.ErrorContains(t, err, "FIPS 140-3")
	_, err = hmacsig.New(sha1, hmacsig.KeySourceFunc(nil), hmacsig.Config{})
	assert.ErrorContains(t, err, "FIPS 140-3", "a source that is asked later does not put the panic off")
	// What the mode refuses is left out of the search.
	for _, s := range providers() {
		v, err := hmacsig.New(s, hmacsig.StaticKeys(long), hmacsig.Config{})
		require.NoError(t, err)
		for _, digits := range []string{strings.Repeat("0", 40), strings.Repeat("0", 64), strings.Repeat("0", 128)} {
			d := delivery(body, s.Header, s.Prefix+digits)
			e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 24})
			require.True(t, e.Complete)
			require.Positive(t, e.Tried)
		}
		d := delivery(body+"\n", s.Header, s.Prefix+hexOf("14 characters!", body))
		require.Equal(t, "body-text-changed/whitespace", firstCause(v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 24})))
	}
	t.Log("under FIPS: done")
}
