package idempotency

import (
	"errors"
	"fmt"
	"time"
)

// validate returns an error for a completed Config that contradicts itself, or that loses events under its own policy.
func (c Config) validate() error {
	shortest, _ := c.Policy.Window()
	limit, horizon := c.Policy.AckLimit, c.Policy.Horizon()
	switch {
	case c.Lease < time.Millisecond:
		return fmt.Errorf("idempotency: a lease of %v is too short", c.Lease)
	case shortest > 0 && c.Lease > shortest:
		return fmt.Errorf("idempotency: a lease of %v outlasts the attempts of %q, which take %v: "+
			"an event whose process dies would be lost", c.Lease, c.Policy.Provider, shortest)
	case c.Retention < c.Lease+2*clockSlack:
		return fmt.Errorf("idempotency: a retention of %v is too short", c.Retention)
	case horizon > 0 && c.Retention < horizon+2*clockSlack:
		return fmt.Errorf("idempotency: a retention of %v is too short for %q, which delivers for %v: "+
			"a late delivery would be handled again, or be too old", c.Retention, c.Policy.Provider, horizon)
	case limit > 0 && c.Wait >= limit:
		return fmt.Errorf("idempotency: a wait of %v outlasts the %v within which %q expects a response",
			c.Wait, limit, c.Policy.Provider)
	case limit > 0 && c.AnswerWithin >= limit:
		return fmt.Errorf("idempotency: AnswerWithin of %v comes after the %v within which %q expects a response",
			c.AnswerWithin, limit, c.Policy.Provider)
	case c.StoreTimeout < 0:
		return errors.New("idempotency: a negative StoreTimeout")
	case c.StoreTimeout > c.Lease:
		return fmt.Errorf("idempotency: a StoreTimeout of %v is longer than the lease of %v: "+
			"a claim could be over before it is known", c.StoreTimeout, c.Lease)
	case limit > 0 && c.StoreTimeout >= limit:
		return fmt.Errorf("idempotency: a StoreTimeout of %v outlasts the %v within which %q expects a response",
			c.StoreTimeout, limit, c.Policy.Provider)
	case c.SkipStale && c.Version == nil:
		return errors.New("idempotency: SkipStale needs a Version")
	}
	return nil
}
