package keycache

import (
	"time"

	"github.com/truhook/truhook/internal/backoff"
)

// A gate spaces fetches.
type gate struct {
	begun     time.Time // the last fetch, by Config.Now
	fruitless int       // fetches in a row that strangers caused and that brought nothing new
	fruitful  int       // unknown ids in a row that were found
}

// allows reports whether a fetch may begin. A clock that was set back does not keep it from beginning.
func (g *gate) allows(now time.Time, interval time.Duration) bool {
	since := now.Sub(g.begun)
	return g.begun.IsZero() || since < 0 || since >= interval
}

// interval returns how far apart two fetches are that strangers cause.
func (g *gate) interval(pace backoff.Backoff, now time.Time) time.Duration {
	interval := pace.After(1 + g.fruitless)
	if since := now.Sub(g.begun); since >= 2*interval || since < 0 { // it has been quiet for a while
		return pace.First
	}
	return interval
}

// generous reports whether a fetch may begin at once for another unknown id, as those before it were found: a source
// may have several keys in use after a restart, and strangers cannot invent ids that are found.
func (g *gate) generous(now time.Time, interval time.Duration) bool {
	return g.fruitful > 0 && g.fruitful < maxFruitful && now.Sub(g.begun) < interval
}

// begin notes a fetch that a stranger caused.
func (g *gate) begin(pace backoff.Backoff, now time.Time) {
	if g.interval(pace, now) == pace.First {
		g.fruitless = 0
	}
	if since := now.Sub(g.begun); since >= pace.First || since < 0 {
		g.fruitful = 0
	}
	g.begun = now
}
