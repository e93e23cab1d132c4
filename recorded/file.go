package recorded

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// A File is one recorded delivery. The zero File is not valid: it lacks a provider and a request.
//
// The secrets in it are made for tests and are meant to be published, so they print like any other text. A File may be
// read by several goroutines at once.
type File struct {
	Provider string         // who sends it, for example "truv"
	About    string         // one line: what this delivery shows
	Expect   truhook.Reason // what ReasonOf says of the verdict; empty: accepted
	Now      time.Time      // the instant to judge it at; zero: the day of the test, so that it ages
	Entity   string         // for whom a token is, where the delivery has one; empty: the file does not say
	Peer     string         // the address of the direct peer; empty: one for documentation
	Secrets  []Secret       // what the receiver holds, in its order
	MadeBy   string         // what made the signature
	Redacted string         // what was replaced, in words; empty: nothing
	Wire     []byte         // the request exactly as it went over the wire

	// Certificates are those that the client presented in its TLS handshake, in DER, its own first. None: no TLS.
	Certificates [][]byte
}

// A Secret is a test secret and the window in which it is valid. A zero time leaves that side open.
type Secret struct {
	ID, Value           string    // the id of the key, and the secret as it is configured
	NotBefore, NotAfter time.Time // the first and the last instant at which it is valid
}

// maxFileBytes bounds Read, some times over what the largest body needs.
const maxFileBytes = 16 << 20

// Read reads a recorded delivery. It fails on anything that package recorded does not describe, and on more than
// 16 MiB. Whether the request itself can be parsed is for [File.Request] to say: a broken one can be recorded too.
func Read(r io.Reader) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("recorded: more than %d bytes", maxFileBytes)
	}
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	return f, nil
}

// ReadFile reads the recorded delivery in the file of that name; see [Read].
func ReadFile(name string) (*File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	return readNamed(name, file)
}

// ReadFS reads the recorded delivery in the file of that name in fsys, for example an embed.FS; see [Read].
func ReadFS(fsys fs.FS, name string) (*File, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	return readNamed(name, file)
}

func readNamed(name string, file io.ReadCloser) (*File, error) {
	defer file.Close()
	f, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Write writes f so that [Read] gives an equal one, with times in UTC. It fails, before it writes, where f cannot be
// written so: no provider, no request, a line break in a value, a blank in the id of a secret.
func Write(w io.Writer, f *File) error {
	data, err := format(f)
	if err != nil {
		return fmt.Errorf("recorded: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// Request parses the wire bytes as a server of net/http would: transfer coding undone, Host apart from the header. The
// caller owns the request. Its RemoteAddr is f.Peer, else 192.0.2.1:1234, an address for documentation (RFC 5737); its
// TLS has f.Certificates. Its context carries f.Now ([truhook.WithReceived]), so the middleware of this module, that of
// idempotency included, judges the request as of then: a recording stays what it was, however old it is. One without
// Now is judged by the clock, and is too old some day.
func (f *File) Request() (*http.Request, error) {
	r, _, err := f.request()
	return r, err
}

func (f *File) request() (*http.Request, *bufio.Reader, error) {
	rest := bufio.NewReader(bytes.NewReader(f.Wire))
	r, err := http.ReadRequest(rest)
	if err != nil {
		return nil, nil, fmt.Errorf("recorded: %w", err)
	}
	r.RemoteAddr = "192.0.2.1:1234"
	if f.Peer != "" {
		r.RemoteAddr = f.Peer
	}
	if len(f.Certificates) > 0 {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true}
		for _, der := range f.Certificates {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, nil, fmt.Errorf("recorded: a certificate cannot be read: %w", err)
			}
			r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, c)
		}
	}
	return r.WithContext(truhook.WithReceived(r.Context(), f.Now)), rest, nil
}

// Delivery returns what a receiver hands to its [truhook.Verifier], body included. Received is f.Now, so a verifier
// judges it at that instant by whatever clock it has. What follows the verdict is given the same clock by
// truhook.WithReceived(ctx, f.Now). It fails on a body that is shorter or longer than announced.
func (f *File) Delivery() (*truhook.Delivery, error) {
	r, rest, err := f.request()
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	if _, err := rest.Peek(1); err == nil {
		return nil, errors.New("recorded: bytes follow the end of the request")
	}
	return &truhook.Delivery{
		Method: r.Method, RequestURI: r.RequestURI, Host: r.Host, Header: r.Header, Body: body,
		TLS: r.TLS, RemoteAddr: r.RemoteAddr, Received: f.Now,
	}, nil
}

// Secret returns the value of the secret with that id, and whether there is one.
func (f *File) Secret(id string) (string, bool) {
	for _, s := range f.Secrets {
		if s.ID == id {
			return s.Value, true
		}
	}
	return "", false
}

func (f *File) secret(id string) *Secret {
	for i := range f.Secrets {
		if f.Secrets[i].ID == id {
			return &f.Secrets[i]
		}
	}
	return nil
}

var errLineEnds = errors.New("the lines of the description end in CR LF, not in LF: version control or an editor has " +
	"changed the file, and what was signed with it; take it anew, with \"-text\" in .gitattributes")

func parse(data []byte) (*File, error) {
	f := &File{}
	seen := map[string]bool{}
	for n := 1; ; n++ {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return nil, errors.New("no empty line ends the description")
		}
		data = rest
		if len(line) == 0 {
			break
		}
		if bytes.HasSuffix(line, []byte("\r")) {
			return nil, errLineEnds
		}
		key, value, ok := strings.Cut(string(line), ": ")
		if !ok {
			return nil, fmt.Errorf("line %d is not \"key: value\"", n)
		}
		if err := f.set(seen, key, value); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if !seen["expect"] {
		return nil, errors.New("\"expect\" is missing")
	}
	f.Wire = bytes.Clone(data)
	return f, f.check()
}

func (f *File) set(seen map[string]bool, key, value string) (err error) {
	id, rest, _ := strings.Cut(value, " ")
	switch key {
	case "secret":
		if f.secret(id) != nil {
			return fmt.Errorf("a second secret %.64q", id)
		}
		f.Secrets = append(f.Secrets, Secret{ID: id, Value: rest})
		return nil
	case "client-certificate":
		der, err := base64.StdEncoding.Strict().DecodeString(value)
		if err != nil {
			return errors.New("a certificate is not base64")
		}
		f.Certificates = append(f.Certificates, der)
		return nil
	case "not-before", "not-after":
		s := f.secret(id)
		if s == nil {
			return fmt.Errorf("no secret %.64q above", id)
		}
		bound := &s.NotBefore
		if key == "not-after" {
			bound = &s.NotAfter
		}
		if !bound.IsZero() {
			return fmt.Errorf("a second %q for %.64q", key, id)
		}
		*bound, err = parseTime(rest)
		return err
	}
	if seen[key] {
		return fmt.Errorf("a second %q", key)
	}
	seen[key] = true
	switch key {
	case "provider":
		f.Provider = value
	case "about":
		f.About = value
	case "expect":
		f.Expect, err = parseVerdict(value)
	case "now":
		f.Now, err = parseTime(value)
	case "entity":
		f.Entity = value
	case "peer":
		f.Peer = value
	case "made-by":
		f.MadeBy = value
	case "redacted":
		f.Redacted = value
	default:
		err = fmt.Errorf("unknown key %.64q", key)
	}
	return err
}

const accepted = "accepted"

func parseVerdict(value string) (truhook.Reason, error) {
	if value == accepted {
		return "", nil
	}
	reason := truhook.Reason(value)
	if truhook.ReasonOf(reason) != reason { // as of one that is not listed
		return "", fmt.Errorf("%.64q is neither %q nor a Reason", value, accepted)
	}
	return reason, nil
}

func parseTime(value string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return t, errors.New("a time is not of RFC 3339")
	}
	t = t.UTC()
	return t, checkTime(t)
}
