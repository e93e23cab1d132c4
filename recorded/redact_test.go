package recorded_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
)

var testKey = recorded.Secret{ID: "test", Value: "truhook-test-only-key"}

// signTruv is the line that the documentation shows.
func signTruv(d *truhook.Delivery) error {
	key, err := hmacsig.NewKey(testKey.ID, testKey.Value)
	if err != nil {
		return err
	}
	return truv.Scheme().Sign(d.Header, key, hmacsig.Message{Body: d.Body})
}

func fileOf(body string, head ...string) *recorded.File {
	wire := "POST /hooks/SECRETPATH?token=SECRETQUERY&SECRETBARE HTTP/1.1\r\nHost: internal.SECRETHOST\r\n"
	for _, line := range head {
		wire += line + "\r\n"
	}
	wire += fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	return &recorded.File{
		Provider: "truv", About: "from a test", Expect: truhook.SignatureMismatch, Wire: []byte(wire),
		Secrets: []recorded.Secret{{ID: "real", Value: "SECRETSECRET"}},
	}
}

func redactor(t *testing.T, cfg recorded.RedactorConfig) *recorded.Redactor {
	t.Helper()
	r, err := recorded.NewRedactor(testKey, signTruv, cfg)
	require.NoError(t, err)
	return r
}

// accepted fails unless truv accepts f under the test key that f holds.
func assertAccepted(t *testing.T, f *recorded.File) *truhook.Delivery {
	t.Helper()
	require.Equal(t, []recorded.Secret{testKey}, f.Secrets)
	v, err := truv.New(f.Secrets[0].Value)
	require.NoError(t, err)
	d, err := f.Delivery()
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), d)
	require.Equal(t, f.Expect, truhook.ReasonOf(err))
	require.Equal(t, truhook.Reason(""), f.Expect)
	return d
}

func TestRedactedValuesKeepTheirTypeAndTheRestItsLayout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ fields, keep, body, want string }{
		"strings":            {"email", "", `{"email":"SECRET","status":"ok"}`, `{"email":"redacted","status":"ok"}`},
		"numbers":            {"ssn", "", `{"ssn": 1.5e3, "n":1.50}`, `{"ssn": 0, "n":1.50}`},
		"booleans and null":  {"a,b", "", `{"a":true,"b":null,"c":true}`, `{"a":false,"b":null,"c":true}`},
		"objects":            {"who", "", `{"who":{"SECRET":{"x":["SECRET"]}},"z":[]}`, `{"who":{},"z":[]}`},
		"arrays":             {"who", "", `{"who":[1,[2],{"SECRET":3}] ,"z":{}}`, `{"who":[] ,"z":{}}`},
		"at any depth":       {"x", "", `[[{"a":[{"x":"SECRET"}]}],{"x":7}]`, `[[{"a":[{"x":"redacted"}]}],{"x":0}]`},
		"in any letter case": {"Email", "", `{"eMAIL":"SECRET"}`, `{"eMAIL":"redacted"}`},
		"a name with escape": {"email", "", `{"\u0065mail":"SECRET"}`, `{"\u0065mail":"redacted"}`},
		"a name twice":       {"a", "", `{"a":"SECRET","a":"SECRET"}`, `{"a":"redacted","a":"redacted"}`},
		"a name as a value":  {"email", "", `{"a":"email","b":["email"]}`, `{"a":"email","b":["email"]}`},
		"order and layout": {"x", "", " {\r\n\t\"z\" : 1 ,\n \"x\":\"SECRET\",\"a\":\"\\u00e9\\/\"\n}\r\n ",
			" {\r\n\t\"z\" : 1 ,\n \"x\":\"redacted\",\"a\":\"\\u00e9\\/\"\n}\r\n "},
		"quotes in a value":  {"x", "", `{"x":"SE\"CRET,\"a\":1","b":"}"}`, `{"x":"redacted","b":"}"}`},
		"not UTF-8":          {"x", "", "{\"x\":\"SECRET\xff\",\"y\":\"\xff\"}", "{\"x\":\"redacted\",\"y\":\"\xff\"}"},
		"nothing named":      {"", "", `{"a":"SECRET","b":[1,{"c":true}],"d":{}}`, `{"a":"redacted","b":[0,{"c":false}],"d":{}}`},
		"kept":               {"", "type,ts", `{"type":"x","ts":[1,2],"b":"SECRET"}`, `{"type":"x","ts":[1,2],"b":"redacted"}`},
		"kept is not a tree": {"", "a,b", `{"a":{"b":1,"c":"SECRET"}}`, `{"a":{"b":1,"c":"redacted"}}`},
		"a bare value":       {"", "", `"SECRET"`, `"redacted"`},
		"no body":            {"", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := recorded.RedactorConfig{Fields: list(c.fields), Keep: list(c.keep)}
			f, err := redactor(t, cfg).Redact(fileOf(c.body))
			require.NoError(t, err)
			assert.Equal(t, c.want, string(assertAccepted(t, f).Body))
			assert.NotContains(t, text(t, f), "SECRET")
		})
	}
}

func list(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, ",")
}

func text(t *testing.T, f *recorded.File) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, recorded.Write(&b, f))
	return b.String()
}

func TestTheHeadKeepsOnlyWhatIsAllowed(t *testing.T) {
	t.Parallel()
	head := []string{
		"Authorization: Bearer SECRETBEARER", "Cookie: a=SECRETCOOKIE", "X-Forwarded-For: SECRETADDRESS", "X-Api-Key: SECRETKEY",
		"X-WEBHOOK-SIGN: v1=SECRETMAC", "X-Webhook-Sign: v1=SECRETMAC", "Content-Type: application/json", "User-Agent: Truv",
		"x-request-id: 17", "Transfer-Encoding: chunked",
	}
	f := fileOf(`{"a":1}`, head...)
	f.Wire = bytes.Replace(f.Wire, []byte("Content-Length: 7\r\n\r\n{\"a\":1}"), []byte("\r\n7\r\n{\"a\":1}\r\n0\r\n\r\n"), 1)
	got, err := redactor(t, recorded.RedactorConfig{Keep: []string{"a"}, Headers: []string{"X-Request-ID"}}).Redact(f)
	require.NoError(t, err)
	d := assertAccepted(t, got)
	assert.NotContains(t, text(t, got), "SECRET")
	assert.Equal(t, "/webhooks/truv", d.RequestURI)
	assert.Equal(t, "receiver.example", d.Host)
	names := make([]string, 0, len(d.Header))
	for name := range d.Header {
		names = append(names, name)
	}
	assert.ElementsMatch(t, []string{"Content-Type", "User-Agent", "X-Request-Id", "X-Webhook-Sign", "Content-Length"}, names)
	assert.Equal(t, "from a test; it was signature-mismatch, and is accepted since it was redacted and signed anew", got.About)
	assert.Contains(t, got.Redacted, "values of the body but a")
}

// A file never says of itself both that it was refused and that it is accepted.
func TestRedact_AboutOfARefusalSaysThatItIsOneNoMore(t *testing.T) {
	t.Parallel()
	const since = ", and is accepted since it was redacted and signed anew"
	for name, c := range map[string]struct {
		about  string
		expect truhook.Reason
		want   string
	}{
		"captured":          {"captured as it was refused", truhook.SignatureMismatch, "captured as it was refused; it was signature-mismatch" + since},
		"no about":          {"", truhook.MissingSignature, "it was missing-signature" + since},
		"not listed":        {"x", "a reason\nof two lines", "x; it was internal" + since},
		"accepted":          {"an order that was created", "", "an order that was created"},
		"accepted, nothing": {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fileOf(`{"a":1}`)
			f.About, f.Expect = c.about, c.expect
			got, err := redactor(t, recorded.RedactorConfig{Keep: []string{"a"}}).Redact(f)
			require.NoError(t, err)
			assertAccepted(t, got)
			assert.Equal(t, c.want, got.About)
			again, err := redactor(t, recorded.RedactorConfig{}).Redact(got)
			require.NoError(t, err)
			assert.Equal(t, c.want, again.About, "it is said once")
			assert.NotEmpty(t, text(t, got))
		})
	}
}

func TestAValueThatIsFoundElsewhereIsAnErrorThatDoesNotRepeatIt(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*recorded.File{
		"in another member":    fileOf(`{"email":"SECRETVALUE","text":"to SECRETVALUE!"}`),
		"behind an escape":     fileOf(`{"email":"SECRETVALUE","text":"\u0053ECRETVALU\u0045"}`),
		"taken from an escape": fileOf(`{"email":"\u0053ECRETVALU\u0045","text":"SECRETVALUE"}`),
		"as the name":          fileOf(`{"email":"SECRETVALUE","SECRETVALUE":1}`),
		"out of a container":   fileOf(`{"email":[{"a":"SECRETVALUE"}],"text":"SECRETVALUE"}`),
		"a number":             fileOf(`{"email":555123456789,"text":"+555123456789"}`),
		"of a header":          fileOf(`{"text":"SECRETBEARER"}`, "Authorization: SECRETBEARER"),
		"in a header":          fileOf(`{"email":"SECRETVALUE"}`, "User-Agent: SECRETVALUE/1.0"),
		"of the query":         fileOf(`{"text":"SECRETQUERY"}`),
		"a secret":             fileOf(`{"text":"SECRETSECRET"}`),
	} {
		got, err := redactor(t, recorded.RedactorConfig{Fields: []string{"email"}}).Redact(f)
		require.Error(t, err, name)
		assert.Nil(t, got, name)
		assert.NotContains(t, err.Error(), "SECRET", name)
		assert.NotContains(t, err.Error(), "555123456789", name)
	}
}

func TestABodyThatIsNotJSONIsNotWritten(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a token": "eyJhbGciOi.x.y", "a form": "email=SECRET", "cut": `{"email":"SECRET`, "two values": `{} {"email":"SECRET"}`,
		"a BOM": "\ufeff{}", "gzip": "\x1f\x8b\x08", "NUL": "{}\x00", "a comment": "{} // x",
	} {
		got, err := redactor(t, recorded.RedactorConfig{Fields: []string{"email"}}).Redact(fileOf(body))
		require.Error(t, err, name)
		assert.Nil(t, got, name)
		assert.NotContains(t, err.Error(), "SECRET", name)
	}
}

func TestABodyOfManyLevelsAndValuesEndsSoon(t *testing.T) {
	t.Parallel()
	r := redactor(t, recorded.RedactorConfig{Fields: []string{"x"}})
	_, err := r.Redact(fileOf(strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)))
	require.Error(t, err, "more than encoding/json takes")

	var many []string
	for i := range 50_000 {
		many = append(many, fmt.Sprintf(`{"x":"value number %d"}`, i))
	}
	f, err := r.Redact(fileOf("[" + strings.Join(many, ",") + "]"))
	require.NoError(t, err)
	assertAccepted(t, f)
}

func TestSignMayEncryptTheContent(t *testing.T) {
	t.Parallel()
	sign := func(d *truhook.Delivery) error {
		assert.JSONEq(t, `{"email":"redacted"}`, string(d.Body))
		d.Body = []byte("encrypted")
		d.Header.Set("Authorization", "IOV-JWT for "+d.RequestURI)
		return nil
	}
	r, err := recorded.NewRedactor(testKey, sign, recorded.RedactorConfig{Target: "/hooks/here"})
	require.NoError(t, err)
	f, err := r.Redact(fileOf(`{"email":"SECRETVALUE"}`))
	require.NoError(t, err)
	d, err := f.Delivery()
	require.NoError(t, err)
	assert.Equal(t, "encrypted", string(d.Body))
	assert.Equal(t, "IOV-JWT for /hooks/here", d.Header.Get("Authorization"))
}

func TestARedactorThatCannotBeSafeIsNotMade(t *testing.T) {
	t.Parallel()
	none := func(*truhook.Delivery) error { return nil }
	for name, c := range map[string]struct {
		key recorded.Secret
		cfg recorded.RedactorConfig
	}{
		"no key":             {},
		"no secret":          {key: recorded.Secret{ID: "a"}},
		"no id":              {key: recorded.Secret{Value: "a"}},
		"a line break":       {key: recorded.Secret{ID: "a", Value: "a\nb"}},
		"fields and keep":    {key: testKey, cfg: recorded.RedactorConfig{Fields: []string{"a"}, Keep: []string{"b"}}},
		"an empty field":     {key: testKey, cfg: recorded.RedactorConfig{Fields: []string{""}}},
		"an empty keep":      {key: testKey, cfg: recorded.RedactorConfig{Keep: []string{"a", ""}}},
		"an empty header":    {key: testKey, cfg: recorded.RedactorConfig{Headers: []string{""}}},
		"Authorization":      {key: testKey, cfg: recorded.RedactorConfig{Headers: []string{"authorization"}}},
		"Cookie":             {key: testKey, cfg: recorded.RedactorConfig{Headers: []string{"COOKIE"}}},
		"X-Forwarded-For":    {key: testKey, cfg: recorded.RedactorConfig{Headers: []string{"x-forwarded-for"}}},
		"a target with CRLF": {key: testKey, cfg: recorded.RedactorConfig{Target: "/ HTTP/1.1\r\nA: b"}},
	} {
		r, err := recorded.NewRedactor(c.key, none, c.cfg)
		assert.Error(t, err, name)
		assert.Nil(t, r, name)
	}
	assert.Panics(t, func() { _, _ = recorded.NewRedactor(testKey, nil, recorded.RedactorConfig{}) })
	_, err := new(recorded.Redactor).Redact(fileOf(`{}`))
	assert.Error(t, err)
	_, err = (*recorded.Redactor)(nil).Redact(fileOf(`{}`))
	assert.Error(t, err)

	f := fileOf(`{}`)
	f.Provider = "../truv"
	_, err = redactor(t, recorded.RedactorConfig{}).Redact(f)
	assert.Error(t, err, "a provider that is no name")
	failing, err := recorded.NewRedactor(testKey, func(*truhook.Delivery) error { return errors.New("no") }, recorded.RedactorConfig{})
	require.NoError(t, err)
	_, err = failing.Redact(fileOf(`{}`))
	assert.Error(t, err, "sign fails")
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"a":{"x":"canary-value"},"x":["canary-value",1.5,true,null,{"b":2}],"c":[{"x":3}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, cfg := range []recorded.RedactorConfig{{Fields: []string{"x"}}, {Keep: []string{"a"}}, {}} {
			got, err := redactor(t, cfg).Redact(fileOf(string(body)))
			if err != nil {
				continue
			}
			d := assertAccepted(t, got)
			if len(bytes.TrimSpace(body)) == 0 {
				continue
			}
			require.True(t, json.Valid(d.Body), "%q became %q", body, d.Body)
			var was, is any
			if json.Unmarshal(body, &was) != nil { // a number that is out of range
				continue
			}
			require.NoError(t, json.Unmarshal(d.Body, &is))
			require.IsType(t, was, is)
			if cfg.Fields == nil && cfg.Keep == nil {
				require.NotContains(t, string(d.Body), "canary-value")
			}
		}
	})
}
