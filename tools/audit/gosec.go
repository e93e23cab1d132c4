package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A place is a file that a rule of gosec does not like.
type place struct{ rule, file string }

func (p place) String() string { return p.rule + " " + p.file }

// unsafeCode runs gosec over the tree and compares what it finds with the list of what is accepted.
func unsafeCode(tool, list string) (result, error) {
	r := result{what: "gosec"}
	text, err := os.ReadFile(list)
	if err != nil {
		return r, err
	}
	accepted, err := readAccepted(string(text))
	if err != nil {
		return r, fmt.Errorf("%s: %w", list, err)
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return r, err
	}
	// -nosec: what is accepted stands in one list with its reason, and nowhere in the code.
	args := []string{"-quiet", "-nosec", "-exclude-generated", "-fmt=json"}
	for _, dir := range aside {
		args = append(args, "-exclude-dir="+dir)
	}
	cmd := exec.Command(tool, append(args, "./...")...) // it walks through nested modules too
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || out.Len() == 0 {
			return r, fmt.Errorf("gosec: %w\n%s", err, errs.String())
		}
	}
	found, lines, err := readGosec(out.Bytes(), root)
	if err != nil {
		return r, fmt.Errorf("gosec: %w", err)
	}
	total := 0
	for _, n := range found {
		total += n
	}
	r.problems = compare(found, accepted)
	r.figure = fmt.Sprintf("%s in %s lines, each accepted with its reason", plural(total, "finding"), thousands(lines))
	if len(r.problems) > 0 {
		r.figure = fmt.Sprintf("%s, not all as listed", plural(total, "finding"))
	}
	return r, nil
}

// readGosec counts what "gosec -fmt=json" wrote. root is taken from the paths.
func readGosec(text []byte, root string) (found map[place]int, lines int, err error) {
	var said struct {
		Errors map[string][]struct {
			Error string `json:"error"`
		} `json:"Golang errors"`
		Issues []struct {
			Rule string `json:"rule_id"`
			File string `json:"file"`
		}
		Stats struct {
			Lines int `json:"lines"`
		}
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return nil, 0, err
	}
	for file, e := range said.Errors {
		return nil, 0, fmt.Errorf("%s: %s", file, e[0].Error)
	}
	found = map[place]int{}
	for _, i := range said.Issues {
		rel, err := filepath.Rel(root, i.File)
		if err != nil {
			return nil, 0, err
		}
		found[place{i.Rule, filepath.ToSlash(rel)}]++
	}
	return found, said.Stats.Lines, nil
}

// readAccepted reads entries of two lines, the rule, the file and how many findings are there, and the reason:
//
//	G404 internal/backoff/backoff.go 1
//	! it spreads what would come together; nobody gains by guessing it
func readAccepted(text string) (map[place]int, error) {
	accepted := map[place]int{}
	var current *place
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		fields := strings.Fields(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case current == nil && len(fields) == 3 && strings.HasPrefix(line, "G"):
			p := place{fields[0], fields[1]}
			n, err := strconv.Atoi(fields[2])
			if _, twice := accepted[p]; err != nil || n < 1 || twice {
				return nil, fmt.Errorf("line %d: no number of findings, or a place that is there twice: %q", i+1, line)
			}
			accepted[p], current = n, &p
		case current != nil && strings.HasPrefix(line, "! ") && len(line) > 10:
			current = nil
		default:
			return nil, fmt.Errorf("line %d is no rule, file and number, and no reason: %q", i+1, line)
		}
	}
	if current != nil {
		return nil, fmt.Errorf("%v has no reason", *current)
	}
	return accepted, nil
}

// compare returns what is found and not accepted, and what is accepted and not found.
func compare(found, accepted map[place]int) (problems []string) {
	for p, n := range found {
		if a := accepted[p]; n > a {
			problems = append(problems, fmt.Sprintf("%v: %s, %d accepted", p, plural(n, "finding"), a))
		}
	}
	for p, a := range accepted {
		if n := found[p]; n < a {
			problems = append(problems, fmt.Sprintf("%v: %d accepted, %s: correct the list", p, a, plural(n, "finding")))
		}
	}
	slices.Sort(problems)
	return problems
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
