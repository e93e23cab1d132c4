package jose_test

import (
	"context"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// attempt is a delivery in which several things can be wrong at once.
type attempt struct {
	header  object
	claims  object
	request object
	signer  *rsa.PrivateKey // nil: nobody
	body    []byte
}

// faults stand in the order in which they are found, whatever is cached.
var faults = []struct {
	name string
	want truhook.Reason
	make func(a *attempt)
}{
	{"alg", truhook.AlgorithmNotAllowed, func(a *attempt) { a.header["alg"] = "PS256" }},
	{"kid", truhook.MissingKeyID, func(a *attempt) { delete(a.header, "kid") }},
	{"iss", truhook.WrongIssuer, func(a *attempt) { a.claims["iss"] = "x" }},
	{"aud", truhook.WrongAudience, func(a *attempt) { a.claims["aud"] = "x" }},
	{"sub", truhook.WrongSubject, func(a *attempt) { a.claims["sub"] = "x" }},
	{"exp", truhook.Expired, func(a *attempt) { a.claims["iat"], a.claims["nbf"], a.claims["exp"] = 0, 0, 1 }},
	{"nbf required", truhook.MissingClaim, func(a *attempt) { delete(a.claims, "jti") }},
	{"method", truhook.WrongMethod, func(a *attempt) { a.request["meth"] = "GET" }},
	{"path", truhook.WrongPath, func(a *attempt) { a.request["path"] = "/x" }},
	{"key", truhook.UnknownKey, func(a *attempt) { a.header["kid"] = "unknown" }},
	{"signature", truhook.SignatureMismatch, func(a *attempt) { a.signer = testKeys().other }},
	{"body hash", truhook.BodyHashMismatch, func(a *attempt) { a.request["hash"] = hex.EncodeToString(make([]byte, 32)) }},
	{"decryption", truhook.DecryptFailed, func(*attempt) {}}, // the body is no JWE
}

func (a *attempt) delivery(t *testing.T) *truhook.Delivery {
	t.Helper()
	all := maps.Clone(a.claims)
	all["request"] = a.request
	var text string
	if a.signer == nil { // a forgery that costs its sender nothing
		text = b64(toJSON(t, a.header)) + "." + b64(toJSON(t, all)) + "." + b64(make([]byte, 256))
	} else {
		text = rawToken(t, a.signer, string(toJSON(t, a.header)), string(toJSON(t, all)))
	}
	d := delivery(text)
	d.Body = a.body
	return d
}

func newAttempt(t *testing.T) *attempt {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal(toJSON(t, claims(object{"sub": "subject"})), &all))
	request := all["request"].(map[string]any)
	delete(all, "request")
	return &attempt{
		header: object{"alg": "RS256", "kid": "1"}, claims: all, request: request, signer: testKeys().rsa, body: body,
	}
}

func TestVerifier_TheReasonIsTheFirstInAFixedOrderWhateverIsCached(t *testing.T) {
	t.Parallel()
	key := jose.PublicKey{ID: "1", Key: &testKeys().rsa.PublicKey}
	other := jose.PublicKey{ID: "2", Key: &testKeys().other.PublicKey}
	byID := func(_ context.Context, id string) ([]jose.PublicKey, error) {
		if id == "1" {
			return []jose.PublicKey{key}, nil
		}
		return nil, nil
	}
	states := map[string]func(t *testing.T) (keys jose.KeySource, differs map[truhook.Reason]truhook.Reason){
		"static": func(*testing.T) (jose.KeySource, map[truhook.Reason]truhook.Reason) {
			return jose.StaticKeys{key, other}, nil
		},
		"set, never fetched": func(t *testing.T) (jose.KeySource, map[truhook.Reason]truhook.Reason) {
			c, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) { return []jose.PublicKey{key}, nil }, jose.CacheConfig{})
			require.NoError(t, err)
			return c, nil
		},
		"by id, known": func(t *testing.T) (jose.KeySource, map[truhook.Reason]truhook.Reason) {
			c, err := jose.CacheByID(byID, jose.CacheConfig{})
			require.NoError(t, err)
			require.NoError(t, c.Prefetch(t.Context(), "1"))
			return c, nil
		},
		"by id, never fetched": func(t *testing.T) (jose.KeySource, map[truhook.Reason]truhook.Reason) {
			c, err := jose.CacheByID(byID, jose.CacheConfig{})
			require.NoError(t, err)
			return c, map[truhook.Reason]truhook.Reason{truhook.UnknownKey: truhook.KeysStale} // it has never given a key
		},
		"failed since its last answer": func(t *testing.T) (jose.KeySource, map[truhook.Reason]truhook.Reason) {
			fail := false
			c, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) {
				if fail {
					return nil, errors.New("down")
				}
				return []jose.PublicKey{key}, nil
			}, jose.CacheConfig{})
			require.NoError(t, err)
			require.NoError(t, c.Refresh(t.Context()))
			fail = true
			require.Error(t, c.Refresh(t.Context()))
			return c, map[truhook.Reason]truhook.Reason{
				truhook.UnknownKey: truhook.KeysStale, truhook.SignatureMismatch: truhook.KeysStale,
			}
		},
	}
	for state, of := range states {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			for i, first := range faults {
				for _, second := range faults[i:] {
					synctest.Test(t, func(t *testing.T) { // fetches of one pair are not those of another
						keys, differs := of(t)
						cfg := config()
						cfg.Subject, cfg.Require, cfg.Keys = "subject", []string{"jti"}, keys
						cfg.Decrypter = newDecrypter(t, decrypterConfig())
						a := newAttempt(t)
						second.make(a)
						first.make(a)
						_, err := newVerifier(t, cfg).Verify(t.Context(), a.delivery(t))
						want := first.want
						if other, ok := differs[want]; ok {
							want = other
						}
						assert.Equal(t, want, truhook.ReasonOf(err), "%s and %s: %v", first.name, second.name, err)
					})
				}
			}
		})
	}
}

// What the head tells is refused before the body is read, and no key source is asked.
func TestVerifier_StrangersWhoDoNotKnowTheClaimsCauseNoQuestion(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Subject, cfg.Require = "subject", []string{"jti"}
	cfg.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) {
		t.Error("the key source was asked")
		return nil, nil
	})
	v := newVerifier(t, cfg)
	bearer := bearerConfig()
	bearer.Subject, bearer.Keys = "subject", cfg.Keys
	check, err := jose.Bearer(bearer)
	require.NoError(t, err)
	for _, fault := range faults {
		if fault.want == truhook.UnknownKey {
			break
		}
		a := newAttempt(t)
		fault.make(a)
		d := a.delivery(t)
		_, err := v.Verify(t.Context(), d)
		assert.ErrorIs(t, err, fault.want, fault.name)
		d.Body = nil
		assert.ErrorIs(t, v.Precheck(t.Context(), d), fault.want, fault.name)

		switch fault.want {
		case truhook.MissingClaim, truhook.WrongMethod, truhook.WrongPath: // nothing that a bearer token needs
			continue
		}
		d.Header.Set("Authorization", "Bearer "+d.Header.Get("X-Token"))
		assert.ErrorIs(t, check.Run(t.Context(), d), fault.want, fault.name)
	}
}

// Two forgers, for a simulated hour after a restart, send ten requests a second; a true delivery comes every minute.
func TestVerifier_ForgersDoNotKeepTrueDeliveriesOut(t *testing.T) {
	t.Parallel()
	keyServer := func(fetches *int) func(ctx context.Context, id string) ([]jose.PublicKey, error) {
		return func(_ context.Context, id string) ([]jose.PublicKey, error) {
			*fetches++
			time.Sleep(50 * time.Millisecond)
			if id == "1" || id == "" {
				return []jose.PublicKey{{ID: "1", Key: &testKeys().rsa.PublicKey}}, nil
			}
			return nil, nil
		}
	}
	byID := func(t *testing.T, fetches *int) *jose.CachedKeys {
		c, err := jose.CacheByID(keyServer(fetches), jose.CacheConfig{})
		require.NoError(t, err)
		return c
	}
	set := func(t *testing.T, fetches *int) *jose.CachedKeys {
		c, err := jose.CacheSet(func(ctx context.Context) ([]jose.PublicKey, error) { return keyServer(fetches)(ctx, "") }, jose.CacheConfig{})
		require.NoError(t, err)
		return c
	}
	wrongEntity := func(a *attempt, _ int) { a.claims["sub"] = "another" }
	rightClaims := func(a *attempt, n int) { a.header["kid"] = fmt.Sprint("random-", n) }
	rightID := func(*attempt, int) {}
	for name, test := range map[string]struct {
		keys   func(t *testing.T, fetches *int) *jose.CachedKeys
		forge  func(a *attempt, n int)
		before func(t *testing.T, c *jose.CachedKeys)
		most   int // fetches in the hour
	}{
		"wrong entity, by id":              {byID, wrongEntity, nil, 2},
		"wrong entity, a set":              {set, wrongEntity, nil, 2},
		"random ids, a set":                {set, rightClaims, nil, 60},
		"random ids, a prefetched id":      {byID, rightClaims, func(t *testing.T, c *jose.CachedKeys) { require.NoError(t, c.Prefetch(t.Context(), "1")) }, 60},
		"random ids, a known id":           {byID, rightClaims, func(t *testing.T, c *jose.CachedKeys) { _, _ = c.PublicKeys(t.Context(), jose.Query{KeyID: "1"}) }, 60},
		"the right id, another signature":  {byID, rightID, nil, 60},
		"the right id, a set, another key": {set, rightID, nil, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fetches := 0
				keys := test.keys(t, &fetches)
				cfg := config()
				cfg.Subject, cfg.Keys = "subject", keys
				v := newVerifier(t, cfg)
				if test.before != nil {
					test.before(t, keys)
				}
				at := func(a *attempt) *truhook.Delivery {
					a.claims["iat"], a.claims["nbf"], a.claims["exp"] = time.Now().Unix(), time.Now().Unix(), time.Now().Unix()+5
					d := a.delivery(t)
					d.Received = time.Now()
					return d
				}
				true60 := 0
				for second := range 3600 {
					a := newAttempt(t)
					a.signer = nil
					test.forge(a, second)
					d := at(a)
					for range 10 {
						if _, err := v.Verify(t.Context(), d); err == nil || errors.Is(err, truhook.KeysUnavailable) {
							require.Failf(t, "a forgery", "%v", err)
						}
						time.Sleep(100 * time.Millisecond)
					}
					if second%60 == 30 {
						if _, err := v.Verify(t.Context(), at(newAttempt(t))); assert.NoError(t, err) {
							true60++
						}
					}
				}
				assert.Equal(t, 60, true60)
				assert.LessOrEqual(t, fetches, test.most)
			})
		})
	}
}

// A thousand forgeries a minute: a healthy source tells them so, a failed one says that it cannot tell.
func TestVerifier_AThousandForgeriesAMinuteAreNoAlert(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fails, byID bool
		want        []truhook.Reason
	}{
		"a healthy set":             {false, false, []truhook.Reason{truhook.SignatureMismatch, truhook.UnknownKey}},
		"a healthy source by id":    {false, true, []truhook.Reason{truhook.SignatureMismatch, truhook.UnknownKey}},
		"a set that failed":         {true, false, []truhook.Reason{truhook.KeysStale}},
		"a source by id that fails": {true, true, []truhook.Reason{truhook.KeysStale}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fails := false
				fetch := func(_ context.Context, id string) ([]jose.PublicKey, error) {
					switch time.Sleep(50 * time.Millisecond); {
					case fails:
						return nil, errors.New("down")
					case id != "" && id != "1":
						return nil, nil
					}
					return []jose.PublicKey{{ID: "1", Key: &testKeys().rsa.PublicKey}}, nil
				}
				var log strings.Builder
				cacheConfig := jose.CacheConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}
				keys, err := jose.CacheByID(fetch, cacheConfig)
				if !test.byID {
					keys, err = jose.CacheSet(func(ctx context.Context) ([]jose.PublicKey, error) { return fetch(ctx, "") }, cacheConfig)
				}
				require.NoError(t, err)
				require.NoError(t, keys.Prefetch(t.Context(), "1"))
				if fails = test.fails; fails {
					require.Error(t, keys.Refresh(t.Context()))
				}
				defer func() {
					synctest.Wait()
					assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 2, "one line a minute")
				}()
				cfg := config()
				cfg.Keys = keys
				v := newVerifier(t, cfg)
				for n := range 1000 {
					a := newAttempt(t)
					a.signer = nil
					if n%2 == 0 {
						a.header["kid"] = fmt.Sprint("random-", n)
					}
					_, err := v.Verify(t.Context(), a.delivery(t))
					require.Contains(t, test.want, truhook.ReasonOf(err))
					_, err = v.Verify(t.Context(), newAttempt(t).delivery(t))
					require.NoError(t, err, "and true deliveries go on")
					time.Sleep(60 * time.Millisecond)
				}
			})
		})
	}
}
