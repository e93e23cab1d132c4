package catalog_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/recorded"
)

const (
	explainURL   = "https://hooks.example/in?x=1"
	madeForTests = "made-for-tests-0123456789abcdef0123456789ab"
	elsewhere    = "made-for-tests-fedcba9876543210fedcba987654"
)

// sender is a row's provider with a key of its own.
type sender struct {
	p       catalog.Provider
	secret  string // as the provider shows it; of a key pair, the public key
	private crypto.Signer
}

func newSender(t testing.TB, p catalog.Provider, text string) *sender {
	t.Helper()
	s := &sender{p: p}
	if p.PublicKeyScheme != (keysig.Scheme{}) {
		s.private = anotherPrivateKey(t, p.PublicKeyScheme.Algorithm)
		der, err := x509.MarshalPKIXPublicKey(s.private.Public())
		require.NoError(t, err)
		s.secret = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		switch p.Form().KeyText.Encoding {
		case hmacsig.KeyBase64:
			s.secret = p.Form().KeyText.Prefix + base64.StdEncoding.EncodeToString(der)
		case hmacsig.KeyHex:
			s.secret = hex.EncodeToString(der)
		}
		return s
	}
	switch p.Scheme.KeyText.Encoding {
	case hmacsig.KeyBase64:
		text = base64.StdEncoding.EncodeToString([]byte(text))
	case hmacsig.KeyHex:
		text = hex.EncodeToString([]byte(text))
	}
	s.secret = p.Scheme.KeyText.Prefix + text
	return s
}

func (s *sender) config() catalog.Config {
	if strings.Contains(s.p.Form().Content, "{url}") {
		return catalog.Config{URL: explainURL}
	}
	return catalog.Config{}
}

// sign returns what comes with body: signed as the row says, or as change makes of it.
func (s *sender) sign(t testing.TB, at time.Time, body []byte, change func(form *hmacsig.Scheme, m *hmacsig.Message)) http.Header {
	t.Helper()
	h := http.Header{"X-Sinch-Webhook-Signature-Nonce": {"01FJA8B4A7BM43YGWSG9GBV067"}} // which one row signs
	m := hmacsig.Message{Time: at, Body: body, Method: http.MethodPost, URL: s.config().URL}
	if s.p.Form().ID != "" {
		m.ID = strings.Repeat("0", 36)
	}
	if s.private != nil {
		scheme := s.p.PublicKeyScheme
		change(&scheme.Form, &m)
		if scheme.Sign(h, s.private, m) != nil {
			return nil
		}
	} else {
		scheme := s.p.Scheme
		key, err := scheme.NewKey("sender", s.secret)
		require.NoError(t, err, s.p.Name)
		change(&scheme, &m)
		if scheme.Sign(h, key, m) != nil {
			return nil
		}
	}
	for _, g := range s.p.Guards {
		h.Set(g.Header, g.Value)
	}
	return h
}

// writtenBy is a document as the JSON writers of other languages wrote it, and packed what other tools made of it.
func writtenBy(t testing.TB) (texts, packed map[string][]byte) {
	t.Helper()
	var all map[string]map[string]string
	var flat map[string]string
	for name, to := range map[string]any{"writers": &all, "packed": &flat} {
		text, err := os.ReadFile("../internal/probe/testdata/" + name + ".json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, to))
	}
	decode := func(from map[string]string) map[string][]byte {
		out := map[string][]byte{}
		for name, text := range from {
			if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
				out[name] = raw
			}
		}
		return out
	}
	return decode(all["webhook"]), decode(flat)
}

// Each provable cause, each row: the receiver refuses and keeps what came, and the file is explained.
func TestExplain_EachCauseEachRow(t *testing.T) {
	t.Parallel()
	texts, _ := writtenBy(t)
	node := texts["node"]
	at := time.Unix(1790000000, 0)
	same := func(*hmacsig.Scheme, *hmacsig.Message) {}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(node)
	require.NoError(t, w.Close())
	explained := 0
	for p := range catalog.All() {
		s, other := newSender(t, p, madeForTests), newSender(t, p, elsewhere)
		form := p.Form()
		name := http.CanonicalHeaderKey(signatureHeaders(p)[0])
		here, err := p.New(s.config(), s.secret)
		require.NoError(t, err, p.Name)
		there, err := p.New(s.config(), other.secret)
		require.NoError(t, err, p.Name)
		type situation struct {
			header  http.Header
			body    []byte
			want    string
			v       truhook.Verifier
			refuses bool
		}
		hash := crypto.SHA512
		if form.Hash == crypto.SHA512 {
			hash = crypto.SHA256
		}
		envelope, err := json.Marshal(map[string]any{"version": "2.0", "body": string(node), "isBase64Encoded": false})
		require.NoError(t, err)
		plain := s.sign(t, at, node, same)
		require.NotNil(t, plain, p.Name)
		renamed, twice := plain.Clone(), plain.Clone()
		renamed[strings.ReplaceAll(name, "-", "_")] = renamed[name]
		delete(renamed, name)
		allRenamed := http.Header{}
		for h, lines := range plain {
			if !slices.ContainsFunc(p.Guards, func(g catalog.Guard) bool { return http.CanonicalHeaderKey(g.Header) == h }) {
				h = strings.ReplaceAll(h, "-", "_")
			}
			allRenamed[h] = lines
		}
		twice[name] = append(twice[name], twice[name]...)
		all := map[string]situation{
			"written again":   {s.sign(t, at, texts["python"], same), node, "body-reserialized", here, true},
			"PHP":             {s.sign(t, at, texts["php"], same), texts["python"], "body-reserialized", here, true},
			"gzip":            {plain, packed.Bytes(), "body-content-encoding", here, true},
			"base64":          {plain, []byte(base64.StdEncoding.EncodeToString(node)), "body-base64", here, true},
			"a form":          {plain, []byte("payload=" + url.QueryEscape(string(node))), "body-form-field", here, true},
			"an envelope":     {plain, envelope, "body-in-envelope", here, true},
			"a line break":    {plain, append(slices.Clone(node), '\n'), "body-text-changed", here, true},
			"environment":     {other.sign(t, at, node, same), node, "key-of-other-environment", here, true},
			"underscores":     {renamed, node, "header-similar-name", here, strings.Contains(name, "-")},
			"all underscores": {allRenamed, node, "header-similar-name", here, strings.Contains(name, "-")},
			"twice":           {twice, node, "header-folded", here, true},
			"encoding": {s.sign(t, at, node, func(form *hmacsig.Scheme, _ *hmacsig.Message) {
				form.Encoding = map[hmacsig.Encoding]hmacsig.Encoding{hmacsig.Hex: hmacsig.Base64, hmacsig.Base64: hmacsig.Hex, hmacsig.Base64URL: hmacsig.Hex}[form.Encoding]
			}), node, "signature-form", here, true},
			"prefix": {s.sign(t, at, node, func(form *hmacsig.Scheme, _ *hmacsig.Message) {
				if form.Prefix == "" {
					form.Prefix = "sha256="
				} else {
					form.Prefix = "mac="
				}
			}), node, "signature-form", here, true},
		}
		if s.private == nil {
			all["algorithm"] = situation{s.sign(t, at, node, func(form *hmacsig.Scheme, _ *hmacsig.Message) { form.Hash = hash }), node, "signature-other-algorithm", here, true}
			if form.KeyText.Encoding == hmacsig.KeyRaw {
				padded, err := p.New(s.config(), s.secret+" ")
				require.NoError(t, err)
				all["a blank"] = situation{plain, node, "key-whitespace", padded, true}
				quoted, err := p.New(s.config(), `"`+s.secret+`"`)
				require.NoError(t, err)
				all["quotes"] = situation{plain, node, "key-quoted", quoted, true}
			}
		}
		if form.Timestamp != "" && form.TimeFormat != hmacsig.RFC3339 {
			all["another unit"] = situation{s.sign(t, at, node, func(form *hmacsig.Scheme, _ *hmacsig.Message) {
				if form.TimeFormat == hmacsig.UnixMillis {
					form.TimeFormat = hmacsig.UnixSeconds
				} else {
					form.TimeFormat = hmacsig.UnixMillis
				}
			}), node, "time-unit", here, true}
			all["without the time"] = situation{s.sign(t, at, node, func(form *hmacsig.Scheme, _ *hmacsig.Message) {
				form.Content, form.Timestamp, form.ID, form.Tolerance = "{body}", "", "", 0
			}), node, "content-form", here, true}
			for h, lines := range plain { // the time is sent all the same
				if to := all["without the time"].header; to != nil && to[h] == nil {
					to[h] = lines
				}
			}
		}
		if s.config().URL != "" {
			all["another URL"] = situation{s.sign(t, at, node, func(_ *hmacsig.Scheme, m *hmacsig.Message) { m.URL = "https://hooks.example/in/?x=1" }), node, "url-mismatch", here, true}
		}
		for name, c := range all {
			if !c.refuses || c.header == nil {
				continue
			}
			dir := t.TempDir()
			capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
			require.NoError(t, err)
			accepted := false
			m := truhook.NewMiddleware(c.v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture, Now: func() time.Time { return at }})
			r := httptest.NewRequest(http.MethodPost, "/in?x=1", bytes.NewReader(c.body))
			for h, lines := range c.header {
				r.Header[h] = lines
			}
			m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { accepted = true })).ServeHTTP(httptest.NewRecorder(), r)
			require.NoError(t, capture.Wait(t.Context()))
			if p.Name == "webflow" && name == "another unit" { // either is taken
				require.True(t, accepted)
				continue
			}
			require.False(t, accepted, "%s: %s", p.Name, name)
			explained++
			files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
			require.NoError(t, err)
			require.Len(t, files, 1, "%s: %s", p.Name, name)
			file, err := recorded.ReadFile(files[0])
			require.NoError(t, err)
			d, err := file.Delivery()
			require.NoError(t, err)
			e := truhook.Explain(t.Context(), c.v, d, truhook.ExplainConfig{Others: []truhook.Verifier{there}, Timeout: time.Minute})
			found := ""
			if len(e.Findings) > 0 {
				found = e.Findings[0].Name
				if !e.Findings[0].Proven {
					found = "likely " + found
				}
			}
			assert.Equal(t, c.want, found, "%s: %s: %s", p.Name, name, e.Reason)
		}
	}
	require.Greater(t, explained, 1400)
}

// Whoever signs with a secret that stands on a provider's page has shown nothing.
func TestExplain_PublishedSecretsProveNothing(t *testing.T) {
	t.Parallel()
	tried := 0
	for p := range catalog.All() {
		if p.PublicKeyScheme != (keysig.Scheme{}) {
			continue
		}
		for _, published := range vectors(t, p.Name) {
			if published.PublishedBy == "" || published.Secret == "" {
				continue
			}
			v, err := p.New(catalog.Config{URL: published.URL}, published.Secret)
			if err != nil {
				v, err = p.New(catalog.Config{}, published.Secret)
			}
			require.NoError(t, err, p.Name)
			d := published.delivery(t, p)
			d.Body = append(bytes.Clone(d.Body), '\n')
			e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Timeout: time.Minute})
			for _, f := range e.Findings {
				assert.False(t, f.Proven, "%s: %+v", p.Name, f)
			}
			tried++
		}
	}
	require.Greater(t, tried, 20)
}
