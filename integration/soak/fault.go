package soak

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// faulty is a verifier that may have a fault.
type faulty struct {
	truhook.Verifier
	fault Fault
}

func (f faulty) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	v, err := f.Verifier.Verify(ctx, d)
	switch {
	case f.fault == AcceptsAll && err != nil:
		return &truhook.Verified{Payload: d.Body}, nil //nolint:nilerr // that is the fault
	case f.fault == RefusesSome && rand.IntN(10) == 0: //nolint:gosec // nothing to guess
		return nil, truhook.SignatureMismatch
	}
	return v, err
}

// Precheck is that of the verifier, unless everything is to be accepted.
func (f faulty) Precheck(ctx context.Context, d *truhook.Delivery) error {
	if p, ok := f.Verifier.(truhook.Prechecker); ok && f.fault != AcceptsAll {
		return p.Precheck(ctx, d)
	}
	return nil
}

// forgetful completes an event and forgets it.
type forgetful struct{ idempotency.Store }

func (f forgetful) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	err := f.Store.Complete(ctx, k, t)
	if err == nil {
		err = f.Forget(ctx, k)
	}
	return err
}

func (r *receiver) spoilt(s idempotency.Store) idempotency.Store {
	if r.Fault == Forgets {
		return forgetful{s}
	}
	return s
}

// use is what the receiver's process holds.
type use struct {
	Goroutines int
	Heap       uint64 // bytes in use after a collection
	Resident   uint64 // bytes of the process
}

func useNow() use {
	runtime.GC()
	runtime.GC() // what has a finalizer takes two
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := use{Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			pages, _ := strconv.ParseUint(fields[1], 10, 64)
			u.Resident = pages * uint64(os.Getpagesize()) //nolint:gosec // a small number
		}
	}
	return u
}
