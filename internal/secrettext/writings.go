package secrettext

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strings"
)

// The causes that a secret can give, as docs/reasons.md names them.
const (
	KeyWhitespace = "key-whitespace"
	KeyQuoted     = "key-quoted"
	KeyEncoding   = "key-encoding"
)

// A Writing is a way in which a secret may be written where the sender has it: the cause, what makes the secret at hand
// fit, and what to do about it. Nothing of the secret is in it but Text.
type Writing struct{ Text, Cause, Subject, Remedy string }

// What to do, by the side that is to change something. No remedy loosens a check.
const (
	asShown = "Write the secret exactly as the provider shows it, for example with printf '%s'."
	noQuote = "Take the quotes away where the variable is set; env files of Docker keep them."
	plain   = "Write the characters themselves where the secret is set here, unless the provider shows it so."
	decode  = "The secret here is the encoded text: decode it before it becomes a key, as the provider's page says."
	noLabel = "Take the prefix off here: the sender signs without it."
	prefix  = "Give the secret here with that prefix, as the provider shows it."
	encode  = "The sender signs with the encoded text: give that text as the secret here, and decode nothing."
	digits  = "Give the secret here with its letters as the sender has them."
	bareIt  = "Give the value alone, without what a line of code or configuration has around it."
	oneOf   = "Give each secret by itself: constructors take several while one is rotated, and nothing is split."
	halve   = "Give it once: it was pasted twice."
	theirs  = "The secret here may be right: have the sender's set without what it has more, for example with printf '%s'."
	escapes = "The secret here may be right: have the sender's set without the escapes, or give it here as the sender has it."
)

// Prefixed returns the writing with a prefix in front of s. The prefix is one that documentation shows.
func Prefixed(before, s string) Writing {
	return Writing{before + s, KeyEncoding, "fits with " + before + " in front of yours", prefix}
}

// Writings returns the ways in which the secret s may be written elsewhere, each text once and never s itself: without
// what configuration adds and what a copy has damaged, decoded and encoded.
func Writings(s string) []Writing {
	var out []Writing
	known := map[string]bool{"": true, s: true}
	add := func(w Writing) {
		if !known[w.Text] {
			known[w.Text] = true
			out = append(out, w)
		}
	}
	trimmed := strings.TrimSpace(s)
	add(Writing{trimmed, KeyWhitespace, "fits without the white space around yours", asShown})
	add(Writing{strings.Join(strings.Fields(s), ""), KeyWhitespace, "fits without the white space in yours", asShown})
	bare, bared := trimmed, ""
	if trimmed != s {
		bared = ", without the white space around it"
	}
	if Quoted(trimmed) {
		bare, bared = trimmed[1:len(trimmed)-1], ", without the quotes around it"
		add(Writing{bare, KeyQuoted, "fits without the quotes around yours", noQuote})
		add(Writing{strings.TrimSpace(bare), KeyQuoted, "fits without the quotes and the white space around yours", noQuote})
	}
	for _, q := range []string{`"`, "'"} {
		add(Writing{q + s + q, KeyQuoted, "fits with quotes around yours: the sender has them", theirs})
	}
	for _, end := range []string{"\n", "\r\n"} {
		add(Writing{s + end, KeyWhitespace, "fits with a line break behind yours: the sender has it", theirs})
	}
	add(Writing{s + " ", KeyWhitespace, "fits with a blank behind yours: the sender has it", theirs})
	for _, d := range damages {
		if undamaged, found := d.undo(trimmed); found {
			add(Writing{undamaged, d.cause, d.subject, d.remedy})
		}
	}
	addEncodings(func(text, how, remedy string) {
		add(Writing{text, KeyEncoding, "fits " + how + bared, remedy})
	}, bare)
	addParts(add, trimmed)
	return out
}

const (
	punctuation = "\"'`,;<>()[]{}"
	maxParts    = 8
)

// addParts takes a list apart, and what was pasted twice. A part of a few characters is no secret.
func addParts(add func(Writing), s string) {
	const shortest = 8
	if inner := strings.Trim(s, punctuation); len(inner) >= shortest {
		add(Writing{inner, KeyEncoding, "fits without the punctuation around yours", bareIt})
	}
	if parts := listed(s); len(parts) > 1 {
		for _, part := range parts {
			if len(part) >= shortest {
				add(Writing{part, KeyEncoding, "fits with one of the values that stand in yours", oneOf})
			}
		}
	}
	if half := len(s) / 2; half >= shortest && s[:half] == s[len(s)-half:] {
		add(Writing{s[:half], KeyEncoding, "fits with the half of yours, which stands there twice", halve})
	}
}

func addEncodings(add func(text, how, remedy string), s string) {
	addEscapes(add, s)
	for _, cut := range []int{0, strings.IndexByte(s, '_') + 1, strings.IndexByte(s, '-') + 1} {
		rest, off := s[cut:], ""
		if cut > 0 && cut <= 10 && len(rest) >= 16 {
			off = " less its prefix" // which can be a part of the secret, and is not told
			add(rest, "without the prefix of yours", noLabel)
		} else if cut > 0 {
			continue
		}
		if decoded, err := hex.DecodeString(rest); err == nil {
			add(string(decoded), "after decoding yours"+off+" from hex", decode)
		}
		bare := strings.TrimRight(rest, "=")
		if decoded, err := base64.RawStdEncoding.DecodeString(bare); err == nil {
			add(string(decoded), "after decoding yours"+off+" from base64", decode)
			line := strings.TrimRight(string(decoded), "\r\n") // as "echo … | base64" makes it
			add(line, "after decoding yours"+off+" from base64, without the line break at its end", decode)
		}
		if decoded, err := base64.RawURLEncoding.DecodeString(bare); err == nil {
			add(string(decoded), "after decoding yours"+off+" from base64url", decode)
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(s))
	unpadded := strings.TrimRight(encoded, "=")
	add(encoded, "when yours is encoded as base64", encode)
	add(unpadded, "when yours is encoded as base64 without padding", encode)
	add("whsec_"+encoded, "when yours is encoded as base64, with whsec_ in front", encode)
	add("whsec_"+unpadded, "when yours is encoded as base64 without padding, with whsec_ in front", encode)
	add("whsec_"+s, "with whsec_ in front of yours", prefix)
	add(hex.EncodeToString([]byte(s)), "when yours is encoded as hex", encode)
	add(strings.ToUpper(hex.EncodeToString([]byte(s))), "when yours is encoded as hex in capitals", encode)
	if strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		add(strings.ToLower(s), "with the hex digits of yours in small letters", digits)
		add(strings.ToUpper(s), "with the hex digits of yours in capitals", digits)
	}
}

func addEscapes(add func(text, how, remedy string), s string) {
	add(html.UnescapeString(s), "after decoding the escapes of HTML in yours", plain)
	add(html.EscapeString(s), "when yours is written with escapes of HTML: the sender has them", escapes)
	if unescaped, err := url.PathUnescape(s); err == nil {
		add(unescaped, "after decoding the percent signs in yours", plain)
	}
	add(url.QueryEscape(s), "when yours is written with percent signs: the sender has them", escapes)
	var unescaped string
	if json.Unmarshal([]byte(`"`+s+`"`), &unescaped) == nil {
		add(unescaped, "after decoding the escapes of JSON in yours", plain)
	}
	add(strings.ReplaceAll(s, `\`, ""), "without the backslashes in yours", plain)
	add(strings.ReplaceAll(s, "$$", "$"), "with one $ for two in yours", plain)
}
