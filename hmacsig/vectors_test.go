package hmacsig_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// published are vectors that the providers themselves give out, none of them computed by this module or for it.
func published(t *testing.T) map[string]struct {
	scheme  hmacsig.Scheme
	secret  string
	at      int64
	headers []string
	body    string
} {
	t.Helper()
	stripeBody, err := os.ReadFile("testdata/stripe-event.json")
	require.NoError(t, err)
	// Standard Webhooks hands out base64, and the key is what it stands for.
	standardSecret, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	return map[string]struct {
		scheme  hmacsig.Scheme
		secret  string
		at      int64
		headers []string
		body    string
	}{
		// GitHub Docs, "Validating webhook deliveries", section "Testing the webhook payload validation".
		"github": {
			hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}, "It's a Secret to Everybody", 1_700_000_000,
			[]string{"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}, "Hello, World!",
		},
		// Stripe's own .NET SDK, stripe/stripe-dotnet: src/StripeTests/Services/Events/EventUtilityTest.cs and
		// src/StripeTests/Resources/event_test_signature.json (the body, to the byte). The v0 element is for test events.
		"stripe": {
			stripe(), "webhook_secret", 1533204620 + 100,
			[]string{"Stripe-Signature", "t=1533204620,v1=2220f87ef101a04665f11cdf770523143f875572008577fa0f20882ddb9cc3c7," +
				"v0=63f3a72374a733066c4be69ed7f8e5ac85c22c9f0a6a612ab9a025a9e4ee7eef"}, string(stripeBody),
		},
		// Slack's documentation, "Verifying requests from Slack".
		"slack": {
			hmacsig.Scheme{
				Name: "slack", Header: "X-Slack-Signature", Prefix: "v0=", Content: "v0:{timestamp}:{body}",
				Timestamp: "X-Slack-Request-Timestamp", Tolerance: 5 * time.Minute,
			}, "8f742231b10e8888abcd99yyyzzz85a5", 1531420618 + 60,
			[]string{
				"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
				"X-Slack-Request-Timestamp", "1531420618",
			},
			"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
				"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com" +
				"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121." +
				"803a0bc887a14d10d2c447fce8b6703c",
		},
		// Shopify's own PHP SDK, Shopify/shopify-api-php: tests/Webhooks/RegistryTest.php ($processHeaders, $processBody)
		// with the secret of tests/BaseTestCase.php.
		"shopify": {
			hmacsig.Scheme{Name: "shopify", Header: "X-Shopify-Hmac-Sha256", Encoding: hmacsig.Base64}, "steffi", 1_700_000_000,
			[]string{"X-Shopify-Hmac-Sha256", "/Redz4YXHLnSmmSN8grr5/Jl/Ua3d7yX3iWbjb8R8wo="}, `{"foo":"bar"}`,
		},
		// The Standard Webhooks specification's libraries (standard-webhooks/standard-webhooks, test of Sign).
		"standard webhooks": {
			standard(), string(standardSecret), 1614265330 - 200,
			[]string{
				"Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek",
				"Webhook-Timestamp", "1614265330",
			}, `{"test": 2432232314}`,
		},
	}
}

func TestThePublishedVectorsOfOtherProvidersVerifyByDataAlone(t *testing.T) {
	t.Parallel()
	for name, tt := range published(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := verifier(t, tt.scheme, testKey(t, "published", tt.secret))
			d := delivery(tt.body, tt.headers...)
			d.Received = time.Unix(tt.at, 0)
			requireReason(t, "", v, d)
			got, err := v.Verify(t.Context(), d)
			require.NoError(t, err)
			require.Equal(t, "published", got.Proofs[0].KeyID)
			if m, ok := truhook.Detail[hmacsig.Message](got); ok {
				require.Contains(t, strings.Join(tt.headers, " "), m.ID)
				require.Nil(t, m.Body)
			} else {
				require.Empty(t, tt.scheme.Timestamp+tt.scheme.ID)
			}
			for i := range d.Body {
				d.Body[i] ^= 1
				requireReason(t, truhook.SignatureMismatch, v, d)
				d.Body[i] ^= 1
			}
			if tt.scheme.Tolerance > 0 {
				d.Received = d.Received.Add(time.Hour)
				requireReason(t, truhook.Expired, v, d)
			}
			requireReason(t, truhook.SignatureMismatch, verifier(t, hmacsig.Scheme{
				Name: "plain", Header: tt.scheme.Header, Prefix: "v1=", Separator: ",",
			}), delivery("x", tt.scheme.Header, "v1="+hexOf("", "x")))
		})
	}
}

func TestThePublishedVectorsAreWhatSignWrites(t *testing.T) {
	t.Parallel()
	for name, tt := range published(t) {
		d, got := delivery(tt.body, tt.headers...), delivery(tt.body)
		m := hmacsig.Message{ID: d.Header.Get("Webhook-Id"), Body: d.Body}
		switch name {
		case "stripe":
			m.Time = time.Unix(1533204620, 0)
			line, _, _ := strings.Cut(d.Header.Get("Stripe-Signature"), ",v0=")
			d.Header.Set("Stripe-Signature", line)
		case "slack":
			m.Time = time.Unix(1531420618, 0)
		case "standard webhooks":
			m.Time = time.Unix(1614265330, 0)
		}
		require.NoError(t, tt.scheme.Sign(got.Header, testKey(t, "k", tt.secret), m))
		require.Equal(t, d.Header, got.Header, name)
	}
}

func TestWycheproofHMACSHA256(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/wycheproof/hmac_sha256_test.json")
	require.NoError(t, err)
	var file struct {
		NumberOfTests int
		TestGroups    []struct {
			TagSize int
			Tests   []struct {
				TcID            int
				Key, Msg, Tag   string
				Result, Comment string
			}
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	scheme := hmacsig.Scheme{Name: "wycheproof", Header: "X-Tag"}
	run, accepted := 0, 0
	for _, group := range file.TestGroups {
		for _, tt := range group.Tests {
			run++
			want := truhook.SignatureMismatch
			switch {
			case group.TagSize < 256:
				want = truhook.MalformedSignature // a truncated tag is refused, valid or not
			case tt.Result == "valid":
				want = ""
				accepted++
			}
			secret, err := hex.DecodeString(tt.Key)
			require.NoError(t, err)
			body, err := hex.DecodeString(tt.Msg)
			require.NoError(t, err)
			requireReason(t, want, verifier(t, scheme, testKey(t, "k", string(secret))), delivery(string(body), "X-Tag", tt.Tag))
		}
	}
	require.Equal(t, 174, run)
	require.Equal(t, file.NumberOfTests, run)
	require.Positive(t, accepted)
}

// RFC 4231, sections 4.2 to 4.8: test cases 1 to 7 for HMAC-SHA-256. Case 5 is a tag truncated to 128 bits.
func TestRFC4231(t *testing.T) {
	t.Parallel()
	ordered := make([]byte, 25)
	for i := range ordered {
		ordered[i] = byte(i + 1)
	}
	large := strings.Repeat("\xaa", 131)
	tests := []struct {
		secret, body, tag string
		want              truhook.Reason
	}{
		{strings.Repeat("\x0b", 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", ""},
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", ""},
		{strings.Repeat("\xaa", 20), strings.Repeat("\xdd", 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", ""},
		{string(ordered), strings.Repeat("\xcd", 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b", ""},
		{strings.Repeat("\x0c", 20), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b", truhook.MalformedSignature},
		{large, "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", ""},
		{
			large, "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed " +
				"before being used by the HMAC algorithm.", "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2", "",
		},
	}
	for _, tt := range tests {
		v := verifier(t, hmacsig.Scheme{Name: "rfc4231", Header: "X-Tag"}, testKey(t, "k", tt.secret))
		requireReason(t, tt.want, v, delivery(tt.body, "X-Tag", tt.tag))
	}
}
