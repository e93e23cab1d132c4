package form

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// part is one piece of the signed text: a constant, or what a placeholder stands for.
type part struct {
	kind    kind
	literal string // of a constant
	named   int    // of a header: its index in Format.named
	name    string // of the placeholder, for errors
}

type kind uint8

const (
	literalPart kind = iota
	idPart
	timePart
	bodyPart
	methodPart
	headerPart
)

var placeholders = map[string]kind{
	"id": idPart, "time": timePart, "timestamp": timePart, "body": bodyPart, "method": methodPart,
}

const known = "{body}, {id}, {timestamp}, {method}, {url} and {header:Name}"

// compileContent divides Content into parts.
func (f *Format) compileContent() error {
	if f.Content == "" {
		f.Content = "{body}"
	}
	for rest := f.Content; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		f.addLiteral(literal)
		if !found {
			break
		}
		name, after, found := strings.Cut(after, "}")
		if !found {
			return fmt.Errorf("the Content %q has a { that no } closes", f.Content)
		}
		if err := f.addPlaceholder(name); err != nil {
			return err
		}
		rest = after
	}
	f.body = slices.IndexFunc(f.parts, func(p part) bool { return p.kind == bodyPart })
	if f.body < 0 {
		return fmt.Errorf("the Content %q does not hold {body}: a signature that does not cover the body proves nothing about it",
			f.Content)
	}
	return nil
}

// addLiteral joins adjacent constants, so that the neighbor of a part is all of the constant beside it.
func (f *Format) addLiteral(text string) {
	switch last := len(f.parts) - 1; {
	case text == "":
	case last >= 0 && f.parts[last].kind == literalPart:
		f.parts[last].literal += text
	default:
		f.parts = append(f.parts, part{kind: literalPart, literal: text})
	}
}

func (f *Format) addPlaceholder(name string) error {
	if name == "url" {
		if f.usesURL {
			return fmt.Errorf("the Content %q has {url} twice", f.Content)
		}
		f.usesURL = true
		f.addLiteral(f.URL)
		return nil
	}
	p := part{kind: placeholders[name], name: "{" + name + "}"}
	if header, found := strings.CutPrefix(name, "header:"); found {
		if !isHeaderName(header) {
			return fmt.Errorf("the Content %q: {%s} does not name a header", f.Content, name)
		}
		if len(f.named) == maxNamed {
			return fmt.Errorf("the Content %q has more than %d headers", f.Content, maxNamed)
		}
		p.kind, p.named = headerPart, len(f.named)
		f.named = append(f.named, newField(header))
	}
	switch {
	case strings.HasPrefix(name, "crc"), strings.HasPrefix(name, "sha"), strings.HasPrefix(name, "md5"),
		strings.HasPrefix(name, "hash"):
		return fmt.Errorf("the Content %q holds a checksum of the body, which another body can have too: "+
			"only {body} itself is signed here",
			f.Content)
	case p.kind == literalPart:
		return fmt.Errorf("the Content %q has a placeholder {%s} that is none of %s", f.Content, name, known)
	case slices.ContainsFunc(f.parts, func(q part) bool { return q.kind == p.kind && (p.kind != headerPart || f.twice(p)) }):
		return fmt.Errorf("the Content %q has %s twice", f.Content, p.name)
	}
	f.parts = append(f.parts, p)
	return nil
}

// twice reports whether the header of p, the last one that was added, was named before.
func (f *Format) twice(p part) bool {
	return slices.ContainsFunc(f.named[:p.named], func(o field) bool { return o.header == f.named[p.named].header })
}

// checkCuts demands that one signed text has one reading: the rule of cuts of the package comment.
func (f *Format) checkCuts() error {
	for i := range f.parts {
		if i == f.body || f.parts[i].kind == literalPart || f.beforeDate(i) {
			continue
		}
		var beside byte // the neighbor's byte on the way to the body, 0 where no constant stands there
		side := "behind"
		if i < f.body {
			if next := f.parts[i+1]; next.kind == literalPart {
				beside = next.literal[0]
			}
		} else {
			side = "in front of"
			if previous := f.parts[i-1]; previous.kind == literalPart {
				beside = previous.literal[len(previous.literal)-1]
			}
		}
		if problem := f.cut(f.parts[i], beside, i < f.body); problem != "" {
			return fmt.Errorf("the Content %q: %s is not delimited %s it: %s", f.Content, f.parts[i].name, side, problem)
		}
	}
	return nil
}

// beforeDate reports whether part i is an id of any length right in front of a date and time, of which the first colon
// has one place: an id that may not hold one ends where that says. The ids of some providers have no fixed length.
func (f *Format) beforeDate(i int) bool {
	dated := f.TimeFormat == RFC3339 || f.TimeFormat == UTCDateTime
	return dated && f.parts[i].kind == idPart && f.IDLength == 0 && i < f.body && f.parts[i+1].kind == timePart
}

// cut returns what to enforce, or "" where the end of p toward the body is determined.
func (f *Format) cut(p part, beside byte, fromLeft bool) string {
	isDigit := beside >= '0' && beside <= '9'
	switch p.kind {
	case idPart, headerPart:
		if beside == 0 && (p.kind == headerPart || f.IDLength == 0) {
			if p.kind == idPart {
				return "set IDLength, or put a constant there; an id of any length could take bytes of what follows"
			}
			return "put a constant there; a header of any length could take bytes of what follows"
		}
	case methodPart:
		if beside == 0 || beside >= 'A' && beside <= 'Z' {
			return "put a constant there that does not begin or end with a capital letter"
		}
	case timePart:
		switch f.TimeFormat {
		case UnixSeconds:
			f.exactSeconds = beside == 0 || isDigit // then 10 digits are enforced
		case UnixAny:
			if beside == 0 || isDigit {
				return "choose UnixSeconds or UnixMillis, whose length is enforced, or put a constant there that is no digit"
			}
		case UTCDateTime:
			if fromLeft && (beside == 0 || isDigit || beside == '.' || beside == 'Z') {
				return "put a constant there that does not begin with a digit, a dot or Z; a time without a zone has no end of its own"
			}
		}
	}
	return ""
}

// allowsText wants visible ASCII without the constant that ends the part toward the body, also where the end of the
// text begins it ("a." before ".."): else two deliveries would sign as one text.
func (f *Format) allowsText(text string, i int) bool {
	for j := range len(text) {
		if text[j] <= ' ' || text[j] >= 0x7f {
			return false
		}
	}
	if text == "" {
		return false
	}
	if f.parts[i].kind == idPart && f.IDLength > 0 {
		return len(text) == f.IDLength // which determines the cut
	}
	if f.beforeDate(i) {
		return !strings.Contains(text, ":")
	}
	for end := 1; end <= len(text); end++ {
		if i < f.body && beginsEarlier(text[end-1:], f.parts[i+1].literal) || i > f.body && endsLater(text[:end], f.parts[i-1].literal) {
			return false
		}
	}
	return true
}

// beginsEarlier reports whether text, with constant behind it, begins with constant.
func beginsEarlier(text, constant string) bool {
	n := min(len(constant), len(text))
	return text[:n] == constant[:n] && constant[n:] == constant[:len(constant)-n]
}

// endsLater reports whether text, with constant in front of it, ends with constant.
func endsLater(text, constant string) bool {
	n := min(len(constant), len(text))
	return text[len(text)-n:] == constant[len(constant)-n:] && constant[n:] == constant[:len(constant)-n]
}

var errNoURL = errors.New("the Content holds {url}: give the public URL of the endpoint as URL")
