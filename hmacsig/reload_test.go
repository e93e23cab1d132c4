package hmacsig_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

func TestReloadableSwapsAllKeysAtOnce(t *testing.T) {
	t.Parallel()
	a, b, c := key(t, "a", "secret-a"), key(t, "b", "secret-b"), key(t, "c", "secret-c")
	given := []hmacsig.Key{a, b}
	r, err := hmacsig.NewReloadableKeys(given...)
	require.NoError(t, err)
	given[0] = c
	v, err := hmacsig.New(testScheme(), r, hmacsig.Config{})
	require.NoError(t, err)
	accepts := func(k hmacsig.Key) bool {
		_, err := v.Verify(t.Context(), signed(t, k))
		return err == nil
	}
	assert.True(t, accepts(a) && accepts(b), "the slice was copied")
	assert.False(t, accepts(c))
	require.NoError(t, r.Set(b, c))
	assert.True(t, accepts(b) && accepts(c))
	assert.False(t, accepts(a), "gone at once")
}

func TestReloadableKeepsItsKeysWhenTheNewOnesAreBad(t *testing.T) {
	t.Parallel()
	a := key(t, "a", "secret-a")
	r, err := hmacsig.NewReloadableKeys(a)
	require.NoError(t, err)
	var many []hmacsig.Key
	for i := range 17 {
		many = append(many, key(t, fmt.Sprint(i), "secret-a"))
	}
	for name, bad := range map[string][]hmacsig.Key{
		"none": {}, "a zero key": {{}}, "a zero key behind a good one": {a, {}},
		"two of one id": {a, key(t, "a", "secret-b")}, "seventeen": many,
	} {
		assert.Error(t, r.Set(bad...), name)
		_, err := hmacsig.NewReloadableKeys(bad...)
		assert.Error(t, err, name)
		keys, _ := r.Keys(t.Context(), hmacsig.Query{})
		assert.Equal(t, []string{"a"}, ids(keys), name)
	}
}

func TestReloadableGivesTheSameSliceWhenNothingChanged(t *testing.T) {
	t.Parallel()
	r, err := hmacsig.NewReloadableKeys(key(t, "a", "secret-a"))
	require.NoError(t, err)
	first, _ := r.Keys(t.Context(), hmacsig.Query{})
	require.NoError(t, r.Set(key(t, "a", "secret-a")))
	second, _ := r.Keys(t.Context(), hmacsig.Query{})
	assert.Same(t, &first[0], &second[0])
}

func TestReloadableUnderLoadRefusesNoTrueDelivery(t *testing.T) {
	t.Parallel()
	r, err := hmacsig.NewReloadableKeys(key(t, "0", "secret-0"), key(t, "1", "secret-1"))
	require.NoError(t, err)
	v, err := hmacsig.New(testScheme(), r, hmacsig.Config{})
	require.NoError(t, err)
	var stop atomic.Bool
	var wg sync.WaitGroup
	var rotations sync.RWMutex // the provider changes its secret only between deliveries
	n := 1
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				rotations.RLock()
				d := signed(t, key(t, "any", fmt.Sprint("secret-", n)))
				_, err := v.Verify(t.Context(), d)
				rotations.RUnlock()
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for i := 2; i < 500; i++ { // the new secret is there before the provider uses it
		require.NoError(t, r.Set(key(t, fmt.Sprint(i), fmt.Sprint("secret-", i)), key(t, fmt.Sprint(i-1), fmt.Sprint("secret-", i-1))))
		rotations.Lock()
		n = i
		rotations.Unlock()
	}
	stop.Store(true)
	wg.Wait()
}

func TestEnvKeysTakesEachVariableAsItStands(t *testing.T) {
	t.Setenv("TRUHOOK_TEST_A", `l1U^g#F"$ '`)
	t.Setenv("TRUHOOK_TEST_B", " padded ")
	source, err := hmacsig.EnvKeys("TRUHOOK_TEST_A", "TRUHOOK_TEST_B")
	require.NoError(t, err)
	v, err := hmacsig.New(testScheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	for id, secret := range map[string]string{"TRUHOOK_TEST_A": `l1U^g#F"$ '`, "TRUHOOK_TEST_B": " padded "} {
		verified, err := v.Verify(t.Context(), signed(t, key(t, "any", secret)))
		require.NoError(t, err)
		assert.Equal(t, id, verified.Proofs[0].KeyID)
	}
	_, err = v.Verify(t.Context(), signed(t, key(t, "any", "padded")))
	assert.Equal(t, truhook.SignatureMismatch, truhook.ReasonOf(err))
}

func TestEnvKeysRefusesWhatIsNotSet(t *testing.T) {
	t.Setenv("TRUHOOK_TEST_A", "secret-a")
	t.Setenv("TRUHOOK_TEST_EMPTY", "")
	t.Setenv("TRUHOOK_TEST_NEWLINE", "secret-b\n")
	t.Setenv("TRUHOOK_TEST_CR", "secret-b\r")
	t.Setenv("TRUHOOK_TEST_LEADING", "\nsecret-b")
	for _, names := range [][]string{
		{}, {""}, {"TRUHOOK_TEST_UNSET"}, {"TRUHOOK_TEST_A", "TRUHOOK_TEST_UNSET"}, {"TRUHOOK_TEST_EMPTY"},
		{"TRUHOOK_TEST_A", "TRUHOOK_TEST_EMPTY"}, {"TRUHOOK_TEST_A", "TRUHOOK_TEST_A"},
		{"TRUHOOK_TEST_NEWLINE"}, {"TRUHOOK_TEST_CR"}, {"TRUHOOK_TEST_LEADING"},
	} {
		_, err := hmacsig.EnvKeys(names...)
		require.Error(t, err, "%q", names)
		assert.NotContains(t, err.Error(), "secret-")
	}
}
