package truhooktest

import (
	"bytes"
	"cmp"
	"crypto"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// A Signer makes r, which has its method, its URL and e.Header, into the request that a provider sends for e at the
// instant at: it sets headers and returns the body, which is e.Body unless the scheme encrypts. It must be safe for
// concurrent use and must not change e.
type Signer func(r *http.Request, e Event, at time.Time) (body []byte, err error)

// HMAC returns the [Signer] of a scheme of package hmacsig, under a key that was made for tests. An unsound scheme and
// a zero key show as errors when it signs.
func HMAC(s hmacsig.Scheme, k hmacsig.Key) Signer {
	return func(r *http.Request, e Event, at time.Time) ([]byte, error) {
		m := hmacsig.Message{ID: e.ID, Time: at, Body: e.Body, Method: r.Method}
		if strings.Contains(s.Content, "{url}") {
			m.URL = r.URL.String()
		}
		return e.Body, s.Sign(r.Header, k, m)
	}
}

// NewRequest returns the signed POST of e to target, a path or a URL, for calling a handler directly. It ends the test
// if it cannot be signed.
func NewRequest(t testing.TB, sign Signer, target string, e Event) *http.Request {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r = r.WithContext(truhook.WithReceived(r.Context(), e.At))
	setHeader(r, e)
	at := e.At
	if at.IsZero() {
		at = time.Now()
	}
	body, err := sign(r, e, at)
	if err != nil {
		t.Fatalf("truhooktest: signing: %v", err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}

func setHeader(r *http.Request, e Event) {
	for name, lines := range e.Header {
		r.Header[http.CanonicalHeaderKey(name)] = append([]string(nil), lines...)
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
}

// message is a signed request, ready to be sent several times.
type message struct {
	method string
	target string
	header http.Header
	body   []byte
	signed []string // the headers that the Signer set
}

// sign makes the message for one attempt and does to it what f says.
func (p *Provider) sign(e Event, f Fault) (message, error) {
	target := p.url
	if e.Path != "" && p.memory != nil {
		target = memoryHost + e.Path
	}
	method := cmp.Or(e.method, http.MethodPost)
	r, err := http.NewRequest(method, target, nil)
	if err != nil {
		return message{}, fmt.Errorf("truhooktest: no request: %w", withoutURL(err))
	}
	setHeader(r, e)
	before := r.Header.Clone()

	signer, at := p.signer, time.Now()
	if e.signer != nil {
		signer = e.signer
	}
	if f&WrongKey != 0 {
		if signer = p.config.WrongKey; signer == nil {
			return message{}, fmt.Errorf("truhooktest: the fault %v needs Config.WrongKey", WrongKey)
		}
	}
	if f&Stale != 0 {
		at = at.Add(-p.config.StaleBy)
	}
	body, err := signer(r, e, at)
	if err != nil {
		return message{}, fmt.Errorf("truhooktest: signing: %w", err)
	}
	m := message{method: method, target: target, header: r.Header, body: bytes.Clone(body)}
	for name, lines := range m.header {
		if name != "Content-Type" && fmt.Sprint(lines) != fmt.Sprint(before[name]) {
			m.signed = append(m.signed, name)
		}
	}
	m.tamper(f, e)
	return m, nil
}

func (m *message) tamper(f Fault, e Event) {
	if f&EmptySignature != 0 {
		m.cutSignatures(e.ID)
	}
	for _, name := range m.signed {
		switch value := m.header.Get(name); {
		case f&Unsigned != 0:
			m.header.Del(name)
		case f&(MalformedSignature|TamperedSignature) != 0 && value != "":
			m.header.Set(name, spoilt(value, f, e))
		}
	}
	if f&TamperedBody != 0 && len(m.body) > 0 {
		m.body[len(m.body)/2] ^= 1
	}
	if f&TamperedLayout != 0 {
		m.body = relaid(m.body)
	}
}

// place is where a signature is tampered with.
type place int

const (
	inMiddle place = iota
	atBegin
	nearEnd // the last character of base64 may have bits that count for nothing
)

// spoilt returns value with each of its signatures cut or changed: one that were left would make a genuine delivery.
func spoilt(value string, f Fault, e Event) string {
	all := signatures(value, e.ID)
	if len(all) == 0 {
		all = [][]int{{0, len(value)}}
	}
	for _, at := range slices.Backward(all) {
		from, to := at[0], at[1]
		middle := (from + to) / 2
		if f&MalformedSignature != 0 {
			value = value[:middle] + value[to:]
			continue
		}
		i := map[place]int{inMiddle: middle, atBegin: from, nearEnd: max(from, to-6)}[e.where]
		value = value[:i] + other(value[i]) + value[i+1:]
	}
	return value
}

// cutSignatures leaves what stands around signatures, such as "t=1767323045,v1=", or all of a token up to its last dot.
// Whatever may be one is cut, in each header: a signature that were left would make a genuine delivery.
func (m *message) cutSignatures(id string) {
	for _, name := range m.signed {
		value := m.header.Get(name)
		for _, at := range slices.Backward(signatures(value, id)) {
			value = value[:at[0]] + value[at[1]:]
		}
		m.header.Set(name, value)
	}
}

// signatures returns the places of what may be a signature in value: not the id, and of a token the last part only.
func signatures(value, id string) [][]int {
	return slices.DeleteFunc(word.FindAllStringIndex(value, -1), func(at []int) bool {
		return at[1] < len(value) && value[at[1]] == '.' || value[at[0]:at[1]] == id
	})
}

// word is what a signature can be, in hex and in both alphabets of base64.
var word = regexp.MustCompile(`[0-9A-Za-z+/_-]{16,}=*`)

// other returns another character that may stand where c stands in hex and in base64, and is not c in the other case.
func other(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

// relaid returns a JSON object or array in another layout, and anything else with a blank at its end.
func relaid(body []byte) []byte {
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		return append([]byte{body[0], ' '}, body[1:]...)
	}
	return append(bytes.Clone(body), ' ')
}

// PublicKey returns the [Signer] of a scheme of package keysig, with a private key that was made for tests. An unsound
// scheme and a key that does not fit it show as errors when it signs.
func PublicKey(s keysig.Scheme, private crypto.Signer) Signer {
	return func(r *http.Request, e Event, at time.Time) ([]byte, error) {
		m := hmacsig.Message{ID: e.ID, Time: at, Body: e.Body, Method: r.Method}
		if strings.Contains(s.Form.Content, "{url}") {
			m.URL = r.URL.String()
		}
		return e.Body, s.Sign(r.Header, private, m)
	}
}
