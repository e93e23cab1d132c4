// Command mutate shows that the tests notice faults: it applies one-line faults ("mutants") one at a time and runs the
// tests of the package. The tree is never edited: each fault is a file beside it that "go test -overlay" puts in place.
//
//	go run ./tools/mutate             # from the root of the repository: every mutant
//	go run ./tools/mutate -check      # only: does each row still fit the code?
//	go run ./tools/mutate hmacsig/    # those of files whose path contains one of the arguments
//
// It exits with 1 if a mutant survives without a reason, no longer compiles, or no longer fits the code.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	check := flag.Bool("check", false, "only check that every row fits the code")
	dir := flag.String("dir", "tools/mutants", "the folder of the rows")
	timeout := flag.Duration("timeout", 3*time.Minute, "the time for the tests of one mutant; longer is killed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, flag.Args(), *check, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, only []string, check bool, timeout time.Duration) error {
	mutants, err := readAll(dir)
	if err != nil {
		return err
	}
	stale := 0
	for i := range mutants {
		if err := mutants[i].fit(); err != nil {
			fmt.Println("STALE   ", err)
			stale++
		}
	}
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool {
		return m.mutated == nil || len(only) > 0 && !slices.ContainsFunc(only, func(o string) bool {
			return strings.Contains(m.file, o) || strings.Contains(m.at, o)
		})
	})
	if check {
		fmt.Printf("%d mutants fit the code, %d are stale\n", len(mutants), stale)
		return failed(stale, "stale")
	}
	work, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	count := map[verdict]int{}
	healthy := map[string]bool{}
	for i, m := range mutants {
		began := time.Now()
		if !m.passes(ctx, healthy, timeout) {
			count[unjudged]++
			fmt.Printf("%-9s %3d/%d %5.1fs %s: the tests fail without the fault too\n", unjudged, i+1, len(mutants), time.Since(began).Seconds(), m.at)
			continue
		}
		v, output := m.try(ctx, work, timeout)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.survives != "" && v == survived {
			v = accepted
		} else if m.survives != "" && v == killed {
			v, output = undue, ""
		}
		count[v]++
		fmt.Printf("%-9s %3d/%d %5.1fs %s: %s\n", v, i+1, len(mutants), time.Since(began).Seconds(), m.at, m.replacement)
		switch v {
		case survived:
			fmt.Printf("          %s\n", m.why)
		case broken:
			fmt.Println(output)
		}
	}
	fmt.Printf("%d mutants: %d killed, %d survive with a reason, %d survive, %d do not compile, %d not judged, %d stale, %d reasons undue\n",
		len(mutants), count[killed], count[accepted], count[survived], count[broken], count[unjudged], stale, count[undue])
	return failed(stale+count[survived]+count[broken]+count[unjudged]+count[undue], "in need of a look")
}

func failed(n int, what string) error {
	if n > 0 {
		return fmt.Errorf("mutate: %d %s", n, what)
	}
	return nil
}

// passes reports whether the tests of m pass without the fault: where they fail anyway, nothing is shown. Each package
// is asked once.
func (m *mutant) passes(ctx context.Context, known map[string]bool, timeout time.Duration) bool {
	for _, p := range m.packages {
		args := m.command("", p)
		key := m.module + " " + strings.Join(args, " ")
		ok, asked := known[key]
		if !asked {
			var output string
			if ok, output = goTest(ctx, m.module, args, timeout); !ok && ctx.Err() == nil {
				fmt.Printf("go %s fails in %s:\n%s\n", strings.Join(args, " "), m.module, output)
			}
			known[key] = ok
		}
		if !ok {
			return false
		}
	}
	return true
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
