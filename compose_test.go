package truhook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// steps records who was asked, in order.
type steps struct {
	mu   sync.Mutex
	list []string
}

func (s *steps) add(name string) { s.mu.Lock(); s.list = append(s.list, name); s.mu.Unlock() }

// verifier is recorded and then answers like v; with a head error it is a Prechecker too.
func (s *steps) verifier(name string, v truhook.VerifierFunc) truhook.VerifierFunc {
	return func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		s.add(name)
		return v.Verify(ctx, d)
	}
}

func (s *steps) headed(name string, head error, v truhook.VerifierFunc) headed {
	return headed{s.verifier(name, v), func(context.Context, *truhook.Delivery) error {
		s.add("head of " + name)
		return head
	}}
}

func (s *steps) check(name string, err error) truhook.Check {
	return truhook.NewCheck(name, func(context.Context, *truhook.Delivery) error { s.add(name); return err })
}

func precheck(t *testing.T, v truhook.Verifier) error {
	t.Helper()
	p, ok := v.(truhook.Prechecker)
	require.True(t, ok, "forwards Prechecker")
	return p.Precheck(t.Context(), &truhook.Delivery{})
}

// combinators builds each of the three around the verifiers; Require takes the first only.
var combinators = map[string]func(first truhook.Verifier, rest ...truhook.Verifier) truhook.Verifier{
	"AllOf":   truhook.AllOf,
	"AnyOf":   truhook.AnyOf,
	"Require": func(v truhook.Verifier, _ ...truhook.Verifier) truhook.Verifier { return truhook.Require(v, pass) },
}

var pass = truhook.NewCheck("pass", func(context.Context, *truhook.Delivery) error { return nil })

func decrypting(payload, inner string) truhook.VerifierFunc {
	return func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		v := &truhook.Verified{Payload: []byte(payload), Proofs: []truhook.Proof{{Scheme: "decrypting"}}}
		if inner != "" {
			v.Inner = []byte(inner)
		}
		return v, nil
	}
}

func TestCompose_AllOfAcceptsIfEveryOneDoesInOrder(t *testing.T) {
	t.Parallel()
	var s steps
	v := truhook.AllOf(s.verifier("a", accepting("a")), s.verifier("b", accepting("b")), s.verifier("c", accepting("c")))
	d := &truhook.Delivery{Body: []byte("body")}
	got, err := v.Verify(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, s.list)
	require.Equal(t, []truhook.Proof{{Scheme: "a"}, {Scheme: "b"}, {Scheme: "c"}}, got.Proofs)
	require.Same(t, &d.Body[0], &got.Payload[0], "the body itself, not a copy")
	require.Nil(t, got.Inner)
}

func TestCompose_AllOfEndsAtTheFirstRefusalWhichIsTheError(t *testing.T) {
	t.Parallel()
	var s steps
	refusal := fmt.Errorf("mine: %w", truhook.WrongPath)
	v := truhook.AllOf(s.verifier("a", accepting("a")), s.verifier("b", refusing(refusal)), s.verifier("c", refusing(truhook.NoKey)))
	got, err := v.Verify(t.Context(), &truhook.Delivery{})
	require.Nil(t, got)
	require.True(t, err == refusal, "the very error") //nolint:errorlint // identity is the point
	require.Equal(t, []string{"a", "b"}, s.list)
}

func TestCompose_AllOfTakesTheOnePayloadThatIsNotTheBody(t *testing.T) {
	t.Parallel()
	plain, d := accepting("plain"), &truhook.Delivery{Body: []byte("body")}
	for _, v := range []truhook.Verifier{
		truhook.AllOf(plain, decrypting("content", "inner")),
		truhook.AllOf(decrypting("content", "inner"), plain),
		truhook.AllOf(plain, decrypting("content", "inner"), plain),
		truhook.AllOf(truhook.AllOf(plain, decrypting("content", "inner")), plain),
	} {
		got, err := v.Verify(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, "content", string(got.Payload))
		require.Equal(t, "inner", string(got.Inner))
	}
}

func TestCompose_AllOfRefusesTwoPayloads(t *testing.T) {
	t.Parallel()
	equal := decrypting("body", "") // equal bytes, but not the body itself
	body := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: d.Body, Inner: []byte("inner")}, nil
	})
	for name, v := range map[string]truhook.Verifier{
		"two":                    truhook.AllOf(decrypting("a", ""), decrypting("b", "")),
		"two that are equal":     truhook.AllOf(equal, equal),
		"one with an inner only": truhook.AllOf(decrypting("a", ""), body),
		"nested":                 truhook.AllOf(decrypting("a", ""), truhook.AllOf(accepting("x"), decrypting("b", ""))),
	} {
		got, err := v.Verify(t.Context(), &truhook.Delivery{Body: []byte("body")})
		require.Nil(t, got, name)
		require.Equal(t, truhook.Internal, truhook.ReasonOf(err), name)
	}
}

func TestCompose_AnyOfReturnsTheFirstAcceptance(t *testing.T) {
	t.Parallel()
	var s steps
	v := truhook.AnyOf(
		s.verifier("a", refusing(truhook.NoKey)), s.verifier("b", decrypting("content", "")), s.verifier("c", accepting("c")),
	)
	got, err := v.Verify(t.Context(), &truhook.Delivery{Body: []byte("body")})
	require.NoError(t, err)
	require.Equal(t, "content", string(got.Payload))
	require.Equal(t, []truhook.Proof{{Scheme: "decrypting"}}, got.Proofs)
	require.Equal(t, []string{"a", "b"}, s.list)
}

func TestCompose_AnyOfKeepsEveryRefusal(t *testing.T) {
	t.Parallel()
	v := truhook.AnyOf(refusing(truhook.SignatureMismatch), refusing(&truhook.Error{Scheme: "b", Reason: truhook.Expired, Err: errPlain}))
	got, err := v.Verify(t.Context(), &truhook.Delivery{})
	require.Nil(t, got)
	require.ErrorIs(t, err, truhook.SignatureMismatch)
	require.ErrorIs(t, err, truhook.Expired)
	require.ErrorIs(t, err, errPlain)
	var e *truhook.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "b", e.Scheme)
	require.EqualError(t, err, "signature-mismatch; b: expired: a plain error")
	require.NotContains(t, err.Error(), "\n")
}

func TestCompose_ReasonOfAnyOfIsTheFirst5xxElseTheFirst(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		errs []error
		want truhook.Reason
	}{
		"the first":                   {[]error{truhook.WrongPath, truhook.SignatureMismatch}, truhook.WrongPath},
		"a 5xx behind":                {[]error{truhook.WrongPath, truhook.KeysUnavailable}, truhook.KeysUnavailable},
		"the first 5xx":               {[]error{truhook.WrongPath, truhook.NoKey, truhook.Internal}, truhook.NoKey},
		"one without a Reason":        {[]error{truhook.WrongPath, errPlain, truhook.NoKey}, truhook.Internal},
		"403 and 413 are not 5xx":     {[]error{truhook.BodyTooLarge, truhook.SourceNotAllowed}, truhook.BodyTooLarge},
		"one alone":                   {[]error{truhook.Expired}, truhook.Expired},
		"an outage wrapped in an own": {[]error{truhook.Expired, fmt.Errorf("x: %w", truhook.KeysUnavailable)}, truhook.KeysUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var rest []truhook.Verifier
			for _, err := range tt.errs[1:] {
				rest = append(rest, refusing(err))
			}
			v := truhook.AnyOf(refusing(tt.errs[0]), rest...)
			_, err := v.Verify(t.Context(), &truhook.Delivery{})
			require.Equal(t, tt.want, truhook.ReasonOf(err))
			require.Equal(t, tt.want, truhook.ReasonOf(fmt.Errorf("wrapped: %w", err)))
			_, err = truhook.AnyOf(v, refusing(truhook.Refused)).Verify(t.Context(), &truhook.Delivery{})
			require.Equal(t, tt.want, truhook.ReasonOf(err), "nested")
			_, err = truhook.AllOf(accepting("x"), v).Verify(t.Context(), &truhook.Delivery{})
			require.Equal(t, tt.want, truhook.ReasonOf(err), "within AllOf")
			w, o := judge(t, v, truhook.Config{}, unreached(t), signed(nil))
			requireRefused(t, tt.want, w, o)
		})
	}
}

func TestCompose_RequireRunsItsChecksFirst(t *testing.T) {
	t.Parallel()
	var s steps
	v := truhook.Require(s.verifier("v", decrypting("content", "inner")), s.check("1", nil), s.check("2", nil))
	got, err := v.Verify(t.Context(), &truhook.Delivery{})
	require.NoError(t, err)
	require.Equal(t, "content", string(got.Payload))
	require.Equal(t, "inner", string(got.Inner))
	require.Equal(t, []string{"1", "2", "v"}, s.list)
}

func TestCompose_RequireEndsAtTheFirstCheckThatRefuses(t *testing.T) {
	t.Parallel()
	var s steps
	refusal := fmt.Errorf("x: %w", truhook.CheckFailed)
	v := truhook.Require(s.verifier("v", accepting("v")), s.check("1", nil), s.check("2", refusal), s.check("3", nil))
	got, err := v.Verify(t.Context(), &truhook.Delivery{})
	require.Nil(t, got)
	require.ErrorIs(t, err, refusal)
	require.EqualError(t, err, "2: x: check-failed", "with the name of the check")
	require.Equal(t, []string{"1", "2"}, s.list)
}

func TestCompose_RequireDoesNotAcceptWhatItsVerifierRefuses(t *testing.T) {
	t.Parallel()
	_, err := truhook.Require(refusing(truhook.SignatureMismatch), pass, pass).Verify(t.Context(), &truhook.Delivery{})
	require.Equal(t, truhook.SignatureMismatch, truhook.ReasonOf(err))
}

func TestCompose_ErrorOfACheckWithoutAReasonIsInternal(t *testing.T) {
	t.Parallel()
	var s steps
	_, err := truhook.Require(accepting("v"), s.check("1", errPlain)).Verify(t.Context(), &truhook.Delivery{})
	require.Equal(t, truhook.Internal, truhook.ReasonOf(err))
}

func TestCompose_PrecheckOfAllOfRefusesWhereOneDoes(t *testing.T) {
	t.Parallel()
	var s steps
	v := truhook.AllOf(s.headed("a", nil, accepting("a")), s.verifier("b", accepting("b")), s.headed("c", truhook.Expired, accepting("c")), s.headed("d", truhook.NoKey, nil))
	require.Equal(t, truhook.Expired, truhook.ReasonOf(precheck(t, v)))
	require.Equal(t, []string{"head of a", "head of c"}, s.list)
	require.NoError(t, precheck(t, truhook.AllOf(accepting("x"), accepting("y"))))
}

func TestCompose_PrecheckOfAnyOfRefusesOnlyWhereAllDo(t *testing.T) {
	t.Parallel()
	var s steps
	no := s.headed("no", truhook.MissingSignature, nil)
	require.NoError(t, precheck(t, truhook.AnyOf(no, s.headed("yes", nil, nil))))
	require.NoError(t, precheck(t, truhook.AnyOf(no, accepting("without a Precheck"))))
	err := precheck(t, truhook.AnyOf(no, s.headed("down", truhook.NoKey, nil)))
	require.ErrorIs(t, err, truhook.MissingSignature)
	require.Equal(t, truhook.NoKey, truhook.ReasonOf(err))
}

func TestCompose_PrecheckOfRequireIsThatOfItsVerifier(t *testing.T) {
	t.Parallel()
	var s steps
	v := truhook.Require(s.headed("v", truhook.Expired, nil), s.check("1", truhook.NoKey))
	require.Equal(t, truhook.Expired, truhook.ReasonOf(precheck(t, v)))
	require.Equal(t, []string{"head of v"}, s.list, "a check may need the body")
	require.NoError(t, precheck(t, truhook.Require(accepting("x"), pass)))
}

func TestCompose_NestedPrecheckSavesReadingTheBody(t *testing.T) {
	t.Parallel()
	v := truhook.Require(truhook.AllOf(accepting("x"), truhook.AnyOf(truvVerifier(t), truvVerifier(t))), pass)
	body := &countingReader{Reader: strings.NewReader("x")}
	r := signed(nil)
	r.Body, r.ContentLength = body, 1
	r.Header.Del("X-Webhook-Sign")
	w, o := judge(t, v, truhook.Config{}, unreached(t), r)
	requireRefused(t, truhook.MissingSignature, w, o)
	require.Zero(t, body.reads.Load())
}

func TestCompose_UnwrapGivesACopyOfTheVerifiers(t *testing.T) {
	t.Parallel()
	a, b := &counting{}, &counting{}
	for name, combine := range combinators {
		v := combine(a, b)
		inner := v.(interface{ Unwrap() []truhook.Verifier }).Unwrap()
		require.Same(t, a, inner[0])
		if name != "Require" {
			require.Len(t, inner, 2)
			require.Same(t, b, inner[1])
		}
		inner[0] = refusing(truhook.Refused)
		_, err := v.Verify(t.Context(), &truhook.Delivery{})
		require.NoError(t, err, name)
	}
}

func TestCompose_ArgumentsAreCopied(t *testing.T) {
	t.Parallel()
	rest := []truhook.Verifier{accepting("a"), accepting("b")}
	all := truhook.AllOf(accepting("first"), rest...)
	any := truhook.AnyOf(refusing(truhook.Refused), rest...)
	checks := []truhook.Check{pass}
	require2 := truhook.Require(accepting("v"), pass, checks...)
	rest[0], rest[1], checks[0] = nil, nil, truhook.Check{}
	for _, v := range []truhook.Verifier{all, any, require2} {
		_, err := v.Verify(t.Context(), &truhook.Delivery{})
		require.NoError(t, err)
	}
}

func TestCompose_NilArgumentsOfCombinatorsPanic(t *testing.T) {
	t.Parallel()
	ok := accepting("ok")
	for name, f := range map[string]func(){
		"AllOf, first":          func() { truhook.AllOf(nil) },
		"AllOf, rest":           func() { truhook.AllOf(ok, ok, nil) },
		"AnyOf, first":          func() { truhook.AnyOf(nil, ok) },
		"AnyOf, rest":           func() { truhook.AnyOf(ok, nil) },
		"Require, verifier":     func() { truhook.Require(nil, pass) },
		"Require, first check":  func() { truhook.Require(ok, truhook.Check{}) },
		"Require, second check": func() { truhook.Require(ok, pass, truhook.Check{}) },
	} {
		require.Panics(t, f, name)
	}
}

// A context ends waits, not arithmetic: whoever stops listening changes no verdict.
func TestCompose_VerdictDoesNotDependOnTheContext(t *testing.T) {
	t.Parallel()
	for name, combine := range combinators {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := combine(accepting("a"), accepting("b")).Verify(ctx, &truhook.Delivery{})
		require.NoError(t, err, name)
		_, err = combine(refusing(truhook.WrongPath), refusing(truhook.WrongPath)).Verify(ctx, &truhook.Delivery{})
		require.Equal(t, truhook.WrongPath, truhook.ReasonOf(err), name)
	}
	for name, answer := range map[string]truhook.VerifierFunc{"AllOf": accepting("x"), "AnyOf": refusing(truhook.SignatureMismatch)} {
		ctx, cancel := context.WithCancel(t.Context())
		ending := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
			cancel()
			return answer.Verify(ctx, d)
		})
		_, err := combinators[name](ending, accepting("y")).Verify(ctx, &truhook.Delivery{})
		require.NoError(t, err, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ending := truhook.NewCheck("ending", func(context.Context, *truhook.Delivery) error { cancel(); return nil })
	_, err := truhook.Require(accepting("x"), ending, pass).Verify(ctx, &truhook.Delivery{})
	require.NoError(t, err)
}

func TestCompose_NilDeliveryIsAReason(t *testing.T) {
	t.Parallel()
	head := truhook.HeadCheck("head", func(*truhook.Delivery) error { return nil })
	for name, v := range map[string]truhook.Verifier{
		"AllOf": truhook.AllOf(accepting("x")), "AnyOf": truhook.AnyOf(accepting("x")),
		"Require, NewCheck": truhook.Require(accepting("x"), pass), "Require, HeadCheck": truhook.Require(accepting("x"), head),
	} {
		_, err := v.Verify(t.Context(), nil)
		require.ErrorIs(t, err, truhook.Internal, name)
		require.ErrorIs(t, v.(truhook.Prechecker).Precheck(t.Context(), nil), truhook.Internal, name)
	}
	require.ErrorIs(t, pass.Run(t.Context(), nil), truhook.Internal)
	require.ErrorIs(t, head.Run(t.Context(), nil), truhook.Internal)
}

func TestCompose_VerifierWithoutAVerdictIsInternalInEveryCombinator(t *testing.T) {
	t.Parallel()
	silent := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { return nil, nil })
	for name, combine := range combinators {
		got, err := combine(silent).Verify(t.Context(), &truhook.Delivery{})
		require.Nil(t, got, name)
		require.Equal(t, truhook.Internal, truhook.ReasonOf(err), name)
	}
	got, err := truhook.AnyOf(silent, accepting("x")).Verify(t.Context(), &truhook.Delivery{})
	require.NoError(t, err)
	require.Equal(t, "x", got.Proofs[0].Scheme)
}

func TestCompose_CombinatorsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	v := truhook.AllOf(truvVerifier(t), truhook.AnyOf(refusing(truhook.Refused), truhook.Require(truvVerifier(t), pass)))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			body := []byte(fmt.Sprint(i))
			d := &truhook.Delivery{Header: signed(body).Header, Body: body}
			for range 20 {
				got, err := v.Verify(context.Background(), d)
				if assert.NoError(t, err) {
					assert.Len(t, got.Proofs, 2)
				}
			}
		})
	}
	all.Wait()
}

func TestCompose_AnyOfTextIsOneLineForLogs(t *testing.T) {
	t.Parallel()
	_, err := truhook.AnyOf(refusing(errors.New("a")), refusing(errors.New("b"))).Verify(t.Context(), &truhook.Delivery{})
	require.EqualError(t, err, "a; b")
}
