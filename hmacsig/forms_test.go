package hmacsig_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// whsec is how Standard Webhooks writes secrets.
var whsec = hmacsig.KeyText{Prefix: "whsec_", Encoding: hmacsig.KeyBase64}

// forms are providers' schemes, each one literal: what a user writes.
var forms = map[string]hmacsig.Scheme{
	"truv":    {Name: "truv", Header: "X-Webhook-Sign", Prefix: "v1="},
	"trulioo": {Name: "trulioo", Header: "X-Trulioo-Signature"},
	"truval":  {Name: "truval", Header: "X-Truval-Signature", Prefix: "sha256="},
	"github":  {Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="},
	"stripe": {Name: "stripe", Header: "Stripe-Signature", Prefix: "v1=", Separator: ",",
		Content: "{timestamp}.{body}", Timestamp: "Stripe-Signature#t", Tolerance: 5 * time.Minute},
	"slack": {Name: "slack", Header: "X-Slack-Signature", Prefix: "v0=",
		Content: "v0:{timestamp}:{body}", Timestamp: "X-Slack-Request-Timestamp", Tolerance: 5 * time.Minute},
	"shopify": {Name: "shopify", Header: "X-Shopify-Hmac-Sha256, Shopify-Hmac-Sha256", Encoding: hmacsig.Base64},
	"standard_webhooks": {Name: "standard_webhooks", Header: "Webhook-Signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "Webhook-Id", Timestamp: "Webhook-Timestamp", Tolerance: 5 * time.Minute, KeyText: whsec},
	"workos": {Name: "workos", Header: "WorkOS-Signature", Prefix: "v1=", Separator: ",", Content: "{timestamp}.{body}",
		Timestamp: "WorkOS-Signature#t", TimeFormat: hmacsig.UnixMillis, Tolerance: 3 * time.Minute},
	"box": {Name: "box", Header: "Box-Signature-Primary, Box-Signature-Secondary", Encoding: hmacsig.Base64, Content: "{body}{timestamp}",
		Timestamp: "Box-Delivery-Timestamp", TimeFormat: hmacsig.RFC3339, Tolerance: 10 * time.Minute},
	"persona": {Name: "persona", Header: "Persona-Signature", Prefix: "v1=", Separator: ",", Groups: true,
		Content: "{timestamp}.{body}", Timestamp: "Persona-Signature#t", Tolerance: 5 * time.Minute},
	"hubspot_v3": {Name: "hubspot_v3", Header: "X-HubSpot-Signature-v3", Encoding: hmacsig.Base64, Content: "{method}{url}{body}{timestamp}",
		Timestamp: "X-HubSpot-Request-Timestamp", TimeFormat: hmacsig.UnixMillis, Tolerance: 5 * time.Minute},
	"docusign": {Name: "docusign", Header: "X-DocuSign-Signature-{n}", Encoding: hmacsig.Base64},
	"twitch": {Name: "twitch", Header: "Twitch-Eventsub-Message-Signature", Prefix: "sha256=", Content: "{id}{timestamp}{body}",
		ID:        "Twitch-Eventsub-Message-Id",
		Timestamp: "Twitch-Eventsub-Message-Timestamp", TimeFormat: hmacsig.RFC3339, Tolerance: 10 * time.Minute},
	"zendesk": {Name: "zendesk", Header: "X-Zendesk-Webhook-Signature", Encoding: hmacsig.Base64, Content: "{timestamp}{body}",
		Timestamp: "X-Zendesk-Webhook-Signature-Timestamp", TimeFormat: hmacsig.RFC3339, Tolerance: 5 * time.Minute},
	"square": {Name: "square", Header: "X-Square-Hmacsha256-Signature", Encoding: hmacsig.Base64, Content: "{url}{body}"},

	"svix": {Name: "svix", Header: "Svix-Signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "Svix-Id", Timestamp: "Svix-Timestamp", Tolerance: 5 * time.Minute, KeyText: whsec},
	"finch": {Name: "finch", Header: "Finch-Signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "Finch-Event-Id", Timestamp: "Finch-Timestamp", Tolerance: 5 * time.Minute,
		KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64}},
	"cronofy": {Name: "cronofy", Header: "Cronofy-HMAC-SHA256", Separator: ",", Encoding: hmacsig.Base64},
	"paddle": {Name: "paddle", Header: "Paddle-Signature", Prefix: "h1=", Separator: ";",
		Content: "{timestamp}:{body}", Timestamp: "Paddle-Signature#ts", Tolerance: 5 * time.Minute},
	"sanity": {Name: "sanity", Header: "Sanity-Webhook-Signature", Prefix: "v1=", Separator: ",", Encoding: hmacsig.Base64URL,
		Content: "{timestamp}.{body}", Timestamp: "Sanity-Webhook-Signature#t", TimeFormat: hmacsig.UnixMillis, Tolerance: hmacsig.NoWindow},
	"revolut": {Name: "revolut", Header: "Revolut-Signature", Prefix: "v1=", Separator: ",", Content: "v1.{timestamp}.{body}",
		Timestamp: "Revolut-Request-Timestamp", TimeFormat: hmacsig.UnixMillis, Tolerance: 5 * time.Minute},
	"orb": {Name: "orb", Header: "X-Orb-Signature", Prefix: "v1=", Separator: " ", Content: "v1:{timestamp}:{body}",
		Timestamp: "X-Orb-Timestamp", TimeFormat: hmacsig.UTCDateTime, Tolerance: 5 * time.Minute},
	"metronome": {Name: "metronome", Header: "Metronome-Webhook-Signature", Content: "{timestamp}\n{body}",
		Timestamp: "X-Metronome-Date", TimeFormat: hmacsig.HTTPDate, Tolerance: 5 * time.Minute},
	"sinch": {Name: "sinch", Header: "X-Sinch-Webhook-Signature", Encoding: hmacsig.Base64,
		Content:   "{body}.{header:X-Sinch-Webhook-Signature-Nonce}.{timestamp}",
		Timestamp: "X-Sinch-Webhook-Signature-Timestamp", Tolerance: 5 * time.Minute},
	"adyen_platform": {Name: "adyen_platform", Header: "HmacSignature", Encoding: hmacsig.Base64,
		KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyHex}},
	"webflow": {Name: "webflow", Header: "X-Webflow-Signature", Content: "{timestamp}:{body}",
		Timestamp: "X-Webflow-Timestamp", TimeFormat: hmacsig.UnixAny, Tolerance: hmacsig.NoWindow},
	"cashfree": {Name: "cashfree", Header: "X-Webhook-Signature", Encoding: hmacsig.Base64, Content: "{timestamp}{body}",
		Timestamp: "X-Webhook-Timestamp", TimeFormat: hmacsig.UnixMillis, Tolerance: 5 * time.Minute},
	"segment": {Name: "segment", Header: "X-Signature", Hash: crypto.SHA1},
	"argyle":  {Name: "argyle", Header: "X-Argyle-Signature", Hash: crypto.SHA512},
}

// publishedDelivery is a delivery whose key, header and body somebody else publishes.
type publishedDelivery struct {
	Scheme      string
	PublishedBy string `json:"published_by"`
	Secrets     []string
	Headers     [][2]string
	Body        string
	URL, Method string
}

func (p publishedDelivery) delivery() *truhook.Delivery {
	d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(p.Body)}
	for _, h := range p.Headers {
		d.Header.Add(h[0], h[1])
	}
	if p.Method != "" {
		d.Method = p.Method
	}
	return d
}

func readPublished(t testing.TB) []publishedDelivery {
	t.Helper()
	text, err := os.ReadFile("testdata/published.json")
	require.NoError(t, err)
	var all []publishedDelivery
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// sentAt reads the time of a delivery without the library: of its own headers, by the layouts that there are.
func sentAt(t testing.TB, s hmacsig.Scheme, d *truhook.Delivery) time.Time {
	t.Helper()
	name, element, _ := strings.Cut(s.Timestamp, "#")
	if name == "" {
		return start
	}
	text := d.Header.Get(name)
	if element != "" {
		_, text, _ = strings.Cut(text, element+"=")
		text, _, _ = strings.Cut(text, s.Separator)
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", http.TimeFormat} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	var n int64
	_, err := fmt.Sscan(text, &n)
	require.NoError(t, err, text)
	if len(text) == 13 {
		return time.UnixMilli(n)
	}
	return time.Unix(n, 0)
}

func TestForms_PublishedVectorsVerify(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, p := range readPublished(t) {
		s, known := forms[p.Scheme]
		require.True(t, known, p.Scheme)
		require.NotEmpty(t, p.PublishedBy)
		counts[p.Scheme]++
		d := p.delivery()
		d.Received = sentAt(t, s, d)
		for _, text := range p.Secrets {
			v, k := formVerifier(t, s, text, p.URL)
			requireReason(t, "", v, d)
			requireTwinsRefused(t, s, v, k, p.URL, d)
		}
	}
	for _, name := range []string{"github", "slack", "standard_webhooks", "box", "hubspot_v3", "square", "revolut", "sanity", "orb", "metronome", "sinch"} {
		require.Positive(t, counts[name], name)
	}
}

func formVerifier(t testing.TB, s hmacsig.Scheme, secret, url string) (*hmacsig.Verifier, hmacsig.Key) {
	t.Helper()
	k, err := s.NewKey("current", secret)
	require.NoError(t, err)
	v, err := hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{URL: url, Now: func() time.Time { return start }})
	require.NoError(t, err, s.Name)
	return v, k
}

// formSecret is a secret as the scheme writes it, and its bytes.
func formSecret(s hmacsig.Scheme) (text string, key []byte) {
	key = []byte("0123456789abcdef0123456789abcdef")
	switch s.KeyText.Encoding {
	case hmacsig.KeyBase64:
		return s.KeyText.Prefix + base64.StdEncoding.EncodeToString(key), key
	case hmacsig.KeyHex:
		return s.KeyText.Prefix + hex.EncodeToString(key), key
	}
	return string(key), key
}

const formURL = "https://hooks.example.com/in?x=1"

func usesURL(s hmacsig.Scheme) string {
	if strings.Contains(s.Content, "{url}") {
		return formURL
	}
	return ""
}

// signed returns a genuine delivery whose signature this test makes of the documented text, without the library's
// template.
func formSigned(t testing.TB, s hmacsig.Scheme, k hmacsig.Key, key []byte, payload string) *truhook.Delivery {
	t.Helper()
	d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(payload), Received: start}
	nonce := "01FJA8B4A7BM43YGWSG9GBV067"
	d.Header.Set("X-Sinch-Webhook-Signature-Nonce", nonce)
	id := "5f8c1d9e-3b2a-4c6d-9e7f-0a1b2c3d4e5f"
	require.NoError(t, s.Sign(d.Header, k, hmacsig.Message{ID: id, Time: start, Body: d.Body, Method: d.Method, URL: usesURL(s)}))
	at := map[hmacsig.TimeFormat]string{
		hmacsig.UnixSeconds: "1772452800", hmacsig.UnixMillis: "1772452800000", hmacsig.UnixAny: "1772452800000",
		hmacsig.RFC3339: "2026-03-02T12:00:00Z", hmacsig.UTCDateTime: "2026-03-02T12:00:00", hmacsig.HTTPDate: "Mon, 02 Mar 2026 12:00:00 GMT",
	}[s.TimeFormat]
	content := s.Content
	if content == "" {
		content = "{body}"
	}
	content = strings.NewReplacer("{body}", payload, "{id}", id, "{timestamp}", at, "{method}", "POST", "{url}", formURL,
		"{header:X-Sinch-Webhook-Signature-Nonce}", nonce).Replace(content)
	m := hmac.New(hashOf(s), key)
	m.Write([]byte(content))
	var digits string
	switch s.Encoding {
	case hmacsig.Base64:
		digits = base64.StdEncoding.EncodeToString(m.Sum(nil))
	case hmacsig.Base64URL:
		digits = base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	default:
		digits = hex.EncodeToString(m.Sum(nil))
	}
	require.Contains(t, fmt.Sprint(d.Header), s.Prefix+digits, "Sign writes what the documentation says")
	return d
}

func hashOf(s hmacsig.Scheme) func() hash.Hash {
	switch s.Hash {
	case crypto.SHA1:
		return sha1.New
	case crypto.SHA512:
		return sha512.New
	}
	return sha256.New
}

func TestForms_EachIsSaidInOneLiteral(t *testing.T) {
	t.Parallel()
	for name, s := range forms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, s == forms[name], "comparable data") //nolint:testifylint // that == compiles is the claim
			secret, key := formSecret(s)
			v, k := formVerifier(t, s, secret, usesURL(s))
			for _, payload := range []string{`{"id":"evt_1","note":"café"}`, "", "1772452800.{}", "\x00\xff\r\n"} {
				d := formSigned(t, s, k, key, payload)
				requireReason(t, "", v, d)
				requireTwinsRefused(t, s, v, k, usesURL(s), d)
			}
		})
	}
}

// requireTwinsRefused changes one thing of a genuine delivery at a time.
func requireTwinsRefused(t testing.TB, s hmacsig.Scheme, v *hmacsig.Verifier, k hmacsig.Key, url string, d *truhook.Delivery) {
	t.Helper()
	twins := map[string]*truhook.Delivery{}
	twin := func(name string, change func(d *truhook.Delivery)) {
		forged := *d
		forged.Header, forged.Body = d.Header.Clone(), slices.Clone(d.Body)
		change(&forged)
		twins[name] = &forged
	}
	headers := strings.Split(strings.ReplaceAll(s.Header, "{n}", "1"), ", ")
	edit := func(d *truhook.Delivery, f func(value string) string) {
		for name := range d.Header {
			for _, h := range headers {
				if strings.EqualFold(name, h) || strings.HasPrefix(name, "X-Docusign-Signature-") {
					d.Header[name] = []string{f(d.Header[name][0])}
					break
				}
			}
		}
	}
	twin("a byte more", func(d *truhook.Delivery) { d.Body = append(d.Body, ' ') })
	twin("a byte in front", func(d *truhook.Delivery) { d.Body = append([]byte(" "), d.Body...) })
	twin("no signature", func(d *truhook.Delivery) { edit(d, func(string) string { return "" }) })
	twin("another signature", func(d *truhook.Delivery) {
		edit(d, func(value string) string {
			i := 0
			if s.Prefix != "" {
				i = strings.LastIndex(value, s.Prefix) + len(s.Prefix)
			}
			c := byte('0')
			if value[i] == c {
				c = '1'
			}
			return value[:i] + string(c) + value[i+1:]
		})
	})
	twin("a signature that is cut", func(d *truhook.Delivery) { edit(d, func(value string) string { return value[:len(value)-1] }) })
	if len(d.Body) > 0 {
		twin("a byte less", func(d *truhook.Delivery) { d.Body = d.Body[1:] })
		twin("a bit of the body", func(d *truhook.Delivery) { d.Body[len(d.Body)/2] ^= 1 })
		twin("no body", func(d *truhook.Delivery) { d.Body = nil })
	}
	sign := func(name string, s hmacsig.Scheme, k hmacsig.Key, m hmacsig.Message) {
		twin(name, func(d *truhook.Delivery) {
			if s.Timestamp == "" {
				m.Time = time.Time{}
			}
			if err := s.Sign(d.Header, k, m); err != nil {
				d.Header = http.Header{}
			}
		})
	}
	m := hmacsig.Message{ID: "5f8c1d9e-3b2a-4c6d-9e7f-0a1b2c3d4e5f", Time: d.Received, Body: d.Body, Method: d.Method, URL: url}
	other, err := hmacsig.NewKey("other", "another secret of thirty-two byte")
	require.NoError(t, err)
	sign("another key", s, other, m)
	another := s
	if another.Hash = crypto.SHA256; s.Hash == 0 {
		another.Hash = crypto.SHA512
	}
	sign("another algorithm", another, k, m)
	if s.Content != "" {
		bare := s
		bare.Content, bare.Timestamp, bare.ID, bare.IDLength, bare.Tolerance, bare.TimeFormat, bare.Groups = "", "", "", 0, 0, 0, false
		signature := http.Header{}
		require.NoError(t, bare.Sign(signature, k, hmacsig.Message{Body: d.Body}))
		twin("signed without the rest", func(d *truhook.Delivery) {
			edit(d, func(value string) string {
				head, _, _ := strings.Cut(value, s.Prefix)
				if s.Prefix == "" {
					head = ""
				}
				return head + signature.Get(headers[0])
			})
		})
	}
	if s.Timestamp != "" && s.Tolerance != hmacsig.NoWindow {
		twin("too late", func(d *truhook.Delivery) { d.Received = d.Received.Add(s.Tolerance + time.Second) })
		twin("too early", func(d *truhook.Delivery) { d.Received = d.Received.Add(-s.Tolerance - time.Second) })
	}
	if strings.Contains(s.Content, "{url}") {
		m := m
		m.URL = url + "x"
		sign("signed for another URL", s, k, m)
	}
	if strings.Contains(s.Content, "{method}") {
		twin("another method", func(d *truhook.Delivery) { d.Method = http.MethodPut })
		twin("a method with a byte of the URL", func(d *truhook.Delivery) { d.Method = "POSTh" })
		twin("no method", func(d *truhook.Delivery) { d.Method = "" })
	}
	require.GreaterOrEqual(t, len(twins), 6)
	for name, forged := range twins {
		got, err := v.Verify(t.Context(), forged)
		require.Nil(t, got, "%s: %s", s.Name, name)
		require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%s: %s: %v", s.Name, name, err)
	}
}
