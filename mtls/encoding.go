package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"github.com/truhook/truhook"
)

// An Encoding says how a header holds certificates. The zero Encoding is none.
//
// EscapedPEM, PEM and DER read one another's forms, because nobody can mistake them, and the forms that versions and
// settings of proxies make of them: in double quotes (HAProxy's +Q), escaped as a query (Traefik before 2.9.4), base64
// in lines of 64 or 76 characters, base64url without padding (HAProxy's ub64enc), and hexadecimal (HAProxy's hex).
// Every other form is MalformedCertificate, and the text of the error names the setting to change.
type Encoding int

const (
	// EscapedPEM is PEM with percent-encoding, in letters of either case, with "+", "/" and "=" escaped or not: nginx's
	// $ssl_client_escaped_cert, Apache's %{escape:...}, AWS load balancers, CloudFront.
	EscapedPEM Encoding = iota + 1

	// PEM is PEM in one line, spaces in the place of line breaks: Apache's %{SSL_CLIENT_CERT}s, nginx's $ssl_client_cert.
	PEM

	// DER is base64 of DER, where several certificates follow one another inside the base64 or are separated by commas:
	// HAProxy's ssl_c_der,base64 and ssl_c_chain_der,base64, Caddy's certificate_der_base64, Traefik.
	DER

	// RFC9440 is base64 of DER between colons; in the Chain header a list of these (RFC 9440, sections 2.2 and 2.3). No
	// other form is read, as the standard allows none.
	RFC9440

	// XFCC is Envoy's x-forwarded-client-cert with the key Hash and at least one of Cert and Chain.
	XFCC

	// InsecureSubjectText is no certificate, but its subject in the form of RFC 4514: the last resort for a proxy that
	// can forward nothing else. The chain, its validity and its usage are the proxy's word, as Verified must say. Only
	// [Subjects] without roots goes with it. The slash form is refused, as HAProxy's can be forged.
	InsecureSubjectText
)

func (e Encoding) valid() bool { return e >= EscapedPEM && e <= InsecureSubjectText }

// decode returns the certificates that value holds, at least one; nil stands for one that crypto/x509 cannot read,
// which may be a root that nobody needs. leaf says that it is the client's own header.
func (e Encoding) decode(value string, leaf bool) ([]*x509.Certificate, error) {
	switch e {
	case EscapedPEM, PEM, DER:
		return decodeAny(value)
	case RFC9440:
		return decodeRFC9440(value, leaf)
	case XFCC:
		return decodeXFCC(value)
	}
	return nil, malformed("there is no certificate in this encoding")
}

func malformed(text string) error { return refuse(truhook.MalformedCertificate, text) }

const (
	pemBegin = "-----BEGIN CERTIFICATE-----"
	pemEnd   = "-----END CERTIFICATE-----"
	space    = " \t\r\n"
)

// decodeAny reads each form that the comment of [Encoding] lists, whatever Encoding is set.
func decodeAny(value string) ([]*x509.Certificate, error) {
	text := unquote(value)
	for range 2 { // a second proxy may escape what the first one escaped
		if !strings.Contains(text, "%") {
			break
		}
		var err error
		if text, err = unescapeURL(text); err != nil {
			return nil, malformed("the percent-encoding is broken")
		}
	}
	switch {
	case strings.HasPrefix(strings.TrimLeft(text, space), pemBegin):
		return decodePEM(text)
	case isHex(text):
		der, err := hex.DecodeString(text)
		if err != nil {
			return nil, malformed("the hexadecimal is broken")
		}
		return appendCertificates(nil, der)
	case strings.HasPrefix(text, ":"):
		return nil, malformed("it is a byte sequence of RFC 9440: set the Encoding RFC9440")
	case isXFCC(text):
		return nil, malformed("it is Envoy's x-forwarded-client-cert: take FromEnvoy, or set the Encoding XFCC")
	case looksLikeSubject(text):
		return nil, malformed("it is a subject and no certificate: have the proxy forward the certificate")
	case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return nil, malformed("it is JSON: have the proxy forward the certificate alone")
	}
	if strings.Count(text, ",") >= maxSent { // before there is a list of as many as somebody likes
		return nil, tooManySent()
	}
	return decodeDER(strings.Split(text, ","))
}

// unescapeURL undoes percent-encoding. A bare "+" stays, as Apache and AWS leave it bare, except where the form of a
// query is certain: its blank is a "+" and its "+" is escaped.
func unescapeURL(text string) (string, error) {
	if strings.HasPrefix(text, "-----BEGIN+CERTIFICATE-----") {
		return url.QueryUnescape(text)
	}
	return url.PathUnescape(text)
}

// unquote returns value without the one pair of double quotes around it, if there is one.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// isHex reports whether text is a DER sequence in hexadecimal. The base64 of one begins with "M".
func isHex(text string) bool {
	return strings.HasPrefix(text, "30") && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

func looksLikeSubject(text string) bool {
	return strings.HasPrefix(text, "/C") || strings.HasPrefix(text, "Subject=") || strings.Contains(text, "CN=")
}

// decodePEM is not encoding/pem, which wants line breaks and skips what it does not understand.
func decodePEM(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	text = strings.ReplaceAll(text, `\n`, "\n") // as JSON and some template languages spell a line end
	for text = strings.Trim(text, space); text != ""; text = strings.TrimLeft(text, space) {
		rest, begun := strings.CutPrefix(text, pemBegin)
		body, after, ended := strings.Cut(rest, pemEnd)
		if !begun || !ended {
			return nil, malformed("the PEM is broken")
		}
		one, err := decodeBase64(strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(body))
		if err != nil {
			return nil, err
		}
		if all, err = appendCertificates(all, one); err != nil {
			return nil, err
		}
		text = after
	}
	if len(all) == 0 {
		return nil, malformed("the PEM is empty")
	}
	return all, nil
}

func decodeDER(parts []string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for _, part := range parts {
		der, err := decodeBase64(joinLines(part))
		if err != nil {
			return nil, err
		}
		if all, err = appendCertificates(all, der); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// joinLines returns base64 without its line breaks, if it is in the lines of PEM (64 characters, RFC 7468, section 2)
// or MIME (76, RFC 2045, section 6.8), and anything else as it is. A proxy may have made a blank of a line break.
func joinLines(text string) string {
	var joined strings.Builder
	width, last, n := 0, 0, 0
	isSpace := func(r rune) bool { return strings.ContainsRune(space, r) }
	for line := range strings.FieldsFuncSeq(strings.ReplaceAll(text, `\n`, "\n"), isSpace) {
		if n == 0 {
			width, last = len(line), len(line)
		}
		if width != 64 && width != 76 || last != width || len(line) > width { // only the last line may be shorter
			return text
		}
		if n == 0 {
			joined.Grow(len(text))
		}
		last = len(line)
		joined.WriteString(line)
		n++
	}
	if n < 2 {
		return text
	}
	return joined.String()
}

// decodeRFC9440 takes byte sequences without parameters, as RFC 9440 defines none.
func decodeRFC9440(value string, leaf bool) ([]*x509.Certificate, error) {
	switch commas := strings.Count(value, ","); {
	case leaf && commas > 0: // Apache merges the lines of a header into one (facts recorded in testdata)
		return nil, refuse(truhook.DuplicateHeader, "two certificates in a header for one")
	case commas >= maxSent:
		return nil, tooManySent()
	}
	parts := strings.Split(value, ",")
	for i, part := range parts {
		part = strings.Trim(part, " \t")
		if len(part) < 2 || part[0] != ':' || part[len(part)-1] != ':' {
			return nil, malformed("it is no byte sequence of RFC 9440: set the Encoding DER or PEM if the proxy writes base64 or PEM")
		}
		parts[i] = part[1 : len(part)-1]
	}
	certificates, err := decodeDER(parts)
	if err == nil && len(certificates) != len(parts) {
		return nil, malformed("a byte sequence holds several certificates")
	}
	return certificates, err
}

// decodeBase64 is strict about padding, spare bits and, unlike encoding/base64, about line breaks.
func decodeBase64(text string) ([]byte, error) {
	if text == "" || strings.ContainsAny(text, "\r\n") {
		return nil, malformed("the base64 is empty or broken")
	}
	encoding := base64.StdEncoding
	if strings.ContainsAny(text, "-_") && !strings.ContainsAny(text, "+/=") {
		encoding = base64.RawURLEncoding
	}
	der, err := encoding.Strict().DecodeString(text)
	if err != nil {
		return nil, malformed("the base64 is broken: does the header fit into the proxy's buffers?")
	}
	return der, nil
}

// appendCertificates reads the certificates that follow one another in der, nil for what cannot be read. x509's errors
// hold what the client wrote into the certificate, so their text goes no further.
func appendCertificates(all []*x509.Certificate, der []byte) ([]*x509.Certificate, error) {
	for len(der) > 0 {
		if len(all) == maxSent {
			return nil, tooManySent()
		}
		var one asn1.RawValue
		rest, err := asn1.Unmarshal(der, &one)
		if err != nil {
			return nil, malformed(unreadable)
		}
		c, err := x509.ParseCertificate(one.FullBytes)
		if err != nil {
			c = nil
		}
		all, der = append(all, c), rest
	}
	return all, nil
}

const unreadable = "it is not a certificate that can be read"

// readable returns those of certificates that could be read, and whether they are all. The client's own has to be.
func readable(certificates []*x509.Certificate) (read []*x509.Certificate, all bool, err error) {
	if certificates[0] == nil {
		return nil, false, malformed(unreadable)
	}
	for _, c := range certificates {
		if c != nil {
			read = append(read, c)
		}
	}
	return read, len(read) == len(certificates), nil
}
