// Command bench measures Truhook beside the floor, that is the bare operations of the standard library, and beside its
// peers, in one run, and writes RESULTS.md and the chart of the README. Figures are ratios: machines differ and are
// noisy. Run it by "make bench".
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.StringVar(&o.root, "root", "..", "the folder of the repository")
	flag.IntVar(&o.rounds, "rounds", 10, "how often each contender is measured")
	only := flag.String("only", "", "names of groups with commas between: the others keep their sections")
	out := flag.String("out", "", "the folder for RESULTS.md and bench.svg; empty: where the repository has them")
	child := flag.String("child", "", "measure one group in this process, and print the figures")
	serve := flag.Bool("serve", false, "be the server of the group server")
	flag.Parse()
	if o.rounds < 1 || flag.NArg() > 0 {
		return fmt.Errorf("-rounds is at least 1, and there are no arguments: %q", flag.Args())
	}
	all := groups()
	switch {
	case *serve:
		return serveLoopback(os.Stdin, os.Stdout)
	case *child != "":
		i := slices.IndexFunc(all, func(g group) bool { return g.name == *child })
		if i < 0 {
			return fmt.Errorf("there is no group %q", *child)
		}
		return all[i].child(o, os.Stdout)
	}
	chosen, err := choose(all, *only)
	if err != nil {
		return err
	}
	return measureAll(o, chosen, *out)
}

// choose returns the groups that are named, or all.
func choose(all []group, only string) ([]group, error) {
	if only == "" {
		return all, nil
	}
	var chosen []group
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(g group) bool { return g.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no group %q; there are %s", name, strings.Join(names(all), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

func names(all []group) (names []string) {
	for _, g := range all {
		names = append(names, g.name)
	}
	return names
}

// measureAll measures the groups and writes each section when it is done, so that a fault later on costs none.
func measureAll(o options, chosen []group, out string) error {
	source := filepath.Join(o.root, "bench", "RESULTS.md")
	target, chart := source, filepath.Join(o.root, "docs", "bench.svg")
	if out != "" {
		if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // for whoever looks at the results
			return err
		}
		target, chart = filepath.Join(out, "RESULTS.md"), filepath.Join(out, "bench.svg")
	}
	if _, err := os.Stat(target); err == nil {
		source = target
	}
	r, err := readResults(source)
	if err != nil {
		return err
	}
	o.commit = commitOf(o.root)
	order := names(groups())
	var failed []string
	for _, g := range chosen {
		start := time.Now()
		section, missed, on, err := g.section(o)
		if err == nil {
			err = r.put(g.name, section, order[:slices.Index(order, g.name)])
		}
		if err == nil && g.name == handlerGroup {
			err = os.WriteFile(chart, []byte(drawChart(on)), 0o644)
		}
		if err == nil {
			err = r.write(target)
		}
		if err != nil {
			failed = append(failed, g.name)
			fmt.Fprintf(os.Stderr, "bench: %v\n", err)
			continue
		}
		fmt.Printf("%-10s %4.0f s, %d missed\n", g.name, time.Since(start).Seconds(), len(missed))
		for _, m := range missed {
			fmt.Println("    missed:", m)
		}
	}
	fmt.Println("written:", target)
	if len(failed) > 0 {
		return fmt.Errorf("these groups failed and keep their old sections: %s", strings.Join(failed, ", "))
	}
	return nil
}
