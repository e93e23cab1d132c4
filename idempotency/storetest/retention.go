package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// slack is how much longer than its retention a record may be kept.
const slack = time.Second

func kept(s *subject) {
	retain := 4 * s.unit
	claim := func(id string, lease time.Duration) (idempotency.ClaimRequest, idempotency.Key) {
		c := idempotency.ClaimRequest{Key: s.key(id), Token: token(), Lease: lease, Retain: retain}
		s.want(id, c, owned, 1)
		return c, c.Key
	}
	completed, completedKey := claim("completed", s.unit)
	ok("complete", s.complete(completedKey, completed.Token))
	released, releasedKey := claim("released", s.unit)
	ok("release", s.release(releasedKey, released.Token))
	abandoned, _ := claim("abandoned", s.unit)
	running, runningKey := claim("running", s.unit)
	ok("extend beyond the retention", s.store.Extend(s.ctx, runningKey, running.Token, 100*s.unit))

	s.advance(2 * s.unit)
	again := func(c idempotency.ClaimRequest) idempotency.ClaimRequest {
		c.Token = token()
		return c
	}
	late := again(released)
	s.want("released, within the retention", late, owned, 2)
	ok("complete", s.complete(late.Key, late.Token))
	s.want("completed, within the retention", again(completed), done, 1)
	s.want("completed late, within the retention", again(late), done, 2)

	s.advance(retain - 2*s.unit + slack + s.unit/4)
	s.want("completed, after the retention", again(completed), owned, 1)
	s.want("completed late: its retention began with the first claim", again(late), owned, 1)
	s.want("abandoned, after the retention", again(abandoned), owned, 1)
	s.want("running: the retention is over and the lease is not", s.request(runningKey, token()), busy, 1)
	ok("it completes", s.complete(runningKey, running.Token))
	lost("complete of what was forgotten", s.complete(completedKey, completed.Token))
}

// fullRefuses needs a store that holds full records.
func fullRefuses(s *subject) {
	claims := make([]idempotency.ClaimRequest, full)
	for i := range claims {
		claims[i] = idempotency.ClaimRequest{Key: s.key(fmt.Sprint("full ", i)), Token: token(), Lease: 2 * s.unit, Retain: 2 * s.unit}
		s.want("fill", claims[i], owned, 1)
		switch i % 3 {
		case 0:
			ok("complete", s.complete(claims[i].Key, claims[i].Token))
		case 1:
			ok("release", s.release(claims[i].Key, claims[i].Token))
		}
	}
	extra := idempotency.ClaimRequest{Key: s.key("one too many"), Token: token(), Lease: s.unit, Retain: 2 * s.unit}
	for range 2 {
		if r, err := s.store.Claim(s.ctx, extra); !errors.Is(err, idempotency.ErrFull) {
			fail("a claim to a full store answers %v, %v, want ErrFull", r.State, err)
		}
	}
	for i, c := range claims {
		c.Token = token()
		switch i % 3 {
		case 0:
			s.want("done, in a full store", c, done, 1)
		case 1:
			s.want("released, in a full store", c, owned, 2)
		case 2:
			s.want("pending, in a full store", c, busy, 1)
		}
	}
	s.advance(4*s.unit + slack)
	for i := range claims {
		extra.Key = s.key(fmt.Sprint("after the retention ", i))
		s.want("a store that was full", extra, owned, 1)
	}
}

func gate(s *subject) {
	g, yes := s.store.(idempotency.Orderer)
	if !yes {
		return
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	advance := func(what string, k idempotency.Key, at time.Time, want idempotency.Order) {
		got, err := g.Advance(s.ctx, k, at, longer)
		ok(what, err)
		if got != want {
			fail("%s: %v, want %v", what, got, want)
		}
	}
	k := s.key("resource")
	s.want("a claim of the same name as the resource", s.request(k, token()), owned, 1)
	advance("the first", k, at, idempotency.Newer)
	advance("the first again", k, at, idempotency.Same)
	advance("the same instant in another zone", k, at.In(time.FixedZone("", 3600)), idempotency.Same)
	advance("a microsecond later", k, at.Add(time.Microsecond), idempotency.Newer)
	advance("the first, now older", k, at, idempotency.Older)
	advance("older did not move it", k, at.Add(time.Microsecond), idempotency.Same)
	advance("years older", k, at.AddDate(-40, 0, 0), idempotency.Older)
	advance("another resource", s.key("Resource"), at, idempotency.Newer)
	advance("another scope", idempotency.Key{Scope: s.scope + "r", ID: "esource"}, at, idempotency.Newer)
	s.want("the claim is untouched", s.request(k, token()), busy, 1)
	advance("before 1970", s.key("old"), time.Date(1960, 1, 1, 0, 0, 0, 1000, time.UTC), idempotency.Newer)
	advance("before 1970, later", s.key("old"), time.Date(1960, 1, 1, 0, 0, 0, 2000, time.UTC), idempotency.Newer)

	const racers = 24
	k = s.key("race")
	var orders [racers]idempotency.Order
	var errs [racers]error
	together(racers, func(i int) {
		orders[i], errs[i] = g.Advance(s.ctx, k, at.Add(time.Duration(i/2)*time.Microsecond), longer)
	})
	for i := range racers {
		ok("race", errs[i])
		if twins := orders[i|1] == idempotency.Newer && orders[i&^1] == idempotency.Newer; twins {
			fail("race: two events of one instant are both newer")
		}
	}
	advance("race: the latest has won", k, at.Add((racers/2-1)*time.Microsecond), idempotency.Same)

	short := func(what string, at time.Time, want idempotency.Order) {
		got, err := g.Advance(s.ctx, s.key("kept"), at, 4*s.unit)
		ok(what, err)
		if got != want {
			fail("%s: %v, want %v", what, got, want)
		}
	}
	short("kept", at, idempotency.Newer)
	s.advance(2 * s.unit)
	short("kept: moved on", at.Add(1*time.Second), idempotency.Newer)
	s.advance(3 * s.unit)
	short("kept: the retention began anew", at, idempotency.Older)
	s.advance(s.unit + slack + s.unit/4)
	short("kept: the retention is over", at, idempotency.Newer)
}
