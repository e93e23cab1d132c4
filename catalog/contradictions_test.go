package catalog_test

import (
	"crypto"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
)

// Lists of other hands contradict each other. Each row here is a reading that was settled, and the delivery that
// tells it from the other one.
func TestContradictions_AreSettledByTheSafeReading(t *testing.T) {
	t.Parallel()
	at := time.Unix(1790000000, 0)
	const secret, body = "sk_made-for-this-test-0123456789", `{"id": "evt_1",  "b": 1.0}`
	type change func(h http.Header, d *truhook.Delivery)
	none := func(http.Header, *truhook.Delivery) {}
	move := func(from, to string) change {
		return func(h http.Header, _ *truhook.Delivery) { h.Set(to, h.Get(from)); h.Del(from) }
	}
	later := func(by time.Duration) change {
		return func(_ http.Header, d *truhook.Delivery) { d.Received = d.Received.Add(by) }
	}
	for name, c := range map[string]struct {
		provider string
		scheme   func(s *hmacsig.Scheme) // how the sender signs; nil: as the row says
		change   change
		want     bool
	}{
		"WorkOS with a blank":             {"workos", nil, func(h http.Header, _ *truhook.Delivery) { spaced(h, "WorkOS-Signature") }, true},
		"WorkOS without":                  {"workos", nil, none, true},
		"WorkOS after 181 s":              {"workos", nil, later(181 * time.Second), false},
		"WorkOS after 180 s":              {"workos", nil, later(180 * time.Second), true},
		"ElevenLabs after 30 min":         {"elevenlabs", nil, later(30 * time.Minute), true},
		"ElevenLabs after 31 min":         {"elevenlabs", nil, later(31 * time.Minute), false},
		"ElevenLabs as Standard Webhooks": {"elevenlabs", standardScheme, none, false},
		"Cashfree with nothing between":   {"cashfree", nil, none, true},
		"Cashfree with a dot between":     {"cashfree", func(s *hmacsig.Scheme) { s.Content = "{timestamp}.{body}" }, none, false},
		"Zendesk's time header":           {"zendesk", nil, none, true},
		"Zendesk's time header, short":    {"zendesk", nil, move("X-Zendesk-Webhook-Signature-Timestamp", "X-Zendesk-Webhook-Timestamp"), false},
		"Vercel by SHA-1":                 {"vercel", nil, none, true},
		"Vercel by SHA-256":               {"vercel", func(s *hmacsig.Scheme) { s.Hash = crypto.SHA256 }, none, false},
		"Argyle by SHA-512":               {"argyle", nil, none, true},
		"Argyle by SHA-256":               {"argyle", func(s *hmacsig.Scheme) { s.Hash = crypto.SHA256 }, none, false},
		"Sumsub by SHA-256":               {"sumsub", nil, func(h http.Header, _ *truhook.Delivery) { h.Set("X-Payload-Digest-Alg", "HMAC_SHA256_HEX") }, true},
		"Sumsub that names SHA-1":         {"sumsub", nil, func(h http.Header, _ *truhook.Delivery) { h.Set("X-Payload-Digest-Alg", "HMAC_SHA1_HEX") }, false},
		"Middesk with -256":               {"middesk", nil, none, true},
		"Middesk without -256":            {"middesk", nil, move("X-Middesk-Signature-256", "X-Middesk-Signature"), false},
		"Veriff's first name":             {"veriff", nil, none, true},
		"Veriff's second name":            {"veriff", nil, move("X-HMAC-Signature", "VRF-HMAC-Signature"), true},
		"Shopify's first name":            {"shopify", nil, none, true},
		"Shopify's second name":           {"shopify", nil, move("X-Shopify-Hmac-Sha256", "Shopify-Hmac-Sha256"), true},
		"DocuSign's second key":           {"docusign", nil, move("X-DocuSign-Signature-1", "X-DocuSign-Signature-2"), true},
		"DocuSign beside another key":     {"docusign", nil, beside("X-DocuSign-Signature-1", "X-DocuSign-Signature-2"), true},
		"Hookdeck while it rotates":       {"hookdeck", nil, beside("X-Hookdeck-Signature", "X-Hookdeck-Signature-2"), true},
		"PagerDuty while it rotates": {"pagerduty", nil, func(h http.Header, _ *truhook.Delivery) {
			first(h, "X-PagerDuty-Signature", "v1="+strings.Repeat("0", 64)+",")
		}, true},
		"Clerk's trio":                          {"clerk", nil, none, true},
		"Clerk's trio, mixed":                   {"clerk", nil, move("Svix-Timestamp", "Webhook-Timestamp"), false},
		"Clerk's other trio":                    {"clerk", nil, renameAll("Svix-", "Webhook-"), false},
		"Sentry's raw body":                     {"sentry", nil, none, true},
		"Sentry's body written anew":            {"sentry", nil, func(_ http.Header, d *truhook.Delivery) { d.Body = []byte(`{"id":"evt_1","b":1}`) }, false},
		"Paddle after 5 min":                    {"paddle", nil, later(5 * time.Minute), true},
		"Paddle after 6 min":                    {"paddle", nil, later(6 * time.Minute), false},
		"Webflow, seconds, a year later":        {"webflow", func(s *hmacsig.Scheme) { s.TimeFormat = hmacsig.UnixSeconds }, later(365 * 24 * time.Hour), true},
		"Webflow, milliseconds, a year later":   {"webflow", func(s *hmacsig.Scheme) { s.TimeFormat = hmacsig.UnixMillis }, later(365 * 24 * time.Hour), true},
		"Pinwheel in seconds":                   {"pinwheel", nil, none, true},
		"Pinwheel in milliseconds":              {"pinwheel", func(s *hmacsig.Scheme) { s.TimeFormat = hmacsig.UnixMillis }, none, false},
		"Deel's literal":                        {"deel", nil, none, true},
		"Deel's body alone":                     {"deel", func(s *hmacsig.Scheme) { s.Content = "{body}" }, none, false},
		"Knock in milliseconds":                 {"knock", nil, none, true},
		"Knock in seconds":                      {"knock", func(s *hmacsig.Scheme) { s.TimeFormat = hmacsig.UnixSeconds }, none, false},
		"Bitbucket by SHA-1":                    {"bitbucket", func(s *hmacsig.Scheme) { s.Hash, s.Prefix = crypto.SHA1, "sha1=" }, none, false},
		"GitHub's SHA-1 header alone":           {"github", func(s *hmacsig.Scheme) { s.Hash, s.Prefix, s.Header = crypto.SHA1, "sha1=", "X-Hub-Signature" }, none, false},
		"Stripe's v0 alone":                     {"stripe", func(s *hmacsig.Scheme) { s.Prefix = "v0=" }, none, false},
		"Standard Webhooks of another version":  {"polar", func(s *hmacsig.Scheme) { s.Prefix = "v2," }, none, false},
		"Finch with the id of Standard Webhook": {"finch", nil, move("Finch-Event-Id", "Webhook-Id"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ok := catalog.Lookup(c.provider)
			require.True(t, ok)
			text := secret
			if p.Scheme.KeyText.Encoding == hmacsig.KeyBase64 {
				text = p.Scheme.KeyText.Prefix + "c2VjcmV0LW1hZGUtZm9yLXRoaXMtdGVzdC0wMTIz"
			}
			v, err := p.New(catalog.Config{}, text)
			require.NoError(t, err)
			key, err := p.Scheme.NewKey("sender", text)
			require.NoError(t, err)
			scheme := p.Scheme
			if c.scheme != nil {
				c.scheme(&scheme)
			}
			m := hmacsig.Message{Time: at, Body: []byte(body)}
			if scheme.ID != "" {
				m.ID = "msg_1"
			}
			d := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/hook", Header: http.Header{}, Body: []byte(body), Received: at}
			require.NoError(t, scheme.Sign(d.Header, key, m))
			c.change(d.Header, d)
			_, err = v.Verify(t.Context(), d)
			assert.Equal(t, c.want, err == nil, "%v", err)
		})
	}
}

func standardScheme(s *hmacsig.Scheme) {
	standard, _ := catalog.Lookup("standard_webhooks")
	keyText := s.KeyText
	*s = standard.Scheme
	s.KeyText = keyText
}

func spaced(h http.Header, name string) { h.Set(name, strings.ReplaceAll(h.Get(name), ",", ", ")) }

func first(h http.Header, name, text string) { h.Set(name, text+h.Get(name)) }

// beside moves a signature to the second header, and puts one of nobody into the first.
func beside(one, two string) func(h http.Header, d *truhook.Delivery) {
	return func(h http.Header, _ *truhook.Delivery) {
		h.Set(two, h.Get(one))
		h.Set(one, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	}
}

func renameAll(from, to string) func(h http.Header, d *truhook.Delivery) {
	return func(h http.Header, _ *truhook.Delivery) {
		for name, lines := range h.Clone() {
			if rest, found := strings.CutPrefix(name, from); found {
				h.Del(name)
				h[to+rest] = lines
			}
		}
	}
}

// EasyPost's secrets are used in Unicode form NFKD, however they are typed: what is signed under the bytes of a
// composed é is no delivery of EasyPost's.
func TestContradictions_EasyPostUsesTheDecomposedSecret(t *testing.T) {
	t.Parallel()
	p, _ := catalog.Lookup("easypost")
	vector := vectors(t, "easypost")[0]
	for secret, want := range map[string]bool{
		vector.Secret: true, "s\u00e9cret": true, "se\u0301cret": true, "secret": false, "s\u00e8cret": false,
	} {
		v, err := catalog.New("easypost", secret)
		require.NoError(t, err)
		d := vector.delivery(t, p)
		_, err = v.Verify(t.Context(), d)
		assert.Equal(t, want, err == nil, "%+q", secret)
		composed, err := hmacsig.NewKey("composed", "s\u00e9cret")
		require.NoError(t, err)
		require.NoError(t, p.Scheme.Sign(d.Header, composed, hmacsig.Message{Body: d.Body}))
		_, err = v.Verify(t.Context(), d)
		require.ErrorIs(t, err, truhook.SignatureMismatch)
	}
}

// Square's secret is text, though it looks like hex or base64; Adyen's is hex.
func TestContradictions_ASecretIsReadInOneWay(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]hmacsig.KeyText{
		"square": {}, "unit": {}, "stripe": {Kept: "whsec_"}, "polar": {}, "adyen_platform": {Encoding: hmacsig.KeyHex}, "finch": {Encoding: hmacsig.KeyBase64},
		"svix": {Encoding: hmacsig.KeyBase64, Prefix: "whsec_"},
	} {
		p, _ := catalog.Lookup(name)
		assert.Equal(t, want, p.Scheme.KeyText, name)
	}
}
