package timing

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"
)

// A class is a kind of input, by texts of one length. There are variants of each, so that it is the kind that is
// measured and not one text.
type class struct {
	name  string
	texts [variants]string
}

const variants = 64

// A subject is what is called with inputs. They come to lie at one address, laid there by the same instructions for
// every class, and all that a class changes beside that is a number: otherwise it is the preparation that is measured.
type subject struct {
	input  []byte
	choose func(class int) // nil: the input is all that differs
	call   func() error
}

// measure calls n times a class, in random order, and says how long each call took. Garbage is collected in between.
func (s *subject) measure(classes []class, n int, seed uint64) []sample {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // the order of a measurement
	var texts []byte
	for _, c := range classes {
		for _, text := range c.texts {
			texts = append(texts, text...)
		}
	}
	samples := make([]sample, n*len(classes))
	for i := range samples {
		samples[i].class = i % len(classes)
	}
	r.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	for i := range samples {
		if i%collectEvery == 0 {
			runtime.GC()
		}
		s.prepare(texts, samples[i].class, r)
		start := time.Now()
		_ = s.call() // what it says is another test
		samples[i].took = float64(time.Since(start))
	}
	return samples
}

const collectEvery = 20_000 // calls, of some hundred bytes each

func (s *subject) prepare(texts []byte, class int, r *rand.Rand) {
	at := (class*variants + r.IntN(variants)) * len(s.input)
	copy(s.input, texts[at:at+len(s.input)])
	if s.choose != nil {
		s.choose(class)
	}
}
