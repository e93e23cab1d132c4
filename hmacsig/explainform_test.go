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
