package hmacsig_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// What is odd about a header is told alone: a list of the scheme was not folded, and another hash is no other encoding.
func TestExplain_FormOfTheHeaderIsNoFurtherCause(t *testing.T) {
	t.Parallel()
	const at = "1772452800"
	stripes := func(mac string) http.Header { return hdr("Stripe-Signature", "t="+at+",v1="+mac) }
	standards := func(value string) http.Header {
		return hdr("Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", value)
	}
	ofStripe, ofStandard := at+"."+body, "msg_1."+at+"."+body
	standardSigned := base64Of(testSecret, ofStandard)
	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		header http.Header
		want   string
	}{
		"SHA-1":                       {truv.Scheme(), hdr("X-Webhook-Sign", "v1="+signedBy(sha1Of, testSecret, body)), "signature-other-algorithm"},
		"SHA-512":                     {truv.Scheme(), hdr("X-Webhook-Sign", "v1="+signedBy(sha512Of, testSecret, body)), "signature-other-algorithm"},
		"SHA-1 in a list":             {stripe(), stripes(signedBy(sha1Of, testSecret, ofStripe)), "signature-other-algorithm"},
		"SHA-512 in a list":           {stripe(), stripes(signedBy(sha512Of, testSecret, ofStripe)), "signature-other-algorithm"},
		"base64 in a list":            {stripe(), stripes(base64Of(testSecret, ofStripe)), "signature-form"},
		"quotes, a comma in Prefix":   {standard(), standards(`"v1,` + standardSigned + `"`), "signature-form"},
		"brackets":                    {standard(), standards(`["v1,` + standardSigned + `"]`), "signature-form"},
		"without padding":             {standard(), standards("v1," + strings.TrimRight(standardSigned, "=")), "signature-form"},
		"beside another version":      {standard(), standards("v1a,AAAA v1," + strings.TrimRight(standardSigned, "=")), "signature-form"},
		"folded":                      {truv.Scheme(), hdr("X-Webhook-Sign", "v1="+hexOf(testSecret, body)+",v1="+hexOf(testSecret, body)), "header-folded"},
		"folded, a comma in Prefix":   {standard(), standards("v1," + standardSigned + ",v1," + standardSigned), "header-folded"},
		"folded, and of another hash": {truv.Scheme(), hdr("X-Webhook-Sign", "v1="+signedBy(sha512Of, testSecret, body)+", v1=0"), "signature-other-algorithm header-folded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := hmacsig.New(tt.scheme, hmacsig.StaticKeys(testKey(t, "current", testSecret)), hmacsig.Config{Now: func() time.Time { return start }})
			require.NoError(t, err)
			e := explainIn(t, v, &truhook.Delivery{Method: http.MethodPost, Header: tt.header, Body: []byte(body), Received: start})
			var proven []string
			for _, f := range e.Findings {
				if f.Proven {
					proven = append(proven, f.Name)
				}
			}
			assert.Equal(t, tt.want, strings.Join(proven, " "), "%+v", e)
		})
	}
}

// A proven cause stands alone: it has named what was there byte for byte, and a guess beside it sends people elsewhere.
func TestExplain_NothingIsSupposedBesideAProof(t *testing.T) {
	t.Parallel()
	const pretty = "{\n  \"a\": 1,\n  \"b\": [\n    2\n  ]\n}"
	mac := "v1=" + hexOf(testSecret, body)
	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		d      *truhook.Delivery
		want   string
	}{
		"an old Content-Length":   {truv.Scheme(), delivery(`{"a":1,"b":[2]}`, "X-Webhook-Sign", "v1="+hexOf(testSecret, pretty), "Content-Length", "35"), "body-reserialized"},
		"a line break less":       {truv.Scheme(), delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body+"\n"), "Content-Length", "999"), "body-text-changed"},
		"folded":                  {truv.Scheme(), delivery(body, "X-Webhook-Sign", mac+", "+mac), "header-folded"},
		"another hash":            {truv.Scheme(), delivery(body, "X-Webhook-Sign", "v1="+signedBy(sha1Of, testSecret, body)), "signature-other-algorithm"},
		"cut, and nothing proven": {truv.Scheme(), delivery(body[:10], "X-Webhook-Sign", mac), "body-cut"},
		"backslashes, no JSON":    {truv.Scheme(), delivery(strings.ReplaceAll(body, `"`, `\"`), "X-Webhook-Sign", mac), "no-cause-found"},
	} {
		e := truhook.Explain(t.Context(), verifier(t, tt.scheme), tt.d, truhook.ExplainConfig{})
		require.Len(t, e.Findings, 1, "%s: %+v", name, e)
		assert.Equal(t, tt.want, e.Findings[0].Name, name)
	}
}
