package trulioo_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata" // so that the zones are known everywhere

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
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

func TestCredentialSource_RefusesNoTrueDeliveryWhateverTheEndpointDoes(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	say := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	trickle := func(w http.ResponseWriter, r *http.Request) { // a byte a second
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := []byte(strings.Repeat(" ", 32<<10))
		for {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	gigabytes := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(int64(10<<30)))
		endless(w, r)
	}
	cutOff := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"data":{"webhooks":[`)
		panic(http.ErrAbortHandler)
	}
	faults := map[string]http.HandlerFunc{
		"aborts":                    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hangs":                     hang,
		"trickles":                  trickle,
		"sends without end":         endless,
		"announces 10 GB":           gigabytes,
		"breaks off":                cutOff,
		"redirects to itself":       redirect("/api/v2/client-webhooks/current-credential"),
		"redirects to another host": redirect("https://evil.example/"),
		"answers a login page":      say(200, "text/html", "<html>Please log in</html>"),
		"answers HTML as JSON":      say(200, "application/json", "<html>"),
		"answers nothing":           say(200, "application/json", ""),
		"answers an empty object":   say(200, "application/json", "{}"),
		"answers an array":          say(200, "application/json", "[]"),
		"lists no webhooks":         say(200, "application/json", `{"data":{"webhooks":[]}}`),
		"lists no credentials":      say(200, "application/json", `{"data":{"webhooks":[{"credentials":[]}]}}`),
		"lists an empty secret":     say(200, "application/json", `{"data":{"webhooks":[{"credentials":[{"credentialIdentifier":"x","secretValue":""}]}]}}`),
		"lists an impossible time":  say(200, "application/json", `{"data":{"webhooks":[{"credentials":[{"credentialIdentifier":"x","secretValue":"0123456789abcdef","effectiveStartDateTimeUTC":"soon"}]}]}}`),
		"answers 204":               say(204, "", ""),
		"answers 401":               say(401, "application/json", `{"secretValue":"`+secretTwo+`"}`),
		"answers 403":               say(403, "", ""),
		"answers 404":               say(404, "", ""),
		"answers 429":               say(429, "", ""),
		"answers 500":               say(500, "text/plain", secretTwo),
		"answers 503":               say(503, "", ""),
	}
	for name, fault := range faults {
		for _, at := range []string{"credentials", "token"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				bubble(t, func(t *testing.T, p *platform) {
					var last atomic.Value
					s := p.source(t, hmacsig.CacheConfig{OnError: func(err error) { last.Store(err) }})
					v := verifier(t, s, hmacsig.Config{})
					require.Empty(t, reason(t, v, secretOne))
					p.set(func() {
						if p.fault = fault; at == "token" {
							p.fault, p.tokenFault = nil, fault
							clear(p.tokens)
						}
					})
					tokens, calls := p.counts()
					began := time.Now()
					for time.Since(began) < 3*time.Minute {
						before := time.Now()
						require.Empty(t, reason(t, v, secretOne), "after %v", time.Since(began))
						require.LessOrEqual(t, time.Since(before), 2*time.Second)
						r := reason(t, v, "of a stranger")
						if r != truhook.SignatureMismatch && r != truhook.KeysStale {
							t.Fatalf("a stranger is told %s", r)
						}
						advance(3 * time.Second)
					}
					if err, _ := last.Load().(error); assert.Error(t, err) {
						for _, leak := range []string{clientSecret, secretOne, secretTwo, "token-", "log in"} {
							assert.NotContains(t, err.Error(), leak)
						}
					}
					moreTokens, moreCalls := p.counts()
					fetches := int(time.Since(began)/(10*time.Second)) + 1
					assert.LessOrEqual(t, moreTokens-tokens, fetches)
					assert.LessOrEqual(t, moreCalls-calls, 2*fetches)
					assert.LessOrEqual(t, moreTokens-tokens+moreCalls-calls, 3*fetches, "the bound of the doc comment")

					p.set(func() { p.fault, p.tokenFault = nil, nil })
					advance(20 * time.Second)
					p.set(func() {
						p.credentials = append(p.credentials, credential{"cred-2", secretTwo, "2000-01-01T00:00:00", ""})
					})
					assert.Empty(t, reason(t, v, secretTwo), "it is well again")
					advance(10 * time.Second)
				})
			})
		}
	}
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

func TestNewClient_FollowsNoRedirectWithTheSecretOrTheToken(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	evil := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := newPlatform(t, nil)
		to := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.URL, status) }
		p.set(func() { p.tokenFault = to })
		require.Error(t, p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context()))
		p.set(func() { p.tokenFault, p.fault = nil, to })
		require.ErrorContains(t, p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context()), "redirect")

		// Nor does a client of somebody else, such as one of golang.org/x/oauth2, whose transport authorises every hop.
		other := p.server.Client()
		s, err := trulioo.NewCredentialSource(other, p.server.URL+"/api/v2/client-webhooks/current-credential", "acc+ou&nt",
			hmacsig.CacheConfig{})
		require.NoError(t, err)
		require.ErrorContains(t, s.Refresh(t.Context()), "redirect")
		assert.Nil(t, other.CheckRedirect, "which is not changed")
	}
	assert.Zero(t, reached.Load())
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestNewCredentialSource_RejectsBadArguments(t *testing.T) {
	t.Parallel()
	const good = "https://auth.example/connect/token"
	for _, args := range [][3]string{
		{"", "id", "secret"}, {"http://auth.example/token", "id", "secret"}, {"auth.example/token", "id", "secret"},
		{"https://", "id", "secret"}, {"https://user:pass@auth.example/", "id", "secret"},
		{good + "?x=y", "id", "secret"}, {good + "#f", "id", "secret"}, {"https://auth.example/%zz", "id", "secret"},
		{good, "", "secret"}, {good, "id", ""}, {good, "id", "secret\n"}, {good, "id\r\n", "secret"}, {good, "id", "\xef\xbb\xbfsecret"},
	} {
		_, err := trulioo.NewClient(args[0], args[1], args[2], trulioo.ClientConfig{})
		require.Error(t, err, "%q", args)
		assert.NotContains(t, err.Error(), "pass")
	}
	client, err := trulioo.NewClient(good, "id", "secret", trulioo.ClientConfig{})
	require.NoError(t, err)
	for _, test := range []struct {
		client            *http.Client
		endpoint, account string
	}{{nil, good, "a"}, {client, "", "a"}, {client, "http://auth.example", "a"}, {client, good + "?a=b", "a"}, {client, good, ""}} {
		_, err := trulioo.NewCredentialSource(test.client, test.endpoint, test.account, hmacsig.CacheConfig{})
		require.Error(t, err)
	}
	asked := 0
	client, err = trulioo.NewClient(good, "id", "secret", trulioo.ClientConfig{HTTPClient: &http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { asked++; return nil, http.ErrNotSupported }),
	}})
	require.NoError(t, err)
	_, err = client.Get("http://auth.example/") //nolint:noctx,bodyclose // it must not get out
	require.ErrorContains(t, err, "https")
	assert.Zero(t, asked, "a token goes over https only")

	for _, s := range []*trulioo.CredentialSource{nil, {}} {
		keys, err := s.Keys(t.Context(), hmacsig.Query{})
		assert.NoError(t, err)
		assert.Empty(t, keys)
		assert.Error(t, s.Refresh(t.Context()))
		assert.Error(t, s.Run(t.Context()))
		assert.NotPanics(t, func() { s.Audit(t.Context()) })
	}
}

func TestNewClient_ReadsBothSpellingsOfATokenAndRejectsOthers(t *testing.T) {
	tests := map[string]bool{
		`{"access_token":"token-x","token_type":"Bearer","expires_in":3600}`:     true,
		`{"Token":"token-x","TokenType":"bearer","ExpiresIn":3600}`:              true,
		`{"access_token":"token-x"}`:                                             true,
		`{"access_token":"token-x","expires_in":"3600"}`:                         true,
		`{"access_token":"token-x","expires_in":99999999999}`:                    true,
		`{"access_token":"token-x","expires_in":null}`:                           true,
		`{"access_token":"token-x","expires_in":"soon","token_type":17}`:         true,
		`{"access_token":"token-x","expires_in":[],"scope":{"x":1}}`:             true,
		`{"access_token":null,"Token":"token-x","ExpiresIn":1799.5}`:             true,
		`{"access_token":"token-x","token_type":"mac"}`:                          false,
		`{"access_token":"token-x","expires_in":0}`:                              false,
		`{"access_token":"token-x","expires_in":-1}`:                             false,
		`{"access_token":"token-x","expires_in":1e400}`:                          false,
		`{"access_token":"token-x\r\nX-Evil: 1"}`:                                false,
		`{"access_token":"token x"}`:                                             false,
		`{"access_token":"tök"}`:                                                 false,
		`{"access_token":""}`:                                                    false,
		`{"access_token":7}`:                                                     false,
		`{"access_token":"` + strings.Repeat("t", 16<<10+1) + `"}`:               false,
		`{"access_token":"token-x","pad":"` + strings.Repeat("t", 64<<10) + `"}`: false,
		`null`: false, `"token-x"`: false, `[]`: false, ``: false, `token-x`: false,
	}
	for body, want := range tests {
		t.Run(fmt.Sprintf("%.60s", body), func(t *testing.T) {
			bubble(t, func(t *testing.T, p *platform) {
				p.set(func() {
					p.tokens["token-x"], p.tokens["token x"], p.tokens["tök"] = true, true, true
					p.tokenFault = func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, body)
					}
				})
				err := p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context())
				assert.Equal(t, want, err == nil, "%v", err)
				if err != nil {
					assert.NotContains(t, err.Error(), "token-x")
				}
			})
		})
	}
}

func TestCredentialSource_UnderLoadOverARealNetwork(t *testing.T) {
	t.Parallel()
	p := newPlatform(t, nil)
	var offset atomic.Int64 // so that the rate limit lets a rotation follow a rotation
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	s := p.source(t, hmacsig.CacheConfig{Now: now})
	v := verifier(t, s, hmacsig.Config{Grace: time.Second, Now: now})
	secret := func(n int) string { return fmt.Sprintf("rotated-secret-number-%d", n) }
	listed := func(n int) {
		p.credentials = []credential{{fmt.Sprint("cred-", n), secret(n), "1999-01-01T00:00:00", ""}}
	}
	p.set(func() { listed(0) })

	var rotation sync.RWMutex // the provider changes its credential between deliveries
	current, verified := 0, atomic.Int64{}
	var stop atomic.Bool
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop.Store(true)
	require.Empty(t, reason(t, v, secret(0)))
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				rotation.RLock()
				_, err := v.Verify(t.Context(), signed(t, secret(current)))
				rotation.RUnlock()
				if !assert.NoError(t, err) {
					return
				}
				verified.Add(1)
			}
		})
	}
	for n := 1; n <= 50 && !t.Failed(); n++ {
		rotation.Lock()
		current = n
		p.set(func() { listed(n) })
		offset.Add(int64(11 * time.Second))
		rotation.Unlock()
		require.Empty(t, reason(t, v, secret(n)))
		offset.Add(int64(time.Second))
		require.Equal(t, truhook.KeyExpired, reason(t, v, secret(n-1)), "a removed one is over after its grace")
	}
	assert.Positive(t, verified.Load())
	_, calls := p.counts()
	assert.LessOrEqual(t, calls, 1+50*12/10+1)
}

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
