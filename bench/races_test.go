package main

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
)

// allRaces are the races of every group that is measured by calls.
var allRaces = sync.OnceValue(func() map[string][]race {
	all := map[string][]race{}
	for name, races := range map[string][]func() race{
		"verify": verifyRaces(), "handler": handlerRaces(), "refusals": refusalRaces(), "tokens": tokenRaces(),
		"encrypted": encryptedRaces(), "keys": {keyRace},
	} {
		for _, make1 := range races {
			all[name] = append(all[name], make1())
		}
	}
	return all
})

// A contender panics where it does not do what it is measured for.
func TestRaces_EveryContenderDoesItsWork(t *testing.T) {
	t.Parallel()
	for name, races := range allRaces() {
		for _, r := range races {
			for _, c := range r.contenders {
				assert.NotPanics(t, c.call, "%s, %s: %s", name, r.name, c.name)
				assert.NotPanics(t, c.call, "%s, %s: %s, a second time", name, r.name, c.name)
			}
		}
	}
}

// What accepts everything would be the fastest of all.
func TestRaces_NobodyAcceptsAForgery(t *testing.T) {
	t.Parallel()
	body := bodyOf(300)
	other := append(body[:len(body)-1:len(body)-1], ' ')
	for _, p := range peers() {
		h := signed(p.scheme, body)
		require.NotPanics(t, serve(p, h, body, http.StatusOK), p.name)
		require.NotPanics(t, serve(p, h, other, http.StatusUnauthorized), p.name)
		if p.verify != nil {
			require.Error(t, p.verify(h, other), p.name)
		}
	}
	h := signed(truv.Scheme(), body)
	require.True(t, newFloor().verify(h.Get("X-Webhook-Sign"), body))
	require.False(t, newFloor().verify(h.Get("X-Webhook-Sign"), other))
	require.NotPanics(t, serve(newFloor(), h, other, http.StatusUnauthorized))
	require.NotPanics(t, serve(wrapped(truv.Scheme()), h, other, http.StatusUnauthorized))
	require.Panics(t, serve(wrapped(truv.Scheme()), h, other, http.StatusOK), "a contender that is refused is told")
}

func TestRaces_TokensForAnotherBodyAreRefused(t *testing.T) {
	t.Parallel()
	c := requestClaim{Method: http.MethodPost, Path: "/hook", Hash: "00"}
	require.Error(t, c.fits([]byte("x")))
}

// BenchmarkTruhook is what "make bench-compare" compares: the calls of ours that the groups measure.
func BenchmarkTruhook(b *testing.B) {
	for _, name := range []string{"verify", "handler", "refusals", "tokens", "encrypted", "keys"} {
		for _, r := range allRaces()[name] {
			for _, c := range r.contenders {
				if isPeer(c.name) {
					continue
				}
				b.Run(name+"/"+r.name+"/"+c.name, func(b *testing.B) {
					b.ReportAllocs()
					start := processorTime()
					for b.Loop() {
						c.call()
					}
					b.ReportMetric(float64(processorTime()-start)/float64(b.N), "cpu-ns/op")
				})
			}
		}
	}
}

func isPeer(name string) bool {
	switch name {
	case floorName, bareRSA, bareCrypto, bareOperations, withGoJose, "golang-jwt", "go-jose jwt", "lestrrat-go/jwx":
		return true
	}
	for _, p := range peers() {
		if p.name == name {
			return true
		}
	}
	return false
}
