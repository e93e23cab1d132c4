package truhooktest

import (
	"slices"
	"testing"
	"time"
)

// Reasons returns the names of what the suite finds wrong with a receiver, without failing t.
func Reasons(t *testing.T, setup func(t testing.TB) Receiver) []string {
	t.Helper()
	var reasons []string
	for _, sc := range scenarios() {
		for _, f := range sc.check(t, 0, setup) {
			if !slices.Contains(reasons, f.Reason) {
				reasons = append(reasons, f.Reason)
			}
		}
	}
	return reasons
}

// Finds reports whether the suite finds the reason, and ends with the scenario that does. It does not fail t.
func Finds(t *testing.T, reason string, setup func(t testing.TB) Receiver) bool {
	t.Helper()
	for _, sc := range scenarios() {
		for _, f := range sc.check(t, 0, setup) {
			if f.Reason == reason {
				return true
			}
		}
	}
	return false
}

// Stalled runs the scenarios, in which nothing may happen for so long in real time, and returns the names of what the
// first one finds that finds anything.
func Stalled(t *testing.T, patience time.Duration, setup func(t testing.TB) Receiver) []string {
	t.Helper()
	var reasons []string
	for _, sc := range scenarios() {
		sc.patience = patience
		for _, f := range sc.check(t, 0, setup) {
			reasons = append(reasons, f.Reason)
		}
		if len(reasons) > 0 {
			break
		}
	}
	return reasons
}

// Watch runs f under a watchdog, which beat gives a sign of life, and reports whether f came to its end.
func Watch(patience time.Duration, f func(beat func())) bool {
	w := watchdog{patience: patience}
	return w.watch(func() { f(func() { w.pulse.Add(1) }) })
}

// CheckFirst runs the first scenario in real time and returns the names of what it finds.
func CheckFirst(t *testing.T, scale float64, r Receiver) []string {
	t.Helper()
	var reasons []string
	for _, f := range scenarios()[0].checkNow(t, scale, r) {
		reasons = append(reasons, f.Reason)
	}
	return reasons
}
