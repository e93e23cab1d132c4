package probe

import (
	"context"
	"hash"
	"io"
)

// A Budget is how many bytes may still be hashed, and for how long. One that has a context and nothing else is spent by
// the first byte. It is not safe for concurrent use.
type Budget struct {
	Ctx    context.Context
	Left   int64 // bytes that may still be hashed
	Hashed int64 // bytes that were
	Spent  bool  // the bytes or the context have ended the search
}

const checkEvery = 64 << 10 // bytes between two looks at the context

// Meter returns h, which counts what it hashes and ends with an error when the budget or the context does.
func (b *Budget) Meter(h hash.Hash) *Metered { return &Metered{h, b} }

// Metered is a hash that a [Budget] pays for.
type Metered struct {
	hash.Hash
	budget *Budget
}

// Write implements io.Writer.
func (m *Metered) Write(p []byte) (int, error) {
	written, b := 0, m.budget
	for len(p) > 0 {
		part := p[:min(len(p), checkEvery)]
		if int64(len(part)) > b.Left || b.Ctx.Err() != nil {
			b.Spent = true
			return written, io.ErrShortWrite
		}
		n, err := m.Hash.Write(part)
		b.Left -= int64(n)
		b.Hashed += int64(n)
		written, p = written+n, p[n:]
		if err != nil { // as FIPS mode refuses SHA-1
			return written, err
		}
	}
	return written, nil
}

// Clone returns a copy of h, nil where it has none.
func Clone(h hash.Hash) hash.Hash {
	if c, ok := h.(hash.Cloner); ok {
		if copied, err := c.Clone(); err == nil {
			return copied
		}
	}
	return nil
}
