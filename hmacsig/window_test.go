package hmacsig_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

func TestTheBoundsOfAWindow(t *testing.T) {
	t.Parallel()
	end := start.Add(time.Hour)
	zero := time.Time{}
	const leeway = 30 * time.Second
	tests := map[string]struct {
		from, to time.Time
		grace    time.Duration
		at       time.Time
		want     truhook.Reason
	}{
		"before it":                       {start, end, 0, start.Add(-leeway - 1), truhook.KeyNotYetValid},
		"before it, within the leeway":    {start, end, 0, start.Add(-leeway), ""},
		"at its begin":                    {start, end, 0, start, ""},
		"inside":                          {start, end, 0, start.Add(time.Minute), ""},
		"at its end":                      {start, end, 0, end, ""},
		"after it":                        {start, end, 0, end.Add(1), truhook.KeyExpired},
		"long after it":                   {start, end, 0, end.Add(time.Hour), truhook.KeyExpired},
		"open at the begin":               {zero, end, 0, start.AddDate(-50, 0, 0), ""},
		"open at the end":                 {start, zero, 0, start.AddDate(50, 0, 0), ""},
		"open":                            {zero, zero, 0, start, ""},
		"one instant":                     {start, start, 0, start, ""},
		"reversed, before":                {end, start, 0, start.Add(-1), truhook.KeyNotYetValid},
		"reversed, between":               {end, start, 0, start.Add(time.Minute), truhook.KeyNotYetValid},
		"reversed, after":                 {end, start, 0, end.Add(1), truhook.KeyExpired},
		"reversed by less than leeway":    {start.Add(1), start, time.Hour, start, truhook.KeyExpired},
		"in another zone":                 {start.In(time.FixedZone("", 7*3600)), end.In(time.FixedZone("", -7*3600)), 0, start, ""},
		"grace, at its last instant":      {start, end, time.Minute, end.Add(time.Minute), ""},
		"grace, over":                     {start, end, time.Minute, end.Add(time.Minute + 1), truhook.KeyExpired},
		"grace does not begin earlier":    {start, end, time.Hour, start.Add(-leeway - 1), truhook.KeyNotYetValid},
		"a negative grace is none":        {start, end, -time.Minute, end, ""},
		"a negative grace is none, after": {start, end, -time.Minute, end.Add(1), truhook.KeyExpired},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := within(testKey(t, "k", testSecret), tt.from, tt.to)
			v, err := trulioo.New(hmacsig.StaticKeys(k), hmacsig.Config{Grace: tt.grace, Now: func() time.Time { return tt.at }})
			require.NoError(t, err)
			d := delivery(body, "X-Trulioo-Signature", hexOf(testSecret, body))
			requireReason(t, tt.want, v, d)
			v, err = trulioo.New(hmacsig.StaticKeys(k), hmacsig.Config{Grace: tt.grace, Now: func() time.Time { return start.AddDate(100, 0, 0) }})
			require.NoError(t, err)
			d.Received = tt.at // the time of receipt counts, not the clock
			requireReason(t, tt.want, v, d)
			d.Body = []byte("other")
			requireReason(t, truhook.SignatureMismatch, v, d)
		})
	}
}

func TestKey_AWindowDoesNotChangeTheOriginal(t *testing.T) {
	t.Parallel()
	k := testKey(t, "k", testSecret)
	expired := within(k, time.Time{}, start.Add(-1))
	d := delivery(body, "X-Trulioo-Signature", hexOf(testSecret, body))
	requireReason(t, "", verifier(t, trulioo.Scheme(), k), d)
	requireReason(t, truhook.KeyExpired, verifier(t, trulioo.Scheme(), expired), d)
	requireReason(t, "", verifier(t, trulioo.Scheme(), within(expired, time.Time{}, time.Time{})), d)
}

func TestRotationNamesTheKeyThatFitted(t *testing.T) {
	t.Parallel()
	old, current, next := testKey(t, "old", "old-secret"), testKey(t, "current", "current-secret"), testKey(t, "next", "next-secret")
	v := verifier(t, trulioo.Scheme(), current, within(old, time.Time{}, start.Add(-1)), within(next, start.Add(time.Minute), time.Time{}))
	sign := func(secret string) *truhook.Delivery {
		return delivery(body, "X-Trulioo-Signature", hexOf(secret, body))
	}
	requireReason(t, "", v, sign("current-secret"))
	requireReason(t, truhook.KeyExpired, v, sign("old-secret"))
	requireReason(t, truhook.KeyNotYetValid, v, sign("next-secret"))
	requireReason(t, truhook.SignatureMismatch, v, sign("other-secret"))
	v = verifier(t, trulioo.Scheme(), current, old, next)
	for id, secret := range map[string]string{"old": "old-secret", "current": "current-secret", "next": "next-secret"} {
		got, err := v.Verify(t.Context(), sign(secret))
		require.NoError(t, err)
		require.Equal(t, []truhook.Proof{{Scheme: "trulioo", KeyID: id}}, got.Proofs)
	}
}

func TestAValidKeyWinsOverAnExpiredOneOfTheSameSecret(t *testing.T) {
	t.Parallel()
	expired := within(testKey(t, "expired", testSecret), time.Time{}, start.Add(-1))
	valid := testKey(t, "valid", testSecret)
	got, err := verifier(t, trulioo.Scheme(), expired, valid).Verify(t.Context(), delivery(body, "X-Trulioo-Signature", hexOf(testSecret, body)))
	require.NoError(t, err)
	require.Equal(t, "valid", got.Proofs[0].KeyID)
}

func TestKeys_TheFirstOfOneSecretIsTheOneThatFits(t *testing.T) {
	t.Parallel()
	d := delivery(body, "X-Trulioo-Signature", hexOf(testSecret, body))
	one, two, other := testKey(t, "one", testSecret), testKey(t, "two", testSecret), testKey(t, "other", "other-secret")
	got, err := verifier(t, trulioo.Scheme(), other, two, one).Verify(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, "two", got.Proofs[0].KeyID)
	ended, coming := within(one, time.Time{}, start.Add(-1)), within(two, start.Add(time.Minute), time.Time{})
	requireReason(t, truhook.KeyExpired, verifier(t, trulioo.Scheme(), other, ended, coming), d)
	requireReason(t, truhook.KeyNotYetValid, verifier(t, trulioo.Scheme(), other, coming, ended), d)
}

func TestPayloadIsTheBodyItself(t *testing.T) {
	t.Parallel()
	d := delivery(body, "X-Trulioo-Signature", hexOf(testSecret, body))
	got, err := verifier(t, trulioo.Scheme()).Verify(t.Context(), d)
	require.NoError(t, err)
	require.Same(t, &d.Body[0], &got.Payload[0])
	require.Len(t, got.Payload, len(d.Body))
	require.Nil(t, got.Inner)
}
