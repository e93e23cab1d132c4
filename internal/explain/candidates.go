package explain

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
	"github.com/truhook/truhook/internal/headername"
)

// Candidate is something in a header that can be a signature, and what is odd about it.
type Candidate struct {
	Signature []byte
	Changes   []Change
}

const (
	maxCandidates = 48
	maxLooked     = 100     // headers
	maxLine       = 4 << 10 // bytes of one
)

// Candidates returns everything in the headers that has one of the sizes in bytes, in any encoding: first the
// signatures that are of the scheme's form, which read holds or is filled with, then what stands in its headers, then
// in similar ones, then elsewhere.
func Candidates(f *form.Format, d *truhook.Delivery, read *form.Head, sizes []int) []Candidate {
	var out []Candidate
	add := func(mac []byte, changes ...Change) {
		known := slices.ContainsFunc(out, func(c Candidate) bool { return hmac.Equal(c.Signature, mac) })
		if !known && len(out) < maxCandidates {
			out = append(out, Candidate{mac, changes})
		}
	}
	if read.Count() == 0 {
		_ = f.ReadSignatures(d, read)
	}
	for i := range read.Count() {
		mac, _ := read.Signature(i)
		add(bytes.Clone(mac))
	}
	names := headerNames(d)
	own := f.Headers()
	for _, rank := range []int{inOwn, inSimilar, inOther} {
		for _, name := range names {
			if rankOf(name, own) != rank {
				continue
			}
			lines := d.Header[name]
			for _, line := range lines[:min(len(lines), 8)] {
				for _, c := range inLine(f, line, sizes) {
					switch {
					case rank == inOwn && len(lines) > 1, rank == inOwn && len(c.Changes) == 0 && folded(f, line):
						c.Changes = append(c.Changes, Because(HeaderFolded, headername.Printable(name)))
					case rank == inOwn && len(c.Changes) == 0 && f.HasSize(len(c.Signature)): // else it would have been read
						c.Changes = append(c.Changes, Because(SignatureForm, "encoding"))
					case rank == inSimilar:
						c.Changes = append(c.Changes, Because(SimilarName, headername.Printable(name)))
					case rank == inOther:
						c.Changes = append(c.Changes, Because(OtherHeader, headername.Printable(name)))
					}
					add(c.Signature, c.Changes...)
				}
			}
		}
	}
	return out
}

// folded reports whether a proxy may have made one line of several: commas stand in it that are none of the scheme's.
func folded(f *form.Format, line string) bool {
	elements := []string{line}
	if f.Separator != "" {
		elements = strings.Split(line, cmp.Or(strings.TrimSpace(f.Separator), f.Separator))
	}
	own := strings.Count(f.Prefix, ",")
	return slices.ContainsFunc(elements, func(element string) bool { return strings.Count(element, ",") > own })
}

// headerNames returns the first names in their order, so that the same delivery is always told the same.
func headerNames(d *truhook.Delivery) []string {
	names := slices.Sorted(maps.Keys(d.Header))
	return names[:min(len(names), maxLooked)]
}

const (
	inOwn = iota
	inSimilar
	inOther
)

func rankOf(name string, own []string) int {
	rank := inOther
	for _, header := range own {
		switch {
		case header == http.CanonicalHeaderKey(name):
			return inOwn
		case similar(header, name):
			rank = inSimilar
		}
	}
	return rank
}

// similar reports whether two names of headers are meant to be one: other separators, one a part of the other, a slip
// of the pen.
func similar(a, b string) bool {
	a, b = bareName(a), bareName(b)
	if a == b || len(a) >= 8 && strings.Contains(b, a) || len(b) >= 8 && strings.Contains(a, b) {
		return true
	}
	return len(a) >= 8 && distance(a, b) <= 2
}

// bareName is the name of a header without what proxies and frameworks change.
func bareName(s string) string {
	s = strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
	return strings.TrimPrefix(strings.TrimPrefix(s, "http"), "x")
}

// distance is that of Levenshtein, for names of headers.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// SimilarHeaders returns the names of headers that the signature may stand in by mistake.
func SimilarHeaders(f *form.Format, d *truhook.Delivery, sizes []int) []string {
	var out []string
	for _, name := range headerNames(d) {
		lines := d.Header[name]
		if rankOf(name, f.Headers()) == inSimilar && len(lines) > 0 && len(inLine(f, lines[0], sizes)) > 0 {
			out = append(out, headername.Printable(name))
		}
	}
	return out[:min(len(out), 3)]
}

// inLine returns what can be a signature in one line, and how its form differs from the scheme's.
func inLine(f *form.Format, line string, sizes []int) []Candidate {
	if len(line) > maxLine {
		return nil
	}
	out := inText(f, line, sizes)
	if plain, err := url.PathUnescape(line); err == nil && plain != line {
		for _, c := range inText(f, plain, sizes) {
			out = append(out, Candidate{c.Signature, append(c.Changes, Because(SignatureForm, "encoding"))})
		}
	}
	return out[:min(len(out), maxCandidates)]
}

func inText(f *form.Format, line string, sizes []int) []Candidate {
	var out []Candidate
	for token := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t,;\"'", r) }) {
		for rest, steps := token, 0; rest != "" && steps < 4; steps++ {
			for _, size := range sizes {
				before, prefix := line[:strings.Index(line, token)], token[:len(token)-len(rest)]
				if mac, e, ok := form.DecodeAny(rest, size, f.Encoding); ok {
					out = append(out, Candidate{mac, formChanges(f, before, prefix, e)})
				}
				if digits, _, ok := form.DecodeAny(rest, 2*size, form.Base64); ok { // base64 of digits, which is twice
					if mac, _, ok := form.DecodeAny(string(digits), size, form.Hex); ok {
						out = append(out, Candidate{mac, []Change{Because(SignatureForm, "encoding")}})
					}
				}
			}
			i := strings.IndexAny(rest, "=:")
			if strings.HasPrefix(rest, "0x") {
				i = 1
			} else if i < 0 {
				break
			}
			rest = rest[i+1:]
		}
	}
	return out[:min(len(out), maxCandidates)]
}

// formChanges says what is odd about a signature that stands in a header behind prefix, which is behind before.
func formChanges(f *form.Format, before, prefix string, e form.Encoding) []Change {
	switch {
	case e != f.Encoding:
		return []Change{Because(SignatureForm, "encoding")}
	case f.Prefix == "" && prefix == "", f.Prefix != "" && strings.HasSuffix(before+prefix, f.Prefix):
		return nil
	case strings.Trim(prefix, "0123456789=:") == strings.Trim(f.Prefix, "0123456789=:,") && prefix != "" && f.Prefix != "":
		return []Change{Because(SignatureForm, "version")}
	}
	return []Change{Because(SignatureForm, "prefix")}
}
