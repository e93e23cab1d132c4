package secrettext_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/secrettext"
)

const good = "0123456789abcdef0123456789abcdef"

func texts(writings []secrettext.Writing) []string {
	var all []string
	for _, w := range writings {
		all = append(all, w.Text)
	}
	return all
}

// What a copy has done to a secret is a warning, and Explain tries the secret without it.
func TestAudit_FindsWhatACopyHasDone(t *testing.T) {
	t.Parallel()
	for damaged, want := range map[string]string{
		"“" + good + "”": "quoted-secret", "‘" + good + "’": "quoted-secret", "„" + good + "“": "quoted-secret", "«" + good + "»": "quoted-secret",
		"\u200b" + good: "invisible-in-secret", good + "\u200b": "invisible-in-secret", good[:9] + "\u00a0" + good[9:]: "invisible-in-secret",
		good[:9] + "\u00ad" + good[9:]: "invisible-in-secret", "\u202a" + good + "\u202c": "invisible-in-secret", good[:4] + "\ufeff" + good[4:]: "invisible-in-secret",
		good + `\n`: "escaped-secret", good + `\r\n`: "escaped-secret", good + `\r`: "escaped-secret", good + `\t`: "escaped-secret",
		"TRUV_SECRET=" + good: "wrapped-secret", "export TRUV_SECRET=" + good: "wrapped-secret", `TRUV_SECRET="` + good + `"`: "wrapped-secret",
		"secret=" + good: "wrapped-secret", "webhook_secret: " + good: "wrapped-secret", "api-key: '" + good + "'": "wrapped-secret",
		good + " # prod": "wrapped-secret", good + "  // prod": "wrapped-secret", good + ",": "wrapped-secret", good + ";": "wrapped-secret",
		"Bearer " + good: "wrapped-secret", "bearer " + good: "wrapped-secret", "Basic " + good: "wrapped-secret",
		good + "\n" + good[1:]: "wrapped-secret", "sandbox-" + good[:9] + "\r\n" + good: "wrapped-secret",
		`{"secret":"` + good + `"}`: "wrapped-secret", "{\n \"secret\" : \"" + good + "\"\n}": "wrapped-secret",
	} {
		found := secrettext.Audit("id", damaged)
		require.Len(t, found, 1, damaged)
		assert.Equal(t, want, found[0].Name, damaged)
		assert.Equal(t, truhook.SeverityWarning, found[0].Severity)
		assert.NotEmpty(t, found[0].Remedy)
		assert.NotContains(t, found[0].String(), good)
		require.NoError(t, secrettext.Check(damaged), "a warning is no error at construction")
		assert.Contains(t, texts(secrettext.Writings(damaged)), good, damaged)
		if damaged[0] != ' ' && damaged[len(damaged)-1] != '\n' {
			assert.Contains(t, texts(secrettext.Writings(" "+damaged)), good, "with a blank before it: %s", damaged)
		}
	}
}

// Two secrets in one variable, as they stand there while one is rotated, are no secret.
func TestAudit_FindsSeveralSecretsInOne(t *testing.T) {
	t.Parallel()
	names := func(s string) (all []string) {
		for _, f := range secrettext.Audit("id", s) {
			all = append(all, f.Name)
		}
		return all
	}
	for _, prefix := range []string{"sandbox-", "prod-", "whsec_", "sk_live_"} {
		one, two := prefix+good[:20], prefix+good[3:23]
		for _, s := range []string{one + "," + two, one + ", " + two, one + ";" + two, one + " " + two, one + "\n" + two} {
			assert.Contains(t, names(s), "wrapped-secret", s)
			assert.Contains(t, texts(secrettext.Writings(s)), two, s)
		}
		for _, s := range []string{one, one + "," + good, one + "," + prefix + "short", one + two, prefix + "a,b;c=d" + good} {
			assert.NotContains(t, names(s), "wrapped-secret", s)
		}
	}
}

func TestAudit_FindsWhatNothingHasResolved(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]string{
		"placeholder-secret": {
			"$truv_webhook_secret", "$env:TRUV_SECRET", "${env:TRUV_SECRET}", "env.TRUV_SECRET", "process.env.TRUV_SECRET", "os.environ['TRUV_SECRET']",
			`os.Getenv("TRUV_SECRET")`, "#{TruvSecret}", "#{TruvSecret}#", "@@TRUV_SECRET@@", "@TRUV_SECRET@", "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/truv/)",
			"@Microsoft.KeyVault(VaultName=v;SecretName=truv)", "!Ref TruvSecretParameter", "!Sub '${TruvSecret}'", "!secret truv_webhook", `{"Ref":"TruvSecretParameter"}`,
			`{"Fn::GetAtt":["Truv","Secret"]}`, "TRUV_WEBHOOK_SECRET", "TRULIOO_SIGNING_KEY", "(sensitive value)", "••••••••••••••••", "${{ secrets.TRUV }}", "<%= ENV['TRUV'] %>",
		},
		"encrypted-secret": {
			"ENC[AES256_GCM,data:Tr7o1g==,iv:1,tag:2,type:str]", "ENC(jasyptjasyptjasypt)", "{cipher}AQA3kjhsdf8s7df8s7df", "$ANSIBLE_VAULT;1.1;AES256\n6162", "!vault |\n  $ANSIBLE_VAULT;1.1",
			"vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==",
		},
		"path-as-secret": {
			"vault:secret/data/truv#webhook", "op://vault/truv/secret", "ref+awsssm://truv/secret", "ssm:/prod/truv/secret", "sm://project/truv", "secretsmanager:prod/truv",
			"gcp-secret-manager:truv-webhook", "keyvault:truv-webhook-secret", "azurekeyvault://truv-webhook", "aws-secretsmanager:prod/truv",
		},
	} {
		for _, s := range secrets {
			found := secrettext.Audit("id", s)
			require.NotEmpty(t, found, s)
			assert.Equal(t, name, found[0].Name, s)
			assert.Equal(t, truhook.SeverityError, found[0].Severity)
			require.NoError(t, secrettext.Check(s), s)
			assert.True(t, secrettext.Weak([]byte(s)), s)
		}
	}
}

// No secret that a provider makes is suspected, and none costs Explain a try more than it did.
func TestAudit_SuspectsNoSecretOfAProvider(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // made for tests
	const symbols = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789^#=$?@!&*,;+~|-_"
	for range 1000 {
		raw := make([]byte, 16+random.IntN(17))
		text := make([]byte, 20+random.IntN(20))
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		for i := range text {
			text[i] = symbols[random.IntN(len(symbols))]
		}
		for _, s := range []string{
			hex.EncodeToString(raw), base64.StdEncoding.EncodeToString(raw), base64.URLEncoding.EncodeToString(raw), "whsec_" + base64.StdEncoding.EncodeToString(raw),
			"sandbox-" + hex.EncodeToString(raw), "sk_live_" + base64.RawURLEncoding.EncodeToString(raw), string(text), string(raw),
		} {
			for _, f := range secrettext.Audit("id", s) {
				assert.NotContains(t, []string{"wrapped-secret", "invisible-in-secret", "encrypted-secret", "placeholder-secret", "quoted-secret"}, f.Name, "%q", s)
			}
		}
	}
	for _, s := range []string{
		"Jack&Jill;ran up the hill", "{json}" + good, `C0mplex\npart` + good, good + `\\n`, "“quoted” words in a secret", "key" + good, "a=" + good, "AB_CD==", good[:10] + ",",
		"TRUV_" + good, "ENC" + good, "{cipher", "vault:" + good, "$" + good, "@" + good + "@", "sm:" + "x y z 0123456789", "l1U^g#FIZ1MZ=lLG3107UmuaZ-6B_3i435",
	} {
		for _, f := range secrettext.Audit("id", s) {
			assert.Contains(t, []string{"short-secret", "secret-too-short-for-fips"}, f.Name, "%q", s)
		}
	}
}

func TestWritings_StayFew(t *testing.T) {
	t.Parallel()
	for _, s := range []string{good, `TRUV_SECRET="` + good + `" # prod`, "“\u200bBearer " + good + `,\n”`, `{"a":"` + good + `"}`} {
		writings := texts(secrettext.Writings(s))
		assert.LessOrEqual(t, len(writings), 32, s)
		assert.NotContains(t, writings, s)
		assert.NotContains(t, writings, "")
	}
}

// A key that was decoded from base64 or hex is bytes. Some of them begin with a blank or stand between quotes.
func TestAudit_BytesAreNoText(t *testing.T) {
	t.Parallel()
	for i := range 5000 {
		key := sha256.Sum256([]byte(strconv.Itoa(i)))
		for _, s := range []string{string(key[:24]), string(key[:])} {
			assert.Empty(t, secrettext.Audit("id", s), "%x", s)
			assert.False(t, secrettext.IsPlaceholder(s), "%x", s)
			assert.False(t, secrettext.IsPath(s), "%x", s)
			assert.False(t, secrettext.Weak([]byte(s)), "%x", s)
		}
	}
	short := string([]byte{0x0b, 1, 0xff, '\n'})
	assert.Equal(t, "secret-too-short-for-fips", secrettext.Audit("id", short)[0].Name, "its length counts")
}
