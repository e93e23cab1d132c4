package hmacsig_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/recorded"
)

const wrongSecret = "prod-89abcdef89abcdef89abcdef89abcdef89abcdef"

// Many senders sort the members of their JSON. Where nothing fits, that is a note behind the advice about the key.
func TestExplain_SortedMembersAreANote(t *testing.T) {
	t.Parallel()
	const notes = "no-cause-found body-reserialized"
	for sent, want := range map[string]string{
		`{"a":1,"b":2,"c":3,"d":4}`:                    notes,
		`{"a":{"x":1,"y":2},"b":[{"k":1,"l":2}]}`:      notes,
		"{\n  \"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}": notes,
		`{"d":4,"a":1,"b":2,"c":3}`:                    "no-cause-found",
		`{"a":1}`:                                      "no-cause-found",
		`{}`:                                           "no-cause-found",
		`a=1&b=2&c=3&d=4`:                              "no-cause-found",
	} {
		for _, s := range providers() {
			v := verifier(t, s)
			e := explainIn(t, v, delivery(sent, s.Header, s.Prefix+hexOf(wrongSecret, sent)))
			var names []string
			for _, f := range e.Findings {
				names = append(names, f.Name)
				assert.Equal(t, truhook.SeverityNote, f.Severity)
				assert.False(t, f.Proven)
			}
			require.Equal(t, want, strings.Join(names, " "), "%s: %s", s.Name, sent)
			assert.Contains(t, e.Findings[0].Remedy, "Compare the key")
			if want == notes {
				assert.Contains(t, e.Findings[1].Problem, "the sender writes them so and the key is wrong, or something re-encoded the body")
			}
			assert.NotContains(t, e.RuledOut, "body-reserialized")
		}
	}
	// Where a cause is found, or the Reason is another, nothing is said of it.
	sorted := `{"a":1,"b":2,"c":3,"d":4}`
	v := verifier(t, truv.Scheme())
	for name, d := range map[string]*truhook.Delivery{
		"a line break":       delivery(sorted+"\n", "X-Webhook-Sign", "v1="+hexOf(testSecret, sorted)),
		"missing":            delivery(sorted, "X-Other", "v1="+hexOf(wrongSecret, sorted)),
		"malformed":          delivery(sorted, "X-Webhook-Sign", hexOf(wrongSecret, sorted)),
		"a hash of the body": delivery(sorted, "X-Webhook-Sign", "v1="+plainSHA256(sorted)),
	} {
		for _, f := range explainIn(t, v, d).Findings {
			assert.NotEqual(t, "body-reserialized", f.Name, name)
			assert.NotEqual(t, "no-cause-found", f.Name, name)
		}
	}
}

// What is said to be tried was tried: a candidate of that cause was there to be compared.
func TestExplain_RuledOutWasTried(t *testing.T) {
	t.Parallel()
	own := []string{"key-encoding", "key-id-as-secret", "key-quoted", "key-whitespace"}
	with := func(more ...string) []string { return append(more, own...) }
	other, err := truv.New("prod-0123456789abcdef0123456789abcdef0123456789")
	require.NoError(t, err)
	provider, err := truval.New("prod-0123456789abcdef0123456789abcdef0123456789")
	require.NoError(t, err)
	const sorted = `{"a":10.50,  "b":2, "c":3}`
	truvs := "v1=" + hexOf(wrongSecret, sorted)
	for name, tt := range map[string]struct {
		scheme hmacsig.Scheme
		url    string
		d      *truhook.Delivery
		others []truhook.Verifier
		want   []string
	}{
		"one key, and nothing else":   {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs), nil, own},
		"a body that is gzip":         {truv.Scheme(), "", delivery(gzipped(sorted), "X-Webhook-Sign", truvs, "Content-Encoding", "gzip"), nil, own},
		"a body without a byte":       {truv.Scheme(), "", delivery("", "X-Webhook-Sign", truvs), nil, own},
		"another environment":         {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs), []truhook.Verifier{other}, with("key-of-other-environment")},
		"another provider":            {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs), []truhook.Verifier{truhook.AnyOf(provider)}, with("key-of-other-provider")},
		"another header":              {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs, "X-Mac", hexOf("x", sorted)), nil, with("signature-form")},
		"another header, in its form": {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs, "X-Mac", "v1="+hexOf("x", sorted)), nil, with("header-of-other-provider")},
		"a digest of another size":    {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs, "X-Mac", "v1="+signedBy(sha1Of, "x", sorted)), nil, own},
		"a time":                      {truv.Scheme(), "", delivery(sorted, "X-Webhook-Sign", truvs, "X-Timestamp", "1772452800"), nil, with("content-form")},
		"a URL that is signed": {forms["square"], formURL, delivery(sorted, "X-Square-Hmacsha256-Signature", base64Of(wrongSecret, formURL+sorted)), nil,
			with("url-mismatch", "content-form")},
		"Trulioo": {trulioo.Scheme(), "", delivery(sorted, "X-Trulioo-Signature", hexOf(wrongSecret, sorted)), nil, own},
	} {
		v, err := hmacsig.New(tt.scheme, hmacsig.StaticKeys(testKey(t, "current", testSecret)), hmacsig.Config{URL: tt.url})
		require.NoError(t, err)
		e := explainIn(t, v, tt.d, tt.others...)
		want := tt.want
		if name == "another header" { // two changes at once, which rule nothing out alone
			want = own
		}
		assert.ElementsMatch(t, want, e.RuledOut, name)
		assert.True(t, e.Complete)
	}
	e := verifier(t, truv.Scheme()).Explain(t.Context(), truhook.ExplainQuery{
		Delivery: delivery(sorted, "X-Webhook-Sign", truvs), Others: []truhook.Verifier{other}, MaxHashedBytes: 200,
	})
	assert.False(t, e.Complete)
	assert.NotContains(t, e.RuledOut, "key-quoted", "the search did not come so far")
}

// A signature of a POST without a byte of body is told, however the body was lost.
func TestExplain_ABodyThatIsLost(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"truv", "truval", "trulioo"} {
		file, err := recorded.ReadFile("../recorded/deliveries/" + name + "/body-lost.http")
		if name == "trulioo" && err != nil {
			continue // none is recorded
		}
		require.NoError(t, err)
		d, err := file.Delivery()
		require.NoError(t, err)
		s := map[string]hmacsig.Scheme{"truv": truv.Scheme(), "truval": truval.Scheme(), "trulioo": trulioo.Scheme()}[name]
		assert.Equal(t, "likely body-empty", firstCause(explainIn(t, verifier(t, s), d)), name)
	}
	v := verifier(t, truv.Scheme())
	sign := "v1=" + hexOf(testSecret, body)
	lost := func(method string, body []byte, headers ...string) *truhook.Delivery {
		return &truhook.Delivery{Method: method, Header: hdr(headers...), Body: body}
	}
	for name, tt := range map[string]struct {
		d    *truhook.Delivery
		told bool
	}{
		"no length":                  {lost("POST", []byte{}, "X-Webhook-Sign", sign), true},
		"a length of nothing":        {lost("POST", []byte{}, "X-Webhook-Sign", sign, "Content-Length", "0"), true},
		"a nil body":                 {lost("POST", nil, "X-Webhook-Sign", sign), true},
		"a malformed signature":      {lost("POST", []byte{}, "X-Webhook-Sign", "v1=zz"), true},
		"a head alone, malformed":    {lost("POST", nil, "X-Webhook-Sign", "v1=zz"), false},
		"no signature":               {lost("POST", []byte{}), false},
		"no signature, but a length": {lost("POST", []byte{}, "Content-Length", "26"), true},
		"a GET":                      {lost("GET", []byte{}, "X-Webhook-Sign", sign), false},
		"one byte":                   {lost("POST", []byte{' '}, "X-Webhook-Sign", sign), false},
		"a true one of nothing":      {lost("POST", []byte{}, "X-Webhook-Sign", "v1="+hexOf(testSecret, "")), false},
	} {
		told := false
		for _, f := range truhook.Explain(t.Context(), v, tt.d, truhook.ExplainConfig{}).Findings {
			told = told || f.Name == "body-empty"
			assert.False(t, f.Proven, name)
		}
		assert.Equal(t, tt.told, told, name)
	}
}

// A verdict that is asked for alone searches nothing, asks nobody, and proves nothing that anybody could have made.
func TestExplain_JudgeOnly(t *testing.T) {
	t.Parallel()
	good := delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	judged := func(v truhook.Explainer, d *truhook.Delivery, budget int64) truhook.Explanation {
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: budget, JudgeOnly: true})
		assert.Empty(t, e.Findings)
		assert.Empty(t, e.RuledOut)
		assert.LessOrEqual(t, e.HashedBytes, budget)
		return e
	}
	v := verifier(t, truv.Scheme(), testKey(t, "current", testSecret))
	e := judged(v, good, 1<<20)
	assert.Equal(t, []truhook.Proof{{Scheme: "truv", KeyID: "current"}}, e.Proofs)
	assert.Equal(t, "truv", e.Scheme)
	assert.Empty(t, judged(v, good, 1).Proofs, "no budget")
	assert.Equal(t, truhook.SignatureMismatch, judged(v, delivery(body+" ", "X-Webhook-Sign", good.Header.Get("X-Webhook-Sign")), 1<<20).Reason)
	assert.Equal(t, truhook.MissingSignature, judged(v, nil, 0).Reason)
	for _, weak := range []string{"changeme", "secret", "abc", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		d := delivery(body, "X-Webhook-Sign", "v1="+hexOf(weak, body))
		assert.Empty(t, judged(verifier(t, truv.Scheme(), testKey(t, "current", weak)), d, 1<<20).Proofs, "anybody can know it")
	}
	asked := 0
	remote, err := hmacsig.New(truv.Scheme(), hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
		asked++
		return []hmacsig.Key{testKey(t, "remote", testSecret)}, nil
	}), hmacsig.Config{})
	require.NoError(t, err)
	here := verifier(t, trulioo.Scheme())
	assert.NotEqual(t, "delivery-of-other-provider/truv, key remote", firstCause(truhook.Explain(t.Context(), here, good, truhook.ExplainConfig{Others: []truhook.Verifier{remote}})))
	assert.Zero(t, asked, "a source is not asked")
	_, err = remote.Verify(t.Context(), good)
	require.NoError(t, err)
	assert.Equal(t, "delivery-of-other-provider/truv, key remote", firstCause(truhook.Explain(t.Context(), here, good, truhook.ExplainConfig{Others: []truhook.Verifier{remote}})))
	assert.Equal(t, 1, asked)
	require.Equal(t, http.MethodPost, good.Method)
}
