package truhook_test

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose"
)

// families are the ways in which secrets become a verifier: every constructor that takes one, and every source.
func families(t *testing.T) map[string]func(secrets ...string) (truhook.Verifier, error) {
	t.Helper()
	scheme := hmacsig.Scheme{Name: "acme", Header: "X-Acme"}
	over := func(source hmacsig.KeySource, err error) (truhook.Verifier, error) {
		if err != nil {
			return nil, err
		}
		return hmacsig.New(scheme, source, hmacsig.Config{})
	}
	static := func(keys []hmacsig.Key, err error) (truhook.Verifier, error) {
		return over(hmacsig.StaticKeys(keys...), err)
	}
	each := func(secrets []string) (keys []hmacsig.Key, err error) {
		for i, secret := range secrets {
			key, err := hmacsig.NewKey(fmt.Sprint("key-", i), secret)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		return keys, nil
	}
	reloadable := func(keys []hmacsig.Key, err error) (truhook.Verifier, error) {
		if err != nil {
			return nil, err
		}
		return over(hmacsig.NewReloadableKeys(keys...))
	}
	cached := func(keys []hmacsig.Key, err error) (truhook.Verifier, error) {
		if err != nil {
			return nil, err
		}
		return over(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return keys, nil }, hmacsig.CacheConfig{}))
	}
	return map[string]func(secrets ...string) (truhook.Verifier, error){
		"NewKey": func(secrets ...string) (truhook.Verifier, error) { return static(each(secrets)) },
		"NewKeys": func(secrets ...string) (truhook.Verifier, error) {
			return static(hmacsig.NewKeys(secrets[0], secrets[1:]...))
		},
		"Scheme": func(secrets ...string) (truhook.Verifier, error) {
			return static(scheme.NewKeys(secrets[0], secrets[1:]...))
		},
		"ReloadableKey": func(secrets ...string) (truhook.Verifier, error) { return reloadable(each(secrets)) },
		"CachedKeys":    func(secrets ...string) (truhook.Verifier, error) { return cached(each(secrets)) },
		"EnvKeys": func(secrets ...string) (truhook.Verifier, error) {
			var names []string
			for i, secret := range secrets {
				names = append(names, fmt.Sprint("TRUHOOK_AUDIT_", i))
				t.Setenv(names[i], secret)
			}
			source, err := hmacsig.EnvKeys(names...)
			return over(source, err)
		},
		"FileKeys": func(secrets ...string) (truhook.Verifier, error) {
			dir := t.TempDir()
			for i, secret := range secrets {
				require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("key-", i)), []byte(secret), 0o600))
			}
			source, err := hmacsig.NewFileKeys(dir, hmacsig.FileConfig{})
			if err != nil {
				return nil, err
			}
			return over(source, nil)
		},
		"truv":   func(secrets ...string) (truhook.Verifier, error) { return truv.New(secrets[0], secrets[1:]...) },
		"truval": func(secrets ...string) (truhook.Verifier, error) { return truval.New(secrets[0], secrets[1:]...) },
		"trulioo": func(secrets ...string) (truhook.Verifier, error) {
			keys, err := each(secrets)
			if err != nil {
				return nil, err
			}
			return trulioo.New(hmacsig.StaticKeys(keys...), hmacsig.Config{})
		},
		"catalog":                    func(secrets ...string) (truhook.Verifier, error) { return catalog.New("github", secrets...) },
		"catalog, a kept prefix":     func(secrets ...string) (truhook.Verifier, error) { return catalog.New("stripe", secrets...) },
		"catalog, Standard Webhooks": func(secrets ...string) (truhook.Verifier, error) { return catalog.New("svix", secrets...) },
		"jose": func(secrets ...string) (truhook.Verifier, error) {
			var all jose.StaticSecrets
			for i, text := range secrets {
				secret, err := jose.NewSecret(fmt.Sprint("key-", i), text)
				if err != nil {
					return nil, err
				}
				all = append(all, secret)
			}
			return jose.New(jose.Config{
				Token: jose.HeaderToken("X-Token"), Algorithms: []string{"HS256"}, Secrets: all, Issuer: "i", Audience: "a",
				Binding: jose.Binding{BodyHash: "hash", BodyOnly: true, Hashes: map[string]crypto.Hash{"": crypto.SHA256}},
			})
		},
	}
}

// What Explain would find after the first refusal, the audit finds before, whichever way the secret came in.
func TestAudit_FindsWhatIsWrongWithASecretInEveryFamily(t *testing.T) {
	const good, other = "7e577e57-0123456789abcdef0123456789abcdef", "7e577e57-fedcba9876543210fedcba9876543210"
	whole := []string{"truval", "catalog, a kept prefix"} // where whsec_ is part of the secret
	decoding := "catalog, Standard Webhooks"              // which takes nothing that is not of its form
	for name, c := range map[string]struct {
		secrets []string
		want    string // of a finding; a constructor's error is as good
		only    []string
		except  []string
	}{
		"an undecoded prefix":            {[]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwXYZ0"}, "undecoded-prefix", nil, append(whole, decoding)},
		"a variable of Kubernetes":       {[]string{"$(WEBHOOK_SECRET)"}, "placeholder-secret", nil, nil},
		"a variable of a shell":          {[]string{"${WEBHOOK_SECRET}"}, "placeholder-secret", nil, nil},
		"a variable of Windows":          {[]string{"%WEBHOOK_SECRET%"}, "placeholder-secret", nil, nil},
		"a variable of Helm":             {[]string{"{{ .Values.secret }}"}, "placeholder-secret", nil, nil},
		"changeme":                       {[]string{"changeme"}, "placeholder-secret", nil, nil},
		"Change-Me":                      {[]string{"Change-Me"}, "placeholder-secret", nil, nil},
		"a placeholder while it rotates": {[]string{good, "your-webhook-secret"}, "placeholder-secret", nil, nil},
		"a path":                         {[]string{"/run/secrets/webhook"}, "path-as-secret", nil, nil},
		"a path of Windows":              {[]string{`C:\secrets\webhook.txt`}, "path-as-secret", nil, nil},
		"an entry of a secret store":     {[]string{"arn:aws:secretsmanager:eu-central-1:123456789012:secret:webhook-AbCdEf"}, "path-as-secret", nil, nil},
		"quotes":                         {[]string{`"` + good + `"`}, "quoted-secret", nil, nil},
		"a blank":                        {[]string{good + " "}, "padded-secret", nil, nil},
		"an escape":                      {[]string{good + "%3D"}, "escaped-secret", nil, nil},
		"two equal ones":                 {[]string{good, good}, "secret-twice", nil, nil},
		"the third equals the first":     {[]string{good, other, good}, "secret-twice", nil, nil},
		"a few bytes":                    {[]string{"abc"}, "secret-too-short-for-fips", nil, nil},
		"15 bytes":                       {[]string{"fifteen bytes!!"}, "short-secret", nil, nil},
		"another environment's prefix":   {[]string{"prod-" + good, "sandbox-" + other}, "mixed-environments", []string{"truv"}, nil},
		"no environment's prefix":        {[]string{good}, "no-environment-prefix", []string{"truv"}, nil},
		"an API key":                     {[]string{"sk_live_" + good}, "api-key-as-secret", []string{"truval"}, nil},
	} {
		for family, make1 := range families(t) {
			if c.only != nil && !slices.Contains(c.only, family) || slices.Contains(c.except, family) {
				continue
			}
			v, err := make1(c.secrets...)
			if err != nil {
				for _, secret := range c.secrets {
					assert.NotContains(t, err.Error(), secret, "%s: %s", family, name)
				}
				continue
			}
			findings := truhook.Audit(t.Context(), v)
			assert.True(t, slices.ContainsFunc(findings, func(f truhook.Finding) bool { return f.Name == c.want }),
				"%s: %s: %v", family, name, findings)
			for _, f := range findings {
				assert.NotContains(t, f.String(), "7e577e57")
			}
		}
	}
	for family, make1 := range families(t) {
		secret := good
		switch {
		case slices.Contains(whole, family), family == decoding:
			secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwXYZ0"
		case family == "truv":
			secret = "prod-" + good
		}
		v, err := make1(secret)
		require.NoError(t, err, family)
		assert.Empty(t, slices.DeleteFunc(truhook.Audit(t.Context(), v), func(f truhook.Finding) bool { return f.Name == "no-window" }), family)
	}
}

func TestAudit_FindsPlaceholdersInChecks(t *testing.T) {
	t.Parallel()
	v, err := truv.New("prod-0123456789abcdef0123456789abcdef01234567")
	require.NoError(t, err)
	for value, want := range map[string]bool{
		"${TOKEN}": true, "$(TOKEN)": true, "%TOKEN%": true, "{{ .Values.token }}": true, "<your-token>": true, "changeme": true, "Change-Me": true,
		"$WEBHOOK_TOKEN": true, "[your token]": true, "__TOKEN__": true, "Replace this": true, "undefined": true, "your-token-here": true,
		"$": false, "$2a$10$N9qo8uLOickgx2ZM": false, "$token": false, "[]": false, "test": false, "null-terminated": false, "__": false,
		"HmacSHA256": false, "1": false, "%41": false, "a$(b)": false, "100%": false, "%": false, "0123456789abcdef": false,
	} {
		for _, check := range []truhook.Check{truhook.HeaderEquals("X-Token", value), truhook.QueryEquals("token", value)} {
			findings := truhook.Audit(t.Context(), truhook.AllOf(truhook.Require(v, check)))
			found := slices.ContainsFunc(findings, func(f truhook.Finding) bool { return f.Name == "placeholder-secret" && f.Subject == check.String() })
			assert.Equal(t, want, found, "%s: %s", check, value)
		}
	}
}
