package hmacsig

import (
	"bytes"
	"crypto/hmac"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
)

// candidate is something in a header that can be a MAC, and what is odd about it.
type candidate struct {
	mac     []byte
	changes []change
}

const (
	maxCandidates = 48
	maxLooked     = 100     // headers
	maxLine       = 4 << 10 // bytes of one
)

// candidatesOf returns everything in the headers that has the size of a MAC, in any encoding: first the signatures that
// are of the scheme's form, then what stands in its headers, then in similar ones, then elsewhere.
func candidatesOf(f *format, d *truhook.Delivery, read *form.Head) []candidate {
	var out []candidate
	add := func(mac []byte, changes ...change) {
		known := slices.ContainsFunc(out, func(c candidate) bool { return hmac.Equal(c.mac, mac) })
		if !known && len(out) < maxCandidates {
			out = append(out, candidate{mac, changes})
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
				for _, c := range inLine(f, line) {
					switch {
					case rank == inOwn && len(lines) > 1, rank == inOwn && len(c.changes) == 0 && strings.Contains(line, ","):
						c.changes = append(c.changes, change{causeFolded, printable(name)})
					case rank == inOwn && len(c.changes) == 0: // else it would have been read
						c.changes = append(c.changes, change{causeForm, "encoding"})
					case rank == inSimilar:
						c.changes = append(c.changes, change{causeSimilarName, printable(name)})
					case rank == inOther:
						c.changes = append(c.changes, change{causeOtherHeader, printable(name)})
					}
					add(c.mac, c.changes...)
				}
			}
		}
	}
	return out
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

// similar reports whether two names of headers are meant to be one: other separators, one a part of the other, a slip of
// the pen.
func similar(a, b string) bool {
	bare := func(s string) string {
		s = strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(s))
		return strings.TrimPrefix(strings.TrimPrefix(s, "http"), "x")
	}
	a, b = bare(a), bare(b)
	if a == b || len(a) >= 8 && strings.Contains(b, a) || len(b) >= 8 && strings.Contains(a, b) {
		return true
	}
	return len(a) >= 8 && distance(a, b) <= 2
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

// similarHeaders returns the names of headers that the signature may stand in by mistake.
func similarHeaders(f *format, d *truhook.Delivery) []string {
	var out []string
	for _, name := range headerNames(d) {
		lines := d.Header[name]
		if rankOf(name, f.Headers()) == inSimilar && len(lines) > 0 && len(inLine(f, lines[0])) > 0 {
			out = append(out, printable(name))
		}
	}
	return out[:min(len(out), 3)]
}

// printable returns the name of a header as it may stand in a finding: a sender can write anything there.
func printable(name string) string {
	if len(name) > 64 || strings.Trim(name, "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" || looksSecret(name) {
		return "another header"
	}
	return http.CanonicalHeaderKey(name)
}

// inLine returns what can be a MAC in one line, and how its form differs from the scheme's.
func inLine(f *format, line string) []candidate {
	var out []candidate
	if len(line) > maxLine {
		return nil
	}
	for token := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t,;\"'", r) }) {
		for rest, steps := token, 0; rest != "" && steps < 4; steps++ {
			for _, h := range hashes {
				if mac, e, ok := form.DecodeAny(rest, h.Size()); ok {
					out = append(out, candidate{mac, formChanges(f, token[:len(token)-len(rest)], e)})
				}
			}
			i := strings.IndexAny(rest, "=:")
			if i < 0 {
				break
			}
			rest = rest[i+1:]
		}
	}
	return out[:min(len(out), maxCandidates)]
}

// formChanges says what is odd about a signature that stands in a header behind prefix.
func formChanges(f *format, prefix string, e form.Encoding) []change {
	wanted := strings.TrimRight(f.prefix, ", ") // which a token does not hold
	switch {
	case e != f.Encoding:
		return []change{{causeForm, "encoding"}}
	case prefix == f.prefix || strings.TrimRight(prefix, ", ") == wanted:
		return nil
	case strings.Trim(prefix, "0123456789=:") == strings.Trim(f.prefix, "0123456789=:,") && prefix != "" && f.prefix != "":
		return []change{{causeForm, "version"}}
	}
	return []change{{causeForm, "prefix"}}
}
