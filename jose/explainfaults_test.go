package jose_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
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
	"github.com/truhook/truhook/internal/cputest"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/recorded"
)

// written is a document as the JSON writers of other languages wrote it (internal/probe/testdata/make.py).
func written(t testing.TB) map[string][]byte {
	t.Helper()
	var all map[string]map[string]string
	readJSON(t, "../internal/probe/testdata/writers.json", &all)
	return decoded(t, all["webhook"], "document")
}

// packed are forms in which other tools packed a document, and the document.
func packed(t testing.TB) (document []byte, all map[string][]byte) {
	t.Helper()
	var texts map[string]string
	readJSON(t, "../internal/probe/testdata/packed.json", &texts)
	return []byte(texts["webhook"]), decoded(t, texts, "webhook")
}

func readJSON(t testing.TB, path string, to any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, to))
}

func decoded(t testing.TB, texts map[string]string, except string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for name, text := range texts {
		if name != except {
			raw, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			out[name] = raw
		}
	}
	return out
}

// situation is one delivery with faults, as it is put together.
type situation struct {
	signed, arrived  []byte // the text that is hashed, and the body that comes
	claimed, request string // paths
	algorithm        string
	keyAlgorithm     string // for which the key is given; empty: any that it serves
	secret           bool   // HMAC in place of RSA
	configured, used string // secrets
	privateKey       any    // of the platform
	header           func(token string) http.Header
	others           []truhook.Verifier
	decrypts         bool
	proxy            func(r *httputil.ProxyRequest) // rewrites the request on its way; nil: none
}

func newSituation(signed []byte) *situation {
	return &situation{
		signed: signed, arrived: signed, claimed: "/hook", request: "/hook", algorithm: "RS256",
		configured: sharedSecret, used: sharedSecret, privateKey: testKeys().rsa,
		header: func(token string) http.Header { return http.Header{"X-Token": {token}} },
	}
}

func (s *situation) verifier(t testing.TB) *jose.Verifier {
	t.Helper()
	cfg := config()
	if s.keyAlgorithm != "" {
		cfg.Keys = jose.StaticKeys{{ID: "1", Key: &testKeys().rsa.PublicKey, Algorithm: s.keyAlgorithm}}
		cfg.Algorithms = []string{s.keyAlgorithm, s.algorithm}
	}
	if s.secret {
		secret, err := jose.NewSecret("2026", s.configured)
		require.NoError(t, err)
		cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
	}
	if s.decrypts {
		cfg.Decrypter = newDecrypter(t, decrypterConfig())
	}
	return newVerifier(t, cfg)
}

// request signs with another library than the one under test.
func (s *situation) deliver(t testing.TB) *http.Request {
	t.Helper()
	payload := toJSON(t, claims(object{"request": object{"meth": "POST", "path": s.claimed, "func": "S256", "hash": sha256Hex(s.signed)}}))
	key := s.privateKey
	if s.secret {
		key = []byte(s.used)
		s.algorithm = strings.Replace(s.algorithm, "RS", "HS", 1)
	}
	r := httptest.NewRequest(http.MethodPost, s.request, bytes.NewReader(s.arrived))
	for name, lines := range s.header(signedPayload(t, s.algorithm, key, payload)) {
		r.Header[name] = lines
	}
	return r
}

// explained has a receiver refuse and keep what comes, and explains the file.
func (s *situation) explained(t testing.TB) (truhook.Explanation, *truhook.Delivery) {
	t.Helper()
	v, dir := s.verifier(t), t.TempDir()
	clock := func() time.Time { return now }
	capture, err := recorded.Refused(dir, recorded.RefusedConfig{Now: clock})
	require.NoError(t, err)
	m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture, Now: clock})
	receiver := m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") }))
	if s.proxy == nil {
		w := httptest.NewRecorder()
		receiver.ServeHTTP(w, s.deliver(t))
		require.Equal(t, http.StatusUnauthorized, w.Code)
	} else {
		s.through(t, receiver)
	}
	require.NoError(t, capture.Wait(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	file, err := recorded.ReadFile(files[0])
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Others: s.others, Reason: file.Expect, Timeout: time.Minute})
	require.True(t, e.Complete)
	requireNothingTold(t, e, d)
	return e, d
}

// through sends the delivery over a reverse proxy to the receiver.
func (s *situation) through(t testing.TB, receiver http.Handler) {
	t.Helper()
	behind := httptest.NewServer(receiver)
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); s.proxy(r) }})
	defer proxy.Close()
	made := s.deliver(t)
	r, err := http.NewRequestWithContext(t.Context(), made.Method, proxy.URL+s.request, made.Body)
	require.NoError(t, err)
	r.Header = made.Header
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
}

// requireNothingTold checks that no secret, token or body is in an explanation.
func requireNothingTold(t testing.TB, e truhook.Explanation, d *truhook.Delivery) {
	t.Helper()
	text := fmt.Sprintf("%+v", e)
	require.NotContains(t, text, sharedSecret[:12])
	for _, lines := range d.Header {
		for _, line := range lines {
			if len(line) > 20 {
				require.NotContains(t, text, line[len(line)-20:])
			}
		}
	}
	if len(d.Body) > 40 {
		require.NotContains(t, text, string(d.Body[10:40]))
	}
}

func firstCause(e truhook.Explanation) string {
	if len(e.Findings) == 0 {
		return string(e.Reason)
	}
	f := e.Findings[0]
	text := f.Name
	if f.Subject != "" {
		text += "/" + f.Subject
	}
	if !f.Proven {
		text = "likely " + text
	}
	return text
}

// Each provable cause as it happens: the receiver refuses and keeps what came, and the file is explained.
func TestExplain_FromACapturedDelivery(t *testing.T) {
	t.Parallel()
	texts := written(t)
	document, contents := packed(t)
	plaintext := []byte(`{"decrypted": true}`)
	sandbox := config()
	sandbox.Keys = jose.StaticKeys{{ID: "sandbox", Key: &testKeys().other.PublicKey}}
	elsewhere := sandbox
	elsewhere.Scheme = "elsewhere"
	toURL := func(change func(u *url.URL)) func(s *situation) {
		return func(s *situation) { s.proxy = func(r *httputil.ProxyRequest) { change(r.Out.URL) } }
	}
	body := func(b []byte) func(s *situation) { return func(s *situation) { s.arrived = b } }
	header := func(name string, value func(token string) string) func(s *situation) {
		return func(s *situation) {
			s.header = func(token string) http.Header { return http.Header{name: {value(token)}} }
		}
	}
	same := func(token string) string { return token }
	hmacs := func(do func(s *situation)) func(s *situation) { return func(s *situation) { s.secret = true; do(s) } }
	for name, tt := range map[string]struct {
		do   func(s *situation)
		want string
	}{
		"a proxy adds a prefix": {toURL(func(u *url.URL) { u.Path = "/api" + u.Path }), `path-rewritten/the prefix "/api" was added`},
		"a proxy takes a prefix off": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/v1/in/hook", "/v1/in/hook", func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/hook" }
		}, `path-rewritten/the prefix "/v1/in" was removed`},
		"a proxy takes the whole off": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/in/", "/in/", func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/" }
		}, `path-rewritten/the prefix "/in" was removed`},
		"a proxy replaces a prefix": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/old/hook", "/old/hook", func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/new/hook" }
		}, `path-rewritten/the prefix "/old" became "/new"`},
		"a proxy adds a slash": {toURL(func(u *url.URL) { u.Path += "/" }), "path-rewritten/a slash at the end"},
		"a proxy takes a slash": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/hook/", "/hook/", func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/hook" }
		}, "path-rewritten/a slash at the end"},
		"a proxy changes letters": {toURL(func(u *url.URL) { u.Path = strings.ToUpper(u.Path) }), "path-rewritten/the case of letters"},
		"a proxy decodes": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/a%2Db", "/a%2Db", func(r *httputil.ProxyRequest) { r.Out.URL.RawPath = "" }
		}, "path-rewritten/the percent-encoding"},
		"a proxy merges slashes": {func(s *situation) {
			s.claimed, s.request, s.proxy = "/in//hook", "/in//hook", func(r *httputil.ProxyRequest) { r.Out.URL.Path = "/in/hook" }
		}, "path-rewritten/slashes that were merged"},
		"the token has the query":      {func(s *situation) { s.claimed, s.request = "/hook?a=b", "/hook?a=b" }, "path-rewritten/the token names the query too"},
		"Python, then JavaScript":      {func(s *situation) { s.signed, s.arrived = texts["python"], texts["node"] }, "body-reserialized/Python"},
		"PHP, then Gson":               {func(s *situation) { s.signed, s.arrived = texts["php"], texts["gson"] }, "body-reserialized/PHP"},
		"Ruby, then Newtonsoft pretty": {func(s *situation) { s.signed, s.arrived = texts["ruby"], texts["newtonsoft-indented"] }, "body-reserialized/JavaScript"},
		"Jackson pretty, then Python":  {func(s *situation) { s.signed, s.arrived = texts["jackson-pretty"], texts["python"] }, "body-reserialized/Jackson, pretty"},
		"gzip":                         {body(contents["gzip"]), "body-content-encoding/gzip"},
		"deflate":                      {body(contents["zlib"]), "body-content-encoding/deflate"},
		"base64":                       {body(contents["base64"]), "body-base64"},
		"base64url":                    {body(contents["base64url"]), "body-base64"},
		"a form":                       {body(contents["form"]), "body-form-field/payload"},
		"percent-encoding":             {body(contents["percent"]), "body-form-field"},
		"a function's event":           {body(contents["lambda"]), "body-in-envelope/body"},
		"a queue's message":            {body(contents["sqs"]), "body-in-envelope/Records.body"},
		"a line break":                 {body(append(slices.Clone(document), '\n')), "body-text-changed/whitespace"},
		"a line break less":            {func(s *situation) { s.signed = append(slices.Clone(document), '\n') }, "body-text-changed/whitespace"},
		"a byte order mark":            {body(contents["bom"]), "body-text-changed/bom"},
		"Latin-1":                      {body(contents["latin-1-read"]), "body-text-changed/charset"},
		"line ends": {func(s *situation) {
			s.signed, s.arrived = texts["node-2"], bytes.ReplaceAll(texts["node-2"], []byte("\n"), []byte("\r\n"))
		}, "body-text-changed/line-endings"},
		"the hash of the plaintext": {func(s *situation) { s.decrypts, s.signed, s.arrived = true, plaintext, jwe{content: plaintext}.text(t) }, "hash-of-plaintext"},
		"a word in front":           {header("X-Token", func(token string) string { return "Bearer " + token }), "signature-form/a word in front"},
		"quotes":                    {header("X-Token", func(token string) string { return `"` + token + `"` }), "signature-form/quotes"},
		"underscores":               {header("X_token", same), "header-similar-name/X_token"},
		"another header":            {header("Webhook-Jwt", same), "header-of-other-provider/Webhook-Jwt"},
		"two lines": {func(s *situation) {
			s.header = func(token string) http.Header { return http.Header{"X-Token": {token, token}} }
		}, "header-folded"},
		"a list": {header("X-Token", func(token string) string { return token + ", " + token }), "header-folded"},
		"PS256":  {func(s *situation) { s.algorithm, s.keyAlgorithm = "PS256", "RS256" }, "signature-other-algorithm/PS256"},
		"RS512":  {func(s *situation) { s.algorithm = "RS512" }, "signature-other-algorithm/RS512"},
		"the sandbox": {func(s *situation) {
			s.privateKey, s.others = testKeys().other, []truhook.Verifier{newVerifier(t, sandbox)}
		}, "key-of-other-environment/jose, key sandbox"},
		"another provider": {func(s *situation) {
			s.privateKey, s.others = testKeys().other, []truhook.Verifier{newVerifier(t, elsewhere)}
		}, "key-of-other-provider/elsewhere, key sandbox"},
		"the secret, a blank":     {hmacs(func(s *situation) { s.configured += " " }), "key-whitespace/2026: fits without the white space around yours"},
		"the sender's line break": {hmacs(func(s *situation) { s.used += "\n" }), "key-whitespace/2026: fits with a line break behind yours: the sender has it"},
		"the secret in quotes":    {hmacs(func(s *situation) { s.configured = "'" + s.used + "'" }), "key-quoted/2026: fits without the quotes around yours"},
		"the secret in base64":    {hmacs(func(s *situation) { s.configured = base64.StdEncoding.EncodeToString([]byte(s.used)) }), "key-encoding/2026: fits after decoding yours from base64"},
		"the secret in hex":       {hmacs(func(s *situation) { s.configured = hex.EncodeToString([]byte(s.used)) }), "key-encoding/2026: fits after decoding yours from hex"},
		"the secret, escaped": {hmacs(func(s *situation) {
			s.used = "a/b=c&d<e>0123456789+abcdef0123456789"
			s.configured = url.QueryEscape(s.used)
		}), "key-encoding/2026: fits after decoding the percent signs in yours"},
		"a prefix was taken off": {hmacs(func(s *situation) { s.configured = "whsec_" + s.used }), "key-encoding/2026: fits without the prefix of yours"},
		"HS512":                  {hmacs(func(s *situation) { s.used += strings.Repeat("x", 32); s.configured, s.algorithm = s.used, "HS512" }), "signature-other-algorithm/HS512"},
		"nobody's key":           {func(s *situation) { s.privateKey = testKeys().other }, "likely no-cause-found"},
		"nobody's secret":        {hmacs(func(s *situation) { s.used = "another one altogether, made for tests" }), "likely no-cause-found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSituation(document)
			tt.do(s)
			e, d := s.explained(t)
			assert.Equal(t, tt.want, firstCause(e), "%+v", e)
			if len(e.Findings) > 0 && strings.HasPrefix(e.Findings[0].Name, "body-") {
				assert.Equal(t, firstDifference(d.Body, s.signed), e.Findings[0].Offset)
			}
		})
	}
}

func firstDifference(a, b []byte) int64 {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(min(len(a), len(b)))
}

type fault struct {
	cause string
	kind  string // two of one kind are not put together
	do    func(t testing.TB, s *situation)
}

// tokenFaults are faults that are put together in pairs. Those of a kind stand in their order of doing.
func tokenFaults(t testing.TB, random *rand.Rand) []fault {
	texts := written(t)
	pick := func(names ...string) string { return names[random.IntN(len(names))] }
	wrap := func(name string, f func(token string) string) func(t testing.TB, s *situation) {
		return func(_ testing.TB, s *situation) {
			s.header = func(token string) http.Header { return http.Header{name: {f(token)}} }
		}
	}
	body := func(f func(b []byte) []byte) func(t testing.TB, s *situation) {
		return func(_ testing.TB, s *situation) { s.arrived = f(s.arrived) }
	}
	secret := func(f func(s *situation)) func(t testing.TB, s *situation) {
		return func(_ testing.TB, s *situation) { s.secret = true; f(s) }
	}
	same := func(token string) string { return token }
	return []fault{
		{"body-reserialized", "body", func(_ testing.TB, s *situation) {
			s.signed, s.arrived = texts[pick("python", "php", "jackson-pretty", "python-indent-4")], texts[pick("node", "newtonsoft", "gson")]
		}},
		{"body-content-encoding", "body", func(t testing.TB, s *situation) { s.arrived = gzipped(t, s.arrived) }},
		{"body-base64", "body", body(func(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) })},
		{"body-form-field", "body", body(func(b []byte) []byte { return []byte("payload=" + url.QueryEscape(string(b))) })},
		{"body-in-envelope", "body", func(t testing.TB, s *situation) {
			s.arrived = toJSON(t, object{"Type": "Notification", "Message": string(s.arrived)})
		}},
		{"hash-of-plaintext", "plaintext", func(t testing.TB, s *situation) {
			s.decrypts, s.arrived = true, jwe{content: s.arrived}.text(t)
		}},
		{"body-text-changed", "text", body(func(b []byte) []byte { return append(slices.Clone(b), '\n') })},
		{"body-text-changed", "text", func(_ testing.TB, s *situation) { s.signed = append(slices.Clone(s.signed), '\n') }},
		{"body-text-changed", "text", body(func(b []byte) []byte { return append([]byte("\ufeff"), b...) })},
		{"path-rewritten", "path", func(_ testing.TB, s *situation) { s.request = "/api" + s.request }},
		{"path-rewritten", "path", func(_ testing.TB, s *situation) { s.claimed = "/v1" + s.claimed }},
		{"path-rewritten", "path", func(_ testing.TB, s *situation) { s.claimed, s.request = "/old/hook", "/new/hook" }},
		{"path-rewritten", "path", func(_ testing.TB, s *situation) { s.request += "/" }},
		{"path-rewritten", "path", func(_ testing.TB, s *situation) { s.request = "/%68ook" }},
		{"signature-form", "header", wrap("X-Token", func(token string) string { return pick("Bearer ", "JWT ", "v1=") + token })},
		{"signature-form", "header", wrap("X-Token", func(token string) string { return `"` + token + `"` })},
		{"header-similar-name", "header", wrap("X_token", same)},
		{"header-of-other-provider", "header", wrap("Webhook-Jwt", same)},
		{"header-folded", "header", wrap("X-Token", func(token string) string { return token + ", " + token })},
		{"signature-other-algorithm", "algorithm", func(_ testing.TB, s *situation) { s.algorithm = pick("RS384", "RS512") }},
		{"key-whitespace", "key", secret(func(s *situation) { s.configured = s.used + " " })},
		{"key-whitespace", "key", secret(func(s *situation) { s.used += "\n" })},
		{"key-quoted", "key", secret(func(s *situation) { q := pick(`"`, "'"); s.configured = q + s.used + q })},
		{"key-encoding", "key", secret(func(s *situation) { s.configured = hex.EncodeToString([]byte(s.used)) })},
		{"key-encoding", "key", secret(func(s *situation) { s.configured = base64.StdEncoding.EncodeToString([]byte(s.used)) })},
		{"key-of-other-environment", "key", func(t testing.TB, s *situation) {
			sandbox := config()
			sandbox.Keys = jose.StaticKeys{{ID: "sandbox", Key: &testKeys().other.PublicKey}}
			s.privateKey, s.others = testKeys().other, []truhook.Verifier{newVerifier(t, sandbox)}
		}},
	}
}

// 100 deliveries with two faults each: the first cause that is told is one of the two.
func TestExplain_TwoFaultsAtOnce(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(14, 1795608712))
	all := tokenFaults(t, random)
	document, _ := packed(t)
	right, proven, done := 0, 0, 0
	for done < 100 {
		i, j := random.IntN(len(all)), random.IntN(len(all))
		one, two := all[min(i, j)], all[max(i, j)]
		if one.kind == two.kind {
			continue
		}
		done++
		s := newSituation(document)
		s.used += strings.Repeat("x", 40) // enough for HS512
		s.configured = s.used
		one.do(t, s)
		two.do(t, s)
		e, _ := s.explained(t)
		require.NotEmpty(t, e.Findings, "%s and %s", one.cause, two.cause)
		if f := e.Findings[0]; f.Name == one.cause || f.Name == two.cause {
			right++
			if f.Proven {
				proven++
			}
			continue
		}
		t.Logf("%s and %s: %s", one.cause, two.cause, firstCause(e))
	}
	t.Logf("%d of 100 right, %d of them proven", right, proven)
	require.GreaterOrEqual(t, right, 95)
	require.GreaterOrEqual(t, proven, 95)
}

// Whoever holds no secret proves nothing, whatever else is wrong with the delivery.
func TestExplain_AttackersProveNothing(t *testing.T) {
	t.Parallel()
	published := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	publishedKey, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(published, "whsec_"))
	require.NoError(t, err)
	known := map[string]string{
		"nothing": "", "null": "null", "undefined": "undefined", "nil": "nil", "the label": "2026", "a placeholder": "changeme",
		"a longer placeholder": "your-webhook-secret", "an unfilled template": "${WEBHOOK_SECRET}", "a path": "/run/secrets/webhook",
		"a published one": published, "a published one, decoded": string(publishedKey), "a blank": " ", "a line break": "\n",
		"the issuer": "issuer", "the audience": "audience", "the scheme": "jose", "the body": string(body), "zeros": strings.Repeat("\x00", 32),
		"a quoted placeholder": `"changeme"`, "secret": "secret", "a few bytes": "abc", "hex of a few bytes": "616263",
		"a prefix": "whsec_", "the header's name": "X-Token",
	}
	require.GreaterOrEqual(t, len(known), 24)
	configured := map[string]string{
		"a good one": sharedSecret, "a placeholder": "changeme", "a placeholder in quotes": `"changeme"`, "null in quotes": `"null"`,
		"blanks and a placeholder": "  changeme  ", "nothing in quotes": `""`, "a published one": published, "a prefix": "whsec_",
		"a few bytes": "abc", "a few bytes in hex": "616263", "a placeholder in base64": "Y2hhbmdlbWU=", "a path": "/run/secrets/webhook",
		"an unfilled template": "${WEBHOOK_SECRET}", "an unfilled template in quotes": `"${WEBHOOK_SECRET}"`,
	}
	other, err := jose.NewSecret("test", published)
	require.NoError(t, err)
	cfg := config()
	cfg.Scheme, cfg.Keys, cfg.Secrets, cfg.Algorithms = "elsewhere", nil, jose.StaticSecrets{other}, []string{"HS256"}
	others := []truhook.Verifier{newVerifier(t, cfg)}
	shapes := map[string]func(d *truhook.Delivery){
		"as it should be":   func(*truhook.Delivery) {},
		"a prefix":          func(d *truhook.Delivery) { d.RequestURI = "/api/hook" },
		"a word in front":   func(d *truhook.Delivery) { d.Header["X-Token"][0] = "Bearer " + d.Header["X-Token"][0] },
		"another header":    func(d *truhook.Delivery) { d.Header = http.Header{"X-Other": d.Header["X-Token"]} },
		"a line break more": func(d *truhook.Delivery) { d.Body = append(slices.Clone(body), '\n') },
	}
	for keyName, key := range configured {
		secret, err := jose.NewSecret("2026", key)
		require.NoError(t, err)
		cfg := config()
		cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
		v := newVerifier(t, cfg)
		for name, used := range known {
			token := hsToken(t, used, `{"alg":"HS256"}`, claims(nil))
			for shape, change := range shapes {
				d := delivery(token)
				change(d)
				e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Others: others, Timeout: time.Minute})
				for _, f := range e.Findings {
					assert.False(t, f.Proven, "%s, %s, %s: %+v", keyName, name, shape, f)
				}
				require.True(t, e.Complete)
			}
		}
	}
}

func TestExplain_TheBudgetHoldsWithoutSHAInstructions(t *testing.T) {
	t.Parallel()
	cputest.WithoutExtensions(t, "TestExplain_TheBudgetHolds")
}

func TestExplain_TheBudgetHolds(t *testing.T) {
	t.Parallel()
	hostile := []byte("[1" + strings.Repeat(",1", 1<<19) + "]")
	cfg := config()
	var keys jose.StaticKeys
	for i := range 16 {
		keys = append(keys, jose.PublicKey{ID: fmt.Sprint(i), Key: &testKeys().rsa.PublicKey})
	}
	cfg.Keys = keys
	v := newVerifier(t, cfg)
	for name, body := range map[string][]byte{
		"a list": hostile, "no JSON": hostile[:len(hostile)-1], "a deep list": []byte(strings.Repeat("[", 1<<20)),
		"base64": bytes.Repeat([]byte("AAAA"), 1<<18), "a form": []byte(strings.Repeat("a=%41&", 1<<17)),
	} {
		d := delivery(tokenFor(t, []byte("something else"), nil))
		d.Body = body
		for _, budget := range []int64{0, 1, 1 << 10, 1 << 20, 8 << 20} {
			e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: budget})
			require.LessOrEqual(t, e.HashedBytes, budget, name)
			require.True(t, !e.Complete || budget >= 1<<20, name)
			for _, f := range e.Findings {
				require.False(t, f.Proven, name)
			}
		}
	}
}

// Variants are paid for by what they hold, not by what came.
func TestExplain_AFewBytesThatUnpackToManyAreWithinTheBudget(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	d := delivery(tokenFor(t, []byte("something else"), nil))
	d.Body = gzipped(t, bytes.Repeat([]byte("[1,2,3,4]"), 7<<17)) // 8 MiB
	require.Less(t, len(d.Body), 64<<10)
	e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 20})
	assert.LessOrEqual(t, e.HashedBytes, int64(1<<20))
	assert.False(t, e.Complete)
	e = v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 256 << 20})
	assert.Greater(t, e.HashedBytes, int64(7<<20), "and are tried where the budget has room for them")
}
