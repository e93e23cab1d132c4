package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A suite is benchmarks that live beside the tests of their package, as they need its drivers and servers. They
// measure in alternating rounds themselves.
type suite struct{ dir, pattern, benchtime string }

var (
	storeSuites = []suite{
		{"idempotency/redisstore", "Cost/.*/goroutines=1$", "5000x"},
		{"integration/sqlstore", "Cost/.*/.*/goroutines=1$", "5000x"},
	}
	queueSuites = []suite{{"integration/sqliteinbox", "Accept|Handle|Million|Rows", "1x"}}
)

// enoughRounds is how many rounds a figure that counts is the best of.
const enoughRounds = 10

// measureSuites runs go test for each suite.
func measureSuites(o options, all []suite) (found []figure, err error) {
	for _, s := range all {
		if o.rounds < enoughRounds { // to see that they run
			s.benchtime = "1x"
		}
		command := exec.Command("go", "test", "-run", "^$", "-bench", s.pattern, "-benchtime", s.benchtime, "-timeout", "15m", ".")
		command.Dir, command.Stderr = filepath.Join(o.root, s.dir), os.Stderr
		out, err := command.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", s.dir, err, out)
		}
		of := parseBenchmarks(out)
		if len(of) == 0 {
			return nil, fmt.Errorf("%s: no benchmark ran:\n%s", s.dir, out)
		}
		for i := range of {
			of[i].Contender = s.dir
		}
		found = append(found, of...)
	}
	return found, nil
}

var cores = regexp.MustCompile(`-\d+$`)

// parseBenchmarks reads what go test prints of benchmarks: a name, a count, and pairs of a value and its unit.
func parseBenchmarks(out []byte) (all []figure) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		f := figure{Race: cores.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), ""), Values: map[string]float64{}}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				break
			}
			f.Values[fields[i+1]] = v
		}
		all = append(all, f)
	}
	return all
}
