package hmacsig

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	_ "crypto/sha1" // the hashes that a Scheme can name
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// Encoding is how a signature is written in its header. The zero value is Hex.
type Encoding uint8

const (
	Hex    Encoding = iota // RFC 4648, section 8, digits in either case
	Base64                 // RFC 4648, section 4, padded, and strict about the bits that are left over
)

// Scheme describes how a provider signs: comparable data, no code. It is safe for concurrent use.
//
// Name and Header are required; what is left zero is the commonest case, one hex HMAC-SHA256 of the body. The zero
// Scheme is refused by [New].
type Scheme struct {
	// Name stands in proofs, errors and metrics.
	Name string

	// Header is the name of the header that holds the signature.
	Header string

	// Prefix stands before each signature, such as "sha256=" or "v1,". It is compared exactly. With a Separator, the
	// elements that do not begin with it are other versions, and are passed over.
	Prefix string

	// Separator stands between several signatures in Header. Empty: the header is exactly one signature and nothing
	// else. At most 8 signatures are looked at; a header with more is refused.
	Separator string

	// Encoding is Hex or Base64.
	Encoding Encoding

	// Hash is SHA1, SHA256, SHA384 or SHA512 of package crypto. Zero means SHA256.
	Hash crypto.Hash

	// Content is what is signed: "{id}", "{timestamp}", "{body}" and literals, such as "v0:{timestamp}:{body}". Empty
	// means "{body}". {body} must stand at its end, and between two of the three there must be a literal, or a byte
	// could move from one to the other.
	Content string

	// ID and Timestamp name the headers that {id} and {timestamp} come from. "Stripe-Signature#t" is the element "t="
	// of a header whose elements stand between Separators. Each is required if Content names it, and refused if not, as
	// what is not signed proves nothing.
	ID, Timestamp string

	// Tolerance is how far the timestamp, in Unix seconds, may lie from the time of receipt, to both sides. It is
	// required with Timestamp.
	Tolerance time.Duration
}

// Message is what is signed. As Detail of a proof it carries the ID and Time that were signed, if the scheme signs any,
// and no Body. The zero Message is an empty body without id and time.
type Message struct {
	ID   string
	Time time.Time // whole seconds
	Body []byte
}

// part is one piece of the signed text: a literal, or what a placeholder stands for.
type part struct {
	kind    partKind
	literal string
}

type partKind uint8

const (
	literalPart partKind = iota
	idPart
	timestampPart
	bodyPart
)

// format is a Scheme that was found to be sound, ready for use.
type format struct {
	Scheme
	parts     []part
	id, stamp field
	header    string // canonical
	size      int    // bytes of the MAC
	encoded   int    // characters of one signature, prefix included
}

// field is where an id or a timestamp stands: a header, or an element of it.
type field struct{ header, element string }

func (f field) present() bool { return f.header != "" }

func (s Scheme) compile() (*format, error) {
	f := &format{Scheme: s, header: http.CanonicalHeaderKey(s.Header)}
	fail := func(text string, args ...any) (*format, error) {
		return nil, fmt.Errorf("hmacsig: scheme %q: "+text, append([]any{s.Name}, args...)...)
	}
	if s.Name == "" {
		return nil, errors.New("hmacsig: the scheme has no Name")
	}
	if !isToken(s.Header) || f.header == "Host" {
		return fail("Header %q is not the name of a header", s.Header)
	}
	if f.Hash == 0 {
		f.Hash = crypto.SHA256
	}
	switch f.Hash {
	case crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512:
		f.size = f.Hash.Size()
	default:
		return fail("Hash %v is none of SHA1, SHA256, SHA384 and SHA512", s.Hash)
	}
	switch s.Encoding {
	case Hex:
		f.encoded = hex.EncodedLen(f.size)
	case Base64:
		f.encoded = base64.StdEncoding.EncodedLen(f.size)
	default:
		return fail("Encoding %d is neither Hex nor Base64", s.Encoding)
	}
	f.encoded += len(s.Prefix)
	if s.Separator != "" && strings.Contains(s.Prefix, s.Separator) {
		return fail("Prefix %q contains the Separator", s.Prefix)
	}
	if err := f.compileContent(); err != nil {
		return fail("%w", err)
	}
	return f, nil
}

func (f *format) compileContent() error {
	if f.Content == "" {
		f.Content = "{body}"
	}
	seen := map[partKind]bool{}
	for rest := f.Content; rest != ""; {
		literal, after, found := strings.Cut(rest, "{")
		if literal != "" {
			f.parts = append(f.parts, part{literalPart, literal})
		}
		if !found {
			break
		}
		name, after, found := strings.Cut(after, "}")
		kind, known := map[string]partKind{"id": idPart, "timestamp": timestampPart, "body": bodyPart}[name]
		switch {
		case !found || !known:
			return fmt.Errorf("the Content %q has a placeholder that is none of {id}, {timestamp} and {body}", f.Content)
		case seen[kind]:
			return fmt.Errorf("the Content %q has {%s} twice", f.Content, name)
		case len(f.parts) > 0 && f.parts[len(f.parts)-1].kind != literalPart:
			return fmt.Errorf("the Content %q has nothing between two placeholders, so a byte could move across", f.Content)
		}
		seen[kind] = true
		f.parts = append(f.parts, part{kind: kind})
		rest = after
	}
	if !seen[bodyPart] {
		return fmt.Errorf("the Content %q does not hold {body}", f.Content)
	}
	if f.parts[len(f.parts)-1].kind != bodyPart {
		return fmt.Errorf("the Content %q does not end with {body}, so the body could run into what follows", f.Content)
	}
	for i := range f.parts {
		if f.parts[i].kind == timestampPart && strings.ContainsAny(f.parts[i+1].literal[:1], "0123456789") {
			return fmt.Errorf("the Content %q has a digit behind {timestamp}, which it could be part of", f.Content)
		}
	}
	var err error
	if f.id, err = f.compileField("ID", f.ID, seen[idPart]); err != nil {
		return err
	}
	if f.stamp, err = f.compileField("Timestamp", f.Timestamp, seen[timestampPart]); err != nil {
		return err
	}
	switch {
	case f.stamp.present() && f.Tolerance <= 0:
		return errors.New("a Timestamp needs a Tolerance")
	case !f.stamp.present() && f.Tolerance != 0:
		return errors.New("a Tolerance needs a Timestamp")
	}
	return nil
}

func (f *format) compileField(what, name string, signed bool) (field, error) {
	header, element, inElement := strings.Cut(name, "#")
	switch {
	case name == "" && signed:
		return field{}, fmt.Errorf("the Content holds {%s}, but %s names no header", strings.ToLower(what), what)
	case name == "":
		return field{}, nil
	case !signed:
		return field{}, fmt.Errorf("the %s is not in Content: what is not signed proves nothing", what)
	case !isToken(header) || http.CanonicalHeaderKey(header) == "Host":
		return field{}, fmt.Errorf("the %s %q does not name a header", what, name)
	case inElement && (element == "" || f.Separator == ""):
		return field{}, fmt.Errorf("the %s %q names an element, which needs a name and a Separator", what, name)
	}
	return field{http.CanonicalHeaderKey(header), element}, nil
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2), as names of headers are.
func isToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
