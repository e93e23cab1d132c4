package form

import "time"

// Encoding is how a signature is written.
type Encoding uint8

const (
	Hex       Encoding = iota // RFC 4648, section 8, digits in either case
	Base64                    // RFC 4648, section 4, padded
	Base64URL                 // RFC 4648, section 5, without padding
)

// TimeFormat is how a time is written.
type TimeFormat uint8

const (
	UnixSeconds TimeFormat = iota // 10 digits; up to 11 where a constant delimits them
	UnixMillis                    // 13 digits
	UnixAny                       // 10 digits of seconds or 13 of milliseconds
	RFC3339                       // "2026-03-02T12:00:00.123Z", with up to 9 digits of fraction, Z or an offset
	UTCDateTime                   // "2026-03-02T12:00:00.123": RFC 3339 without an offset, or with Z
	HTTPDate                      // "Mon, 02 Mar 2026 12:00:00 GMT" (RFC 9110, section 5.6.7, IMF-fixdate)
	timeFormats
)

// NoWindow is the Tolerance of a scheme whose time is signed but not judged.
const NoWindow time.Duration = -1 << 63

// Spec is a scheme's form. The fields are those of hmacsig.Scheme.
type Spec struct {
	Name       string
	Header     string
	Prefix     string
	Separator  string
	Groups     bool
	Encoding   Encoding
	Content    string
	ID         string
	IDLength   int
	Timestamp  string
	TimeFormat TimeFormat
	Tolerance  time.Duration

	URL                        string // what {url} stands for
	MinSignature, MaxSignature int    // bytes of a decoded signature
}

// Limits of what is read.
const (
	MaxSignatures = 8       // in all headers of a delivery together
	maxGroups     = 4       // lists in one header
	maxHeader     = 4 << 10 // bytes of one header
	maxNamed      = 4       // further signed headers
)
