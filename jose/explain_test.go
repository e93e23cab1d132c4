package jose_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// gzipped compresses as a sender does.
func gzipped(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// tokenFor is a true token for a body.
func tokenFor(t testing.TB, body []byte, change object) string {
	t.Helper()
	all := claims(change)
	request := all["request"].(object)
	request["hash"] = sha256Hex(body)
	return rawToken(t, testKeys().rsa, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, all)))
}

func explain(t *testing.T, v truhook.Verifier, d *truhook.Delivery, others ...truhook.Verifier) truhook.Explanation {
	t.Helper()
	_, err := v.Verify(t.Context(), d)
	require.Error(t, err, "a delivery that is accepted needs no explanation")
	e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{Others: others})
	for _, f := range e.Findings {
		assert.NotContains(t, f.String(), string(d.Body)+"x")
		assert.NotEmpty(t, f.Problem, f.Name)
		assert.NotEmpty(t, f.Remedy, f.Name)
	}
	return e
}

func TestExplain_NamesEachCauseAndProvesIt(t *testing.T) {
	t.Parallel()
	event := []byte(`{"a": "b", "c": [1, 2], "d": "é"}`) // as Python writes it, but for the é
	good := func(t *testing.T) string { return tokenFor(t, event, nil) }
	at := func(path string) func(t *testing.T, d *truhook.Delivery) {
		return func(_ *testing.T, d *truhook.Delivery) { d.RequestURI = path }
	}
	bodyOf := func(changed []byte) func(t *testing.T, d *truhook.Delivery) {
		return func(_ *testing.T, d *truhook.Delivery) { d.Body = changed }
	}
	headerOf := func(make func(token string) http.Header) func(t *testing.T, d *truhook.Delivery) {
		return func(_ *testing.T, d *truhook.Delivery) { d.Header = make(d.Header.Get("X-Token")) }
	}
	for name, test := range map[string]struct {
		change  func(t *testing.T, d *truhook.Delivery)
		reason  truhook.Reason
		cause   string
		subject string
	}{
		"a prefix was removed":   {at("/"), truhook.WrongPath, "path-rewritten", ""},
		"a prefix was added":     {at("/api/hook"), truhook.WrongPath, "path-rewritten", `the prefix "/api" was added`},
		"a slash at the end":     {at("/hook/"), truhook.WrongPath, "path-rewritten", "a slash at the end"},
		"letters":                {at("/Hook"), truhook.WrongPath, "path-rewritten", "the case of letters"},
		"percent-encoding":       {at("/%68ook"), truhook.WrongPath, "path-rewritten", "the percent-encoding"},
		"a line feed at the end": {bodyOf(append(bytes.Clone(event), '\n')), truhook.BodyHashMismatch, "body-text-changed", "whitespace"},
		"a byte order mark":      {bodyOf(append([]byte("\xef\xbb\xbf"), event...)), truhook.BodyHashMismatch, "body-text-changed", "bom"},
		"another JSON writer":    {bodyOf([]byte(`{"a":"b","c":[1,2],"d":"é"}`)), truhook.BodyHashMismatch, "body-reserialized", ""},
		"gzip":                   {bodyOf(gzipped(t, event)), truhook.BodyHashMismatch, "body-content-encoding", "gzip"},
		"base64":                 {bodyOf([]byte(base64.StdEncoding.EncodeToString(event))), truhook.BodyHashMismatch, "body-base64", ""},
		"a form":                 {bodyOf([]byte("payload=" + url.QueryEscape(string(event)))), truhook.BodyHashMismatch, "body-form-field", "payload"},
		"underscores":            {headerOf(func(token string) http.Header { return http.Header{"X_token": {token}} }), truhook.MissingToken, "header-similar-name", "X_token"},
		"a name without the X":   {headerOf(func(token string) http.Header { return http.Header{"Token": {token}} }), truhook.MissingToken, "header-similar-name", "Token"},
		"another header":         {headerOf(func(token string) http.Header { return http.Header{"Webhook-Jwt": {token}} }), truhook.MissingToken, "header-of-other-provider", "Webhook-Jwt"},
		"a header of any name": {headerOf(func(token string) http.Header { return http.Header{"X-" + strings.Repeat("Y", 30<<10): {token}} }),
			truhook.MissingToken, "header-of-other-provider", "another header"},
		"Authorization":   {headerOf(func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }), truhook.MissingToken, "header-of-other-provider", "Authorization"},
		"twice":           {headerOf(func(token string) http.Header { return http.Header{"X-Token": {token, token}} }), truhook.DuplicateHeader, "header-folded", ""},
		"a list":          {headerOf(func(token string) http.Header { return http.Header{"X-Token": {token + ", " + token}} }), truhook.MalformedToken, "header-folded", ""},
		"a word in front": {headerOf(func(token string) http.Header { return http.Header{"X-Token": {"Bearer " + token}} }), truhook.MalformedToken, "signature-form", "a word in front"},
		"a name in front": {headerOf(func(token string) http.Header { return http.Header{"X-Token": {"v1=" + token}} }), truhook.MalformedToken, "signature-form", "a word in front"},
		"quotes":          {headerOf(func(token string) http.Header { return http.Header{"X-Token": {`"` + token + `"`}} }), truhook.MalformedToken, "signature-form", "quotes"},
		"a space":         {headerOf(func(token string) http.Header { return http.Header{"X-Token": {token + " "}} }), truhook.MalformedToken, "signature-form", "white space"},
		"padding":         {headerOf(func(token string) http.Header { return http.Header{"X-Token": {token + "=="}} }), truhook.MalformedToken, "signature-form", "base64 in place of base64url"},
		"an algorithm not allowed": {func(t *testing.T, d *truhook.Delivery) {
			d.Header.Set("X-Token", signed(t, "RS384", testKeys().rsa))
			d.Body = body
		}, truhook.AlgorithmNotAllowed, "signature-other-algorithm", "RS384"},
		"the path, and a JSON writer": {func(_ *testing.T, d *truhook.Delivery) {
			d.RequestURI = "/x/hook"
			d.Body = []byte(`{"a":"b","c":[1,2],"d":"é"}`)
		}, truhook.WrongPath, "path-rewritten", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := delivery(good(t))
			d.Body = event
			if strings.HasPrefix(name, "a prefix was removed") {
				d.Header.Set("X-Token", tokenFor(t, event, object{"request": object{"meth": "POST", "path": "/a/", "func": "S256"}}))
			}
			test.change(t, d)
			e := explain(t, newVerifier(t, config()), d)
			assert.Equal(t, test.reason, e.Reason)
			require.NotEmpty(t, e.Findings)
			assert.Equal(t, test.cause, e.Findings[0].Name)
			assert.True(t, e.Findings[0].Proven)
			assert.True(t, e.Complete)
			assert.Positive(t, e.Tried)
			if test.subject != "" {
				assert.Equal(t, test.subject, e.Findings[0].Subject)
			}
		})
	}
}

func TestExplain_KeysOfOtherVerifiers(t *testing.T) {
	t.Parallel()
	sandbox := config()
	sandbox.Keys = jose.StaticKeys{{ID: "sandbox", Key: &testKeys().other.PublicKey}}
	elsewhere := sandbox
	elsewhere.Scheme = "elsewhere"
	d := delivery(rawToken(t, testKeys().other, `{"alg":"RS256","kid":"sandbox"}`, string(toJSON(t, claims(nil)))))
	v := newVerifier(t, config())
	for name, test := range map[string]struct {
		others []truhook.Verifier
		cause  string
	}{
		"the sandbox":      {[]truhook.Verifier{newVerifier(t, sandbox)}, "key-of-other-environment"},
		"another provider": {[]truhook.Verifier{nil, v, newVerifier(t, elsewhere)}, "delivery-of-other-provider"},
		"inside of AnyOf":  {[]truhook.Verifier{truhook.AnyOf(v, newVerifier(t, sandbox))}, "key-of-other-environment"},
	} {
		e := explain(t, v, d, test.others...)
		require.NotEmpty(t, e.Findings, name)
		assert.Equal(t, test.cause, e.Findings[0].Name, name)
		assert.True(t, e.Findings[0].Proven, name)
		assert.Equal(t, truhook.UnknownKey, e.Reason, name)
	}
}

func TestExplain_SecretsWrittenInAnotherWay(t *testing.T) {
	t.Parallel()
	sign := func(secret string) string { return hsToken(t, secret, `{"alg":"HS256"}`, claims(nil)) }
	for name, test := range map[string]struct {
		configured, used string
		cause            string
		proven           bool
	}{
		"a line feed":       {sharedSecret, sharedSecret + "\n", "key-whitespace", true},
		"a space":           {sharedSecret + " ", sharedSecret, "key-whitespace", true},
		"quotes":            {`"` + sharedSecret + `"`, sharedSecret, "key-quoted", true},
		"base64":            {base64.StdEncoding.EncodeToString([]byte(sharedSecret)), sharedSecret, "key-encoding", true},
		"hex":               {hex.EncodeToString([]byte(sharedSecret)), sharedSecret, "key-encoding", true},
		"encoded":           {sharedSecret, base64.StdEncoding.EncodeToString([]byte(sharedSecret)), "key-encoding", true},
		"the label":         {sharedSecret, "label-of-the-secret", "key-id-as-secret", false},
		"an empty secret":   {sharedSecret, "", "no-cause-found", false},
		"null":              {sharedSecret, "null", "no-cause-found", false},
		"a guessable one":   {`"x"`, "x", "key-quoted", false},
		"a stranger's":      {sharedSecret, "of somebody else", "no-cause-found", false},
		"the public issuer": {sharedSecret, "issuer", "no-cause-found", false},
	} {
		secret, err := jose.NewSecret("label-of-the-secret", test.configured)
		require.NoError(t, err)
		cfg := config()
		cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
		e := explain(t, newVerifier(t, cfg), delivery(sign(test.used)))
		require.NotEmpty(t, e.Findings, name)
		assert.Equal(t, test.cause, e.Findings[0].Name, name)
		assert.Equal(t, test.proven, e.Findings[0].Proven, name)
		for _, f := range e.Findings {
			assert.NotContains(t, f.String(), sharedSecret, name)
			assert.NotContains(t, f.String(), hex.EncodeToString([]byte(sharedSecret)), name)
		}
	}
}

// A secret in brackets was a proven key-encoding and, beside that, a placeholder; a longer Content-Length a cut body.
func TestExplain_NothingIsSupposedBesideAProof(t *testing.T) {
	t.Parallel()
	for _, configured := range []string{"<" + sharedSecret + ">", sharedSecret + "," + sharedSecret[1:], sharedSecret + sharedSecret} {
		secret, err := jose.NewSecret("label", configured)
		require.NoError(t, err)
		cfg := config()
		cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
		d := delivery(hsToken(t, sharedSecret, `{"alg":"HS256"}`, claims(nil)))
		d.Header.Set("Content-Length", "999")
		e := explain(t, newVerifier(t, cfg), d)
		require.Len(t, e.Findings, 1, "%+v", e)
		assert.Equal(t, "key-encoding", e.Findings[0].Name)
		assert.True(t, e.Findings[0].Proven)
	}
}

func TestExplain_HashOfThePlaintext(t *testing.T) {
	t.Parallel()
	plaintext := []byte(`{"decrypted":true}`)
	cfg := config()
	cfg.Decrypter = newDecrypter(t, decrypterConfig())
	d := delivery(tokenFor(t, plaintext, nil))
	d.Body = jwe{content: plaintext}.text(t)
	e := explain(t, newVerifier(t, cfg), d)
	require.NotEmpty(t, e.Findings)
	assert.Equal(t, "hash-of-plaintext", e.Findings[0].Name)
	assert.True(t, e.Findings[0].Proven)
}

// What no sender with a key made is never proven.
func TestExplain_ProvesNothingThatIsNotTrue(t *testing.T) {
	t.Parallel()
	good := token(t, nil)
	part := strings.Split(good, ".")
	hs := func(secret []byte) string {
		input := b64([]byte(`{"alg":"HS256","kid":"1"}`)) + "." + part[1]
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return input + "." + b64(mac.Sum(nil))
	}
	sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
	for name, change := range map[string]func(d *truhook.Delivery){
		"another body":                 func(d *truhook.Delivery) { d.Body = []byte(`{"amount":1000000}`) },
		"another body and path":        func(d *truhook.Delivery) { d.Body = []byte(`{"amount":1000000}`); d.RequestURI = "/api/hook" },
		"a token for another endpoint": func(d *truhook.Delivery) { d.RequestURI = "/payouts" },
		"a forged signature":           func(d *truhook.Delivery) { d.Header.Set("X-Token", part[0]+"."+part[1]+"."+b64(make([]byte, 256))) },
		"a plain hash":                 func(d *truhook.Delivery) { d.Header.Set("X-Token", part[0]+"."+part[1]+"."+b64(sum[:])) },
		"HMAC under the public key":    func(d *truhook.Delivery) { d.Header.Set("X-Token", hs(testKeys().rsa.N.Bytes())) },
		"HMAC under nothing":           func(d *truhook.Delivery) { d.Header.Set("X-Token", hs(nil)) },
		"HMAC under the key id":        func(d *truhook.Delivery) { d.Header.Set("X-Token", hs([]byte("1"))) },
		"none": func(d *truhook.Delivery) {
			d.Header.Set("X-Token", b64([]byte(`{"alg":"none","kid":"1"}`))+"."+part[1]+".AA")
		},
		"somebody else's key": func(d *truhook.Delivery) {
			d.Header.Set("X-Token", rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(nil)))))
		},
		"no token":        func(d *truhook.Delivery) { d.Header = http.Header{} },
		"nonsense":        func(d *truhook.Delivery) { d.Header.Set("X-Token", "a.b.c") },
		"expired":         func(d *truhook.Delivery) { d.Received = now.Add(time.Hour) },
		"issued later":    func(d *truhook.Delivery) { d.Received = now.Add(-time.Hour) },
		"another subject": func(d *truhook.Delivery) { d.Header.Set("X-Token", token(t, object{"iss": "x"})) },
		"a GET":           func(d *truhook.Delivery) { d.Method = "GET" },
	} {
		d := delivery(good)
		change(d)
		e := explain(t, newVerifier(t, config()), d)
		assert.NotEmpty(t, e.Reason, name)
		for _, f := range e.Findings {
			assert.False(t, f.Proven, "%s: %v", name, f)
			assert.EqualValues(t, -1, f.Offset)
		}
		switch e.Reason {
		case truhook.Expired, truhook.NotYetValid:
			require.NotEmpty(t, e.Findings, name)
			assert.Equal(t, "time-outside-window", e.Findings[0].Name)
			assert.Contains(t, e.Findings[0].Problem, "1h0m0s")
		case truhook.WrongMethod:
			require.NotEmpty(t, e.Findings, name)
			assert.Equal(t, "request-redirected", e.Findings[0].Name)
		case truhook.WrongIssuer:
			assert.Empty(t, e.Findings, "the reason says it all")
		}
	}
}

func TestExplain_AsksNoSourceAndKeepsItsBudget(t *testing.T) {
	t.Parallel()
	asked := 0
	cfg := config()
	cfg.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) {
		asked++
		return []jose.PublicKey{{ID: "1", Key: &testKeys().rsa.PublicKey}}, nil
	})
	v := newVerifier(t, cfg)
	d := delivery(token(t, nil))
	d.RequestURI = "/api/hook"
	e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 20})
	assert.Zero(t, asked, "never asked, so nothing is at hand")
	assert.Empty(t, e.Findings)
	assert.Equal(t, truhook.WrongPath, e.Reason)

	_, err := v.Verify(t.Context(), delivery(token(t, nil)))
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	e = v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 20})
	assert.Equal(t, 1, asked)
	require.NotEmpty(t, e.Findings)
	assert.True(t, e.Findings[0].Proven, "the keys that it gave last are at hand")

	large := delivery(tokenFor(t, []byte("something else"), nil))
	large.Body = bytes.Repeat([]byte("[1,"), 1<<18)
	for _, budget := range []int64{-1, 0, 1000, 1 << 20} {
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: large, MaxHashedBytes: budget})
		assert.LessOrEqual(t, e.HashedBytes, max(budget, 0))
		assert.False(t, e.Complete, "%d", budget)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	e = v.Explain(ended, truhook.ExplainQuery{Delivery: large, MaxHashedBytes: 1 << 30})
	assert.False(t, e.Complete)
	assert.Equal(t, truhook.NoKey, (*jose.Verifier)(nil).Explain(t.Context(), truhook.ExplainQuery{}).Reason)
	assert.Equal(t, truhook.MissingToken, v.Explain(t.Context(), truhook.ExplainQuery{}).Reason)
}

// Each cause has its row in the documentation.
func TestExplain_EachCauseIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/reasons.md")
	require.NoError(t, err)
	causes := jose.Causes()
	require.Greater(t, len(causes), 20)
	for _, name := range causes {
		assert.True(t, strings.Contains(string(page), "`"+name+"`"), name)
	}
}
