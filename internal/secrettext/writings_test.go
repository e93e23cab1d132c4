package secrettext_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/secrettext"
)

// Every writing says what is done to the secret at hand to make it fit, and what to do on which side.
func TestWritings_SayTheDirection(t *testing.T) {
	t.Parallel()
	const secret = "0123-456789abcdef&=/made for tests"
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	url := base64.RawURLEncoding.EncodeToString([]byte("\xfb\xff" + secret))
	digits := hex.EncodeToString([]byte(secret))
	const here, theirs = "here", "sender"
	for _, c := range []struct{ at, sender, cause, subject, side string }{
		{secret + " ", secret, "key-whitespace", "fits without the white space around yours", "as the provider shows it"},
		{"\t" + secret, secret, "key-whitespace", "fits without the white space around yours", "as the provider shows it"},
		{"ab cd ef", "abcdef", "key-whitespace", "fits without the white space in yours", "as the provider shows it"},
		{secret, secret + "\n", "key-whitespace", "fits with a line break behind yours: the sender has it", theirs},
		{secret, secret + "\r\n", "key-whitespace", "fits with a line break behind yours: the sender has it", theirs},
		{secret, secret + " ", "key-whitespace", "fits with a blank behind yours: the sender has it", theirs},
		{`"` + secret + `"`, secret, "key-quoted", "fits without the quotes around yours", "Take the quotes away"},
		{"'" + secret + "' ", secret, "key-quoted", "fits without the quotes around yours", "Take the quotes away"},
		{"' " + secret + "'", secret, "key-quoted", "fits without the quotes and the white space around yours", "Take the quotes away"},
		{secret, `"` + secret + `"`, "key-quoted", "fits with quotes around yours: the sender has them", theirs},
		{secret, "'" + secret + "'", "key-quoted", "fits with quotes around yours: the sender has them", theirs},
		{"a&amp;b", "a&b", "key-encoding", "fits after decoding the escapes of HTML in yours", here},
		{"a&b", "a&amp;b", "key-encoding", "fits when yours is written with escapes of HTML: the sender has them", theirs},
		{"a%3Db", "a=b", "key-encoding", "fits after decoding the percent signs in yours", here},
		{"a=b", "a%3Db", "key-encoding", "fits when yours is written with percent signs: the sender has them", theirs},
		{`a\u003Db`, "a=b", "key-encoding", "fits after decoding the escapes of JSON in yours", here},
		{`a\$b`, "a$b", "key-encoding", "fits without the backslashes in yours", here},
		{"a$$b", "a$b", "key-encoding", "fits with one $ for two in yours", here},
		{"whsec_0123456789abcdefgh", "0123456789abcdefgh", "key-encoding", "fits without the prefix of yours", "Take the prefix off here"},
		{"0123456789abcdefgh", "whsec_0123456789abcdefgh", "key-encoding", "fits with whsec_ in front of yours", "with that prefix"},
		{digits, secret, "key-encoding", "fits after decoding yours from hex", "decode it"},
		{encoded, secret, "key-encoding", "fits after decoding yours from base64", "decode it"},
		{strings.TrimRight(encoded, "="), secret, "key-encoding", "fits after decoding yours from base64", "decode it"},
		{url, "\xfb\xff" + secret, "key-encoding", "fits after decoding yours from base64url", "decode it"},
		{"whsec_" + encoded, secret, "key-encoding", "fits after decoding yours less its prefix from base64", "decode it"},
		{"whsec_" + digits, secret, "key-encoding", "fits after decoding yours less its prefix from hex", "decode it"},
		{`"` + encoded + `"`, secret, "key-encoding", "fits after decoding yours from base64, without the quotes around it", "decode it"},
		{encoded + "\n", secret, "key-encoding", "fits after decoding yours from base64, without the white space around it", "decode it"},
		{secret, encoded, "key-encoding", "fits when yours is encoded as base64", "give that text"},
		{secret, strings.TrimRight(encoded, "="), "key-encoding", "fits when yours is encoded as base64 without padding", "give that text"},
		{secret, "whsec_" + encoded, "key-encoding", "fits when yours is encoded as base64, with whsec_ in front", "give that text"},
		{secret, digits, "key-encoding", "fits when yours is encoded as hex", "give that text"},
		{secret, strings.ToUpper(digits), "key-encoding", "fits when yours is encoded as hex in capitals", "give that text"},
		{base64.StdEncoding.EncodeToString([]byte(secret + "\n")), secret, "key-encoding", "fits after decoding yours from base64, without the line break at its end", "decode it"},
		{`"` + secret, secret, "key-encoding", "fits without the punctuation around yours", "the value alone"},
		{secret + "';", secret, "key-encoding", "fits without the punctuation around yours", "the value alone"},
		{"<" + secret + ">", secret, "key-encoding", "fits without the punctuation around yours", "the value alone"},
		{"prod-0123,prod-4567", "prod-4567", "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{"prod-0123 prod-4567", "prod-4567", "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{secret + ", prod-4567", secret, "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{"prod-0123; prod-4567", "prod-0123", "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{"prod-0123\r\nprod-4567", "prod-4567", "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{`["prod-0123", "prod-4567"]`, "prod-0123", "key-encoding", "fits with one of the values that stand in yours", "by itself"},
		{secret + secret, secret, "key-encoding", "fits with the half of yours, which stands there twice", "once"},
		{"ABCDEF01", "abcdef01", "key-encoding", "fits with the hex digits of yours in small letters", here},
		{"abcdef01", "ABCDEF01", "key-encoding", "fits with the hex digits of yours in capitals", here},
	} {
		found := false
		for _, w := range secrettext.Writings(c.at) {
			require.NotEmpty(t, w.Remedy, w.Subject)
			require.True(t, strings.HasPrefix(w.Subject, "fits "), w.Subject)
			require.NotContains(t, w.Subject+w.Remedy, secret[:8])
			if w.Text == c.sender {
				found = true
				assert.Equal(t, c.cause, w.Cause, c.subject)
				assert.Equal(t, c.subject, w.Subject)
				assert.Contains(t, w.Remedy, c.side, c.subject)
			}
		}
		assert.True(t, found, "%q is not tried for %q", c.sender, c.at)
	}
}

// A prefix that may be a part of the secret is not told.
func TestWritings_TellNothingOfTheSecret(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"hunter2_0123456789abcdef", "hunter2-0123456789abcdef", `"hunter2_0123456789abcdef"`, " hunter2_MDEyMzQ1Njc4OWFiY2RlZg== "} {
		all := secrettext.Writings(s)
		require.Greater(t, len(all), 10)
		known := map[string]bool{s: true}
		for _, w := range all {
			assert.NotContains(t, w.Subject+w.Remedy, "hunter2")
			assert.NotContains(t, w.Subject+w.Remedy, "0123")
			assert.False(t, known[w.Text], "each text once")
			known[w.Text] = true
		}
	}
	w := secrettext.Prefixed("sandbox-", "hunter2")
	assert.Equal(t, "sandbox-hunter2", w.Text)
	assert.Equal(t, "fits with sandbox- in front of yours", w.Subject)
	assert.NotContains(t, w.Remedy, "hunter2")
}
