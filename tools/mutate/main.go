// Command mutate shows that the tests notice faults: it applies one-line faults ("mutants") one at a time and runs the
// tests of the package. The tree is never edited: each fault is a file beside it that "go test -overlay" puts in place.
//
//	go run ./tools/mutate             # from the root of the repository: every mutant
//	go run ./tools/mutate -check      # only: does each row still fit the code?
//	go run ./tools/mutate hmacsig/    # those of files whose path contains one of the arguments
//
// A run that was interrupted goes on where it was: -state keeps each verdict for as long as the row, its file and the
// files of its packages are the same. -summary writes what all runs together have shown. The state is committed
// (tools/mutants/verdicts.jsonl), so that a change costs the rows of what it touches, on any machine.
//
// It exits with 1 if a mutant survives without a reason, no longer compiles, or no longer fits the code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	rows, state, summary string
	check, known         bool
	least                time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.check, "check", false, "only check that every row fits the code")
	flag.BoolVar(&o.known, "known", false, "judge nothing, and write the page of the verdicts so far")
	flag.StringVar(&o.rows, "dir", "tools/mutants", "the folder of the rows")
	flag.StringVar(&o.state, "state", "", "the file of the verdicts so far, to which each new one is added")
	flag.StringVar(&o.summary, "summary", "", "the page to write at the end, from all verdicts")
	flag.DurationVar(&o.least, "timeout", time.Minute, "the least time for the tests of one mutant; slow tests have more")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, only []string) error {
	all, err := readAll(o.rows)
	if err != nil {
		return err
	}
	stale := 0
	for i := range all {
		if err := all[i].fit(); err != nil {
			fmt.Println("STALE   ", err)
			stale++
		}
	}
	all = slices.DeleteFunc(all, func(m mutant) bool { return m.mutated == nil })
	chosen := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool {
		return len(only) > 0 && !slices.ContainsFunc(only, func(o string) bool {
			return strings.Contains(m.file, o) || strings.Contains(m.at, o)
		})
	})
	if o.check {
		fmt.Printf("%d mutants fit the code, %d are stale\n", len(chosen), stale)
		return failed(stale, "stale")
	}
	if o.summary != "" && o.state == "" {
		return errors.New("mutate: -summary is made from the verdicts of -state")
	}
	if o.known {
		chosen = nil
	}
	verdicts, err := openState(o.state)
	if err != nil {
		return err
	}
	defer verdicts.close()
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &runner{test: goTest, work: work, least: o.least, healthy: map[string]time.Duration{}, lengthy: map[string][]string{}}
	count, err := judgeAll(ctx, r, verdicts, chosen)
	if err != nil {
		return err
	}
	fmt.Printf("%d mutants: %d killed, %d survive with a reason, %d survive, %d do not compile, %d not judged, %d stale, %d reasons undue\n",
		len(chosen), count[killed], count[accepted], count[survived], count[broken], count[unjudged], stale, count[undue])
	if o.summary != "" {
		if err := errors.Join(os.WriteFile(o.summary, []byte(summary(all, verdicts.known)), 0o600), verdicts.keep(all)); err != nil {
			return err
		}
	}
	return failed(stale+count[survived]+count[broken]+count[unjudged]+count[undue], "in need of a look")
}

// judgeAll judges each mutant of which no verdict is known, and counts them all.
func judgeAll(ctx context.Context, r *runner, verdicts *state, chosen []mutant) (map[verdict]int, error) {
	count := map[verdict]int{}
	for i := range chosen {
		m := &chosen[i]
		key, err := m.key()
		if err != nil {
			return nil, err
		}
		kept, before := verdicts.known[key]
		if !before {
			began := time.Now()
			var output string
			kept, output = r.judge(ctx, m)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			kept.Key, kept.Seconds, kept.Commit = key, time.Since(began).Seconds(), verdicts.commit
			if output != "" {
				fmt.Println(output)
			}
			if err := verdicts.add(kept); err != nil {
				return nil, err
			}
		}
		v := m.with(kept.Verdict)
		count[v]++
		note := kept.By
		if before {
			note += " (before)"
		}
		fmt.Printf("%-9s %3d/%d %5.1fs %s: %s  %s\n", v, i+1, len(chosen), kept.Seconds, m.at, m.replacement, note)
		if v == survived {
			fmt.Printf("          %s\n", m.why)
		}
	}
	return count, nil
}

func failed(n int, what string) error {
	if n > 0 {
		return fmt.Errorf("mutate: %d %s", n, what)
	}
	return nil
}

func readAll(dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("mutate: no rows in %s (run it from the root of the repository)", dir)
	}
	var all []mutant
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parse(name, string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
