package secrettext

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A damage is what a copy adds to a secret. undo returns the secret without it, "" where nobody can say what that is,
// and whether it is there.
type damage struct {
	finding, problem, remedy string
	cause, subject           string // for Explain
	undo                     func(s string) (bare string, found bool)
}

var damages = []damage{
	{
		finding: "quoted-secret", problem: "The secret stands in typographic quotes, which are part of it.",
		remedy: "Copy it again from a page that does not change quotes, without them.",
		cause:  KeyQuoted, subject: "fits without the typographic quotes around yours", undo: withoutCurlyQuotes,
	},
	{
		finding: "invisible-in-secret", problem: "The secret holds a character that cannot be seen, such as a zero-width or no-break space.",
		remedy: "Type it anew, or copy it from another place.",
		cause:  KeyWhitespace, subject: "fits without the invisible characters in yours", undo: withoutInvisible,
	},
	{
		finding: "escaped-secret", problem: `The secret ends in a backslash and a letter, such as \n, where a line break was meant.`,
		remedy: "Write it without.",
		cause:  KeyEncoding, subject: "fits without the escape at the end of yours", undo: withoutEscapedEnd,
	},
	{
		finding: "wrapped-secret", problem: "The secret has around it what it was copied with: a name, a comment, JSON, Bearer, a comma, another secret.",
		remedy: "Give the value alone, and each of several secrets by itself.",
		cause:  KeyEncoding, subject: "fits without what stands around yours", undo: unwrapped,
	},
}

var curlyQuotes = strings.NewReplacer("“", "", "”", "", "„", "", "‘", "", "’", "", "‚", "", "«", "", "»", "")

// withoutCurlyQuotes looks at both ends only: within a secret of words such a quote may be right.
func withoutCurlyQuotes(s string) (string, bool) {
	first, n := utf8.DecodeRuneInString(s)
	last, m := utf8.DecodeLastRuneInString(s)
	if n+m > len(s) || curlyQuotes.Replace(string(first)+string(last)) != "" {
		return "", false
	}
	return s[n : len(s)-m], true
}

// withoutInvisible leaves out what no font shows and no keyboard types: Cf of Unicode and the blanks other than " ".
func withoutInvisible(s string) (string, bool) {
	if !utf8.ValidString(s) {
		return "", false
	}
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zs, r) && r != ' ' {
			return -1
		}
		return r
	}, s)
	return bare, bare != s
}

func withoutEscapedEnd(s string) (string, bool) {
	bare := s
	for _, end := range []string{`\n`, `\r`, `\t`} { // `\r\n` too
		bare = strings.TrimSuffix(bare, end)
	}
	return bare, bare != s && !strings.HasSuffix(bare, `\`)
}

var wrappings = []*regexp.Regexp{
	regexp.MustCompile(`^(?:export\s+)?[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+=([^=].*)$`),                   // an env file's line
	regexp.MustCompile(`(?i)^(?:export\s+)?[a-z0-9_.-]*(?:secret|key|token)\s*[=:]\s*([^=\s].*)$`), // also YAML's
	regexp.MustCompile(`(?i)^(?:bearer|basic)\s+(\S+)$`),
	regexp.MustCompile(`^(\S+)\s+(?:#|//).*$`),
	regexp.MustCompile(`^((?:[a-z]+[-_])*[0-9a-fA-F]{16,}|(?:whsec_)?[A-Za-z0-9+/]{20,}={1,2})[,;]$`), // secrets of symbols may end so
}

func unwrapped(s string) (string, bool) {
	if strings.HasPrefix(s, "{") {
		var members map[string]any
		if json.Unmarshal([]byte(s), &members) != nil || len(members) == 0 {
			return "", false
		}
		for _, value := range members {
			if text, ok := value.(string); ok && len(members) == 1 {
				return text, true
			}
		}
		return "", true
	}
	if !isText(s) {
		return "", false
	}
	for _, w := range wrappings {
		if m := w.FindStringSubmatch(s); m != nil {
			bare := strings.TrimSpace(m[1])
			if Quoted(bare) {
				bare = bare[1 : len(bare)-1]
			}
			return bare, true
		}
	}
	return "", several(s)
}

// several reports whether s is more than one secret: on lines, or in a list whose members begin with one prefix. Others
// may be one secret of symbols.
func several(s string) bool {
	if strings.ContainsAny(s, "\r\n") {
		return true
	}
	parts := listed(s)
	before, _, _ := strings.Cut(strings.ReplaceAll(parts[0], "-", "_"), "_")
	return len(parts) > 1 && before != "" && len(before) < 10 && !slices.ContainsFunc(parts, func(part string) bool {
		return len(part) < 16 || !strings.HasPrefix(strings.ReplaceAll(part, "-", "_"), before+"_")
	})
}

// listed takes a list apart, at commas and the like if there are some, else at blanks. There is one part at least.
func listed(s string) []string {
	separators := ",;\t\r\n"
	if !strings.ContainsAny(s, separators) {
		separators = " "
	}
	var parts []string
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if part = strings.Trim(part, punctuation+" "); part != "" {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return []string{s}
	}
	return parts[:min(len(parts), maxParts)]
}
