// Command fuzz runs every fuzz target of the repository, one after the other and each in one worker, until it has had
// its processor time, so that a busy machine makes it longer and not weaker.
//
//	go run ./tools/fuzz                                 # from the root of the repository: 20 s each
//	go run ./tools/fuzz -time 10m -record bench/fuzz.md # those that have no row of 10 minutes yet; an interrupted one goes on
//	go run ./tools/fuzz -keep 16 jose FuzzRead          # targets whose package or name contains a word; keeps inputs
//
// It goes on after a failure and exits with 1 if a target failed or had fewer than 1,000 runs: what is that slow finds
// nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

const fewest = 1000 // runs of a target

func main() {
	var o options
	flag.DurationVar(&o.time, "time", 20*time.Second, "processor time of each target")
	flag.StringVar(&o.record, "record", "", "a table of what ran: targets that had their time there are left out, others are added")
	flag.IntVar(&o.keep, "keep", 0, "copy up to so many short inputs that reached new code to testdata/fuzz")
	flag.Parse()
	o.only = flag.Args()
	o.build = []string{"-fuzz", "Fuzz"} // with what the fuzzer needs to see which code an input reaches
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, ".", o); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

type options struct {
	time   time.Duration
	record string
	keep   int
	only   []string
	build  []string // further flags of "go test -c"
}

func run(ctx context.Context, root string, o options) error {
	targets, err := find(root)
	if err != nil {
		return err
	}
	known, err := readTable(o.record)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "fuzz")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var failures []error
	for _, t := range targets {
		if ctx.Err() != nil {
			return errors.Join(append(failures, ctx.Err())...)
		}
		if !t.chosen(o.only) || known.has(t, o.time) {
			continue
		}
		r, err := t.run(ctx, work, o, known.interrupted(t))
		if err == nil && o.keep > 0 {
			err = t.keep(o.keep)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", t, err))
		}
		fmt.Printf("%-60s %9d runs in %6.1f s, %d inputs: %s\n", t, r.runs, r.cpu.Seconds(), r.inputs, r.finding)
		if o.record == "" {
			continue
		}
		known = known.with(t, r)
		if err := known.write(o.record, targets); err != nil {
			return err
		}
	}
	return errors.Join(failures...)
}

// chosen reports whether one of the words is part of the target's name.
func (t target) chosen(only []string) bool {
	return len(only) == 0 || slices.ContainsFunc(only, func(o string) bool { return strings.Contains(t.String(), o) })
}
