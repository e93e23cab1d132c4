package hmacsig_test

import (
	"context"
	"errors"
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

func names(findings []truhook.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Name)
	}
	return all
}

func TestAuditKeysFindsWhatConfigurationDoesToSecrets(t *testing.T) {
	t.Parallel()
	const good = "0123456789abcdef0123456789abcdef"
	tests := map[string][]string{
		good:                                 nil,
		"l1U^g#FIZ1MZ=lLG3107UmuaZ-6B_3i435": nil, // like one of Trulioo's
		"prod-" + good:                       nil,
		"has ' a quote and \" another":       nil,
		"{json}" + good:                      nil,
		"Jack&Jill;ran up the hill":          nil,
		"fifteen bytes!!":                    {"short-secret"},
		"sixteen bytes!!!":                   nil,
		"fourteen bytes":                     {"short-secret"},
		"thirteen byte":                      {"secret-too-short-for-fips"},
		"x":                                  {"secret-too-short-for-fips"},
		good + " ":                           {"padded-secret"},
		"\t" + good:                          {"padded-secret"},
		good + "\u00a0":                      {"padded-secret"},
		`"` + good + `"`:                     {"quoted-secret"},
		"'" + good + "'":                     {"quoted-secret"},
		"`" + good + "`":                     {"quoted-secret"},
		"${TRUV_ACCESS_SECRET}":              {"placeholder-secret"},
		"{{ .Values.secret }}":               {"placeholder-secret"},
		"<your-access-secret>":               {"placeholder-secret"},
		"$(TRUV_ACCESS_SECRET)":              {"placeholder-secret"},
		"%TRUV_ACCESS_SECRET%":               {"placeholder-secret"},
		"$TRUV_ACCESS_SECRET":                {"placeholder-secret"},
		"your-webhook-secret":                {"placeholder-secret"},
		"changeme":                           {"placeholder-secret", "secret-too-short-for-fips"},
		"Change_Me":                          {"placeholder-secret", "secret-too-short-for-fips"},
		"xxxxxxxxxxxxxxxx":                   {"placeholder-secret"},
		"undefined":                          {"placeholder-secret", "secret-too-short-for-fips"},
		"/run/secrets/truv":                  {"path-as-secret"},
		"./secrets/truv_access_secret":       {"path-as-secret"},
		"~/.config/truv/secret":              {"path-as-secret"},
		`C:\secrets\truv.txt`:                {"path-as-secret"},
		"file:///run/secrets/truv":           {"path-as-secret"},
		"vault://kv/truv#secret":             {"path-as-secret"},
		"op://vault/truv/secret":             {"path-as-secret"},
		"arn:aws:secretsmanager:eu-central-1:123456789012:secret:truv-AbCdEf": {"path-as-secret"},
		"/aBcD+eF0123456789abcdefABCDEF0123456789/w=":                         nil, // base64 that begins with a slash
		good + "%3D":          {"escaped-secret"},
		good + "&quot;":       {"escaped-secret"},
		"100%abc$(1)" + good:  nil,
		good + "&amp;" + good: {"escaped-secret"},
		good + `\u003D`:       {"escaped-secret"},
		"\" \"":               {"quoted-secret", "secret-too-short-for-fips"},
	}
	for secret, want := range tests {
		t.Run(secret, func(t *testing.T) {
			t.Parallel()
			found := hmacsig.AuditKeys(time.Now(), key(t, "the-id", secret))
			assert.Equal(t, want, names(found))
			for _, f := range found {
				assert.Equal(t, "the-id", f.Subject)
				if len(secret) > 8 {
					assert.NotContains(t, f.String(), strings.TrimSpace(secret))
				}
			}
		})
	}
}

func TestAuditKeysFindsWindowsAndMixtures(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	const good, other = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	k := func(id, secret string, from, until time.Duration) hmacsig.Key {
		one := key(t, id, secret)
		var begin, end time.Time
		if from != 0 {
			begin = now.Add(from)
		}
		if until != 0 {
			end = now.Add(until)
		}
		return within(one, begin, end)
	}
	tests := map[string]struct {
		keys []hmacsig.Key
		want []string
	}{
		"none":                    {nil, []string{"no-keys"}},
		"a zero key":              {[]hmacsig.Key{{}}, []string{"zero-key", "no-valid-key"}},
		"one for ever":            {[]hmacsig.Key{k("a", good, 0, 0)}, nil},
		"one that ends in 8 d":    {[]hmacsig.Key{k("a", good, -time.Hour, 8*24*time.Hour)}, nil},
		"one that ends in 6 d":    {[]hmacsig.Key{k("a", good, -time.Hour, 6*24*time.Hour)}, []string{"key-expires-soon"}},
		"one that has ended":      {[]hmacsig.Key{k("a", good, 0, -time.Second)}, []string{"key-expired", "no-valid-key"}},
		"one that has just ended": {[]hmacsig.Key{within(k("a", good, 0, 0), time.Time{}, now.Add(-1))}, []string{"key-expired", "no-valid-key"}},
		"one that begins later":   {[]hmacsig.Key{k("a", good, time.Minute, 0)}, []string{"key-not-yet-valid", "no-valid-key"}},
		"an old and a new one":    {[]hmacsig.Key{k("a", good, 0, -time.Hour), k("b", other, 0, 0)}, []string{"key-expired"}},
		"the same twice":          {[]hmacsig.Key{k("a", good, 0, 0), k("b", good, 0, 0)}, []string{"secret-twice"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, names(hmacsig.AuditKeys(now, test.keys...)))
		})
	}
}

func TestAuditOfAVerifierLooksIntoItsSource(t *testing.T) {
	t.Parallel()
	short := key(t, "a", "short")
	reloadable, err := hmacsig.NewReloadableKeys(short)
	require.NoError(t, err)
	f := newSecretFolder(t)
	f.write("a", "short")
	down := must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return nil, errors.New("no route") }, hmacsig.CacheConfig{}))
	for name, test := range map[string]struct {
		source hmacsig.KeySource
		want   []string
	}{
		"static":       {hmacsig.StaticKeys(short), []string{"secret-too-short-for-fips"}},
		"reloadable":   {reloadable, []string{"secret-too-short-for-fips"}},
		"files":        {f.open(), []string{"secret-too-short-for-fips"}},
		"cache":        {must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return []hmacsig.Key{short}, nil }, hmacsig.CacheConfig{})), []string{"secret-too-short-for-fips"}},
		"cache, down":  {down, []string{"keys-unavailable"}},
		"per delivery": {hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) { panic("not without a delivery") }), nil},
	} {
		v, err := hmacsig.New(testScheme(), test.source, hmacsig.Config{})
		require.NoError(t, err)
		assert.Equal(t, test.want, names(truhook.Audit(t.Context(), truhook.AllOf(v))), name)
	}
	v, err := hmacsig.New(testScheme(), hmacsig.StaticKeys(key(t, "a", "0123456789abcdef")), hmacsig.Config{Grace: 1000 * time.Hour})
	require.NoError(t, err)
	assert.Equal(t, []string{"long-grace"}, names(v.Audit(t.Context())))
	assert.Equal(t, []string{"no-verifier"}, names((*hmacsig.Verifier)(nil).Audit(t.Context())))
}

func TestAuditOfACacheSaysSinceWhenItIsStale(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "0123456789abcdef")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{MaxStale: time.Hour}))
		require.NoError(t, c.Refresh(t.Context()))
		assert.Empty(t, c.Audit(t.Context()))
		m.set(func(m *secretManager) { m.err = errors.New("no route") })
		advance(time.Minute)
		require.Error(t, c.Refresh(t.Context()))
		found := c.Audit(t.Context())
		require.Equal(t, []string{"keys-stale"}, names(found))
		assert.Contains(t, found[0].Problem, "no route")
		assert.Contains(t, found[0].Problem, "2000-01-01T00:00:00Z")
		assert.Contains(t, found[0].Remedy, "2000-01-01T01:00:00Z")
	})
}

// auditors of other packages that ride on this one.
var _ truhook.Auditor = (*trulioo.CredentialSource)(nil)

func TestAudit_KnowsHowTheProviderWritesItsSecrets(t *testing.T) {
	t.Parallel()
	const good, other = "0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"
	const text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	standard, bare := forms["standard_webhooks"], forms["standard_webhooks"]
	bare.KeyText = hmacsig.KeyText{}
	decoded := must(standard.NewKey("decoded", text))
	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		keys   []hmacsig.Key
		want   []string
	}{
		"Truv's":                       {truv.Scheme(), []hmacsig.Key{testKey(t, "a", "prod-"+good)}, nil},
		"two of production":            {truv.Scheme(), []hmacsig.Key{testKey(t, "a", "prod-"+good), testKey(t, "b", "prod-"+other)}, nil},
		"sandbox beside production":    {truv.Scheme(), []hmacsig.Key{testKey(t, "a", "prod-"+good), testKey(t, "b", "sandbox-"+other)}, []string{"mixed-environments"}},
		"no environment, as an id has": {truv.Scheme(), []hmacsig.Key{testKey(t, "a", good)}, []string{"no-environment-prefix"}},
		"an API key of Truval's":       {truval.Scheme(), []hmacsig.Key{testKey(t, "a", "sk_live_"+good)}, []string{"api-key-as-secret"}},
		"whsec_ is part of Truval's":   {truval.Scheme(), []hmacsig.Key{testKey(t, "a", text)}, nil},
		"Standard Webhooks, decoded":   {standard, []hmacsig.Key{decoded}, nil},
		"Standard Webhooks, not":       {bare, []hmacsig.Key{testKey(t, "a", text)}, []string{"undecoded-prefix"}},
		"two equal secrets":            {truv.Scheme(), []hmacsig.Key{testKey(t, "a", "dev-"+good), testKey(t, "b", "dev-"+good)}, []string{"secret-twice"}},
		"a time that is not judged":    {forms["webflow"], []hmacsig.Key{testKey(t, "a", good)}, []string{"no-window"}},
		"a time that is":               {forms["stripe"], []hmacsig.Key{testKey(t, "a", good)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reloadable, err := hmacsig.NewReloadableKeys(tt.keys...)
			require.NoError(t, err)
			fetched := must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return tt.keys, nil }, hmacsig.CacheConfig{}))
			for kind, source := range map[string]hmacsig.KeySource{"static": hmacsig.StaticKeys(tt.keys...), "reloadable": reloadable, "cached": fetched} {
				v, err := hmacsig.New(tt.scheme, source, hmacsig.Config{})
				require.NoError(t, err)
				found := v.Audit(t.Context())
				assert.Equal(t, tt.want, names(found), kind)
				for _, f := range found {
					assert.NotContains(t, f.String(), good)
				}
			}
		})
	}
}

func TestAudit_AnUndecodedKeyOfASourceIsFound(t *testing.T) {
	t.Parallel()
	k := testKey(t, "a", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	c := must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return []hmacsig.Key{k}, nil }, hmacsig.CacheConfig{}))
	v, err := hmacsig.New(forms["standard_webhooks"], c, hmacsig.Config{})
	require.NoError(t, err)
	require.Equal(t, []string{"undecoded-prefix"}, names(v.Audit(t.Context())))
}
