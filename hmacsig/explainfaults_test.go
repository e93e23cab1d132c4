package hmacsig_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/internal/cputest"
	"github.com/truhook/truhook/recorded"
)

// written are documents as the JSON writers of other languages wrote them (internal/probe/testdata/make.py).
func written(t testing.TB) map[string]map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("../internal/probe/testdata/writers.json")
	require.NoError(t, err)
	var all map[string]map[string]string
	require.NoError(t, json.Unmarshal(text, &all))
	out := map[string]map[string][]byte{}
	for document, texts := range all {
		out[document] = map[string][]byte{}
		for writer, text := range texts {
			if writer != "document" {
				out[document][writer], err = base64.StdEncoding.DecodeString(text)
				require.NoError(t, err)
			}
		}
	}
	return out
}

func packed(t testing.TB) (webhook []byte, all map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile("../internal/probe/testdata/packed.json")
	require.NoError(t, err)
	var texts map[string]string
	require.NoError(t, json.Unmarshal(text, &texts))
	all = map[string][]byte{}
	for name, text := range texts {
		if name != "webhook" {
			all[name], err = base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
		}
	}
	return []byte(texts["webhook"]), all
}

// refused sends a body to a receiver and returns the delivery that it refused.
func refused(t testing.TB, v truhook.Verifier, s hmacsig.Scheme, signed, arrived []byte) *truhook.Delivery {
	t.Helper()
	var kept *truhook.Delivery
	m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Observe: func(_ context.Context, o truhook.Observation) {
		if o.Err != nil {
			kept = truhook.NewDelivery(*o.Delivery)
		}
	}})
	r := httptest.NewRequest(http.MethodPost, "/webhooks", bytes.NewReader(arrived))
	r.Header.Set(s.Header, s.Prefix+hexOf(testSecret, string(signed)))
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })).ServeHTTP(w, r)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.NotNil(t, kept)
	return kept
}

// Each cause of a body, each provider: what real tools did to a body on its way is told, first and proven.
func TestExplain_WhatRealToolsDoToABody(t *testing.T) {
	t.Parallel()
	documents := written(t)
	webhook, contents := packed(t)
	for _, s := range providers() {
		v := verifier(t, s)
		for document, texts := range documents {
			if s.Name != "truv" && document != "webhook" {
				continue // the same search
			}
			for _, signer := range []string{"python", "python-compact", "node", "php", "ruby", "jackson", "newtonsoft", "gson", "jackson-pretty", "node-2", "python-indent-4", "node-tab"} {
				for _, writer := range []string{"python", "node", "php", "jackson-ascii", "node-4"} {
					signed, arrived := texts[signer], texts[writer]
					if bytes.Equal(signed, arrived) {
						continue
					}
					e := explainIn(t, v, refused(t, v, s, signed, arrived))
					require.NotEmpty(t, e.Findings)
					require.Equal(t, "body-reserialized", e.Findings[0].Name, "%s %s: %s as %s: %+v", s.Name, document, signer, writer, e)
					require.True(t, e.Findings[0].Proven)
					require.Equal(t, firstDifference(arrived, signed), e.Findings[0].Offset)
				}
			}
		}
		for name, want := range map[string]string{
			"gzip": "body-content-encoding/gzip", "zlib": "body-content-encoding/deflate", "base64": "body-base64", "base64url": "body-base64",
			"form": "body-form-field/payload", "percent": "body-form-field", "lambda": "body-in-envelope/body", "lambda-base64": "body-in-envelope/body",
			"sns": "body-in-envelope/Message", "sqs": "body-in-envelope/Records.body", "latin-1-read": "body-text-changed/charset",
			"cp1252-read": "body-text-changed/charset", "latin-1-written": "body-text-changed/charset", "bom": "body-text-changed/bom",
		} {
			require.Equal(t, want, firstCause(explainIn(t, v, refused(t, v, s, webhook, contents[name]))), "%s: %s", s.Name, name)
		}
		require.Equal(t, "body-text-changed/whitespace", firstCause(explainIn(t, v, refused(t, v, s, append(slices.Clone(webhook), '\n'), webhook))))
		indented := documents["webhook"]["node-2"]
		crlf := bytes.ReplaceAll(indented, []byte("\n"), []byte("\r\n"))
		require.Equal(t, "body-text-changed/line-endings", firstCause(explainIn(t, v, refused(t, v, s, indented, crlf))))
	}
}

func firstDifference(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(min(len(a), len(b)))
}

// situation is one delivery with faults, as it is put together.
type situation struct {
	signed, arrived []byte
	configured      string // key
	used            string // key that the sender has
	hash            crypto.Hash
	header          func(mac []byte) http.Header
	others          []truhook.Verifier
}

type fault struct {
	cause string
	kind  string // two of one kind are not put together, but for bodies
	do    func(s *situation)
}

func faults(t testing.TB, random *rand.Rand) []fault {
	documents := written(t)
	_, contents := packed(t)
	pick := func(names ...string) string { return names[random.IntN(len(names))] }
	const other = "prod-89abcdef89abcdef89abcdef89abcdef89abcdef"
	production, err := truv.New(other)
	require.NoError(t, err)
	special := "a/b=c&d<e>0123456789+abcdef" // what escapes change
	wrap := func(f func(mac []byte) (name, value string)) func(s *situation) {
		return func(s *situation) {
			s.header = func(mac []byte) http.Header {
				name, value := f(mac)
				return http.Header{http.CanonicalHeaderKey(name): {value}}
			}
		}
	}
	return []fault{
		{"body-reserialized", "body", func(s *situation) {
			texts := documents[pick("webhook", "unicode", "urls", "nested")]
			s.signed = texts[pick("python", "php", "jackson-pretty", "python-indent-4")]
			s.arrived = texts[pick("node", "newtonsoft", "gson")]
		}},
		{"body-content-encoding", "body", func(s *situation) { s.arrived = []byte(gzipped(string(s.arrived))) }},
		{"body-content-encoding", "body", func(s *situation) { s.arrived = contents["zlib"] }},
		{"body-base64", "body", func(s *situation) { s.arrived = []byte(base64.StdEncoding.EncodeToString(s.arrived)) }},
		{"body-form-field", "body", func(s *situation) { s.arrived = []byte("payload=" + url.QueryEscape(string(s.arrived))) }},
		{"body-in-envelope", "body", func(s *situation) {
			envelope, err := json.Marshal(map[string]any{"Type": "Notification", "Message": string(s.arrived)})
			require.NoError(t, err)
			s.arrived = envelope
		}},
		{"body-text-changed", "text", func(s *situation) { s.arrived = append(slices.Clone(s.arrived), '\n') }},
		{"body-text-changed", "text", func(s *situation) { s.signed = append(slices.Clone(s.signed), '\n') }},
		{"body-text-changed", "text", func(s *situation) { s.arrived = append([]byte("\ufeff"), s.arrived...) }},
		{"key-whitespace", "key", func(s *situation) { s.configured = s.used + " " }},
		{"key-whitespace", "key", func(s *situation) { s.used += "\n" }},
		{"key-quoted", "key", func(s *situation) { s.configured = pick(`"`+s.used+`"`, "'"+s.used+"'") }},
		{"key-encoding", "key", func(s *situation) { s.configured = hex.EncodeToString([]byte(s.used)) }},
		{"key-encoding", "key", func(s *situation) { s.configured = base64.StdEncoding.EncodeToString([]byte(s.used)) }},
		{"key-encoding", "key", func(s *situation) { s.used, s.configured = special, url.QueryEscape(special) }},
		{"key-encoding", "key", func(s *situation) { s.used, s.configured = special, html.EscapeString(special) }},
		{"key-encoding", "key", func(s *situation) { s.used = strings.TrimPrefix(s.used, "sandbox-") }},
		{"key-of-other-environment", "key", func(s *situation) { s.used, s.others = other, []truhook.Verifier{production} }},
		{"signature-form", "header", wrap(func(mac []byte) (string, string) { return "X-Webhook-Sign", hex.EncodeToString(mac) })},
		{"signature-form", "header", wrap(func(mac []byte) (string, string) {
			return "X-Webhook-Sign", "v1=" + base64.StdEncoding.EncodeToString(mac)
		})},
		{"signature-form", "header", wrap(func(mac []byte) (string, string) { return "X-Webhook-Sign", "v0=" + hex.EncodeToString(mac) })},
		{"header-similar-name", "header", wrap(func(mac []byte) (string, string) { return "X-Webhook-Signature", "v1=" + hex.EncodeToString(mac) })},
		{"header-of-other-provider", "header", wrap(func(mac []byte) (string, string) { return "X-Event-Mac", "v1=" + hex.EncodeToString(mac) })},
		{"signature-other-algorithm", "hash", func(s *situation) { s.hash = crypto.SHA512 }},
		{"signature-other-algorithm", "hash", func(s *situation) { s.hash = crypto.SHA1 }},
	}
}

// 100 deliveries with two faults each: the first cause that is told is one of the two.
func TestExplain_TwoFaultsAtOnce(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(14, 1795608712))
	all := faults(t, random)
	webhook := written(t)["webhook"]["python"]
	right, proven, done := 0, 0, 0
	for done < 100 {
		one, two := all[random.IntN(len(all))], all[random.IntN(len(all))]
		if one.kind == two.kind || two.kind == "body" { // the body's first, as a text is changed of what it holds
			continue
		}
		done++
		s := &situation{signed: webhook, arrived: webhook, used: testSecret, configured: testSecret, hash: crypto.SHA256}
		s.header = func(mac []byte) http.Header { return http.Header{"X-Webhook-Sign": {"v1=" + hex.EncodeToString(mac)}} }
		if one.cause == "body-content-encoding" {
			s.signed = []byte(`{"webhook_id":"488f6cd0a1b24f41a9f1","event_type":"task-status-updated","updated_at":"2026-03-02T09:29:59.845666+00:00",` +
				`"user_id":"88fe","data_source":"payroll","tracking_info":null,"status":"done","note":"Café <a&b>","link":"https://e.com/x"}`)
			s.arrived = s.signed
		}
		one.do(s)
		two.do(s)
		if s.configured == testSecret && s.used != testSecret && s.others == nil && !strings.Contains(testSecret, s.used) && s.used != testSecret+"\n" {
			s.configured = s.used
		}
		mac := hmac.New(s.hash.New, []byte(s.used))
		mac.Write(s.signed)
		v, err := hmacsig.New(truv.Scheme(), hmacsig.StaticKeys(testKey(t, "2026", s.configured)), hmacsig.Config{})
		require.NoError(t, err)
		d := &truhook.Delivery{Method: http.MethodPost, Header: s.header(mac.Sum(nil)), Body: s.arrived}
		e := explainIn(t, v, d, s.others...)
		require.NotEmpty(t, e.Findings, "%s and %s", one.cause, two.cause)
		if f := e.Findings[0]; f.Name == one.cause || f.Name == two.cause {
			right++
			if f.Proven {
				proven++
			}
		} else {
			t.Logf("%s and %s: %s", one.cause, two.cause, firstCause(e))
		}
	}
	t.Logf("%d of 100 right, %d of them proven", right, proven)
	require.GreaterOrEqual(t, right, 95)
	require.GreaterOrEqual(t, proven, 95)
}

// Whoever holds no key proves nothing.
func TestExplain_AttackersProveNothing(t *testing.T) {
	t.Parallel()
	placeholder := "changeme"
	published := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	publishedKey, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	other, err := forms["svix"].NewKeys(published)
	require.NoError(t, err)
	otherVerifier, err := hmacsig.New(forms["svix"], hmacsig.StaticKeys(other...), hmacsig.Config{})
	require.NoError(t, err)
	sum := func(h crypto.Hash, text string) string {
		d := h.New()
		d.Write([]byte(text))
		return hex.EncodeToString(d.Sum(nil))
	}
	signatures := map[string]string{
		"SHA-256 of the body": sum(crypto.SHA256, body), "SHA-1 of the body": sum(crypto.SHA1, body), "SHA-512 of the body": sum(crypto.SHA512, body),
		"an empty key": hexOf("", body), "null": hexOf("null", body), "undefined": hexOf("undefined", body), "the label": hexOf("2026", body),
		"a placeholder": hexOf(placeholder, body), "a published secret": hexOf(published, body), "a published secret, decoded": hexOf(string(publishedKey), body),
		"a blank": hexOf(" ", body), "a line break": hexOf("\n", body), "the prefix alone": hexOf("sandbox-", body), "secret": hexOf("secret", body),
		"the header's name": hexOf("X-Webhook-Sign", body), "the scheme's name": hexOf("truv", body), "the body as key": hexOf(body, body),
		"the body as key, empty": hexOf(body, ""), "zeros": strings.Repeat("0", 64), "random": sum(crypto.SHA256, "random"),
		"a placeholder in quotes": hexOf(`"changeme"`, body), "nil": hexOf("nil", body), "0": hexOf("0", body), "{}": hexOf("{}", body),
	}
	require.GreaterOrEqual(t, len(signatures), 24)
	keys := map[string]string{
		"a good key": testSecret, "a placeholder": placeholder, "a placeholder in quotes": `"changeme"`, "quoted null": `"null"`,
		"blanks and a placeholder": "  changeme  ", "an empty one in quotes": `""`, "quotes and a blank": `" "`, "a published one": published,
		"a prefix and nothing": "whsec_", "a few bytes": "abc", "hex of a few bytes": "61626364", "base64 of a placeholder": "Y2hhbmdlbWU=",
	}
	shapes := map[string]func(digits string, d *truhook.Delivery){
		"as it should be":  func(digits string, d *truhook.Delivery) { d.Header["X-Webhook-Sign"] = []string{"v1=" + digits} },
		"without a prefix": func(digits string, d *truhook.Delivery) { d.Header["X-Webhook-Sign"] = []string{digits} },
		"in another header": func(digits string, d *truhook.Delivery) {
			d.Header["X-Hub-Signature-256"] = []string{"sha256=" + digits}
		},
		"over a line break less": func(digits string, d *truhook.Delivery) {
			d.Header["X-Webhook-Sign"], d.Body = []string{"v1=" + digits}, []byte(body+"\n")
		},
	}
	for keyName, key := range keys {
		v, err := hmacsig.New(truv.Scheme(), hmacsig.StaticKeys(testKey(t, "2026", key)), hmacsig.Config{})
		require.NoError(t, err)
		for name, digits := range signatures {
			for shape, make1 := range shapes {
				if keyName != "a good key" && shape != "without a prefix" && shape != "as it should be" {
					continue
				}
				d := &truhook.Delivery{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body)}
				make1(digits, d)
				e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Others: []truhook.Verifier{otherVerifier}, Timeout: time.Minute})
				for _, f := range e.Findings {
					assert.False(t, f.Proven, "%s, %s, %s: %+v", keyName, name, shape, f)
				}
				require.True(t, e.Complete)
			}
		}
	}
}

func TestExplain_TheBudgetHoldsWithoutSHAInstructions(t *testing.T) {
	t.Parallel()
	cputest.WithoutExtensions(t, "TestExplain_TheBudgetHolds")
}

func TestExplain_TheBudgetHolds(t *testing.T) {
	t.Parallel()
	hostile := []byte("[1" + strings.Repeat(",1", 1<<19) + "]")
	var keys []hmacsig.Key
	for i := range 16 {
		keys = append(keys, testKey(t, fmt.Sprint(i), fmt.Sprint("one of sixteen secrets, number ", i)))
	}
	for name, s := range map[string]hmacsig.Scheme{"truv": truv.Scheme(), "stripe": stripe(), "standard": standard()} {
		v := verifier(t, s, keys...)
		d := &truhook.Delivery{Method: http.MethodPost, Received: start, Body: hostile, Header: hdr(
			"X-Webhook-Sign", "v1="+strings.Repeat("0", 64), "Stripe-Signature", "t=1772452800,v1="+strings.Repeat("0", 64),
			"Webhook-Id", "a", "Webhook-Timestamp", "1772452800", "Webhook-Signature", "v1,"+strings.Repeat("A", 43)+"=")}
		for _, budget := range []int64{0, 1, 1 << 10, 1 << 20, 8 << 20, 64 << 20} {
			e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: budget})
			require.LessOrEqual(t, e.HashedBytes, budget, name)
			require.False(t, e.Complete, name)
			for _, f := range e.Findings {
				require.False(t, f.Proven)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := v.Explain(ctx, truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 30})
		require.False(t, e.Complete)
	}
}

func TestExplain_AsksNobody(t *testing.T) {
	t.Parallel()
	asked := 0
	source := hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
		asked++
		return []hmacsig.Key{testKey(t, "k", testSecret)}, nil
	})
	v, err := hmacsig.New(truv.Scheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	d := delivery(body+"\n", "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
	require.Zero(t, asked)
	require.Empty(t, e.Findings, "no key is at hand yet")
	_, err = v.Verify(t.Context(), d)
	require.Error(t, err)
	before := asked
	require.Equal(t, "body-text-changed/whitespace", firstCause(truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})), "the keys of the last delivery are")
	require.Equal(t, before, asked)

	var none *hmacsig.Verifier
	for _, v := range []*hmacsig.Verifier{none, {}} {
		require.Equal(t, truhook.NoKey, truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{}).Reason)
	}
	require.Equal(t, truhook.MissingSignature, truhook.Explain(t.Context(), verifier(t, truv.Scheme()), nil, truhook.ExplainConfig{}).Reason)
}

// Anything may stand in a refused delivery.
func FuzzExplain(f *testing.F) {
	f.Add("v1="+strings.Repeat("0", 64), "1772452800", "msg", []byte(`{"a":1}`))
	f.Add("v1,"+strings.Repeat("A", 43)+"=", "x", "", []byte("payload=%7B%7D"))
	f.Add(strings.Repeat("v1=", 99), "", "\xff", []byte("\x1f\x8b"))
	var verifiers []*hmacsig.Verifier
	for _, name := range []string{"truv", "stripe", "standard_webhooks", "box", "persona", "hubspot_v3", "docusign", "twitch", "square"} {
		secret, _ := formSecret(forms[name])
		v, _ := formVerifier(f, forms[name], secret, usesURL(forms[name]))
		verifiers = append(verifiers, v)
	}
	f.Fuzz(func(t *testing.T, signature, at, id string, payload []byte) {
		d := &truhook.Delivery{Method: http.MethodPost, Host: id, RequestURI: "/" + at, Body: payload, Received: start, Header: http.Header{}}
		for _, name := range []string{"X-Webhook-Sign", "Stripe-Signature", "Webhook-Signature", "Box-Signature-Primary", "Persona-Signature", "X-Hub-Signature-256", signature} {
			d.Header[http.CanonicalHeaderKey(name)] = []string{signature}
		}
		for _, name := range []string{"Webhook-Id", "Svix-Id", "Twitch-Eventsub-Message-Id"} {
			d.Header[name] = []string{id}
		}
		for _, name := range []string{"Webhook-Timestamp", "Svix-Timestamp", "Box-Delivery-Timestamp", "Content-Length", "Content-Type"} {
			d.Header[name] = []string{at}
		}
		v := verifiers[(len(signature)+len(payload))%len(verifiers)] // one at a time, as all take a quarter of a second
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, Others: []truhook.Verifier{verifiers[0]}, MaxHashedBytes: 1 << 16})
		require.LessOrEqual(t, e.HashedBytes, int64(1<<16))
		for _, f := range e.Findings {
			require.False(t, f.Proven, "%+v", f)
		}
	})
}

// Each provable cause, each provider, as it happens: the receiver refuses, keeps what came, and it is explained from
// the file.
func TestExplain_FromACapturedDelivery(t *testing.T) {
	t.Parallel()
	webhook := written(t)["webhook"]
	_, contents := packed(t)
	other := "prod-89abcdef89abcdef89abcdef89abcdef89abcdef"
	for _, s := range providers() {
		elsewhere := s
		elsewhere.Name, elsewhere.Header = "elsewhere", "X-Elsewhere"
		environment := verifier(t, s, testKey(t, "production", other))
		provider := verifier(t, elsewhere, testKey(t, "elsewhere", other))
		sign := func(secret string, body []byte) string { return s.Prefix + hexOf(secret, string(body)) }
		node := webhook["node"]
		for name, tt := range map[string]struct {
			configured string
			header     string
			value      string
			body       []byte
			others     []truhook.Verifier
			want       string
		}{
			"written again":       {testSecret, s.Header, sign(testSecret, webhook["python"]), node, nil, "body-reserialized/Python"},
			"gzip":                {testSecret, s.Header, sign(testSecret, []byte(packedWebhook(t))), contents["gzip"], nil, "body-content-encoding/gzip"},
			"a line break":        {testSecret, s.Header, sign(testSecret, node), append(slices.Clone(node), '\n'), nil, "body-text-changed/whitespace"},
			"a blank":             {testSecret + " ", s.Header, sign(testSecret, node), node, nil, "key-whitespace/2026: fits without the white space around yours"},
			"quotes":              {`"` + testSecret + `"`, s.Header, sign(testSecret, node), node, nil, "key-quoted/2026: fits without the quotes around yours"},
			"hex":                 {hex.EncodeToString([]byte(testSecret)), s.Header, sign(testSecret, node), node, nil, "key-encoding/2026: fits after decoding yours from hex"},
			"environment":         {testSecret, s.Header, sign(other, node), node, []truhook.Verifier{environment}, "key-of-other-environment/" + s.Name + ", key production"},
			"provider":            {testSecret, s.Header, sign(other, node), node, []truhook.Verifier{provider}, "key-of-other-provider/elsewhere, key elsewhere"},
			"prefix":              {testSecret, s.Header, "mac=" + hexOf(testSecret, string(node)), node, nil, "signature-form/prefix"},
			"encoding":            {testSecret, s.Header, s.Prefix + base64Of(testSecret, string(node)), node, nil, "signature-form/encoding"},
			"algorithm":           {testSecret, s.Header, s.Prefix + signedBy(sha512Of, testSecret, string(node)), node, nil, "signature-other-algorithm/SHA-512"},
			"similar name":        {testSecret, s.Header + "-1", sign(testSecret, node), node, nil, "header-similar-name/" + http.CanonicalHeaderKey(s.Header+"-1")},
			"another header":      {testSecret, "X-Event-Mac", sign(testSecret, node), node, nil, "header-of-other-provider/X-Event-Mac"},
			"header twice":        {testSecret, s.Header, sign(testSecret, node) + ", " + sign(testSecret, node), node, nil, "header-folded/" + s.Header},
			"with a time":         {testSecret, s.Header, sign(testSecret, append([]byte("1772452800."), node...)), node, nil, "content-form/with the time"},
			"no cause":            {testSecret, s.Header, sign("another one altogether", node), node, nil, "likely no-cause-found"},
			"a plain hash":        {testSecret, s.Header, s.Prefix + plainSHA256(string(node)), node, nil, "likely signature-plain-hash"},
			"the label":           {testSecret, s.Header, sign("2026", node), node, nil, "likely key-id-as-secret/2026"},
			"a body that is gone": {testSecret, s.Header, sign(testSecret, node), nil, nil, "likely body-empty"},
			"a body that is cut":  {testSecret, s.Header, sign(testSecret, node), node[:20], nil, "likely body-cut"},
		} {
			v := verifier(t, s, testKey(t, "2026", tt.configured))
			dir := t.TempDir()
			capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
			require.NoError(t, err)
			m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture})
			r := httptest.NewRequest(http.MethodPost, "/webhooks", bytes.NewReader(tt.body))
			r.Header.Set(tt.header, tt.value)
			r.Header.Set("X-Request-Timestamp", "1772452800")
			w := httptest.NewRecorder()
			m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })).ServeHTTP(w, r)
			require.Equal(t, http.StatusUnauthorized, w.Code, name)
			require.NoError(t, capture.Wait(t.Context()))
			d := captured(t, dir)
			e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Others: tt.others, Timeout: time.Minute})
			require.Equal(t, tt.want, firstCause(e), "%s: %s: %+v", s.Name, name, e)
			requireNothingTold(t, e, d)
		}
	}
}

func packedWebhook(t testing.TB) string {
	webhook, _ := packed(t)
	return string(webhook)
}

func captured(t testing.TB, dir string) *truhook.Delivery {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	file, err := recorded.ReadFile(filepath.Join(dir, files[len(files)-1].Name()))
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	return d
}
