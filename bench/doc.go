// Package bench measures Truhook beside the floor, that is the bare operations of the standard library, and beside its
// peers, in one run: figures are ratios, as machines differ and are noisy. Run it with "make bench".
package bench
