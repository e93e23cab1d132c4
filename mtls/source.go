package mtls

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// maxHeader bounds a header that has to be decoded, in bytes: three certificates of 4096-bit keys in escaped PEM fit.
const maxHeader = 32 << 10

// A Source says where the client's certificate is found. It is made by [FromTLS], [FromHeader] and the constructors
// named after proxies; what is wrong with their arguments is the error of [New], and so is a zero Source.
type Source struct {
	read     func(*truhook.Delivery) (presented, error)
	direct   bool // FromTLS
	insecure bool // InsecureSubjectText
	trusted  []netip.Prefix
	headers  *headers // nil: FromTLS
	err      error
}

// names returns the headers that a source reads, that of the certificate first.
func (s Source) names() []string {
	if s.headers == nil {
		return nil
	}
	if s.headers.form.Chain == "" {
		return []string{s.headers.form.Certificate}
	}
	return []string{s.headers.form.Certificate, s.headers.form.Chain}
}

// verifiedNames returns the headers by which the proxy says that it has verified.
func (s Source) verifiedNames() []string {
	if s.headers == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.headers.form.Verified))
}

// presented is what a source has found about the client.
type presented struct {
	decode     func() ([]*x509.Certificate, error) // the client's own first; nil only with InsecureSubjectText
	key        contentKey                          // of all that decode reads
	subject    Subject                             // set only where there is no certificate
	unverified error                               // the refusal, if the proxy does not say that it has verified the certificate
}

// FromTLS returns the source for a service that ends TLS itself: the connection's certificate. The handshake has proven
// that the client holds its key, and nothing else: any tls.ClientAuthType that asks for a certificate will do, from
// tls.RequestClientCert on, as the Verifier builds the chain itself. [Verifier.TLSConfig] refuses the wrong certificate
// in the handshake already. A delivery without TLS, or without a certificate, is NoClientCertificate.
func FromTLS() Source {
	return Source{direct: true, read: func(d *truhook.Delivery) (presented, error) {
		// Early data is a replay until the handshake is complete.
		if d.TLS == nil || !d.TLS.HandshakeComplete {
			return presented{}, noCertificate()
		}
		return fromConnection(d.TLS)
	}}
}

func fromConnection(state *tls.ConnectionState) (presented, error) {
	certificates := state.PeerCertificates
	switch {
	case len(certificates) == 0:
		return presented{}, noCertificate()
	case len(certificates) > maxSent:
		return presented{}, tooManySent()
	case slices.Contains(certificates, nil):
		return presented{}, malformed("a certificate of the connection is nil")
	}
	h := sha256.New()
	for _, c := range certificates {
		writeSized(h, c.Raw)
	}
	return presented{
		key:    contentKey(h.Sum(nil)),
		decode: func() ([]*x509.Certificate, error) { return slices.Clone(certificates), nil },
	}, nil
}

// writeSized writes b behind its length, so that no two sequences of b are written alike.
func writeSized(h hash.Hash, b []byte) {
	_, _ = h.Write(binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(len(b))))
	_, _ = h.Write(b)
}

// HeaderForm describes the headers by which a proxy passes a client certificate on. Every one of them is believed from
// a trusted proxy only, and must come in one line at most: a second line, and a header whose name differs only in
// writing underscores or dots for dashes, is DuplicateHeader. The zero HeaderForm is an error of [New].
type HeaderForm struct {
	_ [0]func()

	// Certificate is the header that holds the client's certificate in the given Encoding, possibly followed by its
	// chain. Both fields are required. An absent or empty header, "(null)", "<nil>", "::" and an unexpanded
	// {placeholder} all mean that there is no certificate, and so NoClientCertificate. More than 32 KiB is
	// HeaderTooLong; what cannot be decoded is MalformedCertificate. A certificate above the client's that is decoded and
	// cannot be read, as an old root with a negative serial number, is left out, here as in Chain.
	Certificate string
	Encoding    Encoding

	// Chain is the header that holds the intermediates in ChainEncoding, which is Encoding if it is zero. Empty: none is
	// sent. The header may be absent, as some proxies have no chain on a resumed session; see Config.Intermediates.
	Chain         string
	ChainEncoding Encoding

	// Verified has the headers, and their whole and exact values, by which the proxy says that it has verified the
	// certificate. If one is absent or different, a certificate that would pass is UntrustedCertificate. It is optional
	// where a certificate comes, as that is verified here, and required with InsecureSubjectText.
	Verified map[string]string

	single bool // Certificate holds one certificate only
}

// FromHeader returns the source for a service behind a proxy that ends TLS and writes headers of the given form.
// trusted are the addresses of the proxies that connect to this service; at least one is required, and a delivery from
// any other peer is UntrustedProxy, whatever headers it has. An IPv4-mapped IPv6 address counts as the IPv4 address
// that it is. A Unix socket has no address, so a proxy that connects over one is trusted only as
// truhook.Config.UnixPeer.
//
// The direct peer is Delivery.RemoteAddr, which has to be the connection's own. A middleware in front that overwrites
// it from a header, as chi's RealIP does, lets a client name its own address; a listener that takes it from the PROXY
// protocol hides the proxy, and everything is UntrustedProxy.
func FromHeader(trusted []netip.Prefix, form HeaderForm) Source {
	if err := validPrefixes(trusted); err != nil {
		return Source{err: err}
	}
	h, err := newHeaders(form)
	if err != nil {
		return Source{err: err}
	}
	fromProxy := truhook.RemoteAddrIn(trusted...)
	return Source{insecure: form.Encoding == InsecureSubjectText, trusted: slices.Clone(trusted), headers: h, read: func(d *truhook.Delivery) (presented, error) {
		if fromProxy.Run(context.Background(), d) != nil {
			return presented{}, refuse(truhook.UntrustedProxy, "the direct peer is not a trusted proxy")
		}
		return h.read(d.CanonicalHeader())
	}}
}

func validPrefixes(trusted []netip.Prefix) error {
	if len(trusted) == 0 {
		return errors.New("mtls: no trusted proxy is given")
	}
	for _, p := range trusted {
		if !p.IsValid() || p.Addr().Is4In6() && p.Bits() < 96 {
			return fmt.Errorf("mtls: %v is not the prefix of a proxy's address", p)
		}
	}
	return nil
}

// headers is a HeaderForm that was found valid.
type headers struct {
	form  HeaderForm
	names []string // every header that counts, canonical
}

func newHeaders(form HeaderForm) (*headers, error) {
	if form.ChainEncoding == 0 {
		form.ChainEncoding = form.Encoding
	}
	switch {
	case !form.Encoding.valid() || !form.ChainEncoding.valid():
		return nil, errors.New("mtls: the header's encoding is not one of this package")
	case form.Encoding == InsecureSubjectText && (len(form.Verified) == 0 || form.Chain != ""):
		return nil, errors.New("mtls: InsecureSubjectText needs Verified and has no chain")
	case form.Chain != "" && (form.ChainEncoding == XFCC || form.ChainEncoding == InsecureSubjectText):
		return nil, errors.New("mtls: a chain cannot have this encoding")
	}
	form.Certificate, form.Chain = http.CanonicalHeaderKey(form.Certificate), http.CanonicalHeaderKey(form.Chain)
	h := &headers{names: []string{form.Certificate}}
	if form.Chain != "" {
		h.names = append(h.names, form.Chain)
	}
	verified := make(map[string]string, len(form.Verified))
	for name, value := range form.Verified {
		if absent(value) {
			return nil, fmt.Errorf("mtls: header %q cannot say that a certificate was verified by being absent", name)
		}
		name = http.CanonicalHeaderKey(name)
		verified[name] = value
		h.names = append(h.names, name)
	}
	form.Verified = verified
	for i, name := range h.names {
		if name == "" || strings.ContainsAny(name, " \t\r\n:_.") || slices.Contains(h.names[:i], name) {
			return nil, fmt.Errorf("mtls: %q is not the name of a header of its own, in letters, digits and dashes", name)
		}
	}
	slices.Sort(h.names)
	h.form = form
	return h, nil
}

func (h *headers) read(header http.Header) (presented, error) {
	values, err := h.collect(header)
	if err != nil {
		return presented{}, err
	}
	value := values[h.form.Certificate]
	if absent(value) {
		return presented{}, refuse(truhook.NoClientCertificate, "the proxy sent no client certificate")
	}
	var sent presented
	for name, want := range h.form.Verified {
		if got := values[name]; got != want && unquote(got) != want {
			sent.unverified = refuse(truhook.UntrustedCertificate, "the proxy has not verified the certificate")
		}
	}
	if h.form.Encoding == InsecureSubjectText {
		value = unquote(value)
		if strings.HasPrefix(value, "/") {
			return presented{}, refuse(truhook.WrongSubjectName,
				"the subject is in the slash form, which can be forged: have the proxy write RFC 4514")
		}
		if sent.subject, err = ParseSubject(value); err != nil {
			return presented{}, refuse(truhook.WrongSubjectName, "the subject cannot be read as RFC 4514")
		}
		return sent, nil
	}
	chain := values[h.form.Chain]
	sum := sha256.New()
	writeSized(sum, []byte(value))
	writeSized(sum, []byte(chain))
	sent.key = contentKey(sum.Sum(nil))
	sent.decode = func() ([]*x509.Certificate, error) { return h.decode(value, chain) }
	return sent, nil
}

func (h *headers) decode(value, chain string) ([]*x509.Certificate, error) {
	certificates, err := h.form.Encoding.decode(value, true)
	if err != nil {
		return nil, err
	}
	if h.form.single && len(certificates) > 1 {
		// A proxy on the way may merge lines into one, and a client's copy of another's certificate would come first.
		return nil, refuse(truhook.DuplicateHeader, "several certificates in a header for one")
	}
	if absent(chain) {
		return certificates, nil
	}
	intermediates, err := h.form.ChainEncoding.decode(chain, false)
	return append(certificates, intermediates...), err
}

// collect returns the value of each header that counts, by its canonical name, whatever the case in which the host
// writes it. It refuses what a client may have smuggled past a proxy that replaces its own header only.
func (h *headers) collect(header http.Header) (map[string]string, error) {
	values := make(map[string]string, len(h.names))
	lines := make(map[string]int, len(h.names))
	alias := ""
	for key, all := range header {
		for _, name := range h.names {
			switch {
			case !looksLike(key, name):
			case !strings.EqualFold(key, name):
				alias = max(alias, name) // the same one each time
			case len(all) > 0:
				lines[name] += len(all)
				values[name] = strings.Trim(all[0], " \t")
				if len(all[0]) > maxHeader {
					return nil, refuse(truhook.HeaderTooLong, "header "+name)
				}
			}
		}
	}
	for _, name := range h.names {
		if lines[name] > 1 {
			return nil, refuse(truhook.DuplicateHeader, "header "+name)
		}
	}
	if alias != "" {
		return nil, refuse(truhook.DuplicateHeader, "another spelling of header "+alias)
	}
	return values, nil
}

// looksLike reports whether a server that turns header names into variables would mistake key for name.
func looksLike(key, name string) bool {
	if len(key) != len(name) {
		return false
	}
	return strings.EqualFold(strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, key), name)
}

// absent reports whether value is one of the ways in which proxies say that there is no certificate.
func absent(value string) bool {
	value = unquote(value)
	switch value {
	case "", "(null)", "<nil>", "::":
		return true
	}
	placeholder := strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}")
	return placeholder && !strings.Contains(value, `"`) // as JSON has
}

func noCertificate() error {
	return refuse(truhook.NoClientCertificate, "the connection has no client certificate")
}
