package hmacsig

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"html"
	"net/url"
	"strings"

	"github.com/truhook/truhook/internal/explain"
)

// keyTry is a key that may have signed, and how it differs from one that is given.
type keyTry struct {
	secret  []byte
	changes []explain.Change
	weak    bool // anybody can know it
	macs    map[crypto.Hash]hash.Hash
}

func newKeyTry(secret []byte, changes ...explain.Change) keyTry {
	return keyTry{secret: secret, changes: changes, weak: weakKey(secret), macs: map[crypto.Hash]hash.Hash{}}
}

// keyed returns an HMAC that nothing was written to, nil where FIPS mode refuses the key or the hash.
func (k *keyTry) keyed(h crypto.Hash) hash.Hash {
	m, known := k.macs[h]
	if !known {
		if len(k.secret) > 0 && (&secret{bytes: k.secret}).probe(h) == nil {
			m = hmac.New(h.New, k.secret)
		}
		k.macs[h] = m
	}
	if m == nil {
		return nil
	}
	if fresh := clone(m); fresh != nil {
		return fresh
	}
	return hmac.New(h.New, k.secret)
}

// keyVariants returns the ways in which the secrets of keys may be written elsewhere: without what configuration adds,
// decoded, encoded, and the labels.
func keyVariants(keys []Key) []keyTry {
	var out []keyTry
	known := map[string]bool{}
	for i := range keys {
		known[string(keys[i].open().bytes)] = true
	}
	for i := range keys {
		k := &keys[i]
		add := func(secret, cause, subject string) {
			if secret == "" || known[secret] {
				return
			}
			known[secret] = true
			out = append(out, newKeyTry([]byte(secret), explain.Because(cause, keySubject(k.id, subject))))
		}
		s := string(k.open().bytes)
		trimmed := strings.TrimSpace(s)
		add(trimmed, explain.KeyWhitespace, "")
		add(strings.Join(strings.Fields(s), ""), explain.KeyWhitespace, "")
		bare := trimmed
		if quoted(trimmed) {
			bare = trimmed[1 : len(trimmed)-1]
			add(bare, explain.KeyQuoted, "")
			add(strings.TrimSpace(bare), explain.KeyQuoted, "")
		}
		for _, q := range []string{`"`, "'"} {
			add(q+s+q, explain.KeyQuoted, "")
		}
		for _, end := range []string{"\n", "\r\n", " "} {
			add(s+end, explain.KeyWhitespace, "")
		}
		addEncodings(add, bare)
		if k.id != "" && !known[k.id] {
			known[k.id] = true
			label := newKeyTry([]byte(k.id), explain.Because(explain.KeyIDAsSecret, k.id))
			label.weak = true // it is no secret
			out = append(out, label)
		}
	}
	return out
}

func keySubject(id, subject string) string {
	if subject == "" {
		return id
	}
	return id + ", " + subject
}

func addEncodings(add func(secret, cause, subject string), s string) {
	add(html.UnescapeString(s), explain.KeyEncoding, "escapes")
	add(html.EscapeString(s), explain.KeyEncoding, "escapes")
	if unescaped, err := url.PathUnescape(s); err == nil {
		add(unescaped, explain.KeyEncoding, "escapes")
	}
	add(url.QueryEscape(s), explain.KeyEncoding, "escapes")
	var unescaped string
	if json.Unmarshal([]byte(`"`+s+`"`), &unescaped) == nil {
		add(unescaped, explain.KeyEncoding, "escapes")
	}
	add(strings.ReplaceAll(s, `\`, ""), explain.KeyEncoding, "escapes")
	add(strings.ReplaceAll(s, "$$", "$"), explain.KeyEncoding, "escapes")
	for _, cut := range []int{0, strings.IndexByte(s, '_') + 1, strings.IndexByte(s, '-') + 1} {
		rest := s[cut:]
		if cut > 0 && cut <= 10 && len(rest) >= 16 {
			add(rest, explain.KeyEncoding, "prefix")
		} else if cut > 0 {
			continue
		}
		if decoded, err := hex.DecodeString(rest); err == nil {
			add(string(decoded), explain.KeyEncoding, "hex")
		}
		bare := strings.TrimRight(rest, "=")
		if decoded, err := base64.RawStdEncoding.DecodeString(bare); err == nil {
			add(string(decoded), explain.KeyEncoding, "base64")
		}
		if decoded, err := base64.RawURLEncoding.DecodeString(bare); err == nil {
			add(string(decoded), explain.KeyEncoding, "base64")
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(s))
	for _, prefix := range []string{"", "whsec_"} {
		add(prefix+encoded, explain.KeyEncoding, "base64")
		add(prefix+strings.TrimRight(encoded, "="), explain.KeyEncoding, "base64")
	}
	add("whsec_"+s, explain.KeyEncoding, "prefix")
	add(hex.EncodeToString([]byte(s)), explain.KeyEncoding, "hex")
	add(strings.ToUpper(hex.EncodeToString([]byte(s))), explain.KeyEncoding, "hex")
	if strings.Trim(s, "0123456789abcdefABCDEF") == "" {
		add(strings.ToLower(s), explain.KeyEncoding, "hex")
		add(strings.ToUpper(s), explain.KeyEncoding, "hex")
	}
}

// weakKey reports whether anybody can know a key: a few bytes, a placeholder, a secret out of somebody's documentation.
func weakKey(secret []byte) bool {
	s := strings.Trim(string(secret), " \t\r\n\"'`")
	return len(s) < 8 || isPlaceholder(s) || isPath(s) || isPublished(s)
}

// isPublished reports whether a secret stands in the public documentation or tests of a provider.
func isPublished(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return publishedSecrets[hex.EncodeToString(sum[:8])]
}
