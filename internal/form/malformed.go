package form

import (
	"fmt"
	"strings"

	"github.com/truhook/truhook"
)

// formCause says what stood in the place of a signature, and does not repeat it.
type formCause struct {
	format     *Format
	header     string
	characters int
	encoding   string
	noPrefix   bool
}

// malformed refuses what holds no signature of the form. One allocation holds the refusal and its cause.
func (f *Format) malformed(where *field, value string) error {
	one := &struct {
		refusal truhook.Error
		cause   formCause
	}{}
	text := value
	if f.listed {
		text = ""
		for c := (cursor{rest: value, separator: f.separator, groups: f.Groups}); c.next(); {
			if text == "" || strings.HasPrefix(c.element, f.Prefix) {
				text = c.element
			}
		}
	}
	rest, hasPrefix := strings.CutPrefix(text, f.Prefix)
	one.cause = formCause{f, where.header, len(rest), alphabetOf(rest), !hasPrefix}
	one.refusal = truhook.Error{Scheme: f.Name, Reason: truhook.MalformedSignature, Err: &one.cause}
	return &one.refusal
}

// Error returns such as "header X-Sign: found 64 characters of hex without the prefix v1=, want 64 characters of hex".
func (c *formCause) Error() string {
	text := fmt.Sprintf("header %s: found %d characters of %s", c.header, c.characters, c.encoding)
	if c.noPrefix {
		text += " without the prefix " + c.format.Prefix
	}
	want := fmt.Sprint(c.format.shortest - len(c.format.Prefix))
	if c.format.longest > c.format.shortest {
		want += fmt.Sprint(" to ", c.format.longest-len(c.format.Prefix))
	}
	return text + fmt.Sprintf(", want %s of %s", want, [...]string{"hex", "base64", "base64url"}[c.format.Encoding])
}

// Format prints the same under every verb: the cause holds a pointer to all of the format.
func (c *formCause) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(c.Error())) }

func alphabetOf(text string) string {
	switch {
	case text == "":
		return "nothing"
	case strings.Trim(text, "0123456789abcdefABCDEF") == "":
		return "hex"
	case strings.Trim(text, letters+"+/=") == "":
		return "base64"
	case strings.Trim(text, letters+"-_=") == "":
		return "base64url"
	}
	return "text"
}
