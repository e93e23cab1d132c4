package jose_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// refusesToken checks that v refuses the token for its reason and hands nothing of it out.
func refusesToken(t testing.TB, v *jose.Verifier, text string, want truhook.Reason) {
	t.Helper()
	got, err := v.Verify(t.Context(), delivery(text))
	require.Equal(t, want, truhook.ReasonOf(err), "%v", err)
	require.Nil(t, got)
}

// allocated returns the bytes that f allocates. Tests that use it are not parallel.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// go-jose verified a message of several signatures and did not say which one was right.
func TestAdvisory_CVE_2016_9122_OneGoodSignatureOfTwoIsNoToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	good := strings.Split(token(t, nil), ".")
	forged := strings.Split(rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(nil)))), ".")
	one := object{"protected": good[0], "signature": good[2]}
	two := object{"protected": forged[0], "signature": forged[2]}
	for _, signatures := range [][]object{{one}, {one, two}, {two, one}, {one, one}} {
		refusesToken(t, v, string(toJSON(t, object{"payload": good[1], "signatures": signatures})), truhook.MalformedToken)
	}
	refusesToken(t, v, string(toJSON(t, object{"payload": good[1], "protected": good[0], "signature": good[2]})), truhook.MalformedToken)
	refusesToken(t, v, strings.Join(good, ".")+"."+forged[2], truhook.MalformedToken)
}

// go-jose cut a token at each of its dots, however many there were.
func TestAdvisory_CVE_2025_27144_DotsCostNoMemory(t *testing.T) {
	v := newVerifier(t, config())
	dots := delivery(strings.Repeat(".", 16<<10))
	assert.Less(t, allocated(func() {
		_, err := v.Verify(t.Context(), dots)
		assert.ErrorIs(t, err, truhook.MalformedToken)
	}), uint64(16<<10))
	d, body := newDecrypter(t, decrypterConfig()), []byte(strings.Repeat(".", 8<<20))
	assert.Less(t, allocated(func() {
		_, _, err := d.Decrypt(t.Context(), body)
		assert.ErrorIs(t, err, truhook.DecryptFailed)
	}), uint64(16<<10))
}

// golang-jwt cut a bearer token of many dots into as many strings.
func TestAdvisory_CVE_2025_30204_DotsOfABearerTokenCostNoMemory(t *testing.T) {
	check, err := jose.Bearer(bearerConfig())
	require.NoError(t, err)
	d := &truhook.Delivery{Header: http.Header{"Authorization": {"Bearer " + strings.Repeat(".", 8<<20)}}, Received: now}
	assert.Less(t, allocated(func() { assert.ErrorIs(t, check.Run(t.Context(), d), truhook.HeaderTooLong) }), uint64(16<<10))
}

// golang.org/x/oauth2/jws cut a token at each of its dots, also behind a good beginning.
func TestAdvisory_CVE_2025_22868_DotsBehindATrueTokenCostNoMemory(t *testing.T) {
	v := newVerifier(t, config())
	good := token(t, nil)
	d := delivery(good + strings.Repeat(".", 16<<10-len(good)))
	assert.Less(t, allocated(func() {
		_, err := v.Verify(t.Context(), d)
		assert.ErrorIs(t, err, truhook.MalformedToken)
	}), uint64(16<<10))
}

// jwt-go took an audience that is an array for none, and let the token pass.
func TestAdvisory_CVE_2020_26160_AnArrayOfOtherAudiencesIsRefused(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	for text, want := range map[string]truhook.Reason{
		`["x"]`: truhook.WrongAudience, `["x","y"]`: truhook.WrongAudience, `[]`: truhook.WrongAudience, `[""]`: truhook.WrongAudience,
		`""`: truhook.WrongAudience, `[["audience"]]`: truhook.MalformedClaim, `{"audience":"audience"}`: truhook.MalformedClaim,
		`["audience",1]`: truhook.MalformedClaim, `null`: truhook.MissingClaim,
	} {
		refusesToken(t, v, token(t, object{"aud": literal(text)}), want)
	}
	refusesToken(t, v, token(t, object{"aud": nil}), truhook.MissingClaim)
}

// golang-jwt gave the claims of a forged token back with an error that looked like "merely expired".
func TestAdvisory_CVE_2024_51744_AnExpiredTokenHandsOutNothing(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	past := object{"iat": now.Unix() - 100, "nbf": now.Unix() - 100, "exp": now.Unix() - 95}
	forged := rawToken(t, testKeys().other, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(past))))
	for _, text := range []string{forged, token(t, past)} {
		got, err := v.Verify(t.Context(), delivery(text))
		assert.Nil(t, got)
		require.ErrorIs(t, err, truhook.Expired)
		assert.NotErrorIs(t, err, truhook.SignatureMismatch, "a refusal has one reason")
		assert.NotContains(t, err.Error(), "issuer", "nor are the claims in the error")
	}
}

// jwx fell over JSON messages without their "protected" or "signature" member.
func TestAdvisory_CVE_2024_21664_JSONMessagesWithoutTheirMembersAreRefused(t *testing.T) {
	t.Parallel()
	v, d := newVerifier(t, config()), newDecrypter(t, decrypterConfig())
	for _, text := range []string{
		`{}`, `{"payload":"e30"}`, `{"payload":"e30","signature":"AA"}`, `{"payload":"e30","signatures":[]}`,
		`{"payload":"e30","signatures":[{"signature":"AA"}]}`, `{"payload":"e30","signatures":[null]}`,
		`{"ciphertext":"AA","recipients":[{}]}`, `{"ciphertext":"AA","recipients":[null],"tag":"AA"}`, `null`, `[]`, `.`, `..`, `....`,
	} {
		refusesToken(t, v, text, truhook.MalformedToken)
		_, _, err := d.Decrypt(t.Context(), []byte(text))
		require.ErrorIs(t, err, truhook.DecryptFailed, text)
	}
}

// nats-io/jwt panicked on a token whose parts decode to something else than what they should.
func TestAdvisory_CVE_2020_26521_MalformedTokensNeverPanic(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	good := token(t, nil)
	for n := range len(good) {
		_, err := v.Verify(t.Context(), delivery(good[:n]))
		require.Equal(t, 401, truhook.ReasonOf(err).Status(), "cut at %d", n)
	}
	for _, text := range []string{"", "null", "0", `""`, "[]", "[null]", "{", `{"a":`, "true", "\x00", "{}", `{"request":null}`, `{"request":[]}`} {
		refuses := rawToken(t, testKeys().rsa, `{"alg":"RS256","kid":"1"}`, text)
		_, err := v.Verify(t.Context(), delivery(refuses))
		require.Equal(t, 401, truhook.ReasonOf(err).Status(), "claims %q", text)
		_, err = v.Verify(t.Context(), delivery(rawToken(t, testKeys().rsa, text, string(toJSON(t, claims(nil))))))
		require.Equal(t, 401, truhook.ReasonOf(err).Status(), "header %q", text)
	}
}

// nats-io/jwt let credentials live on whose end was zero or past.
func TestAdvisory_CVE_2020_26892_NoEndIsNotForever(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	for text, want := range map[string]truhook.Reason{
		"0": truhook.MalformedClaim, "-1": truhook.MalformedClaim, "null": truhook.MissingClaim, `""`: truhook.MalformedClaim,
		fmt.Sprint(now.Unix() - 1): truhook.MalformedClaim,
	} {
		refusesToken(t, v, token(t, object{"exp": literal(text)}), want)
	}
	text := token(t, nil)
	d := delivery(text)
	_, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	d.Received = now.Add(35 * time.Second)
	_, err = v.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.Expired, "what was accepted once ends all the same")
}

// OliveTin checked the audience with keys of one kind and not with those of two others.
func TestAdvisory_CVE_2026_30223_TheAudienceIsCheckedWithEveryKindOfKey(t *testing.T) {
	t.Parallel()
	k := testKeys()
	foreign := claims(object{"aud": "another service"})
	rsaToken := token(t, object{"aud": "another service"})
	refusesToken(t, newVerifier(t, config()), rsaToken, truhook.WrongAudience)
	refusesToken(t, newVerifier(t, bySecret(t, sharedSecret)), hsToken(t, sharedSecret, `{"alg":"HS256"}`, foreign), truhook.WrongAudience)

	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"EdDSA"}, jose.StaticKeys{{ID: "1", Key: k.ed.Public()}}
	refusesToken(t, newVerifier(t, cfg), signedPayload(t, "EdDSA", k.ed, toJSON(t, foreign)), truhook.WrongAudience)
	cfg = config()
	cfg.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) {
		return []jose.PublicKey{{ID: "1", Key: &k.rsa.PublicKey}}, nil
	})
	refusesToken(t, newVerifier(t, cfg), rsaToken, truhook.WrongAudience)
	check, err := jose.Bearer(bearerConfig())
	require.NoError(t, err)
	d := &truhook.Delivery{Header: http.Header{"Authorization": {"Bearer " + rsaToken}}, Received: now}
	require.ErrorIs(t, check.Run(t.Context(), d), truhook.WrongAudience)
}

// lua-resty-jwt (issue 53) took every signature under RS256 for a good one.
func TestAdvisory_LUARESTYJWT_53_NoOtherSignatureVerifies(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	good := token(t, nil)
	input := good[:strings.LastIndexByte(good, '.')+1]
	signature, err := base64.RawURLEncoding.DecodeString(good[len(input):])
	require.NoError(t, err)
	n := testKeys().rsa.N
	whole := new(big.Int).Add(new(big.Int).SetBytes(signature), n).FillBytes(make([]byte, 257))
	for name, other := range map[string][]byte{
		"zeros": make([]byte, 256), "one": append(make([]byte, 255), 1), "one byte": {1}, "the modulus": n.Bytes(),
		"modulus less one": new(big.Int).Sub(n, big.NewInt(1)).Bytes(), "a byte longer": append(slices.Clone(signature), 0),
		"a byte shorter": signature[:255], "a zero in front": append([]byte{0}, signature...), "plus the modulus": whole,
	} {
		_, err := v.Verify(t.Context(), delivery(input+b64(other)))
		require.ErrorIs(t, err, truhook.SignatureMismatch, name)
	}
}

// lua-resty-jwt took what looks like an encrypted token for verified.
func TestAdvisory_CVE_2024_33531_AHeaderLikeThatOfAJWEIsNoSignature(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	payload := b64(toJSON(t, claims(nil)))
	for header, want := range map[string]truhook.Reason{
		`{"alg":"dir","enc":"A256GCM","kid":"1"}`:   truhook.AlgorithmNotAllowed,
		`{"enc":"A256CBC-HS512","kid":"1"}`:         truhook.AlgorithmNotAllowed,
		`{"alg":"RS256","enc":"A256GCM","kid":"1"}`: truhook.SignatureMismatch,
	} {
		refusesToken(t, v, b64([]byte(header))+"."+payload+"."+b64([]byte("nothing")), want)
		refusesToken(t, v, b64([]byte(header))+".."+b64(make([]byte, 12))+"."+payload+"."+b64(make([]byte, 16)), truhook.MalformedToken)
	}
}

// json-jwt mistook a token that anybody can encrypt to the public key for one that was signed.
func TestAdvisory_CVE_2023_51774_WhatIsEncryptedToThePublicKeyIsNotSigned(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Decrypter = newDecrypter(t, decrypterConfig())
	v := newVerifier(t, cfg)
	refusesToken(t, v, string(jwe{content: toJSON(t, claims(nil))}.text(t)), truhook.MalformedToken)
	d := delivery(token(t, nil))
	d.Body = []byte(token(t, nil)) // the other way round: a signed token as the encrypted body
	_, err := v.Verify(t.Context(), d)
	require.ErrorIs(t, err, truhook.BodyHashMismatch)
	_, _, err = cfg.Decrypter.Decrypt(t.Context(), d.Body)
	require.ErrorIs(t, err, truhook.DecryptFailed)
}

// python-jwt read the claims of a forged token beside the signature of a true one.
func TestAdvisory_CVE_2022_39227_ATextThatIsBothCompactAndJSONIsNoToken(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	good := strings.Split(token(t, nil), ".")
	forged := b64(toJSON(t, claims(object{"sub": "admin"})))
	for _, text := range []string{
		`{"  ` + good[0] + "." + forged + `.":"","protected":"` + good[0] + `","payload":"` + good[1] + `","signature":"` + good[2] + `"}`,
		good[0] + "." + forged + "." + `{"protected":"` + good[0] + `","payload":"` + good[1] + `","signature":"` + good[2] + `"}`,
	} {
		refusesToken(t, v, text, truhook.MalformedToken)
	}
	refusesToken(t, v, good[0]+"."+forged+"."+good[2], truhook.SignatureMismatch)
	twice := rawToken(t, testKeys().rsa, `{"alg":"RS256","kid":"1"}`, `{"iss":"issuer","iss":"admin",`+string(toJSON(t, claims(nil)))[1:])
	refusesToken(t, v, twice, truhook.MalformedToken)
}
