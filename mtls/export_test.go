package mtls

import (
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
)

// A Work counts what a Verifier asks of crypto/x509.
type Work struct {
	Chains, Candidates atomic.Int64

	mu    sync.Mutex
	taken []*x509.Certificate
}

// Taken returns the certificates of senders with whose keys signatures may have been checked.
func (w *Work) Taken() []*x509.Certificate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.taken)
}

// CountWork counts the chains that v builds from now on, and the certificates of senders that it takes for them.
func CountWork(v *Verifier) *Work {
	w := &Work{}
	v.build = func(leaf *x509.Certificate, above []*x509.Certificate, opts x509.VerifyOptions) ([][]*x509.Certificate, error) {
		w.Chains.Add(1)
		w.Candidates.Add(int64(len(above)))
		w.mu.Lock()
		w.taken = append(w.taken, above...)
		w.mu.Unlock()
		return build(leaf, above, opts)
	}
	return w
}

// Remembered returns how many verdicts v holds.
func Remembered(v *Verifier) int { return len(v.memory.entries) }

const MaxRemembered = maxRemembered
