package main

import (
	"net/http"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// refusalRaces measure what a refused request costs, the whole handler with it. The floor answers 401 without looking.
func refusalRaces() []func() race {
	return []func() race{refusalRace, forgeryRace}
}

const (
	missing      = "no signature"
	missingOwn   = "no signature, and an OnReject that writes the status"
	malformed    = "a signature of another form"
	twice        = "two signature headers"
	expired      = "a timestamp that is too old"
	tooLarge     = "1 MiB and one byte announced"
	tooLongChunk = "one byte more than the limit of 1 KiB, not announced"
	forged       = "a wrong signature, 1 KiB"
	genuine      = "a right signature, 1 KiB"
)

func refusalRace() race {
	body, s := bodyOf(1<<10), truv.Scheme()
	with := func(edit func(h http.Header)) http.Header {
		h := signed(s, body)
		edit(h)
		return h
	}
	none := with(func(h http.Header) { h.Del(s.Header) })
	status := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusUnauthorized) }
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	own := truhook.NewMiddleware(verifierOf(s, 1), truhook.Config{Logger: silent, OnReject: status}).Wrap(nothing)
	short := truhook.NewMiddleware(verifierOf(s, 1), truhook.Config{Logger: silent, MaxBodyBytes: 1 << 10}).Wrap(nothing)
	stripe := schemeOf("stripe")
	old := with(func(h http.Header) {
		h.Set("Stripe-Signature", "t=1600000000,v1="+strings.Repeat("0", 64))
	})
	large := serveLength(wrapped(s), signed(s, body), body, 1<<20+1, http.StatusRequestEntityTooLarge)
	return race{"By the head, or by the size", []contender{
		{floorName, serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		}), none, body, http.StatusUnauthorized)},
		{missing, serve(wrapped(s), none, body, http.StatusUnauthorized)},
		{missingOwn, serve(own, none, body, http.StatusUnauthorized)},
		{malformed, serve(wrapped(s), with(func(h http.Header) { h.Set(s.Header, "v1=zz") }), body, http.StatusUnauthorized)},
		{twice, serve(wrapped(s), with(func(h http.Header) { h.Add(s.Header, h.Get(s.Header)) }), body, http.StatusUnauthorized)},
		{expired, serve(wrapped(stripe), old, body, http.StatusUnauthorized)},
		{tooLarge, large},
		{tooLongChunk, serveLength(short, signed(s, body), bodyOf(1<<10+1), -1, http.StatusRequestEntityTooLarge)},
	}}
}

func forgeryRace() race {
	body, s := bodyOf(1<<10), truv.Scheme()
	wrong := signed(s, body)
	wrong.Set(s.Header, "v1="+strings.Repeat("0", 64))
	r := race{"After the body", []contender{
		{genuine, serve(wrapped(s), signed(s, body), body, http.StatusOK)},
		{forged, serve(wrapped(s), wrong, body, http.StatusUnauthorized)},
	}}
	for _, p := range peers() {
		h := signed(p.scheme, append(body[:len(body):len(body)], ' '))
		r.contenders = append(r.contenders, contender{p.name, serve(p, h, body, http.StatusUnauthorized)})
	}
	return r
}
