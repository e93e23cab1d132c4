package mtls

import (
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/truhook/truhook"
)

// An Encoding says how a header holds certificates. The zero Encoding is none.
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

	// RFC9440 is base64 of DER between colons; in the Chain header a list of these (RFC 9440, sections 2.2 and 2.3).
	RFC9440

	// XFCC is Envoy's x-forwarded-client-cert with the keys Hash and Cert, and perhaps Chain.
	XFCC

	// InsecureSubjectText is no certificate, but its subject in the form of RFC 4514: the last resort for a proxy that
	// can forward nothing else. The chain, its validity and its usage are the proxy's word, as Verified must say. Only
	// [Subjects] without roots goes with it. The slash form is refused, as HAProxy's can be forged.
	InsecureSubjectText
)

func (e Encoding) valid() bool { return e >= EscapedPEM && e <= InsecureSubjectText }

// decode returns the certificates that value holds, at least one. leaf says that it is the client's own header.
func (e Encoding) decode(value string, leaf bool) ([]*x509.Certificate, error) {
	switch e {
	case EscapedPEM:
		// Path rules, as Apache and AWS leave "+" bare and form rules would make a space of it.
		unescaped, err := url.PathUnescape(value)
		if err != nil {
			return nil, malformed("the percent-encoding is broken")
		}
		return decodePEM(unescaped)
	case PEM:
		return decodePEM(value)
	case DER:
		return decodeDER(strings.Split(value, ","))
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

// decodePEM is not encoding/pem, which wants line breaks and skips what it does not understand.
func decodePEM(text string) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
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
		der, err := decodeBase64(part)
		if err != nil {
			return nil, err
		}
		if all, err = appendCertificates(all, der); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// decodeRFC9440 takes byte sequences without parameters, as RFC 9440 defines none.
func decodeRFC9440(value string, leaf bool) ([]*x509.Certificate, error) {
	parts := strings.Split(value, ",")
	if leaf && len(parts) > 1 {
		// Apache merges the lines of a header into one (facts recorded in testdata).
		return nil, refuse(truhook.DuplicateHeader, "two certificates in a header for one")
	}
	for i, part := range parts {
		part = strings.Trim(part, " \t")
		if len(part) < 2 || part[0] != ':' || part[len(part)-1] != ':' {
			return nil, malformed("it is not a byte sequence of RFC 9440")
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
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, malformed("the base64 is broken")
	}
	return der, nil
}

// appendCertificates keeps the text of x509's errors to itself: it holds what the client wrote into the certificate.
func appendCertificates(all []*x509.Certificate, der []byte) ([]*x509.Certificate, error) {
	certificates, err := x509.ParseCertificates(der)
	if err != nil || len(certificates) == 0 {
		return nil, malformed("it is not a certificate that can be read")
	}
	return append(all, certificates...), nil
}
