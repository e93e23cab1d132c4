package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxRemembered bounds the verdicts that one Verifier remembers.
	maxRemembered = 256

	// rememberedFor is how long before and after its own instant a verdict holds at most.
	rememberedFor = time.Minute
)

// A contentKey identifies what was presented by its bytes, so that a changed Delivery is another one.
type contentKey [sha256.Size]byte

// A verdict is what the certificates alone are worth: the chain to a root and the peer's name, or why there is none.
type verdict struct {
	chain       []*x509.Certificate
	name        string
	err         error
	from, until time.Time // the verdict is the same at each instant between them, both included
}

func (v *verdict) covers(now time.Time) bool {
	return v != nil && !now.Before(v.from) && !now.After(v.until)
}

// newVerdict returns a verdict that holds around now for as long as none of the certificates begins or ends.
func newVerdict(now time.Time, chain []*x509.Certificate, err error, considered ...[]*x509.Certificate) *verdict {
	v := &verdict{chain: chain, err: err, from: now.Add(-rememberedFor), until: now.Add(rememberedFor)}
	for _, certificates := range append(considered, chain) {
		for _, c := range certificates {
			v.split(now, c.NotBefore, c.NotBefore.Add(-1))
			v.split(now, c.NotAfter.Add(1), c.NotAfter)
		}
	}
	return v
}

// split narrows v to the side of a boundary on which now lies; before is the last instant on the earlier side.
func (v *verdict) split(now, boundary, before time.Time) {
	if now.Before(boundary) {
		if before.Before(v.until) {
			v.until = before
		}
	} else if boundary.After(v.from) {
		v.from = boundary
	}
}

// memory holds the verdicts about the last certificates, so that a connection pays for its certificates once and not
// with each request. Its zero value is empty and ready. It is safe for concurrent use.
type memory struct {
	mu      sync.Mutex
	entries map[contentKey]*remembered
}

type remembered struct {
	once    sync.Once // requests of one connection that come at once judge once
	verdict atomic.Pointer[verdict]
}

// find returns the verdict about key at now, which judge makes if it is not remembered.
func (m *memory) find(key contentKey, now time.Time, judge func() *verdict) *verdict {
	e := m.entry(key, now)
	e.once.Do(func() { e.verdict.Store(judge()) })
	if v := e.verdict.Load(); v.covers(now) {
		return v
	}
	return judge() // another goroutine judged at another instant, or its judge panicked
}

func (m *memory) entry(key contentKey, now time.Time) *remembered {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, known := m.entries[key]
	if known {
		if v := e.verdict.Load(); v == nil || v.covers(now) {
			return e
		}
	} else {
		m.makeRoom()
	}
	e = &remembered{}
	if m.entries == nil {
		m.entries = make(map[contentKey]*remembered)
	}
	m.entries[key] = e
	return e
}

// makeRoom forgets a refusal before it forgets an acceptance: strangers can make up any number of refusals.
func (m *memory) makeRoom() {
	if len(m.entries) < maxRemembered {
		return
	}
	var victim contentKey
	for key, e := range m.entries {
		victim = key
		if v := e.verdict.Load(); v != nil && v.err != nil {
			break
		}
	}
	delete(m.entries, victim)
}
