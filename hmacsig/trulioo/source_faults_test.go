package trulioo_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

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
