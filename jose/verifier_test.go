package jose_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

func TestATrueDeliveryIsAccepted(t *testing.T) {
	t.Parallel()
	d := delivery(token(t, nil))
	verified, err := newVerifier(t, config()).Verify(t.Context(), d)
	require.NoError(t, err)
	assert.Same(t, &d.Body[0], &verified.Payload[0], "the payload is the body itself")
	assert.Nil(t, verified.Inner)
	require.Len(t, verified.Proofs, 1)
	assert.Equal(t, "jose", verified.Proofs[0].Scheme)
	assert.Equal(t, "1", verified.Proofs[0].KeyID)
	c, ok := truhook.Detail[jose.Claims](verified)
	require.True(t, ok)
	assert.Equal(t, "1", c.ID)
	assert.True(t, c.IssuedAt.Equal(now))
	assert.True(t, c.Expires.Equal(now.Add(5*time.Second)))
	assert.JSONEq(t, string(toJSON(t, claims(nil))), string(c.Raw))
}

func TestEveryAlgorithmThatCanBeAllowedVerifies(t *testing.T) {
	t.Parallel()
	k := testKeys()
	for algorithm, keys := range map[string][2]any{
		"RS256": {k.rsa, &k.rsa.PublicKey}, "RS384": {k.rsa, &k.rsa.PublicKey}, "RS512": {k.rsa, &k.rsa.PublicKey},
		"PS256": {k.rsa, &k.rsa.PublicKey}, "PS384": {k.rsa, &k.rsa.PublicKey}, "PS512": {k.rsa, &k.rsa.PublicKey},
		"ES256": {k.ec, &k.ec.PublicKey}, "EdDSA": {k.ed, k.ed.Public()},
	} {
		cfg := config()
		cfg.Algorithms = []string{algorithm}
		cfg.Keys = jose.StaticKeys{{ID: "1", Key: keys[1], Algorithm: algorithm}}
		_, err := newVerifier(t, cfg).Verify(t.Context(), delivery(signed(t, algorithm, keys[0])))
		require.NoError(t, err, algorithm)

		cfg.Keys = jose.StaticKeys{{ID: "1", Key: &k.other.PublicKey}}
		_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(signed(t, algorithm, keys[0])))
		want := truhook.SignatureMismatch
		if algorithm[1] != 'S' || algorithm[0] == 'E' {
			want = truhook.AlgorithmNotAllowed // an RSA key does not serve ES256 and EdDSA
		}
		require.Equal(t, want, truhook.ReasonOf(err), algorithm)
	}
}

func TestNewRefusesWhatWouldLeaveSomethingUnchecked(t *testing.T) {
	t.Parallel()
	weak := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}
	huge := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8192, 1), E: 65537}
	good := &testKeys().rsa.PublicKey
	for name, change := range map[string]func(c *jose.Config){
		"no token":           func(c *jose.Config) { c.Token = nil },
		"no keys":            func(c *jose.Config) { c.Keys = nil },
		"an empty set":       func(c *jose.Config) { c.Keys = jose.StaticKeys{} },
		"a nil set":          func(c *jose.Config) { c.Keys = jose.StaticKeys(nil) },
		"a zero key":         func(c *jose.Config) { c.Keys = jose.StaticKeys{{}} },
		"a nil key":          func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1"}} },
		"a typed nil key":    func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: (*rsa.PublicKey)(nil)}} },
		"an empty key":       func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{}}} },
		"no id":              func(c *jose.Config) { c.Keys = jose.StaticKeys{{Key: good}} },
		"an id with a space": func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "a b", Key: good}} },
		"an id twice":        func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: good}, {ID: "1", Key: good}} },
		"1024 bits":          func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: weak}} },
		"8193 bits":          func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: huge}} },
		"an even modulus": func(c *jose.Config) {
			c.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{N: new(big.Int).Lsh(good.N, 1), E: 65537}}}
		},
		"exponent 3":       func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{N: good.N, E: 3}}} },
		"exponent 1":       func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{N: good.N, E: 1}}} },
		"an even exponent": func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{N: good.N, E: 65538}}} },
		"a point of order 1": func(c *jose.Config) {
			c.Keys = jose.StaticKeys{{ID: "1", Key: ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...))}}
		},
		"a point of order 4":    func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: ed25519.PublicKey(make([]byte, 32))}} },
		"a private key":         func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: testKeys().rsa}} },
		"a secret":              func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: []byte("secret")}} },
		"a key's own algorithm": func(c *jose.Config) { c.Keys = jose.StaticKeys{{ID: "1", Key: good, Algorithm: "ES256"}} },
		"no algorithms":         func(c *jose.Config) { c.Algorithms = nil },
		"none":                  func(c *jose.Config) { c.Algorithms = []string{"none"} },
		"HS256":                 func(c *jose.Config) { c.Algorithms = []string{"RS256", "HS256"} },
		"an empty algorithm":    func(c *jose.Config) { c.Algorithms = []string{""} },
		"lower case":            func(c *jose.Config) { c.Algorithms = []string{"rs256"} },
		"no issuer":             func(c *jose.Config) { c.Issuer = "" },
		"no audience":           func(c *jose.Config) { c.Audience = "" },
		"no binding":            func(c *jose.Config) { c.Binding = jose.Binding{} },
		"no method":             func(c *jose.Config) { c.Binding.Method = "" },
		"no path":               func(c *jose.Config) { c.Binding.Path = "" },
		"no body hash":          func(c *jose.Config) { c.Binding.BodyHash = "" },
		"no hashes":             func(c *jose.Config) { c.Binding.Hashes = nil },
		"SHA-1":                 func(c *jose.Config) { c.Binding.Hashes = map[string]crypto.Hash{"S1": crypto.SHA1} },
		"a hash without name":   func(c *jose.Config) { c.Binding.Hashes = map[string]crypto.Hash{"": crypto.SHA256} },
		"a name without claim":  func(c *jose.Config) { c.Binding.HashName = "" },
		"a relative path":       func(c *jose.Config) { c.Path = "hook" },
		"a path with a query":   func(c *jose.Config) { c.Path = "/hook?a=b" },
		"a negative leeway":     func(c *jose.Config) { c.Leeway = -1 },
		"a negative age":        func(c *jose.Config) { c.MaxAge = -1 },
		"an empty requirement":  func(c *jose.Config) { c.Require = []string{""} },
		"a zero decrypter":      func(c *jose.Config) { c.Decrypter = &jose.Decrypter{} },
	} {
		cfg := config()
		change(&cfg)
		v, err := jose.New(cfg)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
}

// crypto/rsa refuses such a key too; the operator is told what is wrong with it, not with this machine.
func TestNew_AnEvenModulusIsNoSafeKey(t *testing.T) {
	t.Parallel()
	even := new(big.Int).Add(testKeys().rsa.N, big.NewInt(1))
	cfg := config()
	cfg.Keys = jose.StaticKeys{{ID: "1", Key: &rsa.PublicKey{N: even, E: 65537}}}
	_, err := jose.New(cfg)
	require.ErrorContains(t, err, "not a safe one")
}

func TestTheNilAndTheZeroVerifierRefuseEverything(t *testing.T) {
	t.Parallel()
	for _, v := range []*jose.Verifier{nil, {}} {
		verified, err := v.Verify(t.Context(), delivery(token(t, nil)))
		assert.Nil(t, verified)
		require.ErrorIs(t, err, truhook.NoKey)
		require.ErrorIs(t, v.Precheck(t.Context(), delivery("")), truhook.NoKey)
	}
	for _, d := range []*jose.Decrypter{nil, {}} {
		_, _, err := d.Decrypt(t.Context(), []byte("a.b.c.d.e"))
		require.ErrorIs(t, err, truhook.NoKey)
		_, err = d.DecryptRSA(t.Context(), "RSA-OAEP", "1", []byte("a"))
		require.ErrorIs(t, err, truhook.NoKey)
	}
	for _, c := range []*jose.CachedKeys{nil, {}} {
		_, err := c.PublicKeys(t.Context(), jose.Query{KeyID: "1"})
		require.ErrorIs(t, err, truhook.NoKey)
	}
	_, err := newVerifier(t, config()).Verify(t.Context(), &truhook.Delivery{})
	require.ErrorIs(t, err, truhook.MissingToken)
}

// The same refusal with and without the body, and no key set is asked.
func TestTheFormOfATokenIsCheckedByTheHeadAlone(t *testing.T) {
	t.Parallel()
	good := token(t, nil)
	part := strings.Split(good, ".")
	header := func(text string) string { return b64([]byte(text)) + "." + part[1] + "." + part[2] }
	cfg := config()
	cfg.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) {
		t.Error("the key set was asked")
		return nil, nil
	})
	v := newVerifier(t, cfg)
	for name, c := range map[string]struct {
		token string
		want  truhook.Reason
	}{
		"16 KiB and one":     {good + strings.Repeat("A", 16<<10+1-len(good)), truhook.HeaderTooLong},
		"16 KiB":             {strings.Repeat("A", 16<<10), truhook.MalformedToken},
		"a million dots":     {strings.Repeat(".", 16<<10), truhook.MalformedToken},
		"one part":           {part[0], truhook.MalformedToken},
		"two parts":          {part[0] + "." + part[1], truhook.MalformedToken},
		"four parts":         {good + "." + part[2], truhook.MalformedToken},
		"five parts":         {good + "." + part[1] + "." + part[2], truhook.MalformedToken},
		"an empty header":    {"." + part[1] + "." + part[2], truhook.MalformedToken},
		"an empty payload":   {part[0] + ".." + part[2], truhook.MalformedToken},
		"an empty signature": {part[0] + "." + part[1] + ".", truhook.MalformedToken},
		"JSON serialization": {`{"payload":"` + part[1] + `"}`, truhook.MalformedToken},
		"a leading space":    {" " + good, truhook.MalformedToken},
		"a trailing newline": {good + "\n", truhook.MalformedToken},
		"not JSON":           {header("hello"), truhook.MalformedToken},
		"a list":             {header(`["RS256"]`), truhook.MalformedToken},
		"alg twice":          {header(`{"alg":"RS256","alg":"none","kid":"1"}`), truhook.MalformedToken},
		"alg twice, escaped": {header(`{"alg":"none","\u0061lg":"RS256","kid":"1"}`), truhook.MalformedToken},
		"no alg":             {header(`{"kid":"1"}`), truhook.AlgorithmNotAllowed},
		"ALG":                {header(`{"ALG":"RS256","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"alg a number":       {header(`{"alg":256,"kid":"1"}`), truhook.MalformedToken},
		"alg a list":         {header(`{"alg":["RS256"],"kid":"1"}`), truhook.MalformedToken},
		"alg null":           {header(`{"alg":null,"kid":"1"}`), truhook.MalformedToken},
		"none":               {header(`{"alg":"none","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"None":               {header(`{"alg":"None","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"HS256":              {header(`{"alg":"HS256","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"PS256":              {header(`{"alg":"PS256","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"RS256 with a space": {header(`{"alg":"RS256 ","kid":"1"}`), truhook.AlgorithmNotAllowed},
		"no kid":             {header(`{"alg":"RS256"}`), truhook.MissingKeyID},
		"an empty kid":       {header(`{"alg":"RS256","kid":""}`), truhook.MissingKeyID},
		"kid a number":       {header(`{"alg":"RS256","kid":1}`), truhook.MalformedToken},
		"kid with a newline": {header(`{"alg":"RS256","kid":"1\n"}`), truhook.MalformedToken},
		"kid with a NUL":     {header(`{"alg":"RS256","kid":"1\u0000"}`), truhook.MalformedToken},
		"kid of 257":         {header(`{"alg":"RS256","kid":"` + strings.Repeat("1", 257) + `"}`), truhook.MalformedToken},
		"kid in full width":  {header(`{"alg":"RS256","kid":"１"}`), truhook.MalformedToken},
		"crit":               {header(`{"alg":"RS256","kid":"1","crit":["exp"],"exp":1}`), truhook.MalformedToken},
		"an empty crit":      {header(`{"alg":"RS256","kid":"1","crit":[]}`), truhook.MalformedToken},
		"b64":                {header(`{"alg":"RS256","kid":"1","b64":false}`), truhook.MalformedToken},
		"zip":                {header(`{"alg":"RS256","kid":"1","zip":"DEF"}`), truhook.MalformedToken},
		"jwk":                {header(`{"alg":"RS256","kid":"1","jwk":{}}`), truhook.MalformedToken},
		"jku":                {header(`{"alg":"RS256","kid":"1","jku":"https://x.example"}`), truhook.MalformedToken},
		"x5u":                {header(`{"alg":"RS256","kid":"1","x5u":"https://x.example"}`), truhook.MalformedToken},
		"x5c":                {header(`{"alg":"RS256","kid":"1","x5c":[]}`), truhook.MalformedToken},
		"17 levels":          {header(`{"alg":"RS256","kid":"1","a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`), truhook.MalformedToken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := delivery(c.token)
			err := v.Precheck(t.Context(), d)
			require.Equal(t, c.want, truhook.ReasonOf(err), "%v", err)
			_, err = v.Verify(t.Context(), d)
			require.Equal(t, c.want, truhook.ReasonOf(err), "%v", err)
			assert.NotContains(t, err.Error(), part[1][:16])
		})
	}
	require.NoError(t, v.Precheck(t.Context(), delivery(good)))
}

func TestATokenHasOneSpelling(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	v := newVerifier(t, config())
	good := token(t, nil)
	accepted := 0
	for _, c := range alphabet {
		if _, err := v.Verify(t.Context(), delivery(good[:len(good)-1]+string(c))); err == nil {
			accepted++
		}
	}
	assert.Equal(t, 1, accepted, "spellings of the last character")

	for i := range len(good) + 1 {
		for _, c := range []string{"\r", "\n", " ", "=", "\t", "+", "/", "\x00", "é", "?"} {
			err := v.Precheck(t.Context(), delivery(good[:i]+c+good[i:]))
			require.Equal(t, truhook.MalformedToken, truhook.ReasonOf(err), "%q at %d", c, i)
		}
	}
}

func TestEveryBitOfATokenAndOfTheBodyCounts(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	good := token(t, nil)
	for i := range len(good) {
		for bit := range 8 {
			changed := []byte(good)
			changed[i] ^= 1 << bit
			_, err := v.Verify(t.Context(), delivery(string(changed)))
			require.Error(t, err, "bit %d of byte %d", bit, i)
		}
	}
	for i := range body {
		d := delivery(good)
		d.Body = append([]byte(nil), body...)
		d.Body[i] ^= 1
		_, err := v.Verify(t.Context(), d)
		require.ErrorIs(t, err, truhook.BodyHashMismatch)
	}
}

func TestThePublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	public := &testKeys().rsa.PublicKey
	spki, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	input := b64([]byte(`{"alg":"HS256","kid":"1"}`)) + "." + b64(toJSON(t, claims(nil)))
	for _, secret := range [][]byte{
		spki, x509.MarshalPKCS1PublicKey(public), public.N.Bytes(),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), {}, []byte("1"),
	} {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		_, err := newVerifier(t, config()).Verify(t.Context(), delivery(input+"."+b64(mac.Sum(nil))))
		require.ErrorIs(t, err, truhook.AlgorithmNotAllowed)
	}
}

// A claim that nobody compares or requires is of any type; its field is empty then.
func TestClaimsThatNobodyAsksForAreOfAnyType(t *testing.T) {
	t.Parallel()
	compared := config()
	compared.Subject, compared.Require = "17", []string{"jti"}
	for _, odd := range []any{17, "", true, []string{"17"}, object{"a": 1}, 1.5} {
		v, err := newVerifier(t, config()).Verify(t.Context(), delivery(token(t, object{"sub": odd, "jti": odd})))
		require.NoError(t, err, odd)
		got, _ := truhook.Detail[jose.Claims](v)
		assert.Empty(t, got.Subject)
		assert.Empty(t, got.ID)
		_, err = newVerifier(t, compared).Verify(t.Context(), delivery(token(t, object{"sub": odd})))
		assert.ErrorIs(t, err, truhook.MalformedClaim, odd)
		_, err = newVerifier(t, compared).Verify(t.Context(), delivery(token(t, object{"sub": "17", "jti": odd})))
		assert.ErrorIs(t, err, truhook.MalformedClaim, odd)
	}
}

func TestClaimsMustBeThereAndRight(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Subject, cfg.Require = "subject", []string{"jti", "nbf"}
	v := newVerifier(t, cfg)
	type cases map[string]any
	for claim, values := range map[string]map[truhook.Reason]cases{
		"iss": {truhook.WrongIssuer: {"another": "x", "in capitals": "ISSUER", "a prefix": "issue"}},
		"aud": {
			truhook.WrongAudience:  {"another": "x", "others": []string{"x", "y"}, "empty list": []string{}},
			truhook.MalformedClaim: {"number in list": []any{"audience", 1}, "null in list": []any{"audience", nil}},
			"":                     {"in a list": []string{"x", "audience"}},
		},
		"sub": {truhook.WrongSubject: {"another": "x"}},
		"exp": {
			truhook.Expired:        {"at the leeway": now.Unix() - 30, "zero": 0, "a fraction": float64(now.Unix()) - 30.5},
			truhook.MalformedClaim: {"huge": json1e400, "negative": -1, "2^63": uint64(1) << 63, "before iat": now.Unix() - 1},
		},
		"nbf": {truhook.NotYetValid: {"31 s ahead": now.Unix() + 31}, "": {"30 s ahead, before exp": now.Unix() + 4}},
		"iat": {truhook.Expired: {"331 s ago": now.Unix() - 331}, "": {"330 s ago": now.Unix() - 330, "1e0": nil}},
		"jti": {truhook.MalformedClaim: {"empty": ""}},
	} {
		for want, changes := range values {
			for name, value := range changes {
				if value == nil {
					continue
				}
				change := object{"sub": "subject", claim: value}
				if claim == "nbf" && want == truhook.NotYetValid {
					change["exp"] = now.Unix() + 60
				}
				if claim == "exp" && want == truhook.Expired {
					change["iat"], change["nbf"] = 0, 0
				}
				_, err := v.Verify(t.Context(), delivery(token(t, change)))
				assert.Equal(t, want, truhook.ReasonOf(err), "%s %s: %v", claim, name, err)
			}
		}
		_, err := v.Verify(t.Context(), delivery(token(t, object{"sub": "subject", claim: nil})))
		assert.ErrorIs(t, err, truhook.MissingClaim, claim)
		_, err = v.Verify(t.Context(), delivery(token(t, object{"sub": "subject", claim: null{}})))
		assert.ErrorIs(t, err, truhook.MissingClaim, claim)
		for _, wrong := range []any{true, object{"a": 1}, "12x"} {
			if text, ok := wrong.(string); ok && claim != "exp" && claim != "nbf" && claim != "iat" {
				_ = text
				continue
			}
			if claim == "jti" && wrong == any(true) {
				wrong = 1
			}
			_, err := v.Verify(t.Context(), delivery(token(t, object{"sub": "subject", claim: wrong})))
			assert.ErrorIs(t, err, truhook.MalformedClaim, "%s %v", claim, wrong)
		}
	}
}

type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

var json1e400 = literal("1e400")

type literal string

func (l literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

func TestTimesAreComparedWithTheLeewayOnBothSides(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	text := token(t, nil)
	for offset, want := range map[time.Duration]truhook.Reason{
		-31 * time.Second: truhook.NotYetValid, -30*time.Second - 1: truhook.NotYetValid, -30 * time.Second: "",
		0: "", 35*time.Second - 1: "", 35 * time.Second: truhook.Expired, 36 * time.Second: truhook.Expired,
	} {
		d := delivery(text)
		d.Received = now.Add(offset)
		_, err := v.Verify(t.Context(), d)
		assert.Equal(t, want, truhook.ReasonOf(err), "%v", offset)
	}
	cfg := config()
	cfg.Now = func() time.Time { return now.Add(time.Hour) }
	d := delivery(text)
	_, err := newVerifier(t, cfg).Verify(t.Context(), d)
	require.NoError(t, err, "Received comes before Now")
	d.Received = time.Time{}
	_, err = newVerifier(t, cfg).Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.Expired)
}

func TestATokenIsBoundToItsRequest(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	request := func(change object) object {
		all := object{"meth": "POST", "path": "/hook", "func": "S256", "hash": hash}
		for k, v := range change {
			if all[k] = v; v == nil {
				delete(all, k)
			}
		}
		return object{"request": all}
	}
	v := newVerifier(t, config())
	for name, c := range map[string]struct {
		claims object
		want   truhook.Reason
	}{
		"no request":           {object{"request": nil}, truhook.MissingRequestClaim},
		"request is null":      {object{"request": null{}}, truhook.MissingRequestClaim},
		"request is text":      {object{"request": "POST"}, truhook.MalformedClaim},
		"request is a list":    {object{"request": []any{}}, truhook.MalformedClaim},
		"response instead":     {object{"request": nil, "response": request(nil)["request"]}, truhook.MissingRequestClaim},
		"a member twice":       {object{"request": literal(`{"meth":"GET","meth":"POST","path":"/hook"}`)}, truhook.MalformedClaim},
		"no method":            {request(object{"meth": nil}), truhook.MissingRequestClaim},
		"method in lower case": {request(object{"meth": "post"}), truhook.WrongMethod},
		"another method":       {request(object{"meth": "PUT"}), truhook.WrongMethod},
		"method is a number":   {request(object{"meth": 1}), truhook.MalformedClaim},
		"no path":              {request(object{"path": nil}), truhook.MissingRequestClaim},
		"path and query":       {request(object{"path": "/hook?a=b"}), truhook.WrongPath},
		"path with a slash":    {request(object{"path": "/hook/"}), truhook.WrongPath},
		"an empty path":        {request(object{"path": ""}), truhook.WrongPath},
		"no hash":              {request(object{"hash": nil}), truhook.MissingBodyHash},
		"an empty hash":        {request(object{"hash": ""}), truhook.MalformedClaim},
		"a hash in capitals":   {request(object{"hash": strings.ToUpper(hash)}), truhook.MalformedClaim},
		"a short hash":         {request(object{"hash": hash[:62]}), truhook.MalformedClaim},
		"a long hash":          {request(object{"hash": hash + "00"}), truhook.MalformedClaim},
		"another hash":         {request(object{"hash": strings.Repeat("0", 64)}), truhook.BodyHashMismatch},
		"no func":              {request(object{"func": nil}), truhook.MissingBodyHash},
		"an empty func":        {request(object{"func": ""}), truhook.AlgorithmNotAllowed},
		"func in lower case":   {request(object{"func": "s256"}), truhook.AlgorithmNotAllowed},
		"a func not allowed":   {request(object{"func": "S512"}), truhook.AlgorithmNotAllowed},
		"func of another size": {request(object{"func": "S384"}), truhook.MalformedClaim},
	} {
		_, err := v.Verify(t.Context(), delivery(token(t, c.claims)))
		assert.Equal(t, c.want, truhook.ReasonOf(err), "%s: %v", name, err)
	}
}

func TestThePathIsThatOfTheRequestLineUnlessConfigured(t *testing.T) {
	t.Parallel()
	text := token(t, nil)
	for target, want := range map[string]truhook.Reason{
		"/hook": "", "/hook?": "", "/hook?x=/y": "", "https://receiver.example/hook": "", "http://r.example/hook?x=1": "",
		"/hook/": truhook.WrongPath, "//hook": truhook.WrongPath, "/%68ook": truhook.WrongPath, "/HOOK": truhook.WrongPath,
		"/hook/../hook": truhook.WrongPath, "": truhook.WrongPath, "*": truhook.WrongPath, "hook": truhook.WrongPath,
		"/hook;a": truhook.WrongPath, "/x/hook": truhook.WrongPath, "https://receiver.example": truhook.WrongPath,
	} {
		d := delivery(text)
		d.RequestURI = target
		_, err := newVerifier(t, config()).Verify(t.Context(), d)
		assert.Equal(t, want, truhook.ReasonOf(err), "%q", target)
	}
	cfg := config()
	cfg.Path = "/hook"
	d := delivery(text)
	d.RequestURI = "/behind/a/proxy"
	_, err := newVerifier(t, cfg).Verify(t.Context(), d)
	require.NoError(t, err)
}

func TestOtherProvidersNameTheirClaimsOtherwise(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(body)
	cfg := config()
	cfg.Scheme, cfg.Token = "acme", jose.AuthorizationToken("Signature")
	cfg.Binding = jose.Binding{
		Method: "htm", Path: "htp", BodyHash: "body", Hashes: map[string]crypto.Hash{"": crypto.SHA256}, Encoding: jose.Base64URL,
	}
	v := newVerifier(t, cfg)
	text := token(t, object{"htm": "POST", "htp": "/hook", "body": b64(sum[:])})
	d := delivery("")
	d.Header = http.Header{"Authorization": {"Basic eA==", "signature  " + text}}
	verified, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	assert.Equal(t, "acme", verified.Proofs[0].Scheme)

	d.Header = http.Header{"Authorization": {"Signature " + token(t, object{"htm": "POST", "htp": "/hook", "body": hex.EncodeToString(sum[:])})}}
	_, err = v.Verify(t.Context(), d)
	require.EqualError(t, err, "acme: malformed-claim: body")
}

// beginning returns a key whose use begins later.
func beginning(k jose.PublicKey, in time.Duration) jose.PublicKey {
	k.NotBefore = now.Add(in)
	return k
}

func TestAnswersOfAKeySet(t *testing.T) {
	t.Parallel()
	k := testKeys()
	right, wrong := jose.PublicKey{ID: "1", Key: &k.rsa.PublicKey}, jose.PublicKey{ID: "1", Key: &k.other.PublicKey}
	expired := right
	expired.NotAfter = now.Add(-1)
	until := right
	until.NotAfter = now
	outage := errors.New("connection refused")
	for name, c := range map[string]struct {
		keys []jose.PublicKey
		err  error
		want truhook.Reason
	}{
		"none":                    {nil, nil, truhook.UnknownKey},
		"an error":                {nil, outage, truhook.KeysUnavailable},
		"an error beside a key":   {[]jose.PublicKey{right}, outage, truhook.KeysUnavailable},
		"an error with a reason":  {nil, fmt.Errorf("x: %w", truhook.Overloaded), truhook.Overloaded},
		"an error of ours":        {nil, &truhook.Error{Reason: truhook.UnknownKey}, truhook.UnknownKey},
		"an unlisted reason":      {nil, truhook.Reason("x"), truhook.KeysUnavailable},
		"a wrong and a right key": {[]jose.PublicKey{wrong, right}, nil, ""},
		"four wrong keys":         {[]jose.PublicKey{wrong, wrong, wrong, wrong}, nil, truhook.SignatureMismatch},
		"five keys":               {[]jose.PublicKey{right, right, right, right, right}, nil, truhook.KeysUnavailable},
		"an expired key":          {[]jose.PublicKey{expired}, nil, truhook.KeyExpired},
		"a key at its end":        {[]jose.PublicKey{until}, nil, ""},
		"expired and right":       {[]jose.PublicKey{expired, right}, nil, ""},
		"a key 30 s early":        {[]jose.PublicKey{beginning(right, 30*time.Second)}, nil, ""},
		"a key 31 s early":        {[]jose.PublicKey{beginning(right, 31*time.Second)}, nil, truhook.KeyNotYetValid},
		"early, and right":        {[]jose.PublicKey{beginning(right, time.Hour), right}, nil, ""},
		"an even modulus":         {[]jose.PublicKey{{ID: right.ID, Key: &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}}}, nil, truhook.KeysUnavailable},
		"a zero key":              {[]jose.PublicKey{{}}, nil, truhook.KeysUnavailable},
		"a key for PS256":         {[]jose.PublicKey{{ID: "1", Key: &k.rsa.PublicKey, Algorithm: "PS256"}}, nil, truhook.AlgorithmNotAllowed},
		"a key of another kind":   {[]jose.PublicKey{{ID: "1", Key: &k.ec.PublicKey}}, nil, truhook.AlgorithmNotAllowed},
	} {
		cfg := config()
		cfg.Keys = keySetFunc(func(_ context.Context, id string) ([]jose.PublicKey, error) {
			assert.Equal(t, "1", id)
			return c.keys, c.err
		})
		_, err := newVerifier(t, cfg).Verify(t.Context(), delivery(token(t, nil)))
		assert.Equal(t, c.want, truhook.ReasonOf(err), "%s: %v", name, err)
		if c.err == outage { //nolint:errorlint // the very row of the table
			assert.ErrorIs(t, err, outage, name)
		}
	}
}

// A sender that half-closes after its request has its context ended by net/http.
func TestVerifier_TheVerdictDoesNotDependOnTheSender(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := newVerifier(t, config())
	_, err := v.Verify(ctx, delivery(token(t, nil)))
	require.NoError(t, err)
	forged := delivery(rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(nil)))))
	_, err = v.Verify(ctx, forged)
	require.ErrorIs(t, err, truhook.SignatureMismatch)
}

func TestKeysAreCopiedAtConstruction(t *testing.T) {
	t.Parallel()
	key := &rsa.PublicKey{N: new(big.Int).Set(testKeys().rsa.N), E: 65537}
	cfg := config()
	set := jose.StaticKeys{{ID: "1", Key: key}}
	cfg.Keys = set
	v := newVerifier(t, cfg)
	key.N.SetInt64(1)
	set[0] = jose.PublicKey{}
	cfg.Algorithms[0] = "none"
	cfg.Binding.Hashes["S256"] = 0
	_, err := v.Verify(t.Context(), delivery(token(t, nil)))
	require.NoError(t, err)
}

func TestTheLargestMaxAgeAndDatesFarOffAreNoOverflow(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.MaxAge = math.MaxInt64
	v := newVerifier(t, cfg)
	for name, c := range map[string]struct {
		change object
		want   truhook.Reason
	}{
		"now":             {nil, ""},
		"fifty years ago": {object{"iat": now.Unix() - 50*365*86400}, ""},
		"the year 9999":   {object{"iat": int64(253402300000), "nbf": nil, "exp": int64(253402300001)}, truhook.NotYetValid},
		"the year 10000":  {object{"exp": int64(253402300800)}, truhook.MalformedClaim},
		"beyond years":    {object{"exp": int64(1e18)}, truhook.MalformedClaim},
		"ends too early":  {object{"nbf": now.Unix() + 20, "exp": now.Unix() + 10}, truhook.MalformedClaim},
	} {
		_, err := v.Verify(t.Context(), delivery(token(t, c.change)))
		assert.Equal(t, c.want, truhook.ReasonOf(err), name)
	}
}
