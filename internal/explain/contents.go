package explain

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
	"github.com/truhook/truhook/internal/headername"
)

// Content is what stands before and behind the body in what is signed, and how it differs from the scheme.
type Content struct {
	Before, After []byte
	Changes       []Change
}

// Contents returns the texts that may have been signed with the body: first as the scheme says, with the values of the
// headers as they stand.
func Contents(f *form.Format, d *truhook.Delivery) []Content {
	var out []Content
	add := func(f *form.Format, h *form.Head, changes ...Change) {
		for g := range h.Groups[:h.GroupCount] {
			text, split := f.Around(nil, h, g)
			out = append(out, Content{text[:split:split], text[split:], changes})
		}
	}
	head := f.Loose(d)
	_, timed := f.Signs()
	switch {
	case timed && !f.Time(&head.Groups[0]) && head.Groups[0].Timestamp != "":
		add(f, head, Because(TimeUnit, unitOf(head.Groups[0].Timestamp)))
	default:
		add(f, head)
	}
	if timed {
		for _, other := range otherUnits(head.Groups[0].Timestamp) {
			h := *head
			h.GroupCount, h.Groups[0].Timestamp = 1, other
			add(f, &h, Because(TimeUnit, unitOf(other)))
		}
	}
	if renamed, changes, ok := underOwnNames(f, d); ok {
		add(f, f.Loose(renamed), changes...)
	}
	for _, trio := range trios(f, d) {
		add(f, f.Loose(trio.d), Because(ContentForm, trio.subject))
	}
	if !f.BodyOnly() {
		out = append(out, Content{Changes: []Change{Because(ContentForm, "the body alone")}})
	}
	for _, other := range otherURLs(f, d) {
		spec := f.Spec
		spec.URL = other.url
		if changed, err := form.Compile(spec); err == nil {
			add(changed, head, Because(URLMismatch, other.subject))
		}
	}
	if f.BodyOnly() {
		out = append(out, withTimes(f, d)...)
	}
	return out
}

// underOwnNames returns d with the headers of the scheme that are missing taken from those with similar names. That of
// a signature is no change of the content.
func underOwnNames(f *form.Format, d *truhook.Delivery) (renamed *truhook.Delivery, changes []Change, ok bool) {
	changed := *d
	changed.Header = d.Header.Clone()
	names, signatures := headerNames(d), f.Headers()
	for _, own := range append(f.SignedHeaders(), signatures...) {
		if len(d.HeaderValues(own)) > 0 {
			continue
		}
		i := slices.IndexFunc(names, func(name string) bool { return bareName(own) == bareName(name) })
		if i < 0 {
			i = slices.IndexFunc(names, func(name string) bool { return similar(own, name) })
		}
		if i < 0 {
			continue
		}
		changed.Header[own], ok = d.Header[names[i]], true
		if !slices.Contains(signatures, own) {
			changes = append(changes, Because(SimilarName, headername.Printable(names[i])))
		}
	}
	return &changed, changes, ok
}

func unitOf(text string) string {
	switch {
	case strings.Trim(text, "0123456789") != "":
		return "a date in place of a number, or the other way round"
	case len(text) >= 13:
		return "milliseconds"
	}
	return "seconds"
}

func otherUnits(text string) []string {
	switch {
	case strings.Trim(text, "0123456789") != "" || text == "":
		return nil
	case len(text) == 10:
		return []string{text + "000"}
	case len(text) == 13:
		return []string{text[:10]}
	}
	return nil
}

type trio struct {
	d       *truhook.Delivery
	subject string
}

// trios returns d with the values of headers that are named as the scheme's but for their beginning: "Svix-Id" for
// "Webhook-Id".
func trios(s *form.Format, d *truhook.Delivery) []trio {
	var names []string
	for _, name := range []string{s.ID, s.Timestamp} {
		if name != "" && !strings.Contains(name, "#") {
			names = append(names, http.CanonicalHeaderKey(name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	begin := names[0]
	for _, name := range append(names[1:], http.CanonicalHeaderKey(s.Header)) {
		for !strings.HasPrefix(name, begin) {
			begin = begin[:len(begin)-1]
		}
	}
	begin = begin[:strings.LastIndexByte(begin, '-')+1]
	var out []trio
	for _, name := range headerNames(d) {
		other, found := strings.CutSuffix(name, strings.TrimPrefix(names[0], begin))
		if !found || begin == "" || other == begin || !strings.HasSuffix(other, "-") || len(out) == 4 {
			continue
		}
		changed := *d
		changed.Header = d.Header.Clone()
		for _, name := range names {
			changed.Header[name] = d.Header[other+strings.TrimPrefix(name, begin)]
		}
		out = append(out, trio{truhook.NewDelivery(changed), headername.Printable(other) + "*"})
	}
	return out
}

type otherURL struct{ url, subject string }

// otherURLs are spellings of the configured URL, and what the request says of itself. The Host is used for the search
// only.
func otherURLs(f *form.Format, d *truhook.Delivery) []otherURL {
	configured := f.URL
	u, err := url.Parse(configured)
	if configured == "" || err != nil {
		return nil
	}
	var out []otherURL
	add := func(change func(u *url.URL), subject string) {
		other := *u
		change(&other)
		if text := other.String(); text != configured {
			out = append(out, otherURL{text, subject})
		}
	}
	add(func(u *url.URL) { u.Path = strings.TrimSuffix(u.Path, "/") }, "without the slash at its end")
	add(func(u *url.URL) { u.Path += "/" }, "with a slash at its end")
	add(func(u *url.URL) { u.Scheme = map[string]string{"https": "http", "http": "https"}[u.Scheme] }, "http and https")
	add(func(u *url.URL) { u.RawQuery = "" }, "without the query")
	path, query, _ := strings.Cut(d.RequestURI, "?")
	add(func(u *url.URL) { u.RawQuery = query }, "with the query of the request")
	add(func(u *url.URL) { u.Path, u.RawPath, u.RawQuery = path, "", query }, "with the path of the request")
	add(func(u *url.URL) { u.Host = d.Host }, "with the host of the request")
	add(func(u *url.URL) { u.Host, u.Path, u.RawPath, u.RawQuery = d.Host, path, "", query },
		"with host and path of the request")
	add(func(u *url.URL) { u.Host = u.Hostname() }, "without the port")
	return out
}

// withTimes are contents with a time in front, for schemes that sign the body alone.
func withTimes(f *form.Format, d *truhook.Delivery) []Content {
	var out []Content
	add := func(at string) {
		for _, between := range []string{".", ":", ""} {
			out = append(out, Content{Before: []byte(at + between), Changes: []Change{Because(ContentForm, "with the time")}})
		}
	}
	for _, header := range f.Headers() { // as in "t=1772452800,v1=…"
		lines := d.HeaderValues(header)
		if len(lines) != 1 || len(lines[0]) > maxLine {
			continue
		}
		for element := range strings.FieldsFuncSeq(lines[0], func(r rune) bool { return strings.ContainsRune(",; ", r) }) {
			name, at, found := strings.Cut(element, "=")
			if found && len(name) <= 10 && len(at) >= 10 && len(at) <= 13 && strings.Trim(at, "0123456789") == "" && len(out) == 0 {
				add(at)
			}
		}
	}
	for _, name := range headerNames(d) {
		lines := d.Header[name]
		lower := strings.ToLower(name)
		isTime := strings.Contains(lower, "timestamp") || strings.Contains(lower, "request-time")
		if len(lines) != 1 || len(lines[0]) > 40 || lines[0] == "" || !isTime {
			continue
		}
		add(lines[0])
		if len(out) >= 9 {
			break
		}
	}
	return out
}
