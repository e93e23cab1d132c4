package storetest

import (
	"errors"
	"time"

	"github.com/truhook/truhook/idempotency"
)

func ordered(s *subject) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC)
	order := func(what string, k idempotency.Key, at time.Time, want idempotency.Order) {
		got, err := s.store.Order(s.ctx, k, at, longer)
		ok(what, err)
		if got != want {
			fail("%s: %v, want %v", what, got, want)
		}
	}
	k := s.key("resource")
	s.want("a claim of the same name as the resource", s.request(k, token()), owned, 1)
	order("the first", k, at, idempotency.Newer)
	order("the first again", k, at, idempotency.Same)
	order("the same instant in another zone", k, at.In(time.FixedZone("", 3600)), idempotency.Same)
	order("a microsecond later", k, at.Add(time.Microsecond), idempotency.Newer)
	order("the first, now older", k, at, idempotency.Older)
	order("older did not move it", k, at.Add(time.Microsecond), idempotency.Same)
	order("years older", k, at.AddDate(-40, 0, 0), idempotency.Older)
	order("another resource", s.key("Resource"), at, idempotency.Newer)
	order("another scope", idempotency.Key{Scope: s.scope + "r", ID: "esource"}, at, idempotency.Newer)
	s.want("the claim is untouched", s.request(k, token()), busy, 1)
	order("before 1970", s.key("old"), time.Date(1960, 1, 1, 0, 0, 0, 1000, time.UTC), idempotency.Newer)
	order("before 1970, later", s.key("old"), time.Date(1960, 1, 1, 0, 0, 0, 2000, time.UTC), idempotency.Newer)

	const racers = 24
	k = s.key("race")
	var orders [racers]idempotency.Order
	var errs [racers]error
	together(racers, func(i int) {
		orders[i], errs[i] = s.store.Order(s.ctx, k, at.Add(time.Duration(i/2)*time.Microsecond), longer)
	})
	for i := range racers {
		ok("race", errs[i])
		if twins := orders[i|1] == idempotency.Newer && orders[i&^1] == idempotency.Newer; twins {
			fail("race: two events of one instant are both newer")
		}
	}
	order("race: the latest has won", k, at.Add((racers/2-1)*time.Microsecond), idempotency.Same)

	short := func(what string, at time.Time, want idempotency.Order) {
		got, err := s.store.Order(s.ctx, s.key("kept"), at, 4*s.unit)
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

func forgotten(s *subject) {
	forget := func(what string, k idempotency.Key) { ok("Forget of "+what, s.store.Forget(s.ctx, k)) }
	inFlight := func(what string, k idempotency.Key) {
		if err := s.store.Forget(s.ctx, k); !errors.Is(err, idempotency.ErrInFlight) {
			fail("Forget of %s: the error is %v, want ErrInFlight", what, err)
		}
	}
	k, mine := s.key("done"), token()
	c := s.request(k, mine)
	c.Fingerprint = idempotency.NewFingerprint([]byte("first"))
	s.want("claim", c, owned, 1)
	inFlight("what is being handled", k)
	ok("the owner is untouched", s.extend(k, mine))
	s.want("the record is untouched", s.request(k, token()), busy, 1)
	ok("complete", s.complete(k, mine))
	forget("what is done", k)
	forget("what was forgotten", k)
	lost("Complete of what was forgotten", s.complete(k, mine))
	again := s.request(k, token())
	again.Fingerprint = idempotency.NewFingerprint([]byte("again"))
	if r := s.want("after Forget", again, owned, 1); r.Fingerprint != again.Fingerprint {
		fail("after Forget: the fingerprint is %x, want that of the new claim", r.Fingerprint)
	}
	inFlight("what is being handled again", k)
	ok("complete again", s.complete(k, again.Token))
	s.want("done again", s.request(k, token()), done, 1)

	none := s.key("none")
	forget("what was never claimed", none)
	s.want("it left nothing behind", s.request(none, token()), owned, 1)

	released := s.key("released")
	s.want("claim", s.request(released, mine), owned, 1)
	ok("release", s.release(released, mine))
	forget("what was released", released)
	ok("Release again: the record is untouched", s.release(released, mine))
	s.want("the attempt goes on", s.request(released, token()), owned, 2)

	// A completed record of the same name in another scope, and a resource of the same name, are not meant.
	other := idempotency.Key{Scope: s.scope + "d", ID: "one"}
	s.want("another scope", s.request(other, mine), owned, 1)
	ok("complete", s.complete(other, mine))
	version := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	_, err := s.store.Order(s.ctx, k, version, longer)
	ok("Order", err)
	forget("the event", k)
	s.want("another scope is untouched", s.request(other, token()), done, 1)
	o, err := s.store.Order(s.ctx, k, version, longer)
	ok("Order", err)
	if o != idempotency.Same {
		fail("Forget of an event: its resource is %v, want same", o)
	}

	late, owner := s.key("late"), token()
	c = s.request(late, owner)
	c.Lease = s.unit
	s.want("claim", c, owned, 1)
	s.advance(s.unit + s.unit/4)
	forget("what has a lease that is over", late)
	ok("the late owner is untouched", s.extend(late, owner))
	inFlight("what is extended", late)
	ok("the late owner completes", s.complete(late, owner))

	const callers = 24
	race := s.key("race")
	s.want("claim", s.request(race, owner), owned, 1)
	var errs [callers]error
	together(callers, func(i int) {
		if i%2 == 0 {
			errs[i] = s.complete(race, owner)
		} else {
			errs[i] = s.store.Forget(s.ctx, race)
		}
	})
	for i, err := range errs {
		switch {
		case i%2 == 0 && err != nil && !errors.Is(err, idempotency.ErrLost):
			fail("Complete beside Forget: %w", err)
		case i%2 == 1 && err != nil && !errors.Is(err, idempotency.ErrInFlight):
			fail("Forget beside Complete: %w", err)
		}
	}
	forget("what one of them completed", race)
	s.want("after the race", s.request(race, token()), owned, 1)
}
