package truhook

import (
	"maps"
	"net/http"
	"slices"
	"unsafe"
)

// HeaderValues returns the lines of the header name under every spelling of its name, in upper or lower case: a
// Delivery that did not come from net/http can hold any. Several spellings count as several lines, those of the
// canonical spelling first. name must be canonical (net/http.CanonicalHeaderKey). The result is read-only. A verifier
// of your own should read headers by this method; it does not allocate unless there are several spellings.
func (d *Delivery) HeaderValues(name string) []string {
	if d.hasCanonicalNames() {
		return d.Header[name]
	}
	lines, _ := d.spelledValues(name)
	return lines
}

// spelledValues looks at every name, as a second spelling can hide behind the canonical one.
func (d *Delivery) spelledValues(name string) (lines []string, spellings int) {
	for spelling, values := range d.Header {
		if len(values) == 0 || !isSpelling(spelling, name) {
			continue
		}
		lines = values
		spellings++
	}
	if spellings <= 1 {
		return lines, spellings
	}
	lines = slices.Clone(d.Header[name])
	for _, spelling := range slices.Sorted(maps.Keys(d.Header)) {
		if spelling != name && isSpelling(spelling, name) {
			lines = append(lines, d.Header[spelling]...)
		}
	}
	return lines, spellings
}

// isSpelling reports whether net/http.CanonicalHeaderKey makes the same of both: a name that is no token (RFC 9110,
// section 5.6.2) has one spelling only. strings.EqualFold takes any two bytes that are no UTF-8 for the same.
func isSpelling(other, name string) bool {
	if len(other) != len(name) || other == name {
		return other == name
	}
	for i := range len(name) {
		if !isTokenByte(other[i]) || lower(other[i]) != lower(name[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// ambiguous reports whether the header came under several spellings, so that the order of its lines is not known.
func (d *Delivery) ambiguous(name string) bool {
	if d.hasCanonicalNames() {
		return d.twice[name]
	}
	_, spellings := d.spelledValues(name)
	return spellings > 1
}

// CanonicalHeader returns Header if all of its names are canonical, else a copy whose names are: two spellings of one
// name become two lines. The result is read-only.
func (d *Delivery) CanonicalHeader() http.Header {
	if d.hasCanonicalNames() {
		return d.Header
	}
	h, _ := canonicalHeader(d.Header)
	return h
}

// setHeader gives d the header of a request. parsed says that a server of net/http made its names, so they are not
// looked at again.
func (d *Delivery) setHeader(h http.Header, parsed bool) {
	switch {
	case h == nil:
		d.Header = http.Header{}
	case parsed:
		d.Header = h
	default:
		d.Header, d.twice = canonicalHeader(h)
	}
	d.canonical = d.Header
}

// withCanonicalNames returns d, or a copy of it whose header has the names that an Explainer looks for.
func (d *Delivery) withCanonicalNames() *Delivery {
	if d == nil || d.hasCanonicalNames() {
		return d
	}
	for name := range d.Header {
		if !isCanonical(name) {
			named := *d
			named.setHeader(d.Header, false)
			return &named
		}
	}
	return d
}

// hasCanonicalNames reports whether the map that Header is now was found to be canonical.
func (d *Delivery) hasCanonicalNames() bool {
	return d.canonical != nil && sameMap(d.canonical, d.Header)
}

// sameMap compares the pointers that two maps are: a map has no ==, and package reflect takes two calls each.
func sameMap(a, b http.Header) bool {
	return *(*unsafe.Pointer)(unsafe.Pointer(&a)) == *(*unsafe.Pointer)(unsafe.Pointer(&b))
}

// canonicalHeader returns h, or a copy with canonical names and those of them that came under several spellings.
func canonicalHeader(h http.Header) (clean http.Header, twice map[string]bool) {
	for name := range h {
		if !isCanonical(name) {
			return copyCanonical(h)
		}
	}
	return h, nil
}

func copyCanonical(h http.Header) (clean http.Header, twice map[string]bool) {
	clean, twice = make(http.Header, len(h)), map[string]bool{}
	for name, lines := range h {
		if isCanonical(name) {
			clean[name] = slices.Clip(lines)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if isCanonical(name) {
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		if len(clean[canonical]) > 0 && len(h[name]) > 0 {
			twice[canonical] = true
		}
		clean[canonical] = append(clean[canonical], h[name]...)
	}
	return clean, twice
}

// isCanonical reports whether http.CanonicalHeaderKey would leave a name of token characters as it is.
func isCanonical(name string) bool {
	first := true // of a word
	for i := range len(name) {
		c := name[i]
		if first && 'a' <= c && c <= 'z' || !first && 'A' <= c && c <= 'Z' {
			return false
		}
		first = c == '-'
	}
	return true
}
