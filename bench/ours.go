package main

import (
	"fmt"
	"log/slog"

	"github.com/truhook/truhook/hmacsig"
)

var silent = slog.New(slog.DiscardHandler)

// verifierOf returns a verifier with n keys, of which the last is the sender's.
func verifierOf(s hmacsig.Scheme, n int) *hmacsig.Verifier {
	var keys []hmacsig.Key
	for i := range n {
		text := secret
		if i < n-1 {
			text = fmt.Sprint("another secret that is being rotated, number ", i)
		}
		key, err := hmacsig.NewKey(fmt.Sprint(i), text)
		must(err)
		keys = append(keys, key)
	}
	v, err := hmacsig.New(s, hmacsig.StaticKeys(keys...), hmacsig.Config{})
	must(err)
	return v
}
