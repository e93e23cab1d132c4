package catalog_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/leaktest"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/retry"
)

func TestNew_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		provider string
		secrets  []string
		want     string
	}{
		"an own package":         {"truv", []string{"squeamish"}, "github.com/truhook/truhook/hmacsig/truv"},
		"another one":            {"Trulioo", []string{"squeamish"}, "github.com/truhook/truhook/hmacsig/trulioo"},
		"a third one":            {"truval", nil, "github.com/truhook/truhook/hmacsig/truval"},
		"a fourth one":           {"transunion", nil, "github.com/truhook/truhook/jose/transunion"},
		"a slip of the keyboard": {"strpie", []string{"squeamish"}, "stripe"},
		"capitals":               {"GitHub", []string{"squeamish"}, "github"},
		"a hyphen":               {"standard-webhooks", []string{"squeamish"}, "standard_webhooks"},
		"a part":                 {"shop", []string{"squeamish"}, "shopify"},
		"swapped arguments":      {"squeamish-0123456789", []string{"stripe"}, `New("stripe", secret)`},
		"a secret for a name":    {"whsec_squeamish0123456789", nil, "named like that"},
		"another secret":         {"squeamishossifragesqueamish", nil, "named like that"},
		"nothing":                {"", []string{"squeamish"}, "the name is empty"},
		"no secret":              {"github", nil, "no secret"},
		"an empty secret":        {"github", []string{""}, "secret 1 is empty"},
		"an empty second secret": {"github", []string{"squeamish-ossifrage", ""}, "secret 2 is empty"},
		"a line break":           {"github", []string{"squeamish-ossifrage\n"}, "secret 1"},
		"no prefix":              {"svix", []string{"c3F1ZWFtaXNoLW9zc2lmcmFnZQ=="}, `does not begin with "whsec_"`},
		"no base64":              {"svix", []string{"whsec_squeamish!"}, "base64"},
		"no hex":                 {"adyen_platform", []string{"squeamish"}, "hex"},
		"a secret for a key":     {"wise", []string{"squeamish-ossifrage"}, "key 1"},
		"a PEM for a secret":     {"github", []string{"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"}, "secret 1"},
		"no URL":                 {"square", []string{"squeamish-ossifrage"}, "URL"},
	} {
		v, err := catalog.New(c.provider, c.secrets...)
		require.ErrorContains(t, err, c.want, name)
		assert.Nil(t, v, name)
		assert.NotContains(t, err.Error(), "squeamish", name)
	}
	_, err := catalog.Provider{}.New(catalog.Config{}, "squeamish-ossifrage")
	require.Error(t, err)
	github, _ := catalog.Lookup("github")
	_, err = github.New(catalog.Config{URL: "https://example.com/"}, "squeamish-ossifrage")
	require.ErrorContains(t, err, "URL", "a URL that is not signed")
}

func TestAll_EveryRowIsWhole(t *testing.T) {
	t.Parallel()
	var names []string
	classes := map[catalog.Evidence]int{}
	for p := range catalog.All() {
		names = append(names, p.Name)
		classes[p.Evidence]++
		again, ok := catalog.Lookup(p.Name)
		require.True(t, ok)
		assert.Equal(t, p, again)
		_, err := time.Parse(time.DateOnly, p.Checked)
		require.NoError(t, err, p.Name)
		assert.NotEmpty(t, p.Title, p.Name)
		assert.Regexp(t, "^https://", p.Documentation, p.Name)
		assert.NotEmpty(t, p.Sources, p.Name)
		assert.Equal(t, p.Name, p.Retry.Provider)
		require.NoError(t, p.Retry.Validate(), p.Name)
		if p.Retry.Sources == nil {
			assert.Equal(t, retry.Policy{Provider: p.Name}, p.Retry)
		}
		published := slices.ContainsFunc(vectors(t, p.Name), func(v vector) bool { return v.PublishedBy != "" })
		assert.Equal(t, p.Evidence == catalog.PublishedVector, published, "%s: class A is that of published vectors", p.Name)
		assert.Equal(t, p.Name, p.Form().Name)
		assert.NotEqual(t, p.Scheme == hmacsig.Scheme{}, p.PublicKeyScheme == keysig.Scheme{}, "%s: of one kind", p.Name)
		assert.Equal(t, p.Form().Tolerance > 0, p.ToleranceSource != "", p.Name)
	}
	assert.True(t, slices.IsSorted(names))
	assert.GreaterOrEqual(t, len(names), 100)
	for _, own := range []string{"truv", "trulioo", "truval", "transunion", "supabase", "recurly", "moov", ""} {
		_, ok := catalog.Lookup(own)
		assert.False(t, ok, "%s is no row", own)
	}
	t.Logf("%d rows: %v", len(names), classes)
	for range catalog.All() {
		break
	}
}

func TestLookup_GivesACopy(t *testing.T) {
	t.Parallel()
	p, _ := catalog.Lookup("box")
	p.Guards[0].Value, p.Sources[0].At, p.Scheme.Header = "2", "", "X"
	again, _ := catalog.Lookup("box")
	assert.Equal(t, "HmacSHA256", again.Guards[0].Value)
	assert.NotEmpty(t, again.Sources[0].At)
	assert.NotEqual(t, "X", again.Scheme.Header)
}

func TestNew_SeveralSecretsWhileTheyRotate(t *testing.T) {
	t.Parallel()
	github, _ := catalog.Lookup("github")
	d := vectors(t, "github")[0].delivery(t, github)
	v, err := catalog.New("github", "the-new-secret-of-this-test", vectors(t, "github")[0].Secret)
	require.NoError(t, err)
	got, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, "previous-1", got.Proofs[0].KeyID)
	leaktest.Check(t, v, vectors(t, "github")[0].Secret)
}

func TestProvider_KeySourcesAndGuards(t *testing.T) {
	t.Parallel()
	sumsub, _ := catalog.Lookup("sumsub")
	vector := vectors(t, "sumsub")[0]
	key, err := sumsub.Scheme.NewKey("2026", vector.Secret)
	require.NoError(t, err)
	inner, err := hmacsig.New(sumsub.Scheme, hmacsig.StaticKeys(key), hmacsig.Config{})
	require.NoError(t, err)
	v := sumsub.Guard(inner)
	_, err = v.Verify(t.Context(), vector.delivery(t, sumsub))
	require.NoError(t, err)
	d := vector.delivery(t, sumsub)
	d.Header.Set("X-Payload-Digest-Alg", "HMAC_SHA1_HEX")
	_, err = v.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.CheckFailed)
	d.Header.Del("X-Payload-Digest-Alg")
	_, err = v.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.CheckFailed)
	github, _ := catalog.Lookup("github")
	assert.Same(t, inner, github.Guard(inner), "no guards")
}

func TestBrex_TheSecretComesWithAndWithoutItsPrefix(t *testing.T) {
	t.Parallel()
	brex, _ := catalog.Lookup("brex")
	vector := vectors(t, "brex")[0]
	for _, secret := range []string{vector.Secret, vector.Secret[len("whsec_"):]} {
		v, err := catalog.New("brex", secret)
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), vector.delivery(t, brex))
		require.NoError(t, err)
	}
}

// The bytes of these begin with what would be a blank in a text, and with what would be a template's bracket.
func TestAudit_ADecodedSecretIsNotReadAsText(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{
		"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_PJiyYk0eNQFq4zdpGovc46Y5Qpqcs0w+", // made for this test
	} {
		v, err := catalog.New("standard_webhooks", secret)
		require.NoError(t, err)
		assert.Empty(t, truhook.Audit(t.Context(), v), secret)
	}
}

// "This is an opaque ID, and is not required to be in any particular format" (Twitch, "List of request headers"). A
// time in the body must not divide the same text another way.
func TestTwitch_TheIDHasAnyLength(t *testing.T) {
	t.Parallel()
	const body = `{"started_at":"2026-09-21T14:13:20Z"}`
	p, ok := catalog.Lookup("twitch")
	require.True(t, ok)
	v, err := p.New(catalog.Config{}, "sk_made-for-this-test")
	require.NoError(t, err)
	key, err := p.Scheme.NewKey("sender", "sk_made-for-this-test")
	require.NoError(t, err)
	at := time.Unix(1790000000, 0)
	for _, id := range []string{
		"k1SWN3SGe2BeNYxkD_cjR4maZ99PDRDd6Zx48W9t5qw=", "befa7b53-d79d-478f-86b9-120f112b044e", "msg_bc6e52ee8f603303", "2026-09-21T14", "1",
	} {
		d := &truhook.Delivery{Header: http.Header{}, Body: []byte(body), Received: at}
		require.NoError(t, p.Scheme.Sign(d.Header, key, hmacsig.Message{ID: id, Time: at, Body: d.Body}))
		got, err := v.Verify(t.Context(), d)
		require.NoError(t, err, id)
		eventID, err := p.EventID(got)
		require.NoError(t, err)
		assert.Equal(t, id, eventID)

		before, after, _ := strings.Cut(body, "2026-09-21T14:13:20Z")
		stamp := d.Header.Get(p.Scheme.Timestamp)
		d.Header.Set(p.Scheme.ID, id+stamp+before)
		d.Body = []byte(after)
		_, err = v.Verify(t.Context(), d)
		require.ErrorIs(t, err, truhook.MalformedMessageID, "%s: another reading of the same text", id)
	}
}
