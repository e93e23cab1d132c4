package jose_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

const sharedSecret = "a secret that was made for these tests"

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func sha256Base64(data []byte) string {
	sum := sha256.Sum256(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hsToken signs with HS256.
func hsToken(t testing.TB, secret, header string, claims object) string {
	t.Helper()
	input := b64([]byte(header)) + "." + b64(toJSON(t, claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(input))
	return input + "." + b64(mac.Sum(nil))
}

// plaid is the configuration for Plaid ("Verify webhooks"): ES256 with a kid, iat, and the body's hash; no iss, aud,
// exp.
func plaid(keys jose.KeySource) jose.Config {
	return jose.Config{
		Scheme: "plaid", Token: jose.HeaderToken("Plaid-Verification"), Keys: keys, Algorithms: []string{"ES256"},
		Without: []string{"iss", "aud", "exp"},
		Binding: jose.Binding{
			BodyOnly: true, BodyHash: "request_body_sha256", Hashes: map[string]crypto.Hash{"": crypto.SHA256},
		},
	}
}

// The token, the key and the body that a user of Plaid's sandbox published (question 62117400 of a well-known forum).
func TestVerifier_VerifiesThePublishedDeliveryOfPlaid(t *testing.T) {
	t.Parallel()
	const (
		published = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjZjNTUxNmUxLTkyZGMtNDc5ZS1hOGZmLTVhNTE5OTJlMDAwMSIsInR5cCI6IkpXVCJ9." +
			"eyJpYXQiOjE1OTA4ODcwMDEsInJlcXVlc3RfYm9keV9zaGEyNTYiOiJiNjNhMDdiNTQ3YjAwZjk5MjU0N2Y2YmJjOGQ5YWNjNjFhOGNjZWUxMzhiYzgyZjQ0YTZiYWEwOTY4M2E1ZDBmIn0." +
			"OOKvIihgqCj7Qrb2bmz7T3t7uK-0JyjiEqL2s1kWeJBM4MMmjaHKK8GmU_z91QolBWMzvPgs718EElY-rE3cwQ"
		set = `{"keys":[{"alg":"ES256","created_at":1560466143,"crv":"P-256","expired_at":null,` +
			`"kid":"6c5516e1-92dc-479e-a8ff-5a51992e0001","kty":"EC","use":"sig",` +
			`"x":"35lvC8uz2QrWpQJ3TUH8t9o9DURMp7ydU518RKDl20k","y":"I8BuXB2bvxelzJAd7OKhd-ZwjCst05Fx47Mb_0ugros"}]}`
	)
	event := []byte("{\n  \"error\": null,\n  \"item_id\": \"yxQbxDjnD8hr69pKbQpbcKeVn3GL9QuyA7NV3\",\n  \"new_transactions\": 390,\n" +
		"  \"webhook_code\": \"HISTORICAL_UPDATE\",\n  \"webhook_type\": \"TRANSACTIONS\"\n}")
	keys, err := jose.ParseJWKS([]byte(set))
	require.NoError(t, err)
	v := newVerifier(t, plaid(keys))
	verify := func(token string, body []byte, at time.Time) error {
		_, err := v.Verify(t.Context(), &truhook.Delivery{
			Method: "POST", RequestURI: "/anywhere", Header: http.Header{"Plaid-Verification": {token}}, Body: body, Received: at,
		})
		return err
	}
	sent := time.Unix(1590887001, 0)
	require.NoError(t, verify(published, event, sent.Add(5*time.Minute)))
	require.ErrorIs(t, verify(published, event, sent.Add(6*time.Minute)), truhook.Expired)
	require.ErrorIs(t, verify(published, event, sent.Add(-time.Minute)), truhook.NotYetValid)
	require.ErrorIs(t, verify(published, append(event, '\n'), sent), truhook.BodyHashMismatch)
	var compact map[string]any
	require.NoError(t, json.Unmarshal(event, &compact))
	require.ErrorIs(t, verify(published, toJSON(t, compact), sent), truhook.BodyHashMismatch, "written anew")
	last := len(published) - 10
	require.ErrorIs(t, verify(published[:last]+"A"+published[last+1:], event, sent), truhook.SignatureMismatch)
}

// Each provider as configuration: a true delivery, and what must not pass.
func TestVerifier_TakesTheTokensOfOtherProviders(t *testing.T) {
	t.Parallel()
	secret, err := jose.NewSecret("current", sharedSecret)
	require.NoError(t, err)
	secrets := jose.StaticSecrets{secret}
	bodyOnly := func(claim string, e jose.Encoding) jose.Binding {
		return jose.Binding{BodyOnly: true, BodyHash: claim, Encoding: e, Hashes: map[string]crypto.Hash{"": crypto.SHA256}}
	}
	hs := func(c object) string { return hsToken(t, sharedSecret, `{"alg":"HS256","typ":"JWT"}`, c) }
	es := func(c object) string {
		return signedClaims(t, "ES256", testKeys().ec, c)
	}
	rs := func(c object) string { return signedClaims(t, "RS256", testKeys().rsa, c) }
	ecKeys := jose.StaticKeys{{ID: "1", Key: &testKeys().ec.PublicKey}}
	rsaKeys := jose.StaticKeys{{ID: "1", Key: &testKeys().rsa.PublicKey}}
	for name, test := range map[string]struct {
		cfg    jose.Config
		header string
		value  string // before the token
		sign   func(object) string
		claims object
		hash   string // the claim of the body's hash
		keyID  string
	}{
		"Plaid": {plaid(ecKeys), "Plaid-Verification", "", es, object{"iat": now.Unix(), "request_body_sha256": sha256Hex(body)}, "request_body_sha256", "1"},
		"FusionAuth, RSA": {jose.Config{
			Token: jose.HeaderToken("X-FusionAuth-Signature-JWT"), Keys: rsaKeys, Algorithms: []string{"RS256"},
			Without: []string{"iss", "aud", "iat", "exp"}, NoWindow: true, Binding: bodyOnly("request_body_sha256", jose.Base64),
		}, "X-Fusionauth-Signature-Jwt", "", rs, object{"request_body_sha256": sha256Base64(body)}, "request_body_sha256", "1"},
		"FusionAuth, HMAC": {jose.Config{
			Token: jose.HeaderToken("X-FusionAuth-Signature-JWT"), Secrets: secrets, Algorithms: []string{"HS256"},
			Without: []string{"iss", "aud", "iat", "exp"}, NoWindow: true, Binding: bodyOnly("request_body_sha256", jose.Base64),
		}, "X-Fusionauth-Signature-Jwt", "", hs, object{"request_body_sha256": sha256Base64(body)}, "request_body_sha256", "current"},
		"Netlify": {jose.Config{
			Token: jose.HeaderToken("X-Webhook-Signature"), Secrets: secrets, Algorithms: []string{"HS256"},
			Issuer: "netlify", Without: []string{"aud", "iat", "exp"}, NoWindow: true, Binding: bodyOnly("sha256", jose.Hex),
		}, "X-Webhook-Signature", "", hs, object{"iss": "netlify", "sha256": sha256Hex(body)}, "sha256", "current"},
		"Vonage": {jose.Config{
			Token: jose.AuthorizationToken("Bearer"), Secrets: secrets, Algorithms: []string{"HS256"},
			Issuer: "Vonage", Without: []string{"aud", "exp"}, Require: []string{"jti"}, Binding: bodyOnly("payload_hash", jose.Hex),
		}, "Authorization", "Bearer ", hs, object{"iss": "Vonage", "iat": now.Unix(), "jti": "1", "payload_hash": sha256Hex(body)}, "payload_hash", "current"},
		"a token with exp and no iat": {jose.Config{
			Token: jose.AuthorizationToken("Bearer"), Secrets: secrets, Algorithms: []string{"HS256"},
			Issuer: "key", Without: []string{"aud", "iat"}, Binding: bodyOnly("sha256", jose.Base64),
		}, "Authorization", "Bearer ", hs, object{"iss": "key", "nbf": now.Unix(), "exp": now.Unix() + 300, "sha256": sha256Base64(body)}, "sha256", "current"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVerifier(t, test.cfg)
			verify := func(token string, change func(d *truhook.Delivery)) (*truhook.Verified, error) {
				d := delivery("")
				d.Header = http.Header{test.header: {test.value + token}}
				if change != nil {
					change(d)
				}
				return v.Verify(t.Context(), d)
			}
			changed := func(change object) string {
				all := object{}
				for k, v := range test.claims {
					all[k] = v
				}
				for k, v := range change {
					if all[k] = v; v == nil {
						delete(all, k)
					}
				}
				return test.sign(all)
			}
			good := test.sign(test.claims)
			verified, err := verify(good, nil)
			require.NoError(t, err)
			assert.Equal(t, test.keyID, verified.Proofs[0].KeyID)
			detail, ok := truhook.Detail[jose.Claims](verified)
			require.True(t, ok)
			assert.NotEmpty(t, detail.Raw)

			for twin, c := range map[string]struct {
				token  string
				change func(d *truhook.Delivery)
				want   truhook.Reason
			}{
				"another body":       {good, func(d *truhook.Delivery) { d.Body = []byte(`{"hello":"World"}`) }, truhook.BodyHashMismatch},
				"no body":            {good, func(d *truhook.Delivery) { d.Body = nil }, truhook.BodyHashMismatch},
				"no hash":            {changed(object{test.hash: nil}), nil, truhook.MissingBodyHash},
				"an empty hash":      {changed(object{test.hash: ""}), nil, truhook.MalformedClaim},
				"a hash of a list":   {changed(object{test.hash: []string{"x"}}), nil, truhook.MalformedClaim},
				"none":               {b64([]byte(`{"alg":"none","kid":"1"}`)) + "." + b64(toJSON(t, test.claims)) + ".AA", nil, truhook.AlgorithmNotAllowed},
				"another signature":  {good[:len(good)-10] + "AAAAAA" + good[len(good)-4:], nil, truhook.SignatureMismatch},
				"an audience":        {changed(object{"aud": "somebody else"}), nil, truhook.WrongAudience},
				"another algorithm":  {signed(t, "PS256", testKeys().rsa), nil, truhook.AlgorithmNotAllowed},
				"no token":           {"", nil, truhook.MissingToken},
				"expired":            {changed(object{"iat": now.Unix() - 90, "nbf": nil, "exp": now.Unix() - 60}), nil, truhook.Expired},
				"issued long ago":    {changed(object{"iat": now.Unix() - 3600, "nbf": nil}), nil, truhook.Expired},
				"issued in an hour":  {changed(object{"iat": now.Unix() + 3600, "exp": now.Unix() + 7200, "nbf": nil}), nil, truhook.NotYetValid},
				"valid in an hour":   {changed(object{"nbf": now.Unix() + 3600, "exp": now.Unix() + 7200}), nil, truhook.NotYetValid},
				"a time that is nil": {changed(object{"iat": true}), nil, truhook.MalformedClaim},
			} {
				_, err := verify(c.token, c.change)
				assert.Equal(t, c.want, truhook.ReasonOf(err), "%s: %v", twin, err)
			}
		})
	}
}

func signedClaims(t testing.TB, algorithm string, key any, c object) string {
	t.Helper()
	return signedPayload(t, algorithm, key, toJSON(t, c))
}

func TestNew_WantsEveryOmissionStated(t *testing.T) {
	t.Parallel()
	secret, err := jose.NewSecret("a", sharedSecret)
	require.NoError(t, err)
	five := jose.StaticSecrets{}
	for i := range 5 {
		s, err := jose.NewSecret(fmt.Sprint(i), sharedSecret)
		require.NoError(t, err)
		five = append(five, s)
	}
	good := func() jose.Config {
		cfg := config()
		cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
		return cfg
	}
	_, err = jose.New(good())
	require.NoError(t, err)
	for name, change := range map[string]func(c *jose.Config){
		"keys and secrets":              func(c *jose.Config) { c.Keys = config().Keys },
		"neither":                       func(c *jose.Config) { c.Secrets = nil },
		"no secrets":                    func(c *jose.Config) { c.Secrets = jose.StaticSecrets{} },
		"a zero secret":                 func(c *jose.Config) { c.Secrets = jose.StaticSecrets{{}} },
		"an id twice":                   func(c *jose.Config) { c.Secrets = jose.StaticSecrets{secret, secret} },
		"five secrets":                  func(c *jose.Config) { c.Secrets = five },
		"a secret for RS256":            func(c *jose.Config) { c.Algorithms = []string{"RS256"} },
		"HS256 and RS256":               func(c *jose.Config) { c.Algorithms = []string{"HS256", "RS256"} },
		"HS1":                           func(c *jose.Config) { c.Algorithms = []string{"HS1"} },
		"an unknown omission":           func(c *jose.Config) { c.Without = []string{"sub"} },
		"an issuer and none":            func(c *jose.Config) { c.Without = []string{"iss"} },
		"an audience and none":          func(c *jose.Config) { c.Without = []string{"aud"} },
		"no audience, unsaid":           func(c *jose.Config) { c.Audience = "" },
		"no times, unsaid":              func(c *jose.Config) { c.Without = []string{"iat", "exp"} },
		"no window, but times":          func(c *jose.Config) { c.NoWindow = true },
		"no window, but iat":            func(c *jose.Config) { c.NoWindow, c.Without = true, []string{"exp"} },
		"no method, unsaid":             func(c *jose.Config) { c.Binding.Method = "" },
		"no path, unsaid":               func(c *jose.Config) { c.Binding.Path = "" },
		"body only, but a method":       func(c *jose.Config) { c.Binding.BodyOnly, c.Binding.Path = true, "" },
		"body only, without a hash":     func(c *jose.Config) { c.Binding = jose.Binding{BodyOnly: true, Hashes: c.Binding.Hashes} },
		"an encoding that is not there": func(c *jose.Config) { c.Binding.Encoding = 3 },
	} {
		cfg := good()
		change(&cfg)
		_, err := jose.New(cfg)
		assert.Error(t, err, name)
	}
}

type secretSourceFunc func(ctx context.Context, q jose.Query) ([]jose.Secret, error)

func (f secretSourceFunc) Secrets(ctx context.Context, q jose.Query) ([]jose.Secret, error) {
	return f(ctx, q)
}

func TestVerifier_AnswersOfASecretSource(t *testing.T) {
	t.Parallel()
	secret := func(id, text string) jose.Secret {
		s, err := jose.NewSecret(id, text)
		require.NoError(t, err)
		return s
	}
	right, wrong := secret("right", sharedSecret), secret("wrong", "another secret of these tests")
	for name, test := range map[string]struct {
		first, missed []jose.Secret
		err           error
		want          truhook.Reason
	}{
		"the right one":          {first: []jose.Secret{right}},
		"behind a wrong one":     {first: []jose.Secret{wrong, right}},
		"none":                   {want: truhook.NoKey},
		"an error":               {err: context.DeadlineExceeded, want: truhook.KeysUnavailable},
		"a listed reason":        {err: truhook.KeysStale, want: truhook.KeysStale},
		"a wrong one":            {first: []jose.Secret{wrong}, missed: []jose.Secret{wrong}, want: truhook.SignatureMismatch},
		"a new one after a miss": {first: []jose.Secret{wrong}, missed: []jose.Secret{right}},
		"a zero one":             {first: []jose.Secret{{}}, want: truhook.KeysUnavailable},
	} {
		cfg := config()
		cfg.Keys, cfg.Algorithms = nil, []string{"HS256"}
		cfg.Secrets = secretSourceFunc(func(_ context.Context, q jose.Query) ([]jose.Secret, error) {
			if q.Missed {
				return test.missed, test.err
			}
			return test.first, test.err
		})
		_, err := newVerifier(t, cfg).Verify(t.Context(), delivery(hsToken(t, sharedSecret, `{"alg":"HS256"}`, claims(nil))))
		assert.Equal(t, test.want, truhook.ReasonOf(err), "%s: %v", name, err)
	}
}

func TestSecret_IsNeverPrintedAndRejectsAccidents(t *testing.T) {
	t.Parallel()
	s, err := jose.NewSecret("label", sharedSecret)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "list", []jose.Secret{s})
	raw, err := json.Marshal(map[string]any{"s": s, "p": &s})
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s %d %x", s, s, s, s, s, s), fmt.Sprintf("%v %+v", &s, struct{ S jose.Secret }{s}),
		fmt.Sprintf("%d %x", []jose.Secret{s}, jose.StaticSecrets{s}), log.String(), string(raw),
	} {
		assert.NotContains(t, text, sharedSecret[:8])
		assert.NotContains(t, text, hex.EncodeToString([]byte(sharedSecret[:8])))
		assert.Contains(t, text, "label")
	}
	for name, pair := range map[string][2]string{
		"empty": {"a", ""}, "a line feed": {"a", "x\n"}, "a line feed in front": {"a", "\nx"}, "no id": {"", "x"},
		"an id with a space": {"a b", "x"}, "an id with a line feed": {"a\n", "x"}, "a long id": {strings.Repeat("a", 257), "x"},
	} {
		_, err := jose.NewSecret(pair[0], pair[1])
		assert.Error(t, err, name)
	}
}
