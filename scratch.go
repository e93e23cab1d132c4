package truhook

import (
	"math/bits"
	"sync"
)

// scratch keeps the buffers through which a body larger than the first buffer passes while it arrives. No body that is
// handed on lies in one: the last buffer of a body is its own.
type scratch struct{ pools [scratchSizes]sync.Pool }

const scratchSizes = 7 // from firstBuffer, each twice the one before

type scratchBuffer struct {
	bytes []byte
	index int // of its pool
}

// get returns a buffer of exactly size bytes, or nil if it is none of the sizes that are kept.
func (s *scratch) get(size int64) *scratchBuffer {
	index := bits.Len64(uint64(size/firstBuffer)) - 1
	if index < 0 || index >= scratchSizes || size != firstBuffer<<index {
		return nil
	}
	if b, ok := s.pools[index].Get().(*scratchBuffer); ok {
		return b
	}
	return &scratchBuffer{make([]byte, size), index}
}

// put takes a buffer back that nobody reads or writes any more; nil is none.
func (s *scratch) put(b *scratchBuffer) {
	if b != nil {
		s.pools[b.index].Put(b)
	}
}
