package catalog_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

const deliveriesPerRow = 1000

// delivery is what the other verifier reads.
type delivery struct {
	Row     string      `json:"row"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Secrets []string    `json:"secrets"`
	Now     int64       `json:"now"` // milliseconds
}

func TestCatalog_AnotherVerifierNeverDisagrees(t *testing.T) {
	t.Parallel()
	judge := startJudge(t)
	random := rand.New(rand.NewPCG(20261126, 1)) //nolint:gosec // repeatable
	accepted, rejected := 0, 0
	for p := range catalog.All() {
		s := newSender(t, p, random)
		var made []delivery
		var ours []bool
		for i := range deliveriesPerRow {
			d := s.send(t, i)
			verdict := s.verify(t, d)
			made, ours = append(made, d), append(ours, verdict)
			if verdict {
				accepted++
			} else {
				rejected++
			}
		}
		theirs := judge(made)
		for i := range made {
			require.Equal(t, ours[i], theirs[i], "%s: delivery %d: %v says the other verifier: %+v", p.Name, i, theirs[i], made[i])
		}
	}
	t.Logf("%d accepted and %d rejected, by both", accepted, rejected)
	require.Greater(t, accepted, 30*deliveriesPerRow)
	require.Greater(t, rejected, 30*deliveriesPerRow)
}

// startJudge starts the verifier in Node and returns a function that asks it.
func startJudge(t *testing.T) func(all []delivery) []bool {
	t.Helper()
	node, err := exec.LookPath("node")
	require.NoError(t, err, "this test needs Node: .ci/install-servers installs it")
	c := exec.CommandContext(t.Context(), node, "verify.mjs", "../../catalog/rows") //nolint:gosec // fixed arguments
	var stderr bytes.Buffer
	c.Stderr = &stderr
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = c.Wait()
	})
	verdicts := bufio.NewScanner(out)
	return func(all []delivery) []bool {
		go func() {
			w := bufio.NewWriter(in)
			e := json.NewEncoder(w)
			for _, d := range all {
				_ = e.Encode(d)
			}
			_ = w.Flush()
		}()
		var answers []bool
		for range all {
			require.True(t, verdicts.Scan(), "the other verifier ended: %s", stderr.String())
			answers = append(answers, verdicts.Text() == "true")
		}
		return answers
	}
}

// sender plays one provider.
type sender struct {
	p               catalog.Provider
	random          *rand.Rand
	verifier        truhook.Verifier
	url             string
	secrets         []string
	key, other      hmacsig.Key
	private, thief  crypto.Signer
	signatureHeader string
}

func newSender(t *testing.T, p catalog.Provider, random *rand.Rand) *sender {
	t.Helper()
	s := &sender{p: p, random: random}
	if strings.Contains(p.Form().Content, "{url}") {
		s.url = "https://example.com/webhooks/" + p.Name + "?a=b"
	}
	if p.PublicKeyScheme.Form.Name != "" {
		var public string
		s.private, public = keyPair(t, p.PublicKeyScheme)
		s.thief, _ = keyPair(t, p.PublicKeyScheme)
		s.secrets = []string{public}
	} else {
		var err error
		old := keyText(p.Scheme.KeyText, random)
		s.secrets = []string{keyText(p.Scheme.KeyText, random), old}
		s.key, err = p.Scheme.NewKey("sender", s.secrets[random.IntN(2)])
		require.NoError(t, err)
		s.other, err = p.Scheme.NewKey("thief", keyText(p.Scheme.KeyText, random))
		require.NoError(t, err)
	}
	var err error
	s.verifier, err = p.New(catalog.Config{URL: s.url}, s.secrets...)
	require.NoError(t, err)
	first, _, _ := strings.Cut(p.Form().Header, ",")
	s.signatureHeader = http.CanonicalHeaderKey(strings.Replace(first, "{n}", "1", 1))
	return s
}

// keyText returns a secret as the provider writes one.
func keyText(form hmacsig.KeyText, random *rand.Rand) string {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	switch form.Encoding {
	case hmacsig.KeyBase64:
		return form.Prefix + base64.StdEncoding.EncodeToString(raw)
	case hmacsig.KeyHex:
		return form.Prefix + hex.EncodeToString(raw)
	}
	return form.Prefix + "test_" + hex.EncodeToString(raw)[:40]
}

func keyPair(t *testing.T, scheme keysig.Scheme) (crypto.Signer, string) {
	t.Helper()
	var private crypto.Signer
	var err error
	switch scheme.Algorithm {
	case keysig.Ed25519:
		_, private, err = ed25519.GenerateKey(crand.Reader)
	case keysig.ECDSA:
		private, err = ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	default:
		private, err = rsa.GenerateKey(crand.Reader, 2048)
	}
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(private.Public())
	require.NoError(t, err)
	if raw, ok := private.Public().(ed25519.PublicKey); ok {
		der = raw
	}
	switch form := scheme.Form.KeyText; form.Encoding {
	case hmacsig.KeyBase64:
		return private, form.Prefix + base64.StdEncoding.EncodeToString(der)
	case hmacsig.KeyHex:
		return private, form.Prefix + hex.EncodeToString(der)
	}
	return private, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// send makes a delivery with a random body: every second one as the provider sends it, the others forged in one way.
func (s *sender) send(t *testing.T, i int) delivery {
	t.Helper()
	body := make([]byte, s.random.IntN(200))
	for i := range body {
		body[i] = byte(s.random.Uint32())
	}
	now := time.UnixMilli(1790000000000 + s.random.Int64N(1e9))
	form, at := s.p.Form(), now
	if window := form.Tolerance; window > 0 {
		at = now.Add(time.Duration(s.random.Int64N(int64(window)*2)) - window)
	}
	forgery := 0
	if i%2 == 1 {
		forgery = 1 + s.random.IntN(9)
	}
	if forgery == 1 && form.Tolerance > 0 {
		at = now.Add(time.Duration(s.random.IntN(2)*2-1) * (form.Tolerance + 2*time.Second + time.Duration(s.random.Int64N(int64(time.Hour)))))
	}
	h := http.Header{}
	for _, g := range s.p.Guards {
		h.Set(g.Header, g.Value)
	}
	if strings.Contains(form.Content, "{header:X-Sinch-Webhook-Signature-Nonce}") {
		h.Set("X-Sinch-Webhook-Signature-Nonce", hex.EncodeToString(body[:min(8, len(body))])+"n")
	}
	m := hmacsig.Message{Time: at, Body: body, Method: http.MethodPost, URL: s.url}
	if form.ID != "" {
		m.ID = "msg_" + hex.EncodeToString([]byte{byte(i >> 8), byte(i)})
		if form.IDLength > 0 {
			m.ID = strings.Repeat(m.ID, 36)[:form.IDLength]
		}
	}
	require.NoError(t, s.sign(h, m, forgery == 2))
	d := delivery{Row: s.p.Name, Method: http.MethodPost, URL: s.url, Secrets: s.secrets, Now: now.UnixMilli(), Body: body, Headers: [][2]string{}}
	s.forge(h, &d, forgery)
	for name, lines := range h {
		for _, line := range lines {
			d.Headers = append(d.Headers, [2]string{name, line})
		}
	}
	return d
}

func (s *sender) sign(h http.Header, m hmacsig.Message, thief bool) error {
	if s.private != nil {
		if thief {
			return s.p.PublicKeyScheme.Sign(h, s.thief, m)
		}
		return s.p.PublicKeyScheme.Sign(h, s.private, m)
	}
	if thief {
		return s.p.Scheme.Sign(h, s.other, m)
	}
	return s.p.Scheme.Sign(h, s.key, m)
}

// forge changes one thing about a signed delivery. Some changes change nothing that counts: both verifiers must see
// that.
func (s *sender) forge(h http.Header, d *delivery, forgery int) {
	value := h.Get(s.signatureHeader)
	switch forgery {
	case 3: // a bit of the body
		if len(d.Body) > 0 {
			d.Body = bytes.Clone(d.Body)
			d.Body[s.random.IntN(len(d.Body))] ^= 1 << s.random.IntN(8)
		}
	case 4: // a byte more
		d.Body = append(bytes.Clone(d.Body), byte(s.random.Uint32()))
	case 5: // a character of the header
		const alphabet = "0123456789abcdefABCDEFGZgz+/-_=,;. v"
		at := s.random.IntN(len(value))
		h.Set(s.signatureHeader, value[:at]+string(alphabet[s.random.IntN(len(alphabet))])+value[at+1:])
	case 6:
		h.Del(s.signatureHeader)
	case 7:
		h.Add(s.signatureHeader, value)
	case 8: // another time, where it stands alone
		name, _, inElement := strings.Cut(s.p.Form().Timestamp, "#")
		if line := []byte(h.Get(name)); name != "" && !inElement {
			at := bytes.LastIndexAny(line, "0123456789")
			line[at] = '0' + (line[at]-'0'+1)%10
			h.Set(name, string(line))
		}
	case 9: // a character less
		h.Set(s.signatureHeader, value[:len(value)-1])
	}
}

func (s *sender) verify(t *testing.T, d delivery) bool {
	t.Helper()
	of := &truhook.Delivery{
		Method: d.Method, RequestURI: "/hook", Header: http.Header{}, Body: d.Body, Received: time.UnixMilli(d.Now),
	}
	for _, h := range d.Headers {
		of.Header.Add(h[0], h[1])
	}
	v, err := s.verifier.Verify(t.Context(), of)
	require.Equal(t, err == nil, v != nil)
	if err != nil {
		require.Equal(t, http.StatusUnauthorized, truhook.ReasonOf(err).Status(), "%v", err)
	}
	return err == nil
}
