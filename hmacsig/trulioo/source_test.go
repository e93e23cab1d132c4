package trulioo_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are known everywhere

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

const secretOne, secretTwo = "Secret^One#$=0123456789", "Secret&Two?@-0123456789"

func TestCredentialSource_FetchesATokenAndTheCredentials(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		v := verifier(t, p.source(t, hmacsig.CacheConfig{}), hmacsig.Config{})
		verified, err := v.Verify(t.Context(), signed(t, secretOne))
		require.NoError(t, err)
		assert.Equal(t, "cred-1", verified.Proofs[0].KeyID)
		assert.Equal(t, truhook.SignatureMismatch, reason(t, v, "another secret"))
		tokens, calls := p.counts()
		assert.Equal(t, []int{1, 1}, []int{tokens, calls})
	})
}

func TestCredentialSource_ReusesItsTokenUntilItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		v := verifier(t, p.source(t, hmacsig.CacheConfig{TTL: 5 * time.Minute}), hmacsig.Config{})
		for range 2 * 60 { // two hours, in which a token lasts half an hour
			require.Empty(t, reason(t, v, secretOne))
			advance(time.Minute)
		}
		tokens, calls := p.counts()
		assert.InDelta(t, 4, tokens, 1)
		assert.InDelta(t, 30, calls, 3)
	})
}

func TestCredentialSource_TakesOneNewTokenAfterA401(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		s := p.source(t, hmacsig.CacheConfig{})
		require.NoError(t, s.Refresh(t.Context()))
		p.set(func() { clear(p.tokens) }) // revoked
		require.NoError(t, s.Refresh(t.Context()))
		tokens, calls := p.counts()
		require.Equal(t, []int{2, 3}, []int{tokens, calls})

		p.set(func() {
			p.fault = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
		})
		require.ErrorContains(t, s.Refresh(t.Context()), "401")
		tokens, calls = p.counts()
		assert.Equal(t, []int{3, 5}, []int{tokens, calls}, "and no third try")
		require.ErrorContains(t, p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context()), "401")
		tokens, calls = p.counts()
		assert.Equal(t, []int{4, 6}, []int{tokens, calls}, "nor a second one with a token that was new")
	})
}

func TestCredentialSource_KeepsWindowsInUTC(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) { // the clock of a bubble begins on 2000-01-01, midnight UTC
		p.set(func() {
			p.credentials = []credential{
				{"now", secretOne, "1999-12-31T12:00:00", "2000-01-01T01:00:00"},
				{"next", secretTwo, "2000-01-01T01:00:00", "2000-01-01T02:00:00Z"},
			}
		})
		v := verifier(t, p.source(t, hmacsig.CacheConfig{}), hmacsig.Config{})
		graceful := verifier(t, p.source(t, hmacsig.CacheConfig{}), hmacsig.Config{Grace: 10 * time.Minute})
		require.Empty(t, reason(t, v, secretOne))
		require.Empty(t, reason(t, graceful, secretOne))
		assert.Equal(t, truhook.KeyNotYetValid, reason(t, v, secretTwo))
		advance(59*time.Minute + 59*time.Second)
		assert.Empty(t, reason(t, v, secretOne))
		advance(time.Second)
		assert.Empty(t, reason(t, v, secretOne), "the end is part of the window")
		advance(time.Second)
		assert.Equal(t, truhook.KeyExpired, reason(t, v, secretOne))
		assert.Empty(t, reason(t, graceful, secretOne))
		assert.Empty(t, reason(t, v, secretTwo))
		advance(10 * time.Minute)
		assert.Equal(t, truhook.KeyExpired, reason(t, graceful, secretOne))
	})
}

func TestCredentialSource_FollowsARotationAtTheInstantItHappens(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		v := verifier(t, p.source(t, hmacsig.CacheConfig{}), hmacsig.Config{Grace: 10 * time.Minute})
		require.Empty(t, reason(t, v, secretOne))
		advance(15 * time.Second)
		p.set(func() { p.credentials = []credential{{"cred-2", secretTwo, "2000-01-01T00:00:00", ""}} })
		removed := time.Now()
		require.Empty(t, reason(t, v, secretTwo), "the first delivery under the new credential")
		assert.Empty(t, reason(t, v, secretOne), "one that was under way")
		for time.Since(removed) < 10*time.Minute {
			assert.Empty(t, reason(t, v, secretOne))
			advance(10 * time.Second)
		}
		for range 100 {
			require.Equal(t, truhook.KeyExpired, reason(t, v, secretOne))
			advance(10 * time.Second)
		}
	})
}

func TestCredentialSource_AnOddCredentialCostsItselfAndIsReported(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		var reported atomic.Value
		s := p.source(t, hmacsig.CacheConfig{OnError: func(err error) { reported.Store(err) }})
		p.set(func() {
			p.credentials = append(p.credentials, credential{"odd", secretTwo, "soon", ""}, credential{"empty", "", "1999-01-01T00:00:00", ""})
		})
		v := verifier(t, s, hmacsig.Config{})
		require.Empty(t, reason(t, v, secretOne))
		assert.Equal(t, truhook.SignatureMismatch, reason(t, v, secretTwo))
		advance(time.Millisecond) // OnError is called when the delivery waits no longer
		err, _ := reported.Load().(error)
		require.Error(t, err)
		found := truhook.Audit(t.Context(), v)
		require.NotEmpty(t, found)
		for _, text := range []string{err.Error(), fmt.Sprint(found)} {
			assert.Contains(t, text, "webhook 1, credential 2")
			assert.Contains(t, text, "webhook 1, credential 3")
			assert.NotContains(t, text, secretTwo)
		}
		p.set(func() { p.credentials = p.credentials[1:] })
		require.ErrorContains(t, s.Refresh(t.Context()), "webhook 1, credential 1", "nothing is left")
		assert.Empty(t, reason(t, v, secretOne), "the last good answer serves")
	})
}

func TestCredentialSource_OfManyCredentialsThoseThatAreValidServe(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		p.set(func() {
			p.credentials = nil
			for i := range 20 {
				p.credentials = append(p.credentials, credential{
					fmt.Sprint("over-", i), fmt.Sprint("secret-that-is-over-", i), "1998-01-01T00:00:00", "1999-01-01T00:00:00",
				})
			}
			p.credentials = append(p.credentials,
				credential{"cred-1", secretOne, "1999-01-01T00:00:00", ""}, credential{"cred-2", secretTwo, "1999-01-01T00:00:00", ""})
		})
		var reported atomic.Value
		v := verifier(t, p.source(t, hmacsig.CacheConfig{OnError: func(err error) { reported.Store(err) }}), hmacsig.Config{})
		assert.Empty(t, reason(t, v, secretOne))
		assert.Empty(t, reason(t, v, secretTwo))
		assert.Equal(t, truhook.KeyExpired, reason(t, v, "secret-that-is-over-0"))
		advance(time.Millisecond)
		err, _ := reported.Load().(error)
		require.ErrorContains(t, err, `credential "over-19" is left out`)
		assert.NotContains(t, err.Error(), "secret-that-is-over")
	})
}

func TestCredentialSource_WithoutAnAnswerIsAFaultOfOurs(t *testing.T) {
	bubble(t, func(t *testing.T, p *platform) {
		p.set(func() { p.fault = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) } })
		v := verifier(t, p.source(t, hmacsig.CacheConfig{}), hmacsig.Config{})
		for range 100 {
			require.Equal(t, truhook.KeysUnavailable, reason(t, v, secretOne))
		}
		_, calls := p.counts()
		assert.Equal(t, 1, calls)
		p.set(func() { p.fault = nil })
		advance(10 * time.Second)
		assert.Empty(t, reason(t, v, secretOne))
	})
}

func TestCredentialSource_LeavesTheEndpointAloneWhenAskedTo(t *testing.T) {
	for name, test := range map[string]struct {
		after string
		pause time.Duration
	}{
		"seconds": {"120", 2 * time.Minute}, "a date": {"Sat, 01 Jan 2000 00:03:00 GMT", 3 * time.Minute},
		"far too long": {"99999999", 15 * time.Minute},
		"nonsense":     {"later", 0}, "in the past": {"Sat, 01 Jan 2000 00:00:00 GMT", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *platform) {
				s := p.source(t, hmacsig.CacheConfig{})
				require.NoError(t, s.Refresh(t.Context()))
				p.set(func() {
					p.fault = func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Retry-After", test.after)
						w.WriteHeader(http.StatusTooManyRequests)
					}
				})
				require.ErrorContains(t, s.Refresh(t.Context()), "429")
				p.set(func() { p.fault = nil })
				if test.pause > 0 {
					advance(test.pause - time.Second)
					_, before := p.counts()
					require.ErrorContains(t, s.Refresh(t.Context()), "left alone")
					_, after := p.counts()
					require.Equal(t, before, after)
					advance(time.Second)
				}
				assert.NoError(t, s.Refresh(t.Context()))
			})
		})
	}
}

func TestCredentialSource_WithAClockAnHourOff(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *platform) {
				now := func() time.Time { return time.Now().Add(off) }
				s := p.source(t, hmacsig.CacheConfig{Now: now})
				v := verifier(t, s, hmacsig.Config{Now: now})
				for range 60 {
					require.Empty(t, reason(t, v, secretOne))
					advance(time.Minute)
				}
				tokens, calls := p.counts()
				assert.LessOrEqual(t, tokens, 4)
				assert.LessOrEqual(t, calls, 60/4+2)
				found := truhook.Audit(t.Context(), v)
				require.Len(t, found, 1)
				assert.Equal(t, "clock-skew", found[0].Name)
				want := "1h0m0s ahead of"
				if off < 0 {
					want = "1h0m0s behind"
				}
				assert.Contains(t, found[0].Problem, want)
			})
		})
	}
}

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The windows of credentials must not depend on where the program runs; two of these zones have daylight saving or

// half hours. The zone of a process is fixed when it starts.

func TestCredentialSource_DoesNotDependOnTheLocalZone(t *testing.T) {
	t.Parallel()
	if os.Getenv("TRUHOOK_TEST_ZONE") != "" {
		return // this is one of the processes that are started below
	}
	for _, zone := range []string{"America/New_York", "Asia/Kolkata", "UTC"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=KeepsWindowsInUTC|ZoneOfThis|ParseCredentials_Times|RotationAtTheInstant", "-test.v")
			c.Env = append(os.Environ(), "TZ="+zone, "TRUHOOK_TEST_ZONE="+zone)
			out, err := c.CombinedOutput()
			require.NoError(t, err, "%s", out)
			assert.Contains(t, string(out), "--- PASS: TestCredentialSource_KeepsWindowsInUTC")
			assert.Contains(t, string(out), "the local zone is "+zone)
		})
	}
}

func TestCredentialSource_ZoneOfThisProcess(t *testing.T) {
	t.Parallel()
	zone := os.Getenv("TRUHOOK_TEST_ZONE")
	if zone == "" {
		return
	}
	want, err := time.LoadLocation(zone)
	require.NoError(t, err)
	summer := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, summer.In(want).Format(time.RFC3339), summer.Local().Format(time.RFC3339))
	t.Log("the local zone is " + zone)
}
