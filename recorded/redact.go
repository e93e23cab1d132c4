package recorded

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// A SignFunc signs d anew under the test key: it sets the signature in d.Header, and may replace d.Body where the
// content is to be encrypted. d is the recording's own, to be changed freely; Header holds what is kept, Body the
// content that is left after redaction. For the HMAC providers it is one line:
//
//	func(d *truhook.Delivery) error { return truv.Scheme().Sign(d.Header, key, hmacsig.Message{Body: d.Body}) }
type SignFunc func(d *truhook.Delivery) error

// RedactorConfig holds what a [Redactor] may leave out. The zero value is the strict one: no header field of the
// sender's but Content-Type and User-Agent, and no value of the JSON body at all.
type RedactorConfig struct {
	_ [0]func()

	// Fields are the names of the JSON members whose values are replaced, at any depth and in any letter case; all
	// others stay. It needs care whenever the provider adds a member. At most one of Fields and Keep may be set.
	Fields []string

	// Keep are the names of the JSON members whose values stay, at any depth and in any letter case; all others are
	// replaced. A member that holds an object keeps only what is named inside that object. Names always stay.
	Keep []string

	// Headers are names of further header fields that stay. Those that carry credentials or the address of a person,
	// such as Authorization, Cookie and X-Forwarded-For, are an error of [NewRedactor].
	Headers []string

	// Target is the request target to write, as the received one may hold a token. Empty: "/webhooks/" and the provider.
	Target string
}

// A Redactor makes deliveries fit to be published. It is safe for concurrent use if its SignFunc is. The zero Redactor
// refuses to redact.
type Redactor struct {
	key     Secret
	sign    SignFunc
	headers []string
	fields  map[string]bool
	keep    map[string]bool // nil: fields decides
	target  string
}

// NewRedactor returns a [Redactor] that signs by sign, under the test key that it writes into the files. An empty key
// or name, both Fields and Keep, and a header field that must not be kept are errors; a nil sign panics.
func NewRedactor(key Secret, sign SignFunc, cfg RedactorConfig) (*Redactor, error) {
	if sign == nil {
		panic("recorded: NewRedactor: sign is nil")
	}
	r := &Redactor{key: key, sign: sign, headers: []string{"Content-Type", "User-Agent"}, target: cfg.Target}
	probe := File{Provider: "probe", Secrets: []Secret{key}, Wire: []byte("probe")}
	if err := probe.check(); err != nil {
		return nil, fmt.Errorf("recorded: the test key: %w", err)
	}
	if len(cfg.Fields) > 0 && len(cfg.Keep) > 0 {
		return nil, errors.New("recorded: both Fields and Keep are set")
	}
	if strings.ContainsFunc(r.target, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("recorded: the target is not one of RFC 9112, section 3.2")
	}
	for _, name := range cfg.Headers {
		name = textproto.CanonicalMIMEHeaderKey(name)
		if name == "" || slices.Contains(neverKept, name) {
			return nil, fmt.Errorf("recorded: header %q must not be kept", name)
		}
		r.headers = append(r.headers, name)
	}
	var err error
	if r.fields, err = names(cfg.Fields); err != nil {
		return nil, err
	}
	if len(cfg.Fields) > 0 {
		return r, nil
	}
	if r.keep, err = names(cfg.Keep); err != nil {
		return nil, err
	}
	return r, nil
}

// neverKept are fields that carry credentials, the sender's or a proxy's word on who a client is, or that frame the
// message, which is framed anew.
var neverKept = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Forwarded", "X-Forwarded-For", "X-Real-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain",
	"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection",
}

var errProvider = errors.New("the provider must be of lower-case letters, digits and dashes")

// isName holds the provider to what is safe in a file name and a request target.
func isName(provider string) bool {
	return provider != "" && !strings.ContainsFunc(provider, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-'
	})
}

func names(list []string) (map[string]bool, error) {
	set := make(map[string]bool, len(list))
	for _, name := range list {
		if name == "" {
			return nil, errors.New("recorded: the name of a member is empty")
		}
		set[strings.ToLower(name)] = true
	}
	return set, nil
}

// Redact returns f without what could identify a person or open a door: see the package comment. The result holds the
// test key alone, and has About, Provider and Now of f, which are yours to keep clean.
//
// The result is signed anew, so it expects to be accepted, whatever f was refused with: it is a genuine delivery of the
// same form. About then says so. To keep a refusal as a test, keep the captured file itself; see [File.Request].
//
// It fails where the body is neither empty nor JSON (RFC 8259), as nothing can be said about such a body, where sign
// fails, and where a removed value of eight bytes or more, or a secret of f, is still found in the result.
func (r *Redactor) Redact(f *File) (*File, error) {
	d, err := f.Delivery()
	if err != nil {
		return nil, err
	}
	out, err := r.redact(f.Provider, d)
	if err != nil {
		return nil, fmt.Errorf("recorded: redact: %w", err)
	}
	for _, s := range f.Secrets {
		if s.Value != r.key.Value && bytes.Contains(out.Wire, []byte(s.Value)) {
			return nil, errors.New("recorded: redact: a secret is still in the result")
		}
	}
	out.About = f.About
	if f.Expect != "" {
		out.About = strings.TrimPrefix(fmt.Sprintf("%s; it was %s, and is accepted since it was redacted and signed anew",
			f.About, truhook.ReasonOf(f.Expect)), "; ")
	}
	return out, nil
}

func (r *Redactor) redact(provider string, d *truhook.Delivery) (*File, error) {
	if r == nil || r.sign == nil {
		return nil, errors.New("a zero Redactor")
	}
	if !isName(provider) {
		return nil, errProvider
	}
	clean := &truhook.Delivery{
		Method: d.Method, RequestURI: r.target, Host: "receiver.example", Header: http.Header{}, Received: d.Received,
	}
	if clean.RequestURI == "" {
		clean.RequestURI = "/webhooks/" + provider
	}
	var gone removed
	for name, values := range d.Header {
		if slices.Contains(r.headers, name) {
			clean.Header[name] = slices.Clone(values)
		} else if !framing(name) {
			gone.add("header "+name, values...)
		}
	}
	if _, query, ok := strings.Cut(d.RequestURI, "?"); ok {
		gone.addQuery(query)
	}
	var err error
	if clean.Body, err = r.redactJSON(d.Body, &gone); err != nil {
		return nil, err
	}
	content := clean.Body
	if err := r.sign(clean); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	out := &File{
		Provider: provider, Now: d.Received.UTC(), Secrets: []Secret{r.key}, Wire: wire(clean),
		MadeBy: "re-signed under a key made for tests", Redacted: r.describe(),
	}
	if err := gone.in(clean, content); err != nil {
		return nil, err
	}
	return out, nil
}

// framing reports fields that net/http takes from every request and whose values say nothing.
func framing(name string) bool {
	return name == "Content-Length" || name == "Accept-Encoding" || name == "Accept" || name == "Connection"
}

func (r *Redactor) describe() string {
	list := func(set map[string]bool) string {
		sorted := make([]string, 0, len(set))
		for name := range set {
			sorted = append(sorted, name)
		}
		slices.Sort(sorted)
		return strings.Join(sorted, ", ")
	}
	values := "values of " + list(r.fields)
	switch {
	case r.keep != nil && len(r.keep) == 0:
		values = "all values of the body"
	case r.keep != nil:
		values = "values of the body but " + list(r.keep)
	}
	return values + "; request target; header fields but " + strings.Join(r.headers, ", ")
}

func wire(d *truhook.Delivery) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", d.Method, d.RequestURI, d.Host)
	_ = d.Header.Write(&b) // to memory
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(d.Body))
	b.Write(d.Body)
	return b.Bytes()
}
