package truhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

// dated is a scheme with an id and a timestamp, for the refusals that the providers' own schemes do not have.
func dated() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "dated", Header: "X-Dated", Prefix: "v1=", Content: "{id}.{timestamp}.{body}", ID: "X-Id", Timestamp: "X-Time", Tolerance: time.Minute,
	}
}

// hmacRefusals is every way in which a verifier of hmacsig refuses, and in which the middleware refuses around one.
func hmacRefusals(scheme hmacsig.Scheme, now time.Time) map[string]struct {
	want   truhook.Reason
	keys   func(good hmacsig.Key) hmacsig.KeySource
	change func(r *http.Request)
} {
	type refusal = struct {
		want   truhook.Reason
		keys   func(good hmacsig.Key) hmacsig.KeySource
		change func(r *http.Request)
	}
	static := func(good hmacsig.Key) hmacsig.KeySource { return hmacsig.StaticKeys(good) }
	same := func(*http.Request) {}
	source := func(keys []hmacsig.Key, err error) func(hmacsig.Key) hmacsig.KeySource {
		return func(hmacsig.Key) hmacsig.KeySource {
			return hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) { return keys, err })
		}
	}
	head := func(change func(http.Header, string)) func(*http.Request) {
		return func(r *http.Request) { change(r.Header, http.CanonicalHeaderKey(scheme.Header)) }
	}
	cut := func(n int) func(*http.Request) {
		return head(func(h http.Header, name string) { h[name] = []string{h[name][0][:len(h[name][0])-n]} })
	}
	all := map[string]refusal{
		"missing":   {truhook.MissingSignature, static, head(func(h http.Header, name string) { delete(h, name) })},
		"empty":     {truhook.MissingSignature, static, head(func(h http.Header, name string) { h[name] = []string{""} })},
		"twice":     {truhook.DuplicateHeader, static, head(func(h http.Header, name string) { h[name] = append(h[name], h[name]...) })},
		"too long":  {truhook.HeaderTooLong, static, head(func(h http.Header, name string) { h[name][0] = strings.Repeat(h[name][0], 100) })},
		"truncated": {truhook.MalformedSignature, static, cut(2)},
		"odd":       {truhook.MalformedSignature, static, cut(1)},
		"not hex":   {truhook.MalformedSignature, static, head(func(h http.Header, name string) { h[name][0] = h[name][0][:len(h[name][0])-1] + "g" })},
		"other key": {truhook.SignatureMismatch, func(hmacsig.Key) hmacsig.KeySource {
			other, _ := hmacsig.NewKey("other", "another-secret-made-for-tests")
			return hmacsig.StaticKeys(other)
		}, same},
		"other body": {truhook.SignatureMismatch, static, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(`{"body":"`+canary+`!"}`)), -1
		}},
		"expired": {truhook.KeyExpired, func(k hmacsig.Key) hmacsig.KeySource { k.NotAfter = now.Add(-1); return hmacsig.StaticKeys(k) }, same},
		"not yet valid": {truhook.KeyNotYetValid, func(k hmacsig.Key) hmacsig.KeySource {
			k.NotBefore = now.Add(time.Minute)
			return hmacsig.StaticKeys(k)
		}, same},
		"no keys":       {truhook.NoKey, source(nil, nil), same},
		"a nil source":  {truhook.NoKey, func(hmacsig.Key) hmacsig.KeySource { return hmacsig.KeySourceFunc(nil) }, same},
		"a zero key":    {truhook.NoKey, source(make([]hmacsig.Key, 1), nil), same},
		"too many keys": {truhook.KeysUnavailable, source(make([]hmacsig.Key, 17), nil), same},
		"source down":   {truhook.KeysUnavailable, source(nil, errors.New("no route to the vault")), same},
		"a reason kept": {truhook.UnknownKey, source(nil, fmt.Errorf("tenant: %w", truhook.UnknownKey)), same},
		"a source's panic": {truhook.Internal, func(k hmacsig.Key) hmacsig.KeySource {
			return hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
				panic(fmt.Sprint(k, testSecret, canary))
			})
		}, same},
		"too large":  {truhook.BodyTooLarge, static, func(r *http.Request) { r.ContentLength = 1 << 40 }},
		"incomplete": {truhook.BodyIncomplete, static, cutShort},
		"replaced": {truhook.BodyReplaced, static, func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"body":"` + canary + `!"}`))
		}},
		"overloaded": {truhook.Overloaded, static, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(make([]byte, 5000))), 5000
		}},
		"timed out": {truhook.BodyTimedOut, static, func(r *http.Request) { r.Body = http.MaxBytesReader(nil, io.NopCloser(timedOut{}), 99) }},
	}
	if scheme.Timestamp != "" {
		for name, c := range map[string]struct {
			header, value string
			want          truhook.Reason
		}{
			"no timestamp":         {"X-Time", "", truhook.MissingTimestamp},
			"a bad timestamp":      {"X-Time", canary, truhook.MalformedTimestamp},
			"an old timestamp":     {"X-Time", "1", truhook.Expired},
			"a timestamp to come":  {"X-Time", "9999999999", truhook.NotYetValid},
			"no id":                {"X-Id", "", truhook.MissingMessageID},
			"an id with a literal": {"X-Id", canary + ".", truhook.MalformedMessageID},
			"another id":           {"X-Id", canary, truhook.SignatureMismatch},
		} {
			all[name] = refusal{c.want, static, func(r *http.Request) { r.Header.Set(c.header, c.value) }}
		}
	}
	return all
}

type timedOut struct{}

func (timedOut) Read([]byte) (int, error) { return 0, fmt.Errorf("read: %w", os.ErrDeadlineExceeded) }

// needles are the texts that nobody may find, by name.
func needles(secret string, body, mac []byte, sent http.Header) map[string]string {
	found := map[string]string{
		"the secret": secret, "the secret in hex": hex.EncodeToString([]byte(secret)), "the secret in base64": base64.StdEncoding.EncodeToString([]byte(secret)),
		"part of the secret": secret[len(secret)/2:], "the secret as numbers": strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
		"the secret in Go": strings.Trim(fmt.Sprintf("%#v", []byte(secret))[len("[]byte{"):], "}"),
		"the body":         string(body), "what the body says": canary, "the body as numbers": strings.Trim(fmt.Sprint(body), "[]"),
		"the MAC": hex.EncodeToString(mac), "the MAC in capitals": strings.ToUpper(hex.EncodeToString(mac)),
		"the MAC in base64": base64.StdEncoding.EncodeToString(mac), "the MAC for URLs": base64.RawURLEncoding.EncodeToString(mac),
		"half of the MAC": hex.EncodeToString(mac[:16]), "the MAC as numbers": strings.Trim(fmt.Sprint(mac), "[]"), "the MAC as it is": string(mac),
	}
	for name, lines := range sent {
		for _, line := range lines {
			if len(line) > 8 {
				found["the header "+name] = line
			}
		}
	}
	return found
}

// everything is whatever somebody could print of a refusal.
func everything(t *testing.T, o truhook.Observation, w *httptest.ResponseRecorder, v truhook.Verifier, m *truhook.Middleware) string {
	t.Helper()
	var out strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(&out, "%v\n%+v\n%#v\n%s\n%q\n%x\n", err, err, err, err, err, err)
		switch e := err.(type) { //nolint:errorlint // every link is looked at
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, one := range e.Unwrap() {
				walk(one)
			}
		}
	}
	walk(o.Err)
	text, _ := logged(t, o)
	out.WriteString(text)
	fmt.Fprintf(&out, "%v\n%+v\n%#v\n", o, o, o)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q", "%p"} {
		fmt.Fprintf(&out, verb+"\n", v)
		fmt.Fprintf(&out, verb+"\n", m)
	}
	response, err := httputil.DumpResponse(w.Result(), true)
	require.NoError(t, err)
	out.Write(response)
	return out.String()
}

func TestReason_NoRefusalShowsASecretASignatureOrABody(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	schemes := []hmacsig.Scheme{truv.Scheme(), trulioo.Scheme(), truval.Scheme(), dated()}
	for _, scheme := range schemes {
		for name, tt := range hmacRefusals(scheme, now) {
			t.Run(scheme.Name+"/"+name, func(t *testing.T) {
				t.Parallel()
				body := []byte(`{"body":"` + canary + `"}`)
				key, err := hmacsig.NewKey("current", testSecret)
				require.NoError(t, err)
				v, err := hmacsig.New(scheme, tt.keys(key), hmacsig.Config{})
				require.NoError(t, err)
				r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
				content := body
				if scheme.Content != "" {
					r.Header.Set("X-Id", "message")
					r.Header.Set("X-Time", fmt.Sprint(now.Unix()))
					content = fmt.Appendf(nil, "message.%d.%s", now.Unix(), body)
				}
				mac := macOf(testSecret, content)
				r.Header.Set(scheme.Header, scheme.Prefix+hex.EncodeToString(mac))
				secretTexts := needles(testSecret, body, mac, nil)
				tt.change(r)
				for name, text := range needles(testSecret, body, mac, r.Header) {
					secretTexts[name] = text
				}
				var seen truhook.Observation
				var lines bytes.Buffer
				m := truhook.NewMiddleware(v, truhook.Config{
					BodyTimeout:      time.Hour, // its timer does not run while m is printed
					MaxBufferedBytes: 4000, Now: func() time.Time { return now }, Logger: jsonLogger(&lines),
					Observe: func(_ context.Context, o truhook.Observation) { seen = o },
				})
				w := httptest.NewRecorder()
				m.Wrap(unreached(t)).ServeHTTP(w, r)
				requireRefused(t, tt.want, w, seen)
				require.Contains(t, lines.String(), tt.want)
				whole := *seen.Delivery
				whole.Body = body
				e := truhook.Explain(t.Context(), v, &whole, truhook.ExplainConfig{Reason: tt.want, Others: []truhook.Verifier{truvVerifier(t)}})
				explained, err := json.Marshal(e)
				require.NoError(t, err)
				shown := everything(t, seen, w, v, m) + lines.String() + string(explained) + fmt.Sprintf("%+v %#v", e, e)
				for what, text := range secretTexts {
					if strings.Contains(shown, text) {
						t.Errorf("shows %s", what) // without the text, which the log of a test is no place for either
					}
				}
			})
		}
	}
}

func TestReason_SearchFindsWhatItSearchesFor(t *testing.T) {
	t.Parallel()
	body := []byte(canary)
	for what, leak := range needles(testSecret, body, macOf(testSecret, body), http.Header{"X-Long": {"a long header"}}) {
		v := refusing(&truhook.Error{Reason: truhook.Refused, Err: fmt.Errorf("wrapped: %w", errors.Join(errPlain, errors.New(leak)))})
		m := truhook.NewMiddleware(v, truhook.Config{})
		_, err := m.Verify(t.Context(), &truhook.Delivery{})
		require.Contains(t, everything(t, truhook.Observation{Err: err}, httptest.NewRecorder(), v, m), leak, what)
	}
}
