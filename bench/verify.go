package main

import (
	"context"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

const (
	ours         = "Truhook"
	oursStripe   = "Truhook, Stripe's scheme"
	oursStandard = "Truhook, Standard Webhooks"
	floorName    = "floor"
)

// verifyRaces measure one verification of a body that is in memory.
func verifyRaces() []func() race {
	var all []func() race
	for _, size := range sizes {
		all = append(all, func() race { return verifyRace(size) })
	}
	return all
}

func verifyRace(size int) race {
	body := bodyOf(size)
	least, header := newFloor(), signed(truv.Scheme(), body)
	r := race{name: sizeName(size), contenders: []contender{{floorName, func() {
		if !least.verify(header["X-Webhook-Sign"][0], body) {
			panic("the floor refuses")
		}
	}}}}
	for name, s := range ourSchemes() {
		r.contenders = append(r.contenders, verification(name, s, body))
	}
	for _, p := range peers() {
		if p.verify == nil {
			continue
		}
		h := signed(p.scheme, body)
		r.contenders = append(r.contenders, contender{p.name, func() { must(p.verify(h, body)) }})
	}
	return r
}

// ourSchemes yields what of ours is measured: a plain signature of the body, and the schemes of two peers.
func ourSchemes() func(yield func(name string, s hmacsig.Scheme) bool) {
	return func(yield func(string, hmacsig.Scheme) bool) {
		_ = yield(ours, truv.Scheme()) && yield(oursStripe, schemeOf("stripe")) && yield(oursStandard, schemeOf("standard_webhooks"))
	}
}

func verification(name string, s hmacsig.Scheme, body []byte) contender {
	v := verifierOf(s, 1)
	d := truhook.NewDelivery(truhook.Delivery{
		Method: http.MethodPost, RequestURI: "/webhooks", Header: signed(s, body), Body: body, Received: time.Now(),
	})
	ctx := context.Background()
	return contender{name, func() {
		_, err := v.Verify(ctx, d)
		must(err)
	}}
}
