package form

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Format is a Spec that was found to be sound, ready for use. It is safe for concurrent use.
type Format struct {
	Spec
	headers   []field // that may hold signatures
	parts     []part
	body      int // index of {body} in parts
	id, stamp field
	named     []field // further signed headers

	separator    string // without blanks; "" with listed: blanks alone
	listed       bool   // a header may hold several signatures
	exactSeconds bool   // Unix seconds have exactly 10 digits
	usesURL      bool
	shortest     int // characters of one signature, prefix included
	longest      int
}

// field is where a value stands: a header, or an element of it. cause is what a refusal says of it, made once.
type field struct {
	header, element string
	cause           error
}

func newField(header string) field {
	name := http.CanonicalHeaderKey(header)
	return field{header: name, cause: errors.New("header " + name)}
}

func (f *field) present() bool { return f.header != "" }

// Compile returns the format that s describes, or an error that says what to change. It names no package.
func Compile(s Spec) (*Format, error) {
	f := &Format{Spec: s}
	for _, step := range []func() error{
		f.compileHeaders, f.compileList, f.compileURL, f.compileContent, f.compileFields, f.compileTime, f.checkCuts,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// compileHeaders reads the names in Header: one, or several with commas between, "{n}" standing for 1 to 8.
func (f *Format) compileHeaders() error {
	for name := range strings.SplitSeq(f.Header, ",") {
		name = strings.Trim(name, blanks)
		before, after, numbered := strings.Cut(name, "{n}")
		if !isHeaderName(before + after) {
			return fmt.Errorf("the Header %q is not the name of a header", f.Header)
		}
		if !numbered {
			f.headers = append(f.headers, newField(name))
			continue
		}
		for n := '1'; n <= '0'+MaxSignatures; n++ {
			f.headers = append(f.headers, newField(before+string(n)+after))
		}
	}
	seen := map[string]bool{}
	for _, h := range f.headers {
		if seen[h.header] {
			return fmt.Errorf("the Header %q names a header twice", f.Header)
		}
		seen[h.header] = true
	}
	if len(f.headers) > MaxSignatures {
		return fmt.Errorf("the Header names more than %d headers", MaxSignatures)
	}
	return nil
}

func (f *Format) compileList() error {
	length, alphabet := hex.EncodedLen, "0123456789abcdefABCDEF"
	switch f.Encoding {
	case Hex:
	case Base64:
		length, alphabet = base64.StdEncoding.EncodedLen, letters+"+/="
	case Base64URL:
		length, alphabet = base64.RawURLEncoding.EncodedLen, letters+"-_"
	default:
		return fmt.Errorf("Encoding %d is none of Hex, Base64 and Base64URL", f.Encoding)
	}
	f.shortest, f.longest = len(f.Prefix)+length(f.MinSignature), len(f.Prefix)+length(f.MaxSignature)
	f.listed, f.separator = f.Separator != "", strings.Trim(f.Separator, blanks)
	switch {
	case f.Groups && f.separator == "":
		return errors.New("the Groups need a Separator that is no blank, as a blank stands between the groups")
	case !f.listed:
		return nil
	case f.separator == "" && strings.ContainsAny(f.Prefix, blanks), f.separator != "" && strings.Contains(f.Prefix, f.separator):
		return fmt.Errorf("the Prefix %q contains the Separator", f.Prefix)
	case strings.Trim(f.Prefix, blanks) != f.Prefix && f.separator != "" && strings.TrimLeft(f.Prefix, blanks) != f.Prefix:
		return fmt.Errorf("the Prefix %q begins with a blank, and blanks around elements do not count", f.Prefix)
	case strings.ContainsAny(f.separator, alphabet):
		return fmt.Errorf("the Separator %q can be part of a signature in this Encoding", f.Separator)
	}
	return nil
}

const (
	blanks  = " \t"
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// compileURL checks the URL where one is given; compileFields demands it where the Content names it.
func (f *Format) compileURL() error {
	if f.URL == "" {
		return nil
	}
	u, err := url.Parse(f.URL)
	switch {
	case err != nil:
		return errors.New("the URL cannot be parsed") // err repeats it
	case !strings.HasPrefix(f.URL, "https://") && !strings.HasPrefix(f.URL, "http://"), u.Host == "":
		return errors.New("the URL is not the absolute URL of an endpoint, as registered with the provider: https://host/path")
	case strings.ContainsFunc(f.URL, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return errors.New("the URL holds a blank, a control character or one that is not ASCII")
	case u.Fragment != "" || strings.Contains(f.URL, "#"):
		return errors.New("the URL has a fragment, which no sender sends")
	}
	return nil
}

func (f *Format) compileFields() error {
	switch {
	case f.usesURL && f.URL == "":
		return errNoURL
	case !f.usesURL && f.URL != "":
		return errors.New("a URL is given, and the Content does not hold {url}: it would prove nothing")
	}
	var err error
	if f.id, err = f.compileField("ID", f.ID, "{id}", f.has(idPart)); err != nil {
		return err
	}
	if f.stamp, err = f.compileField("Timestamp", f.Timestamp, "{timestamp}", f.has(timePart)); err != nil {
		return err
	}
	switch {
	case f.IDLength < 0 || f.IDLength > maxHeader:
		return fmt.Errorf("IDLength %d is no length of an id", f.IDLength)
	case f.IDLength != 0 && !f.id.present():
		return errors.New("an IDLength needs an ID")
	case f.Groups && (len(f.headers) != 1 || f.stamp.header != f.headers[0].header || f.stamp.element == ""):
		return errors.New("the Groups need a Timestamp that is an element of the one Header")
	case f.Groups && f.id.header == f.headers[0].header:
		return errors.New("with Groups the ID cannot be an element of the Header")
	}
	return nil
}

func (f *Format) has(k kind) bool {
	for i := range f.parts {
		if f.parts[i].kind == k {
			return true
		}
	}
	return false
}

func (f *Format) compileField(what, name, placeholder string, signed bool) (field, error) {
	header, element, inElement := strings.Cut(name, "#")
	switch {
	case name == "" && signed:
		return field{}, fmt.Errorf("the Content holds %s, but %s names no header", placeholder, what)
	case name == "":
		return field{}, nil
	case !signed:
		return field{}, fmt.Errorf("the %s is not in Content: what is not signed proves nothing", what)
	case !isHeaderName(header):
		return field{}, fmt.Errorf("the %s %q does not name a header", what, name)
	case inElement && f.listed && (strings.Trim(element, blanks) != element || f.separates(element)):
		return field{}, fmt.Errorf("the %s %q names an element that holds a blank or the Separator", what, name)
	case inElement && (element == "" || !f.listed):
		return field{}, fmt.Errorf("the %s %q names an element, which needs a name and a Separator", what, name)
	}
	where := newField(header)
	where.element = element
	return where, nil
}

func (f *Format) compileTime() error {
	switch {
	case f.TimeFormat >= timeFormats:
		return fmt.Errorf("TimeFormat %d is not one of those that there are", f.TimeFormat)
	case !f.stamp.present() && (f.Tolerance != 0 || f.TimeFormat != 0):
		return errors.New("a Tolerance or TimeFormat needs a Timestamp")
	case f.stamp.present() && f.Tolerance <= 0 && f.Tolerance != NoWindow:
		return errors.New("a Timestamp needs a Tolerance, or NoWindow")
	case f.stamp.element != "" && f.separates(timeAlphabet(f.TimeFormat)):
		return fmt.Errorf("the Separator %q can be part of a time in this TimeFormat, and the Timestamp is an element", f.Separator)
	}
	return nil
}

// separates reports whether what stands between elements, or groups of them, can be one of these characters.
func (f *Format) separates(alphabet string) bool {
	between := f.separator
	if between == "" || f.Groups {
		between += blanks
	}
	return strings.ContainsAny(between, alphabet)
}

// isHeaderName reports whether s is a token (RFC 9110, section 5.6.2) and not Host, which net/http keeps out of Header.
func isHeaderName(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~"+letters) == "" && http.CanonicalHeaderKey(s) != "Host"
}

// Windowed reports whether the time is judged.
func (f *Format) Windowed() bool { return f.stamp.present() && f.Tolerance != NoWindow }

// Signs reports which of the two fields of a Head are signed.
func (f *Format) Signs() (id, timestamp bool) { return f.id.present(), f.stamp.present() }

// SignedHeaders returns the canonical names of the headers whose values are signed.
func (f *Format) SignedHeaders() (names []string) {
	for _, where := range append([]field{f.id, f.stamp}, f.named...) {
		if where.present() {
			names = append(names, where.header)
		}
	}
	return names
}

// Headers returns the canonical names of the headers that may hold signatures. The slice is read-only.
func (f *Format) Headers() []string {
	names := make([]string, len(f.headers))
	for i := range names {
		names[i] = f.headers[i].header
	}
	return names
}
