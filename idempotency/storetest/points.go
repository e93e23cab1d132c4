package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook/idempotency"
)

const (
	owned = idempotency.Owned
	busy  = idempotency.Busy
	done  = idempotency.Done
)

func token() idempotency.Token { return idempotency.NewToken() }

func oneOwner(s *subject) {
	k := s.key("race")
	winner := s.race("first claim", k, long, 1)
	ok("release", s.release(k, winner))
	s.race("after a release", k, s.unit, 2)
	s.want("before the lease is over", s.request(k, token()), busy, 2)
	s.advance(s.unit + s.unit/4)
	winner = s.race("after the lease", k, long, 3)
	ok("complete", s.complete(k, winner))
	s.want("after complete", s.request(k, token()), done, 3)
}

func repeatedClaim(s *subject) {
	k := s.key("repeat")
	c := s.request(k, token())
	c.Lease = s.unit
	s.want("first", c, owned, 1)
	s.want("repeated at once", c, owned, 1)
	s.advance(s.unit * 6 / 10)
	s.want("repeated later", c, owned, 1)
	s.advance(s.unit * 6 / 10)
	s.want("the repeated claim began a new lease", s.request(k, token()), busy, 1)
	s.advance(s.unit)
	s.want("repeated after the lease, nobody took over", c, owned, 1)
	s.advance(s.unit + s.unit/4)
	s.want("taken over", s.request(k, token()), owned, 2)
	s.want("repeated after a take-over", c, busy, 2)
}

func onlyTheOwner(s *subject) {
	calls := map[string]call{"Extend": s.extend, "Complete": s.complete, "Release": s.release}
	for name, settle := range calls {
		none := s.key("none " + name)
		lost(name+" without a record", settle(none, token()))
		s.want(name+" left nothing behind", s.request(none, token()), owned, 1)

		pending, mine := s.key("pending "+name), token()
		s.want("pending", s.request(pending, mine), owned, 1)
		lost(name+" of a pending record of somebody else", settle(pending, token()))
		s.want(name+" changed nothing", s.request(pending, token()), busy, 1)
		lost(name+" under the zero token", settle(pending, idempotency.Token{}))
		ok("the owner is untouched", s.extend(pending, mine))

		released := s.key("released " + name)
		s.want("released", s.request(released, mine), owned, 1)
		ok("release", s.release(released, mine))
		lost(name+" of a released record of somebody else", settle(released, token()))
		if name != "Release" {
			lost(name+" by the one who released", settle(released, mine))
		}
		s.want(name+" changed nothing", s.request(released, token()), owned, 2)

		finished := s.key("done " + name)
		s.want("done", s.request(finished, mine), owned, 1)
		ok("complete", s.complete(finished, mine))
		lost(name+" of a done record of somebody else", settle(finished, token()))
		s.want(name+" changed nothing", s.request(finished, token()), done, 1)

		taken, old := s.key("taken "+name), token()
		c := s.request(taken, old)
		c.Lease = s.unit
		s.want("taken", c, owned, 1)
		defer func() { // after the one wait below, which serves all three
			successor := token()
			s.want("take-over", s.request(taken, successor), owned, 2)
			lost(name+" by the one who was too late", settle(taken, old))
			s.want(name+" by the one who was too late changed nothing", s.request(taken, token()), busy, 2)
			ok("the successor completes", s.complete(taken, successor))
		}()
	}
	s.advance(s.unit + s.unit/4)
}

func repeatedSettle(s *subject) {
	k, mine := s.key("complete"), token()
	s.want("claim", s.request(k, mine), owned, 1)
	for range 3 {
		ok("complete", s.complete(k, mine))
	}
	k = s.key("release")
	s.want("claim", s.request(k, mine), owned, 1)
	for range 3 {
		ok("release", s.release(k, mine))
	}
	s.want("after three releases", s.request(k, token()), owned, 2)
	lost("release after somebody claimed", s.release(k, mine))
	s.want("it changed nothing", s.request(k, token()), busy, 2)
}

func lateOwner(s *subject) {
	short := func(id string) (idempotency.Key, idempotency.Token) {
		k, mine := s.key(id), token()
		c := s.request(k, mine)
		c.Lease = s.unit
		s.want(id, c, owned, 1)
		return k, mine
	}
	extend, a := short("extend")
	complete, b := short("complete")
	release, c := short("release")
	s.advance(s.unit + s.unit/4)
	ok("late Extend", s.extend(extend, a))
	s.want("after a late Extend", s.request(extend, token()), busy, 1)
	ok("late Complete", s.complete(complete, b))
	s.want("after a late Complete", s.request(complete, token()), done, 1)
	ok("late Release", s.release(release, c))
	s.want("after a late Release", s.request(release, token()), owned, 2)
}

func doneIsFinal(s *subject) {
	k, mine := s.key("done"), token()
	c := s.request(k, mine)
	c.Lease, c.Fingerprint = s.unit, idempotency.NewFingerprint([]byte("done"))
	s.want("claim", c, owned, 1)
	ok("complete", s.complete(k, mine))
	for range 2 {
		lost("Release of a done record", s.release(k, mine))
		lost("Extend of a done record", s.extend(k, mine))
		for _, again := range []idempotency.ClaimRequest{c, s.request(k, token())} {
			if r := s.want("done", again, done, 1); r.Fingerprint != c.Fingerprint {
				fail("done: the fingerprint is %x, want %x", r.Fingerprint, c.Fingerprint)
			}
		}
		s.advance(2 * s.unit)
	}
}

func attempts(s *subject) {
	k, first := s.key("attempts"), idempotency.NewFingerprint([]byte("first"))
	for attempt := uint32(1); attempt <= 6; attempt++ {
		c := s.request(k, token())
		c.Fingerprint = idempotency.NewFingerprint([]byte{byte(attempt)})
		if attempt == 1 {
			c.Fingerprint = first
		}
		takeOver := attempt == 3
		if takeOver {
			c.Lease = s.unit
		}
		if r := s.want("claim", c, owned, attempt); r.Fingerprint != first {
			fail("attempt %d: the fingerprint is %x, want that of the first claim, %x", attempt, r.Fingerprint, first)
		}
		if r := s.want("twin", s.request(k, token()), busy, attempt); r.Fingerprint != first {
			fail("twin: the fingerprint is %x, want that of the first claim, %x", r.Fingerprint, first)
		}
		if takeOver {
			s.advance(s.unit + s.unit/4)
			continue
		}
		ok("release", s.release(k, c.Token))
	}
	none := s.key("no fingerprint")
	c := s.request(none, token())
	s.want("claim", c, owned, 1)
	c.Token, c.Fingerprint = token(), first
	if r := s.want("twin", c, busy, 1); r.Fingerprint != (idempotency.Fingerprint{}) {
		fail("no fingerprint: it is %x now, want none", r.Fingerprint)
	}
}

func concurrentRepeats(s *subject) {
	const repeats = 12
	for round := range 4 {
		k, mine := s.key(fmt.Sprint("repeats ", round)), token()
		each := func(what string, f func() error) {
			var errs [repeats]error
			together(repeats, func(i int) { errs[i] = f() })
			for _, err := range errs {
				ok(what+" at the same time as itself", err)
			}
		}
		each("Claim", func() error {
			r, err := s.store.Claim(s.ctx, s.request(k, mine))
			if err == nil && (r.State != owned || r.Attempt != 1) {
				err = fmt.Errorf("%v at attempt %d, want owned at attempt 1", r.State, r.Attempt)
			}
			return err
		})
		each("Extend", func() error { return s.extend(k, mine) })
		if round%2 == 0 {
			each("Complete", func() error { return s.complete(k, mine) })
			s.want("after Complete", s.request(k, mine), done, 1)
			ok("Complete after a claim of somebody else", s.complete(k, mine))
			continue
		}
		each("Release", func() error { return s.release(k, mine) })
		s.want("after Release", s.request(k, token()), owned, 2)
	}
}

func keysAreBytes(s *subject) {
	tail := strings.Repeat("x", idempotency.MaxKeyBytes-1)
	ids := []string{
		"key", "Key", "KEY", "key ", "key  ", " key", "key\t", "key\n", "k\u00e9y", "ke\u0301y", "k\u00c9y", "\u212aey",
		"key%", "key_", "k%", "ke\\y", "key'", `key"`, "key;--", "key:", "key|", "{key}", "key*", "\u00dfkey", "sskey",
		"\U0001f511", "\u200bkey", "1", "01", "1.0", "true", "null", "x", "\x01", "\x7f", tail + "a", tail + "b", tail + "A",
		tail, "a" + tail, "b" + tail,
	}
	mine := token()
	for _, id := range ids {
		s.want(fmt.Sprintf("key %.24q", id), s.request(s.key(id), mine), owned, 1)
	}
	for _, id := range ids {
		k := s.key(id)
		s.want(fmt.Sprintf("key %.24q again", id), s.request(k, token()), busy, 1)
		ok(fmt.Sprintf("complete %.24q", id), s.complete(k, mine))
	}
	scope := s.scope + strings.Repeat("y", idempotency.MaxKeyBytes-1-len(s.scope))
	for _, last := range []string{"a", "b", "B"} {
		k := idempotency.Key{Scope: scope + last, ID: tail + "a"}
		s.want("scope of 255 bytes that ends in "+last, s.request(k, mine), owned, 1)
	}
}

func scopes(s *subject) {
	pairs := [][2]string{
		{"a", "bc"}, {"ab", "c"}, {"a:b", "c"}, {"a", "b:c"}, {"a/b", "c"}, {"a", "b/c"}, {"a|b", "c"}, {"a", "b|c"},
		{"1:a", "b"}, {"1", "a:b"}, {"a\x1fb", "c"}, {"a", "b\x1fc"}, {"a}", "b"}, {"{a}", "b"}, {"{a", "}b"}, {"a ", "bc"},
		{"A", "bc"}, {"a%", "bc"}, {"a\\", ":bc"}, {"a\\:", "bc"}, {"a%3A", "bc"}, {"a:", "bc"}, {"a", ":bc"}, {"a", "b c"},
	}
	for _, p := range pairs {
		k := idempotency.Key{Scope: s.scope + p[0], ID: p[1]}
		s.want(fmt.Sprintf("scope ...%q, id %q", p[0], p[1]), s.request(k, token()), owned, 1)
	}
}

func cancelled(s *subject) {
	for round := range 24 {
		k, mine := s.key(fmt.Sprint("cancelled ", round)), token()
		ctx, cancel := context.WithCancel(s.ctx)
		calls := []func() error{
			func() error { _, err := s.store.Claim(ctx, s.request(k, mine)); return err },
			func() error { return s.store.Extend(ctx, k, mine, long) },
			func() error { return s.store.Complete(ctx, k, mine) },
		}
		if round%2 == 0 {
			cancel() // before the call
		} else {
			go cancel() // during it
		}
		_ = soon("Claim", calls[0]) // it may fail, or not
		s.want("repeated after a cancelled Claim", s.request(k, mine), owned, 1)
		_ = soon("Extend", calls[1])
		s.want("after a cancelled Extend", s.request(k, token()), busy, 1)
		completed := soon("Complete", calls[2])
		r := s.claim(s.request(k, token()))
		if r.Attempt != 1 || r.State != done && (completed == nil || r.State != busy) {
			fail("Complete under a cancelled context returned %v, then %v at attempt %d", completed, r.State, r.Attempt)
		}
		ok("repeated after a cancelled Complete", s.complete(k, mine))
		s.want("at last", s.request(k, token()), done, 1)
		cancel()
	}
}

// soon calls f, and fails if it takes longer than any cancelled call may.
func soon(what string, f func() error) error {
	const limit = 5 * time.Second
	result := make(chan error, 1)
	go func() { result <- f() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		fail("%s has not returned %v after its context was cancelled", what, limit)
		return nil
	}
}
