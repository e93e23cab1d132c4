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
	abandoned, abandonedKey := claim("abandoned", s.unit)
	near, nearKey := claim("near the end", s.unit)
	ok("release", s.release(nearKey, near.Token))
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

	near = again(near)
	near.Lease, near.Retain = 100*s.unit, 100*s.unit
	s.want("released, with a lease beyond the retention", near, owned, 2)

	s.advance(retain - 2*s.unit + slack + s.unit/4)
	lost("Extend of what was forgotten", s.extend(abandonedKey, abandoned.Token))
	lost("Release of what was forgotten", s.release(abandonedKey, abandoned.Token))
	s.want("claimed near the end: its lease is not over", s.request(nearKey, token()), busy, 2)
	ok("it completes", s.complete(nearKey, near.Token))
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
