package hmacsig

import (
	"crypto"
	"errors"
	"fmt"
	"strings"
	"time"

	_ "crypto/sha1" // the hashes that a Scheme can name
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/truhook/truhook/internal/form"
	"github.com/truhook/truhook/internal/secrettext"
)

// Encoding is how a signature is written in its header. The zero value is Hex. Every encoding is read strictly: no
// blank, no line break, no bits that are left over.
type Encoding uint8

const (
	Hex       Encoding = iota // RFC 4648, section 8, digits in either case
	Base64                    // RFC 4648, section 4, with padding
	Base64URL                 // RFC 4648, section 5, without padding
)

// TimeFormat is how the signed time is written. The zero value is UnixSeconds. The text as sent is what is signed; the
// instant that it says is used for the Tolerance only.
type TimeFormat uint8

const (
	UnixSeconds TimeFormat = iota // 10 digits; up to 11 where the constants beside it delimit them
	UnixMillis                    // 13 digits
	UnixAny                       // 10 digits of seconds or 13 of milliseconds, told apart by their number
	RFC3339                       // "2026-03-02T12:00:00.123Z": up to 9 digits of fraction, Z or an offset
	UTCDateTime                   // "2026-03-02T12:00:00.123": RFC 3339 without an offset, in UTC; a Z may follow
	HTTPDate                      // "Mon, 02 Mar 2026 12:00:00 GMT" (RFC 9110, section 5.6.7, IMF-fixdate)
)

// NoWindow is the Tolerance of a scheme whose time is signed but not judged, for providers that send again with the
// time of the first attempt, or whose unit nobody documents. A captured request then verifies for as long as its key:
// package idempotency is the only guard, and Audit says so.
const NoWindow time.Duration = -1 << 63

// Scheme describes how a provider signs: comparable data, no code. It is safe for concurrent use.
//
// Name and Header are required. What is left zero is the commonest case: one hex HMAC-SHA256 of the body. The zero
// Scheme is rejected by [New].
type Scheme struct {
	// Name stands in proofs, errors and metrics.
	Name string

	// Header is the name of the header that holds the signature. Several names stand with commas between, and "{n}"
	// stands for the numbers 1 to 8: "Box-Signature-Primary, Box-Signature-Secondary", "X-DocuSign-Signature-{n}". Any
	// of them may hold a signature and any may be absent, but not all. Each may come once.
	Header string

	// Prefix stands before each signature, such as "sha256=" or "v1,". It is compared exactly. With a Separator, the
	// elements that do not begin with it are other versions, and are passed over.
	Prefix string

	// Separator stands between the elements of a header that may hold several signatures, such as "," or " ". Blanks and
	// tabs around an element do not count. An element that is no whole signature is passed over if another one is. Empty:
	// the header is exactly one signature and nothing else. At most 8 signatures are looked at, in all headers together; a
	// delivery with more is rejected.
	Separator string

	// Groups says that blanks divide the header into whole lists, each with its own time and signatures, as Persona sends
	// "t=…,v1=… t=…,v1=…" while a secret rotates. It needs a Separator that is no blank and a Timestamp that is an element
	// of Header. At most 4 are looked at.
	Groups bool

	// Encoding is Hex, Base64 or Base64URL.
	Encoding Encoding

	// Hash is SHA1, SHA256, SHA384 or SHA512 of package crypto. Zero means SHA256. Nothing on the wire chooses it.
	Hash crypto.Hash

	// Content is what is signed: a template of constants and of
	//
	//	{body}         the body, as it arrived
	//	{id}           the text of ID
	//	{timestamp}    the text of Timestamp, as sent; {time} is the same
	//	{method}       the method of the request
	//	{url}          Config.URL, the public URL as registered with the provider; never the Host that was sent
	//	{header:Name}  the text of one more header
	//
	// Empty means "{body}". Two examples: "v0:{timestamp}:{body}", "{method}{url}{body}{timestamp}".
	//
	// [New] accepts a template only if one signed text has one reading. Parts are cut from the left up to {body} and from
	// the right down to it. {timestamp} delimits itself in most formats; an {id} needs an IDLength or a constant on its
	// side toward {body}, {header:Name} and {method} need that constant. Deliveries whose id or header holds the constant
	// are rejected. Right in front of a {timestamp} in RFC3339 or UTCDateTime an {id} needs neither, and may not hold a
	// colon. The error of New says what is missing.
	Content string

	// ID and Timestamp name the headers that {id} and {timestamp} come from. "Stripe-Signature#t" is the element "t=" of a
	// header whose elements stand between Separators. Each is required if Content names it, and an error if not, as it
	// would prove nothing.
	ID, Timestamp string

	// IDLength is the exact number of characters of the id, such as 36 for a UUID. Zero means any number.
	IDLength int

	// TimeFormat is how the Timestamp is written.
	TimeFormat TimeFormat

	// Tolerance is how far the Timestamp may lie from the time of receipt, to both sides, both inclusive. It is required
	// with Timestamp; NoWindow turns it off.
	Tolerance time.Duration

	// KeyText is how the provider writes its secrets.
	KeyText KeyText
}

// Message is what is signed. As Detail of a proof it carries the ID and Time that were signed, if the scheme signs any,
// and nothing else. The zero Message is an empty body without id and time.
type Message struct {
	ID          string    // the text of the scheme's ID
	Time        time.Time // of the scheme's Timestamp, in the precision of its TimeFormat
	Body        []byte    // what Sign signs; nil in a proof
	Method, URL string    // what Sign signs where the scheme does; empty in a proof
}

// format is a Scheme that was found to be sound, ready for use.
type format struct {
	*form.Format
	hash    crypto.Hash
	size    int // bytes of the MAC
	keyText KeyText

	plain   bool   // one hex signature of nothing but the body, in one header
	header  string // of a plain scheme, canonical
	prefix  string
	encoded int // characters of the header of a plain scheme
}

func (s Scheme) compile(url string) (*format, error) {
	if s.Name == "" {
		return nil, errors.New("hmacsig: the scheme has no Name")
	}
	f := &format{hash: s.Hash, keyText: s.KeyText, prefix: s.Prefix}
	if f.hash == 0 {
		f.hash = crypto.SHA256
	}
	switch f.hash {
	case crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512:
		f.size = f.hash.Size()
	default:
		return nil, s.unsound(fmt.Errorf("the Hash %v is none of SHA1, SHA256, SHA384 and SHA512", s.Hash))
	}
	if err := s.KeyText.check(); err != nil {
		return nil, s.unsound(err)
	}
	var err error
	f.Format, err = form.Compile(form.Spec{
		Name: s.Name, Header: s.Header, Prefix: s.Prefix, Separator: s.Separator, Groups: s.Groups,
		Encoding: form.Encoding(s.Encoding), Content: s.Content, ID: s.ID, IDLength: s.IDLength,
		Timestamp: s.Timestamp, TimeFormat: form.TimeFormat(s.TimeFormat), Tolerance: s.Tolerance,
		URL: url, MinSignature: f.size, MaxSignature: f.size,
	})
	if err != nil {
		return nil, s.unsound(err)
	}
	headers := f.Headers()
	f.header, f.encoded = headers[0], len(s.Prefix)+2*f.size
	f.plain = s.Separator == "" && s.Encoding == Hex && f.BodyOnly() && len(headers) == 1
	return f, nil
}

func (s Scheme) unsound(err error) error {
	return fmt.Errorf("hmacsig: scheme %q: %w", s.Name, err)
}

// NewKey returns the key that text says, which is written as KeyText describes: what is decoded there is decoded, and
// a text that is not of that form is an error. Everything else is as for the function [NewKey].
func (s Scheme) NewKey(id, text string) (Key, error) {
	if err := secrettext.Check(text); err != nil {
		return Key{}, keyError(id, text, err)
	}
	decoded, err := s.KeyText.Decode(text)
	if err != nil {
		return Key{}, keyError(id, text, err)
	}
	return newKey(id, decoded)
}

// NewKeys is the function [NewKeys] for secrets that are written as KeyText describes.
func (s Scheme) NewKeys(current string, previous ...string) ([]Key, error) {
	return newKeys(s.NewKey, current, previous)
}

// prefixOf returns the one of several prefixes, with blanks between, that text begins with.
func prefixOf(text, prefixes string) string {
	for prefix := range strings.FieldsSeq(prefixes) {
		if strings.HasPrefix(text, prefix) {
			return prefix
		}
	}
	return ""
}
