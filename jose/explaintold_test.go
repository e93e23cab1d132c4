package jose_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/jose"
)

// Nothing is said to be tried of which no candidate was there, and never a cause of the body.
func TestExplain_TellsWhatWasTried(t *testing.T) {
	t.Parallel()
	sandbox, elsewhere := config(), config()
	sandbox.Keys = jose.StaticKeys{{ID: "sandbox", Key: &testKeys().rsa.PublicKey}}
	elsewhere.Keys, elsewhere.Scheme = sandbox.Keys, "elsewhere"
	stranger := rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(nil))))
	secret, err := jose.NewSecret("label", sharedSecret)
	require.NoError(t, err)
	shared := config()
	shared.Keys, shared.Secrets, shared.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
	swapped := delivery(token(t, nil))
	swapped.Body = []byte(`{"c":1,"b":2}`)
	for name, test := range map[string]struct {
		cfg    jose.Config
		d      *truhook.Delivery
		others []truhook.Verifier
		want   []string
	}{
		"one key":             {config(), delivery(stranger), nil, nil},
		"another environment": {config(), delivery(stranger), []truhook.Verifier{newVerifier(t, sandbox)}, []string{"key-of-other-environment"}},
		"another provider":    {config(), delivery(stranger), []truhook.Verifier{truhook.AnyOf(newVerifier(t, elsewhere))}, []string{"key-of-other-provider"}},
		"a secret": {shared, delivery(hsToken(t, "of somebody else", `{"alg":"HS256"}`, claims(nil))), nil,
			[]string{"key-encoding", "key-id-as-secret", "key-quoted", "key-whitespace"}},
		"no token":       {config(), &truhook.Delivery{Method: "POST"}, []truhook.Verifier{newVerifier(t, sandbox)}, nil},
		"nonsense":       {config(), delivery("a.b.c"), []truhook.Verifier{newVerifier(t, sandbox)}, nil},
		"another header": {config(), &truhook.Delivery{Method: "POST", Header: http.Header{"X-Jwt": {stranger}}, Received: now}, nil, []string{"header-of-other-provider"}},
		"another body":   {config(), swapped, nil, nil},
	} {
		e := explain(t, newVerifier(t, test.cfg), test.d, test.others...)
		assert.ElementsMatch(t, test.want, e.RuledOut, name)
	}
}

// A delivery that another verifier accepts as it came was sent to the wrong endpoint.
func TestExplain_ADeliveryOfAnotherEndpoint(t *testing.T) {
	t.Parallel()
	there := newVerifier(t, config())
	truvs, err := truv.New(sharedSecret)
	require.NoError(t, err)
	require.NotNil(t, truvs)
	e := explain(t, truvs, delivery(token(t, nil)), truhook.AnyOf(truvs, there))
	require.Len(t, e.Findings, 1)
	assert.Equal(t, "delivery-of-other-provider", e.Findings[0].Name)
	assert.True(t, e.Findings[0].Proven)
	assert.Equal(t, truhook.MissingSignature, e.Reason)

	weak := config()
	secret, err := jose.NewSecret("label", "changeme")
	require.NoError(t, err)
	weak.Keys, weak.Secrets, weak.Algorithms = nil, jose.StaticSecrets{secret}, []string{"HS256"}
	asked := 0
	remote := config()
	remote.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) { asked++; return nil, nil })
	part := strings.Split(token(t, nil), ".")
	for name, test := range map[string]struct {
		token  string
		change func(d *truhook.Delivery)
		other  jose.Config
	}{
		"another body":        {token(t, nil), func(d *truhook.Delivery) { d.Body = []byte("{}") }, config()},
		"another path":        {token(t, nil), func(d *truhook.Delivery) { d.RequestURI = "/x" }, config()},
		"too late":            {token(t, nil), func(d *truhook.Delivery) { d.Received = now.Add(time.Hour) }, config()},
		"a forged signature":  {part[0] + "." + part[1] + "." + b64(make([]byte, 256)), func(*truhook.Delivery) {}, config()},
		"a guessable secret":  {hsToken(t, "changeme", `{"alg":"HS256"}`, claims(nil)), func(*truhook.Delivery) {}, weak},
		"a source, not asked": {token(t, nil), func(*truhook.Delivery) {}, remote},
	} {
		d := delivery(test.token)
		test.change(d)
		for _, f := range explain(t, truvs, d, newVerifier(t, test.other)).Findings {
			assert.False(t, f.Proven, name)
		}
	}
	assert.Zero(t, asked)
}

// A body that was lost is told of a token that is bound to one.
func TestExplain_ABodyThatIsLost(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{"no byte": {}, "nil": nil} {
		d := delivery(token(t, nil))
		d.Body = body
		e := truhook.Explain(t.Context(), newVerifier(t, config()), d, truhook.ExplainConfig{})
		require.NotEmpty(t, e.Findings, name)
		assert.Equal(t, "body-empty", e.Findings[0].Name, name)
		assert.False(t, e.Findings[0].Proven)
		assert.Equal(t, truhook.BodyHashMismatch, e.Reason)
	}
	d := delivery(token(t, nil))
	d.Header, d.Body = http.Header{}, []byte{}
	assert.Empty(t, explain(t, newVerifier(t, config()), d).Findings, "no token")
}
