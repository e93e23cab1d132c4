package storetest

import (
	"sync"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// race claims one key under many tokens at once and returns the winner's token.
func (s *subject) race(what string, k idempotency.Key, lease time.Duration, attempt uint32) idempotency.Token {
	const claimants = 24
	var tokens [claimants]idempotency.Token
	var records [claimants]idempotency.Record
	var errs [claimants]error
	together(claimants, func(i int) {
		tokens[i] = token()
		c := s.request(k, tokens[i])
		c.Lease = lease
		records[i], errs[i] = s.store.Claim(s.ctx, c)
	})
	winner := -1
	for i, r := range records {
		ok(what, errs[i])
		switch {
		case r.Attempt != attempt:
			fail("%s: %v at attempt %d, want %d", what, r.State, r.Attempt, attempt)
		case r.State == owned && winner >= 0:
			fail("%s: two owners at once", what)
		case r.State == owned:
			winner = i
		case r.State != busy || r.LeaseLeft <= 0:
			fail("%s: %v for another %v while somebody else owns it", what, r.State, r.LeaseLeft)
		}
	}
	if winner < 0 {
		fail("%s: nobody won", what)
	}
	return tokens[winner]
}

func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(i)
		}()
	}
	wg.Wait()
}
