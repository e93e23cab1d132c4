package keysig

import (
	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/form"
)

// Tries returns how many signatures Verify computes for d under the keys.
func (v *Verifier) Tries(d *truhook.Delivery, keys []Key) int {
	var head form.Head
	if _, err := v.readHead(d, &head); err != nil {
		return 0
	}
	pointers := make([]*Key, len(keys))
	for i := range keys {
		pointers[i] = &keys[i]
	}
	budget := len(keys) + head.Count()
	t := tries{v: v, head: &head, body: d.Body, left: budget}
	t.any(pointers)
	return budget - t.left
}

// What a source does with an answer.
var (
	ParseJWKS  = parseJWKS
	ParseChain = parseChain
	Pinned     = pinned
)
