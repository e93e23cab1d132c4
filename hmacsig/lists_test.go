package hmacsig_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// Every way in which providers and what stands between write several signatures. Two keys are being rotated.
func TestLists_EachDocumentedVariant(t *testing.T) {
	t.Parallel()
	const (
		at     = "1772452800"
		millis = "1772452800000"
		late   = "1772451000"
		next   = "the next secret, while both are in use"
	)
	plain, timedText := body, at+"."+body
	now, soon := hexOf(testSecret, timedText), hexOf(next, timedText)
	bad, short := strings.Repeat("0", 64), strings.Repeat("0", 62)
	b64, b64next, b64bad := base64Of(testSecret, plain), base64Of(next, plain), strings.Repeat("A", 43)+"="
	std := base64Of(testSecret, "msg_1."+timedText)
	url := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(base64Of(testSecret, millis+"."+body)), "=")
	standard := forms["standard_webhooks"]
	standard.KeyText = hmacsig.KeyText{}

	tests := []struct {
		name   string
		scheme hmacsig.Scheme
		lines  []string // name, value, name, value
		want   truhook.Reason
	}{
		{"one of one", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + now}, ""},
		{"the time behind", forms["stripe"], []string{"Stripe-Signature", "v1=" + now + ",t=" + at}, ""},
		{"two while a secret rotates, the old one first", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + now + ",v1=" + bad}, ""},
		{"two while a secret rotates, the new one only here", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + bad + ",v1=" + soon}, ""},
		{"an older version beside", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + now + ",v0=" + bad}, ""},
		{"a newer version of another length", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v2=" + strings.Repeat("a", 128) + ",v1=" + now}, ""},
		{"a blank behind the comma", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ", v1=" + now}, ""},
		{"blanks and tabs on both sides", forms["stripe"], []string{"Stripe-Signature", " \tt=" + at + "\t , \tv1=" + now + " "}, ""},
		{"the prefix, and no digest, beside a good one", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + short + ",v1=" + now}, ""},
		{"the prefix, and text, beside a good one", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + now + ",v1=none"}, ""},
		{"the prefix, and no digest, alone", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + short}, truhook.MalformedSignature},
		{"an unknown version alone", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v9=" + now}, truhook.MalformedSignature},
		{"eight", forms["stripe"], []string{"Stripe-Signature", "t=" + at + strings.Repeat(",v1="+bad, 7) + ",v1=" + now}, ""},
		{"nine", forms["stripe"], []string{"Stripe-Signature", "t=" + at + strings.Repeat(",v1="+bad, 8) + ",v1=" + now}, truhook.MalformedSignature},
		{"a comma at the end", forms["stripe"], []string{"Stripe-Signature", "t=" + at + ",v1=" + now + ","}, ""},
		{"in two lines", forms["stripe"], []string{"Stripe-Signature", "t=" + at, "Stripe-Signature", "v1=" + now}, truhook.DuplicateHeader},

		{"milliseconds and a blank (WorkOS)", forms["workos"], []string{"WorkOS-Signature", "t=" + millis + ", v1=" + hexOf(testSecret, millis+"."+body)}, ""},
		{"seconds where milliseconds are documented", forms["workos"], []string{"WorkOS-Signature", "t=" + at + ", v1=" + now}, truhook.MalformedTimestamp},
		{"base64url and milliseconds (Sanity)", forms["sanity"], []string{"Sanity-Webhook-Signature", "t=" + millis + ",v1=" + url}, ""},
		{"base64url with padding", forms["sanity"], []string{"Sanity-Webhook-Signature", "t=" + millis + ",v1=" + url + "="}, truhook.MalformedSignature},
		{"a semicolon (Paddle), two while a secret rotates", forms["paddle"], []string{"Paddle-Signature", "ts=" + at + ";h1=" + bad + ";h1=" + hexOf(next, at+":"+body)}, ""},

		{"blanks between (Standard Webhooks)", standard, []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", "v1," + b64bad + " v1," + std}, ""},
		{"two blanks and a tab between", standard, []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", "v1," + b64bad + " \t v1," + std}, ""},
		{"a public-key signature beside", standard, []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", "v1a," + strings.Repeat("A", 86) + "== v1," + std}, ""},
		{"text with the prefix beside (Finch's vector)", standard, []string{"Webhook-Id", "msg_1", "Webhook-Timestamp", at, "Webhook-Signature", "v1,invalid v2,x v1," + std}, ""},

		{"without a prefix (Cronofy)", forms["cronofy"], []string{"Cronofy-HMAC-SHA256", b64}, ""},
		{"without a prefix, two", forms["cronofy"], []string{"Cronofy-HMAC-SHA256", b64bad + "," + b64next}, ""},
		{"without a prefix, text beside (Cronofy's vector)", forms["cronofy"], []string{"Cronofy-HMAC-SHA256", "wrong, " + b64}, ""},
		{"without a prefix, text alone", forms["cronofy"], []string{"Cronofy-HMAC-SHA256", "wrong"}, truhook.MalformedSignature},

		{"the first of two headers (Shopify)", forms["shopify"], []string{"X-Shopify-Hmac-Sha256", b64}, ""},
		{"the second of two headers", forms["shopify"], []string{"Shopify-Hmac-Sha256", b64}, ""},
		{"both headers, one key each", forms["shopify"], []string{"X-Shopify-Hmac-Sha256", b64bad, "Shopify-Hmac-Sha256", b64next}, ""},
		{"both headers, one no digest", forms["shopify"], []string{"X-Shopify-Hmac-Sha256", "none", "Shopify-Hmac-Sha256", b64}, ""},
		{"both headers, one empty", forms["shopify"], []string{"X-Shopify-Hmac-Sha256", "", "Shopify-Hmac-Sha256", b64}, ""},
		{"one of two headers twice", forms["shopify"], []string{"X-Shopify-Hmac-Sha256", b64, "Shopify-Hmac-Sha256", b64, "Shopify-Hmac-Sha256", b64}, truhook.DuplicateHeader},
		{"neither header", forms["shopify"], nil, truhook.MissingSignature},
		{"header 1 of 8 (DocuSign)", forms["docusign"], []string{"X-DocuSign-Signature-1", b64}, ""},
		{"header 8 of 8", forms["docusign"], []string{"X-DocuSign-Signature-1", b64bad, "X-DocuSign-Signature-8", b64}, ""},
		{"header 9 is none", forms["docusign"], []string{"X-DocuSign-Signature-9", b64}, truhook.MissingSignature},

		{"one group (Persona)", forms["persona"], []string{"Persona-Signature", "t=" + at + ",v1=" + now}, ""},
		{"two groups while a secret rotates", forms["persona"], []string{"Persona-Signature", "t=" + at + ",v1=" + bad + " t=" + at + ",v1=" + soon}, ""},
		{"two groups of two times", forms["persona"], []string{"Persona-Signature", "t=1772452801,v1=" + bad + " t=" + at + ",v1=" + now}, ""},
		{"two groups with blanks behind the commas", forms["persona"], []string{"Persona-Signature", "t=" + at + ", v1=" + bad + "  t=" + at + " ,\tv1=" + now}, ""},
		{"a group that is too old beside", forms["persona"], []string{"Persona-Signature", "t=" + late + ",v1=" + bad + " t=" + at + ",v1=" + now}, ""},
		{"a group without a signature beside", forms["persona"], []string{"Persona-Signature", "t=" + at + " t=" + at + ",v1=" + now}, ""},
		{"a signature and the time of another group", forms["persona"], []string{"Persona-Signature", "t=" + late + ",v1=" + now + " t=" + at + ",v1=" + bad}, truhook.SignatureMismatch},
		{"all groups too old", forms["persona"], []string{"Persona-Signature", "t=" + late + ",v1=" + now + " t=" + late + ",v1=" + now}, truhook.Expired},
		{"a group without a time", forms["persona"], []string{"Persona-Signature", "v1=" + now}, truhook.MissingTimestamp},
		{"a time twice in a group", forms["persona"], []string{"Persona-Signature", "t=" + at + ",t=" + at + ",v1=" + now}, truhook.MalformedTimestamp},
		{"four groups", forms["persona"], []string{"Persona-Signature", strings.Repeat("t="+at+",v1="+bad+" ", 3) + "t=" + at + ",v1=" + now}, ""},
		{"five groups", forms["persona"], []string{"Persona-Signature", strings.Repeat("t="+at+",v1="+bad+" ", 4) + "t=" + at + ",v1=" + now}, truhook.MalformedSignature},
	}
	for _, tt := range tests {
		t.Run(tt.scheme.Name+": "+tt.name, func(t *testing.T) {
			t.Parallel()
			v := verifier(t, tt.scheme, testKey(t, "now", testSecret), testKey(t, "next", next))
			requireReason(t, tt.want, v, delivery(body, tt.lines...))
		})
	}
}

// What was found in place of a signature is told by kind and length, never by value.
func TestLists_AMalformedSignatureIsDescribed(t *testing.T) {
	t.Parallel()
	digits := hexOf(testSecret, body)
	for _, tt := range []struct {
		scheme hmacsig.Scheme
		value  string
		want   string
	}{
		{forms["truv"], digits, "header X-Webhook-Sign: found 64 characters of hex without the prefix v1=, want 64 of hex"},
		{forms["truv"], base64Of(testSecret, body), "found 44 characters of base64 without the prefix v1=, want 64 of hex"},
		{forms["truv"], "v1=" + digits[:40], "found 40 characters of hex, want 64 of hex"},
		{forms["github"], "sha256= " + digits, "found 65 characters of text, want 64 of hex"},
		{forms["github"], "sha256=", "found 0 characters of nothing, want 64 of hex"},
		{forms["stripe"], "t=1772452800,v0=" + digits, "without the prefix v1=, want 64 of hex"},
		{forms["stripe"], "t=1772452800,v1=" + digits[:10], "found 10 characters of hex, want 64 of hex"},
		{forms["shopify"], digits, "found 64 characters of hex, want 44 of base64"},
	} {
		name, _, _ := strings.Cut(tt.scheme.Header, ",")
		_, err := verifier(t, tt.scheme).Verify(t.Context(), delivery(body, name, tt.value))
		require.ErrorIs(t, err, truhook.MalformedSignature)
		require.ErrorContains(t, err, tt.want)
		require.NotContains(t, err.Error(), digits[:10])
	}
}

func TestLists_FormatsOfTimes(t *testing.T) {
	t.Parallel()
	sound := map[hmacsig.TimeFormat][]string{
		hmacsig.UnixSeconds: {"1772452800"},
		hmacsig.UnixMillis:  {"1772452800123"},
		hmacsig.UnixAny:     {"1772452800", "1772452800123"},
		hmacsig.RFC3339: {
			"2026-03-02T12:00:00Z", "2026-03-02T12:00:00.1Z", "2026-03-02T12:00:00.123456789Z", "2026-03-02T14:00:00+02:00",
			"2026-03-02T05:00:00-07:00", "2026-03-02T12:00:00+00:00", "2026-03-02T12:00:00-00:00",
		},
		hmacsig.UTCDateTime: {"2026-03-02T12:00:00", "2026-03-02T12:00:00.551", "2026-03-02T12:00:00Z"},
		hmacsig.HTTPDate:    {"Mon, 02 Mar 2026 12:00:00 GMT"},
	}
	malformed := []string{
		"", "0", "x", "-1772452800", "+1772452800", "01772452800", "177245280", "17724528000000", "1772452800.0", "1772452800 ", "1772452800123456",
		"2026-03-02T12:00:00z", "2026-03-02t12:00:00Z", "2026-03-02 12:00:00Z", "2026-03-02T12:00:00+0000", "2026-03-02T12:00:00,5Z",
		"2026-03-02T12:00:00.Z", "2026-03-02T12:00:00.1234567890Z", "2026-02-30T12:00:00Z", "2026-13-02T12:00:00Z", "2026-00-02T12:00:00Z",
		"2026-03-02T24:00:00Z", "2026-03-02T12:60:00Z", "2026-03-02T12:00:60Z", "2026-03-02T12:00:00+24:00", "2026-03-02T12:00:00+02:60",
		"26-03-02T12:00:00Z", "2026-3-2T12:00:00Z", "2026-03-02", "2026-03-02T12:00Z", "2026-03-02T12:00:00ZZ", "2026-03-02T12:00:00.5.5Z",
		"Tue, 02 Mar 2026 12:00:00 GMT", "Mon, 2 Mar 2026 12:00:00 GMT", "mon, 02 mar 2026 12:00:00 gmt", "Mon, 02 Mar 2026 12:00:00 UTC",
		"Monday, 02-Mar-26 12:00:00 GMT", "Mon Mar  2 12:00:00 2026", "Mon, 02 Mar 2026 12:00:00 +0000", "\uff11772452800",
		"177245279:", "177245279999:", // what stands behind the 9 in ASCII, as the ten that makes it the right time
	}
	for format, texts := range sound {
		s := hmacsig.Scheme{Name: "timed", Header: "X-Sign", Content: "v1|{timestamp}|{body}", Timestamp: "X-Time", TimeFormat: format, Tolerance: time.Minute}
		v := verifier(t, s)
		send := func(text string) *truhook.Delivery {
			return &truhook.Delivery{Header: http.Header{"X-Time": {text}, "X-Sign": {hexOf(testSecret, "v1|"+text+"|"+body)}}, Body: []byte(body)}
		}
		for _, text := range texts {
			d := send(text)
			got, err := v.Verify(t.Context(), d)
			require.NoError(t, err, text)
			m, _ := truhook.Detail[hmacsig.Message](got)
			require.WithinDuration(t, start, m.Time, time.Second, text)
			d.Received = start.Add(2 * time.Minute)
			requireReason(t, truhook.Expired, v, d)
			d.Received = start.Add(-2 * time.Minute)
			requireReason(t, truhook.NotYetValid, v, d)
		}
		for other, texts := range sound {
			for _, text := range texts {
				if other != format && !isAlso(format, text) {
					_, err := v.Verify(t.Context(), send(text))
					require.ErrorIs(t, err, truhook.MalformedTimestamp, "%q as format %d", text, format)
				}
			}
		}
		for _, text := range malformed {
			_, err := v.Verify(t.Context(), send(text))
			require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%q as format %d", text, format)
		}
	}
}

// isAlso reports whether a text of another format is one of this too.
func isAlso(format hmacsig.TimeFormat, text string) bool {
	switch format {
	case hmacsig.UnixAny:
		return !strings.Contains(text, "-") && !strings.Contains(text, ":")
	case hmacsig.UnixSeconds:
		return len(text) == 10
	case hmacsig.UnixMillis:
		return len(text) == 13
	case hmacsig.RFC3339:
		return strings.HasSuffix(text, "Z")
	case hmacsig.UTCDateTime:
		return strings.HasSuffix(text, "Z") && strings.Contains(text, "T")
	}
	return false
}
