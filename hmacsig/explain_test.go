package hmacsig_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"regexp"
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

// pythonBody is as Python's json.dumps writes it.
const pythonBody = `{"webhook_id": "488f", "event_type": "task-status-updated", "user": {"name": "Zo\u00eb <zoe@example.com>", "url": "https://e.com/a?b=1&c=2"}, "n": 1.50, "list": [], "null": null}`

func explainIn(t testing.TB, v truhook.Verifier, d *truhook.Delivery, others ...truhook.Verifier) truhook.Explanation {
	t.Helper()
	_, err := v.Verify(context.Background(), d)
	e := truhook.Explain(context.Background(), v, d, truhook.ExplainConfig{Others: others, Timeout: time.Minute, Reason: truhook.ReasonOf(err)})
	requireNothingTold(t, e, d)
	return e
}

// requireNothingTold checks that no secret, signature or body is in an explanation.
func requireNothingTold(t testing.TB, e truhook.Explanation, d *truhook.Delivery) {
	t.Helper()
	text := fmt.Sprintf("%+v", e)
	for _, secret := range []string{testSecret, strings.TrimPrefix(testSecret, "sandbox-"), "7e577e57", base64.StdEncoding.EncodeToString([]byte(testSecret))} {
		require.NotContains(t, text, secret)
	}
	for _, lines := range d.Header {
		for _, line := range lines {
			if len(line) > 20 {
				require.NotContains(t, text, line[len(line)-20:])
			}
		}
	}
	if len(d.Body) > 40 {
		require.NotContains(t, text, string(d.Body[10:40]))
	}
}

// firstCause returns name and subject of the first finding.
func firstCause(e truhook.Explanation) string {
	if len(e.Findings) == 0 {
		return string(e.Reason)
	}
	f := e.Findings[0]
	text := f.Name
	if f.Subject != "" {
		text += "/" + f.Subject
	}
	if !f.Proven {
		text = "likely " + text
	}
	return text
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// What an operator meets, one change at a time. The signature is always made over what the sender sent.
func TestExplain_EachCause(t *testing.T) {
	t.Parallel()
	truvScheme := truv.Scheme()
	sign := func(body string) string { return "v1=" + hexOf(testSecret, body) }
	compact := strings.NewReplacer(`", "`, `","`, `": `, `":`, `}, "`, `},"`, `, "`, `,"`).Replace(pythonBody)
	at := "1772452800"
	stripeSigned := hexOf(testSecret, at+"."+body)
	standardSigned := "v1," + base64Of(testSecret, "msg_1."+at+"."+body)
	standard := standard()
	now := func(d *truhook.Delivery) *truhook.Delivery { d.Received = start; return d }
	keyed := func(secret string) []hmacsig.Key { return []hmacsig.Key{testKey(t, "2026", secret)} }
	var form bytes.Buffer
	parted := multipart.NewWriter(&form)
	require.NoError(t, parted.WriteField("json", body))
	require.NoError(t, parted.Close())
	parts, partsType := form.String(), parted.FormDataContentType()
	other := testKey(t, "prod", "prod-89abcdef89abcdef89abcdef89abcdef89abcdef")
	otherSigned := hexOf("prod-89abcdef89abcdef89abcdef89abcdef89abcdef", body)
	production, err := truv.New("prod-89abcdef89abcdef89abcdef89abcdef89abcdef")
	require.NoError(t, err)
	require.NotEmpty(t, other.ID())
	truvalVerifier, err := truval.New("prod-89abcdef89abcdef89abcdef89abcdef89abcdef")
	require.NoError(t, err)

	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		keys   []hmacsig.Key
		url    string
		d      *truhook.Delivery
		others []truhook.Verifier
		want   string
	}{
		"white space at the end is gone":      {truvScheme, nil, "", delivery(pythonBody, "X-Webhook-Sign", sign(pythonBody+"\n")), nil, "body-text-changed/whitespace"},
		"a line break was added":              {truvScheme, nil, "", delivery(pythonBody+"\n", "X-Webhook-Sign", sign(pythonBody)), nil, "body-text-changed/whitespace"},
		"line ends":                           {truvScheme, nil, "", delivery("{\r\n}\r\n", "X-Webhook-Sign", sign("{\n}\n")), nil, "body-text-changed/line-endings"},
		"line ends, the other way":            {truvScheme, nil, "", delivery("{\n}\n", "X-Webhook-Sign", sign("{\r\n}\r\n")), nil, "body-text-changed/line-endings"},
		"a byte order mark was added":         {truvScheme, nil, "", delivery("\ufeff"+body, "X-Webhook-Sign", sign(body)), nil, "body-text-changed/bom"},
		"a byte order mark was taken":         {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", sign("\ufeff"+body)), nil, "body-text-changed/bom"},
		"UTF-8 read as Latin-1":               {truvScheme, nil, "", delivery("{\"a\":\"Ã©\"}", "X-Webhook-Sign", sign(`{"a":"é"}`)), nil, "body-text-changed/charset"},
		"UTF-8 written as Latin-1":            {truvScheme, nil, "", delivery("{\"a\":\"\xe9\"}", "X-Webhook-Sign", sign(`{"a":"é"}`)), nil, "body-text-changed/charset"},
		"UTF-8 read as Windows-1252":          {truvScheme, nil, "", delivery("{\"a\":\"â‚¬\"}", "X-Webhook-Sign", sign(`{"a":"€"}`)), nil, "body-text-changed/charset"},
		"Python's body, written compactly":    {truvScheme, nil, "", delivery(compact, "X-Webhook-Sign", sign(pythonBody)), nil, "body-reserialized/Python"},
		"a compact body, written by Python":   {truvScheme, nil, "", delivery(pythonBody, "X-Webhook-Sign", sign(strings.ReplaceAll(compact, `\u00eb`, "ë"))), nil, "body-reserialized/JavaScript"},
		"gzip":                                {truvScheme, nil, "", delivery(gzipped(body), "X-Webhook-Sign", sign(body), "Content-Encoding", "gzip"), nil, "body-content-encoding/gzip"},
		"base64":                              {truvScheme, nil, "", delivery(base64.StdEncoding.EncodeToString([]byte(body)), "X-Webhook-Sign", sign(body)), nil, "body-base64"},
		"a form":                              {truvScheme, nil, "", delivery("payload="+url.QueryEscape(body), "X-Webhook-Sign", sign(body)), nil, "body-form-field/payload"},
		"a form without a name":               {truvScheme, nil, "", delivery(url.QueryEscape(body)+"=", "X-Webhook-Sign", sign(body)), nil, "body-form-field"},
		"a form of parts":                     {truvScheme, nil, "", delivery(parts, "X-Webhook-Sign", sign(body), "Content-Type", partsType), nil, "body-form-field/json"},
		"JSON, written twice":                 {truvScheme, nil, "", delivery(fmt.Sprintf("%q", body), "X-Webhook-Sign", sign(body)), nil, "body-in-envelope/a JSON string"},
		"an envelope":                         {truvScheme, nil, "", delivery(fmt.Sprintf(`{"version":"2.0","body":%q,"isBase64Encoded":false}`, body), "X-Webhook-Sign", sign(body)), nil, "body-in-envelope/body"},
		"an envelope with base64":             {truvScheme, nil, "", delivery(`{"body":"`+base64.StdEncoding.EncodeToString([]byte(body))+`","isBase64Encoded":true}`, "X-Webhook-Sign", sign(body)), nil, "body-in-envelope/body"},
		"an envelope with an object":          {truvScheme, nil, "", delivery(`{"detail-type":"x","detail":`+body+`}`, "X-Webhook-Sign", sign(body)), nil, "body-in-envelope/detail"},
		"an envelope in a list":               {truvScheme, nil, "", delivery(fmt.Sprintf(`{"Records":[{"messageId":"1","body":%q}]}`, body), "X-Webhook-Sign", sign(body)), nil, "body-in-envelope/Records.body"},
		"a blank behind the key":              {truvScheme, keyed(testSecret + " "), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-whitespace/2026: fits without the white space around yours"},
		"the sender's key has a line break":   {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret+"\n", body)), nil, "key-whitespace/current: fits with a line break behind yours: the sender has it"},
		"quotes around the key":               {truvScheme, keyed(`"` + testSecret + `"`), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-quoted/2026: fits without the quotes around yours"},
		"quotes and blanks around the key":    {truvScheme, keyed(`' ` + testSecret + `' `), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-quoted/2026: fits without the quotes and the white space around yours"},
		"an escape of JSON in the key":        {truvScheme, keyed(`0123456789abcdef\u003D\u0026`), "", delivery(body, "X-Webhook-Sign", "v1="+hexOf("0123456789abcdef=&", body)), nil, "key-encoding/2026: fits after decoding the escapes of JSON in yours"},
		"an escape of HTML in the key":        {truvScheme, keyed(`0123456789abcdef&amp;&lt;`), "", delivery(body, "X-Webhook-Sign", "v1="+hexOf("0123456789abcdef&<", body)), nil, "key-encoding/2026: fits after decoding the escapes of HTML in yours"},
		"percent signs in the key":            {truvScheme, keyed(`0123456789abcdef%3D%2F`), "", delivery(body, "X-Webhook-Sign", "v1="+hexOf("0123456789abcdef=/", body)), nil, "key-encoding/2026: fits after decoding the percent signs in yours"},
		"a key in hex":                        {truvScheme, keyed(hex.EncodeToString([]byte(testSecret))), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-encoding/2026: fits after decoding yours from hex"},
		"a key in base64":                     {truvScheme, keyed(base64.StdEncoding.EncodeToString([]byte(testSecret))), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-encoding/2026: fits after decoding yours from base64"},
		"a key of Standard Webhooks, raw":     {standard, keyed("whsec_" + base64.StdEncoding.EncodeToString([]byte(testSecret))), "", now(delivery(body, "Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", standardSigned)), nil, "key-encoding/2026: fits after decoding yours less its prefix from base64"},
		"a key that was decoded, and is text": {truvScheme, keyed(testSecret), "", delivery(body, "X-Webhook-Sign", "v1="+hexOf(base64.StdEncoding.EncodeToString([]byte(testSecret)), body)), nil, "key-encoding/2026: fits when yours is encoded as base64"},
		"a key without its prefix":            {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+hexOf(strings.TrimPrefix(testSecret, "sandbox-"), body)), nil, "key-encoding/current: fits without the prefix of yours"},
		"a key without its prefix, here":      {truvScheme, keyed(strings.TrimPrefix(testSecret, "sandbox-")), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "key-encoding/2026: fits with sandbox- in front of yours"},
		"a key of another environment":        {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+otherSigned), []truhook.Verifier{production}, "key-of-other-environment/truv, key current"},
		"a key of another provider":           {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+otherSigned), []truhook.Verifier{truhook.AnyOf(truvalVerifier)}, "key-of-other-provider/truval, key current"},
		"the label as secret":                 {truvScheme, keyed(testSecret), "", delivery(body, "X-Webhook-Sign", "v1="+hexOf("2026", body)), nil, "likely key-id-as-secret/2026"},
		"no prefix":                           {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", hexOf(testSecret, body)), nil, "signature-form/prefix"},
		"another prefix":                      {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "sha256="+hexOf(testSecret, body)), nil, "signature-form/prefix"},
		"another version":                     {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v2="+hexOf(testSecret, body)), nil, "signature-form/version"},
		"a blank behind the prefix":           {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1= "+hexOf(testSecret, body)), nil, "signature-form/prefix"},
		"base64 in place of hex":              {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+base64Of(testSecret, body)), nil, "signature-form/encoding"},
		"hex in place of base64":              {forms["shopify"], nil, "", delivery(body, "X-Shopify-Hmac-Sha256", hexOf(testSecret, body)), nil, "signature-form/encoding"},
		"base64url in place of base64":        {forms["shopify"], nil, "", delivery("b~!", "X-Shopify-Hmac-Sha256", strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(base64Of(testSecret, "b~!")), "=")), nil, "signature-form/encoding"},
		"percent signs":                       {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", url.QueryEscape(sign(body))), nil, "signature-form/encoding"},
		"base64 with percent signs":           {forms["shopify"], nil, "", delivery("b~!", "X-Shopify-Hmac-Sha256", url.QueryEscape(base64Of(testSecret, "b~!"))), nil, "signature-form/encoding"},
		"base64 of hex digits":                {forms["shopify"], nil, "", delivery(body, "X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString([]byte(hexOf(testSecret, body)))), nil, "signature-form/encoding"},
		"0x in front":                         {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1=0x"+hexOf(testSecret, body)), nil, "signature-form/prefix"},
		"SHA-1":                               {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+signedBy(sha1Of, testSecret, body)), nil, "signature-other-algorithm/SHA-1"},
		"SHA-512":                             {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+signedBy(sha512Of, testSecret, body)), nil, "signature-other-algorithm/SHA-512"},
		"an underscore in the name":           {truvScheme, nil, "", delivery(body, "X_Webhook_Sign", sign(body)), nil, "header-similar-name/X_webhook_sign"},
		"another ending of the name":          {truvScheme, nil, "", delivery(body, "X-Webhook-Signature", sign(body)), nil, "header-similar-name/X-Webhook-Signature"},
		"another provider's header":           {truvScheme, nil, "", delivery(body, "X-Hub-Signature-256", "sha256="+hexOf(testSecret, body)), nil, "signature-form/prefix"},
		"another header, in the same form":    {truvScheme, nil, "", delivery(body, "X-Custom", sign(body)), nil, "header-of-other-provider/X-Custom"},
		"the header twice":                    {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", sign(body), "X-Webhook-Sign", sign(body)), nil, "header-folded/X-Webhook-Sign"},
		"under two spellings":                 {truvScheme, nil, "", &truhook.Delivery{Method: "POST", Header: map[string][]string{"X-Webhook-Sign": {sign(body)}, "x-webhook-sign": {sign(body)}}, Body: []byte(body)}, nil, "header-folded/X-Webhook-Sign"},
		"raw deflate":                         {truvScheme, nil, "", delivery(deflated(body), "X-Webhook-Sign", sign(body), "Content-Encoding", "deflate"), nil, "body-content-encoding/deflate"},
		"both in one line":                    {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", sign(body)+", "+sign(body)), nil, "header-folded/X-Webhook-Sign"},
		"signed without the time":             {stripe(), nil, "", now(delivery(body, "Stripe-Signature", "t="+at+",v1="+hexOf(testSecret, body))), nil, "content-form/the body alone"},
		"signed with a time":                  {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+stripeSigned, "X-Webhook-Timestamp", at), nil, "content-form/with the time"},
		"a time in the header":                {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "t="+at+",v1="+stripeSigned), nil, "content-form/with the time"},
		"another trio of headers":             {standard, nil, "", now(delivery(body, "Svix-Id", "msg_1", "Svix-Timestamp", at, "Webhook-Signature", standardSigned)), nil, "content-form/Svix-*"},
		"milliseconds":                        {stripe(), nil, "", now(delivery(body, "Stripe-Signature", "t="+at+"000,v1="+hexOf(testSecret, at+"000."+body))), nil, "time-unit/milliseconds"},
		"milliseconds signed, seconds sent":   {stripe(), nil, "", now(delivery(body, "Stripe-Signature", "t="+at+",v1="+hexOf(testSecret, at+"000."+body))), nil, "time-unit/milliseconds"},
		"another URL":                         {forms["square"], nil, formURL, delivery(body, "X-Square-Hmacsha256-Signature", base64Of(testSecret, strings.TrimSuffix(formURL, "?x=1")+body)), nil, "url-mismatch/without the query"},
		"the URL of the request":              {forms["square"], nil, formURL, &truhook.Delivery{Method: "POST", Host: "other.example.com", RequestURI: "/in?x=1", Header: hdr("X-Square-Hmacsha256-Signature", base64Of(testSecret, "https://other.example.com/in?x=1"+body)), Body: []byte(body)}, nil, "url-mismatch/with the host of the request"},
		"too late":                            {stripe(), nil, "", &truhook.Delivery{Method: "POST", Header: hdr("Stripe-Signature", "t="+at+",v1="+stripeSigned), Body: []byte(body), Received: start.Add(423 * time.Second)}, nil, "likely time-outside-window"},
		"a plain hash":                        {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+plainSHA256(body)), nil, "likely signature-plain-hash"},
		"the body is gone":                    {truvScheme, nil, "", &truhook.Delivery{Method: "POST", Header: hdr("X-Webhook-Sign", sign(body), "Content-Length", "26"), Body: []byte{}}, nil, "likely body-empty"},
		"the body is cut":                     {truvScheme, nil, "", delivery(body[:10], "X-Webhook-Sign", sign(body)), nil, "likely body-cut"},
		"a redirect":                          {truvScheme, nil, "", &truhook.Delivery{Method: "GET", Header: hdr("X-Webhook-Sign", sign(body)), Body: []byte{}}, nil, "likely request-redirected/GET"},
		"a path as key":                       {truvScheme, keyed("/run/secrets/truv"), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "likely key-is-a-path/2026"},
		"a placeholder as key":                {truvScheme, keyed("${TRUV_ACCESS_SECRET}"), "", delivery(body, "X-Webhook-Sign", sign(body)), nil, "likely key-is-a-placeholder/2026"},
		"an expired key":                      {truvScheme, []hmacsig.Key{within(testKey(t, "2026", testSecret), time.Time{}, start.Add(-1))}, "", now(delivery(body, "X-Webhook-Sign", sign(body))), nil, "key-expired"},
		"another key altogether":              {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", "v1="+hexOf("quite another secret", body)), nil, "likely no-cause-found"},
		"a genuine one":                       {truvScheme, nil, "", delivery(body, "X-Webhook-Sign", sign(body)), nil, ""},
		"Trulioo's, in Truv's form":           {trulioo.Scheme(), nil, "", delivery(body, "X-Trulioo-Signature", sign(body)), nil, "signature-form/prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := tt.keys
			if keys == nil {
				keys = []hmacsig.Key{testKey(t, "current", testSecret)}
			}
			v, err := hmacsig.New(tt.scheme, hmacsig.StaticKeys(keys...), hmacsig.Config{URL: tt.url, Now: func() time.Time { return start }})
			require.NoError(t, err)
			e := explainIn(t, v, tt.d, tt.others...)
			assert.Equal(t, tt.want, firstCause(e), "%+v", e)
			assert.True(t, e.Complete)
			for _, f := range e.Findings {
				assert.NotEmpty(t, f.Problem, f.Name)
				assert.NotEmpty(t, f.Remedy, f.Name)
			}
			for _, spell := range []func(string) string{strings.ToLower, strings.ToUpper} { // as other hosts give names
				d := *tt.d
				d.Header = http.Header{}
				for name, lines := range tt.d.Header {
					d.Header[spell(name)] = append(d.Header[spell(name)], lines...)
				}
				assert.Equal(t, tt.want, firstCause(explainIn(t, v, &d, tt.others...)))
			}
		})
	}
}

func deflated(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func hdr(pairs ...string) map[string][]string { return delivery("", pairs...).Header }

func plainSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func sha1Of() hash.Hash   { return sha1.New() }
func sha512Of() hash.Hash { return sha512.New() }

func signedBy(h func() hash.Hash, secret, content string) string {
	m := hmac.New(h, []byte(secret))
	m.Write([]byte(content))
	return hex.EncodeToString(m.Sum(nil))
}

func TestExplain_EachCauseHasItsCure(t *testing.T) {
	t.Parallel()
	reasons, err := os.ReadFile("../docs/reasons.md")
	require.NoError(t, err)
	named := 0
	for _, file := range []string{"explain/causes.go", "probe/variants.go", "secrettext/writings.go"} {
		text, err := os.ReadFile("../internal/" + file)
		require.NoError(t, err)
		for _, cause := range regexp.MustCompile(`= "((?:key|signature|header|content|url|time|body|request)-[a-z0-9-]+)"`).FindAllStringSubmatch(string(text), -1) {
			named++
			require.Contains(t, string(reasons), "`"+cause[1]+"`")
		}
	}
	require.GreaterOrEqual(t, named, 27)
}
