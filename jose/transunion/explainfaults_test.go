package transunion_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/truhooktest"
)

// refused has a receiver behind a reverse proxy refuse what comes and keep it, and returns the delivery of the file.
func refused(t testing.TB, v truhook.Verifier, sent *truhook.Delivery, proxy func(u *url.URL)) *truhook.Delivery {
	t.Helper()
	dir := t.TempDir()
	clock := func() time.Time { return sent.Received }
	capture, err := recorded.Refused(dir, recorded.RefusedConfig{Now: clock})
	require.NoError(t, err)
	m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture, Now: clock})
	receiver := httptest.NewServer(m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })))
	defer receiver.Close()
	target, err := url.Parse(receiver.URL)
	require.NoError(t, err)
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); proxy(r.Out.URL) }})
	defer front.Close()
	r, err := http.NewRequestWithContext(t.Context(), sent.Method, front.URL+sent.RequestURI, bytes.NewReader(sent.Body))
	require.NoError(t, err)
	r.Header = sent.Header
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.NoError(t, capture.Wait(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	file, err := recorded.ReadFile(files[0])
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	return d
}

// Each provable cause as it happens: a proxy or a gateway changes what came, the receiver refuses and keeps it, and the
// file is explained.
func TestExplain_FromACapturedDelivery(t *testing.T) {
	t.Parallel()
	none := func(*url.URL) {}
	header := func(change func(h http.Header, token string)) func(d *truhook.Delivery) {
		return func(d *truhook.Delivery) {
			token := d.Header.Get("X-Iov-Jwt")
			d.Header.Del("X-Iov-Jwt")
			d.Header.Del("Authorization")
			change(d.Header, token)
		}
	}
	body := func(change func(b []byte) []byte) func(d *truhook.Delivery) {
		return func(d *truhook.Delivery) { d.Body = change(d.Body) }
	}
	asIs := func(*truhook.Delivery) {}
	for name, tt := range map[string]struct {
		change func(d *truhook.Delivery)
		proxy  func(u *url.URL)
		want   string
	}{
		"a prefix more":      {asIs, func(u *url.URL) { u.Path = "/api" + u.Path }, `path-rewritten/the prefix "/api" was added`},
		"a slash":            {asIs, func(u *url.URL) { u.Path += "/" }, "path-rewritten/a slash at the end"},
		"the last part only": {asIs, func(u *url.URL) { u.Path = u.Path[strings.LastIndexByte(u.Path, '/'):] }, "path-rewritten"},
		"a line break":       {body(func(b []byte) []byte { return append(slices.Clone(b), '\n') }), none, "body-text-changed/whitespace"},
		"a CR LF":            {body(func(b []byte) []byte { return append(slices.Clone(b), "\r\n"...) }), none, "body-text-changed/whitespace"},
		"a byte order mark":  {body(func(b []byte) []byte { return append([]byte("\ufeff"), b...) }), none, "body-text-changed/bom"},
		"gzip":               {body(func(b []byte) []byte { return gzipped(t, b) }), none, "body-content-encoding/gzip"},
		"base64":             {body(func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }), none, "body-base64"},
		"a form":             {body(func(b []byte) []byte { return []byte("jwe=" + url.QueryEscape(string(b))) }), none, "body-form-field/jwe"},
		"an envelope": {body(func(b []byte) []byte {
			return marshaled(t, map[string]any{"body": string(b), "isBase64Encoded": false})
		}), none, "body-in-envelope/body"},
		"an envelope, base64": {body(func(b []byte) []byte { return marshaled(t, map[string]any{"body": b, "isBase64Encoded": true}) }), none, "body-in-envelope/body"},
		"underscores":         {header(func(h http.Header, token string) { h["X_iov_jwt"] = []string{token} }), none, "header-similar-name/X_iov_jwt"},
		"another name":        {header(func(h http.Header, token string) { h.Set("X-Token", token) }), none, "header-of-other-provider/X-Token"},
		"a word in X-IOV-JWT": {header(func(h http.Header, token string) { h.Set("X-Iov-Jwt", "IOV-JWT "+token) }), none, "signature-form/a word in front"},
		"quotes":              {header(func(h http.Header, token string) { h.Set("X-Iov-Jwt", `"`+token+`"`) }), none, "signature-form/quotes"},
		"Bearer":              {header(func(h http.Header, token string) { h.Set("Authorization", "Bearer "+token) }), none, "signature-form/a word in front"},
		"twice":               {header(func(h http.Header, token string) { h["X-Iov-Jwt"] = []string{token, token} }), none, "header-folded"},
		"a list":              {header(func(h http.Header, token string) { h.Set("X-Iov-Jwt", token+", "+token) }), none, "header-folded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := delivery(t, "event-device-link")
			tt.change(sent)
			d := refused(t, verifier(t), sent, tt.proxy)
			e := truhook.Explain(t.Context(), verifier(t), d, truhook.ExplainConfig{Timeout: time.Minute})
			require.NotEmpty(t, e.Findings)
			f := e.Findings[0]
			cause, subject, told := strings.Cut(tt.want, "/")
			assert.Equal(t, cause, f.Name, "%+v", e)
			if told {
				assert.Equal(t, subject, f.Subject)
			}
			assert.True(t, f.Proven)
			for _, lines := range d.Header {
				if len(lines[0]) > 20 {
					assert.NotContains(t, f.String(), lines[0][len(lines[0])-20:])
				}
			}
		})
	}

	cfg := config(t)
	cfg.Keys = strangerKeys(t)
	here, err := transunion.New(cfg)
	require.NoError(t, err)
	d := refused(t, here, delivery(t, "event-device-link"), none)
	e := truhook.Explain(t.Context(), here, d, truhook.ExplainConfig{Others: []truhook.Verifier{verifier(t)}})
	require.NotEmpty(t, e.Findings)
	assert.Equal(t, "key-of-other-environment", e.Findings[0].Name)
	assert.True(t, e.Findings[0].Proven)

	service := privateKey(t, "service-current")
	public := jose.PublicKey{ID: service.ID, Key: &service.Key.(*rsa.PrivateKey).PublicKey}
	event := []byte(`{"type":"DEVICE_LINK_COMPLETION","device_id":"a","device_public_key":"b","device_public_key_id":"c"}`)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	r := httptest.NewRequest(http.MethodPost, "/hook", nil)
	_, err = truhooktest.TransUnion(truhooktest.TransUnionConfig{
		Entity: entity, Platform: privateKey(t, "stranger"), Service: public, Plain: true,
	})(r, truhooktest.Event{Body: event}, at)
	require.NoError(t, err)
	encrypted, err := truhooktest.TransUnionJWE(public, event)
	require.NoError(t, err)
	d = refused(t, here, &truhook.Delivery{Method: "POST", RequestURI: "/hook", Header: r.Header, Received: at, Body: []byte(encrypted)}, none)
	e = truhook.Explain(t.Context(), here, d, truhook.ExplainConfig{})
	require.NotEmpty(t, e.Findings)
	assert.Equal(t, "hash-of-plaintext", e.Findings[0].Name)
	assert.True(t, e.Findings[0].Proven)
}

func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func marshaled(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}
