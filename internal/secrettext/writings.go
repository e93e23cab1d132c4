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

// A Writing is a way in which a secret may be written where the sender has it: the cause, and what it says of it.
type Writing struct{ Text, Cause, Subject string }

// Writings returns the ways in which the secret s may be written elsewhere, each text once and never s itself: without
// what configuration adds, decoded and encoded.
func Writings(s string) []Writing {
	var out []Writing
	known := map[string]bool{"": true, s: true}
	add := func(text, cause, subject string) {
		if !known[text] {
			known[text] = true
			out = append(out, Writing{text, cause, subject})
		}
	}
	trimmed := strings.TrimSpace(s)
	add(trimmed, KeyWhitespace, "")
	add(strings.Join(strings.Fields(s), ""), KeyWhitespace, "")
	bare := trimmed
	if Quoted(trimmed) {
		bare = trimmed[1 : len(trimmed)-1]
		add(bare, KeyQuoted, "")
		add(strings.TrimSpace(bare), KeyQuoted, "")
	}
	for _, q := range []string{`"`, "'"} {
		add(q+s+q, KeyQuoted, "")
	}
	for _, end := range []string{"\n", "\r\n", " "} {
		add(s+end, KeyWhitespace, "")
	}
	addEncodings(add, bare)
	return out
}

func addEncodings(add func(text, cause, subject string), s string) {
	add(html.UnescapeString(s), KeyEncoding, "escapes")
	add(html.EscapeString(s), KeyEncoding, "escapes")
	if unescaped, err := url.PathUnescape(s); err == nil {
		add(unescaped, KeyEncoding, "escapes")
	}
	add(url.QueryEscape(s), KeyEncoding, "escapes")
	var unescaped string
	if json.Unmarshal([]byte(`"`+s+`"`), &unescaped) == nil {
		add(unescaped, KeyEncoding, "escapes")
	}
	add(strings.ReplaceAll(s, `\`, ""), KeyEncoding, "escapes")
	add(strings.ReplaceAll(s, "$$", "$"), KeyEncoding, "escapes")
	for _, cut := range []int{0, strings.IndexByte(s, '_') + 1, strings.IndexByte(s, '-') + 1} {
		rest := s[cut:]
		if cut > 0 && cut <= 10 && len(rest) >= 16 {
			add(rest, KeyEncoding, "prefix")
		} else if cut > 0 {
			continue
		}
		if decoded, err := hex.DecodeString(rest); err == nil {
			add(string(decoded), KeyEncoding, "hex")
		}
		bare := strings.TrimRight(rest, "=")
		if decoded, err := base64.RawStdEncoding.DecodeString(bare); err == nil {
			add(string(decoded), KeyEncoding, "base64")
		}
		if decoded, err := base64.RawURLEncoding.DecodeString(bare); err == nil {
			add(string(decoded), KeyEncoding, "base64")
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(s))
	for _, prefix := range []string{"", "whsec_"} {
		add(prefix+encoded, KeyEncoding, "base64")
		add(prefix+strings.TrimRight(encoded, "="), KeyEncoding, "base64")
	}
	add("whsec_"+s, KeyEncoding, "prefix")
	add(hex.EncodeToString([]byte(s)), KeyEncoding, "hex")
	add(strings.ToUpper(hex.EncodeToString([]byte(s))), KeyEncoding, "hex")
	if strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		add(strings.ToLower(s), KeyEncoding, "hex")
		add(strings.ToUpper(s), KeyEncoding, "hex")
	}
}
