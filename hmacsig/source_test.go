package hmacsig_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
)

// scripted answers the first question by first and the second, if there is one, by second.
type scripted struct {
	first, second func() ([]hmacsig.Key, error)
	asked         []hmacsig.Query
}

func (s *scripted) Keys(_ context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
	s.asked = append(s.asked, q)
	if q.Missed {
		return s.second()
	}
	return s.first()
}

func gives(keys ...hmacsig.Key) func() ([]hmacsig.Key, error) {
	return func() ([]hmacsig.Key, error) { return keys, nil }
}

func fails(err error) func() ([]hmacsig.Key, error) {
	return func() ([]hmacsig.Key, error) { return nil, err }
}

func truvalDelivery(secret string) *truhook.Delivery {
	return delivery(body, "X-Truval-Signature", "sha256="+hexOf(secret, body))
}

func TestWhatASourceAnswers(t *testing.T) {
	t.Parallel()
	good, other := testKey(t, "good", testSecret), testKey(t, "other", "another-secret")
	expired := within(good, time.Time{}, start.Add(-1))
	var many []hmacsig.Key
	for i := range 17 {
		many = append(many, testKey(t, fmt.Sprint(i), testSecret))
	}
	never := func() ([]hmacsig.Key, error) { panic("asked again") }
	same := []hmacsig.Key{other}
	tests := map[string]struct {
		first, second func() ([]hmacsig.Key, error)
		want          truhook.Reason
		asked         int
	}{
		"the key":                       {gives(good), never, "", 1},
		"the key among others":          {gives(other, good), never, "", 1},
		"16 keys":                       {gives(many[:16]...), never, "", 1},
		"17 keys":                       {gives(many...), never, truhook.KeysUnavailable, 1},
		"no keys":                       {gives(), never, truhook.NoKey, 1},
		"a zero key":                    {gives(good, hmacsig.Key{}), never, truhook.NoKey, 1},
		"an error":                      {fails(errors.New("down")), never, truhook.KeysUnavailable, 1},
		"an error with a Reason":        {fails(fmt.Errorf("x: %w", truhook.UnknownKey)), never, truhook.UnknownKey, 1},
		"an error with NoKey":           {fails(truhook.NoKey), never, truhook.NoKey, 1},
		"an error that is Internal":     {fails(truhook.Internal), never, truhook.Internal, 1},
		"an error with an own Reason":   {fails(truhook.Reason("mine")), never, truhook.KeysUnavailable, 1},
		"the context's error":           {fails(context.DeadlineExceeded), never, truhook.KeysUnavailable, 1},
		"keys beside an error":          {func() ([]hmacsig.Key, error) { return []hmacsig.Key{good}, errors.New("x") }, never, truhook.KeysUnavailable, 1},
		"missed, the very same slice":   {gives(same...), gives(same...), truhook.SignatureMismatch, 2},
		"missed, then the key":          {gives(other), gives(other, good), "", 2},
		"missed, then another":          {gives(other), gives(testKey(t, "third", "third-secret")), truhook.SignatureMismatch, 2},
		"missed, then it is expired":    {gives(other), gives(expired), truhook.KeyExpired, 2},
		"missed, then none":             {gives(other), gives(), truhook.NoKey, 2},
		"missed, then too many":         {gives(other), gives(many...), truhook.KeysUnavailable, 2},
		"missed, then a zero key":       {gives(other), gives(hmacsig.Key{}), truhook.NoKey, 2},
		"missed, then an error":         {gives(other), fails(errors.New("down")), truhook.KeysUnavailable, 2},
		"missed, then a Reason":         {gives(other), fails(truhook.UnknownKey), truhook.UnknownKey, 2},
		"expired, then valid":           {gives(expired), gives(good), "", 2},
		"expired, then no better":       {gives(expired), gives(expired), truhook.KeyExpired, 2},
		"not yet valid, then no better": {gives(within(good, start.Add(time.Minute), time.Time{})), gives(other), truhook.SignatureMismatch, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &scripted{first: tt.first, second: tt.second}
			v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{Now: func() time.Time { return start }})
			require.NoError(t, err)
			d := truvalDelivery(testSecret)
			_, err = v.Verify(t.Context(), d)
			require.Equal(t, tt.want, truhook.ReasonOf(err), "%v", err)
			require.Len(t, source.asked, tt.asked)
			for i, q := range source.asked {
				require.Same(t, d, q.Delivery)
				require.Equal(t, i == 1, q.Missed)
			}
		})
	}
}

func TestTheVerySameSliceEndsTheSearch(t *testing.T) {
	t.Parallel()
	tried := 0
	keys := []hmacsig.Key{testKey(t, "other", "another-secret")}
	source := hmacsig.KeySourceFunc(func(_ context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
		tried++
		if q.Missed {
			keys[0] = testKey(t, "good", testSecret) // the slice is the same, so it is not looked at again
		}
		return keys, nil
	})
	v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), truvalDelivery(testSecret))
	require.Equal(t, truhook.SignatureMismatch, truhook.ReasonOf(err))
	require.Equal(t, 2, tried)
}

func TestAMalformedHeadAsksForNoKeys(t *testing.T) {
	t.Parallel()
	source := hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
		t.Error("asked")
		return nil, nil
	})
	v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	for _, header := range []string{"", "sha256=", "sha256=zz", hexOf(testSecret, body)} {
		_, err := v.Verify(t.Context(), delivery(body, "X-Truval-Signature", header))
		require.Equal(t, 401, truhook.ReasonOf(err).Status())
	}
	require.NoError(t, v.Precheck(t.Context(), truvalDelivery(testSecret)), "nor does a Precheck")
}

func TestVerifier_AContextThatHasEndedEndsWaitsOnly(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	forged := truvalDelivery("another-secret")
	for name, source := range map[string]hmacsig.KeySource{
		"keys at hand": hmacsig.StaticKeys(testKey(t, "k", testSecret)),
		"a source that does not wait": hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
			return []hmacsig.Key{testKey(t, "k", testSecret)}, nil
		}),
	} {
		v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{})
		require.NoError(t, err)
		_, err = v.Verify(ctx, truvalDelivery(testSecret))
		require.NoError(t, err, name)
		_, err = v.Verify(ctx, forged)
		require.ErrorIs(t, err, truhook.SignatureMismatch, name)
	}
	waits := hmacsig.KeySourceFunc(func(ctx context.Context, _ hmacsig.Query) ([]hmacsig.Key, error) { return nil, ctx.Err() })
	v, err := hmacsig.New(truval.Scheme(), waits, hmacsig.Config{})
	require.NoError(t, err)
	_, err = v.Verify(ctx, truvalDelivery(testSecret))
	require.ErrorIs(t, err, truhook.Canceled)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSourcesThatAreNone(t *testing.T) {
	t.Parallel()
	_, err := hmacsig.New(truval.Scheme(), nil, hmacsig.Config{})
	require.Error(t, err)
	v, err := hmacsig.New(truval.Scheme(), hmacsig.KeySourceFunc(nil), hmacsig.Config{})
	require.NoError(t, err)
	requireReason(t, truhook.NoKey, v, truvalDelivery(testSecret))
	var none *hmacsig.Verifier
	for _, v := range []*hmacsig.Verifier{none, {}} {
		_, err := v.Verify(t.Context(), truvalDelivery(testSecret))
		require.ErrorIs(t, err, truhook.NoKey)
		require.ErrorIs(t, v.Precheck(t.Context(), truvalDelivery(testSecret)), truhook.NoKey)
	}
}

func TestStaticKeysAreCopied(t *testing.T) {
	t.Parallel()
	keys := []hmacsig.Key{testKey(t, "good", testSecret)}
	source := hmacsig.StaticKeys(keys...)
	keys[0] = hmacsig.Key{}
	v, err := hmacsig.New(truval.Scheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	requireReason(t, "", v, truvalDelivery(testSecret))
}

func TestOneKeyServesManyDeliveriesAndSchemesAtOnce(t *testing.T) {
	t.Parallel()
	k := testKey(t, "k", testSecret)
	var all sync.WaitGroup
	for i := range 16 {
		s := providers()[i%3]
		v := verifier(t, s, k)
		all.Go(func() {
			for n := range 50 {
				text := fmt.Sprint(i, n)
				_, err := v.Verify(context.Background(), delivery(text, s.Header, s.Prefix+hexOf(testSecret, text)))
				assert.NoError(t, err)
				_, err = v.Verify(context.Background(), delivery(text+"x", s.Header, s.Prefix+hexOf(testSecret, text)))
				assert.ErrorIs(t, err, truhook.SignatureMismatch)
			}
		})
	}
	all.Wait()
}
