package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A mutant is one fault: a piece of a line that stands exactly once in its file, and what takes its place.
type mutant struct {
	file, at          string   // the file, and where the row stands
	packages          []string // whose tests have to notice; relative to the module
	in                string   // the folder of the module that they are in, where it is not the file's
	skip              string   // for -skip: tests that need what a mutant does not, such as servers
	find, replacement string
	why               string // what goes wrong
	survives          string // why no test can notice; empty: one has to

	module  string // the folder of the go.mod
	mutated []byte
}

// parse reads rows. Each line begins with what it is:
//
//	file F     the rows that follow are about this file, tested by the package of its folder
//	test P...  ... tested by these packages instead (relative to the module), one after the other
//	in M       ... which are in this module, and not in the file's: M is its folder
//	skip R     ... but not by these tests, which need what is not about the fault, such as servers
//	- TEXT     a piece of a line; it stands exactly once in the file
//	+ TEXT     what takes its place
//	! TEXT     what goes wrong then
//	~ TEXT     why no test can notice
//	# TEXT     a comment
func parse(name, text string) ([]mutant, error) {
	var all []mutant
	var current mutant
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		at := fmt.Sprintf("%s:%d", name, number)
		kind, rest, _ := strings.Cut(line, " ")
		last := len(all) - 1
		switch kind {
		case "", "#":
		case "file":
			current = mutant{file: rest}
		case "test":
			current.packages = strings.Fields(rest)
		case "in":
			current.in = rest
		case "skip":
			current.skip = rest
		case "-":
			m := current
			m.at, m.find = at, rest
			all = append(all, m)
		case "+", "!", "~":
			if last < 0 || all[last].file != current.file {
				return nil, fmt.Errorf("%s: there is no row that begins with -", at)
			}
			*map[string]*string{"+": &all[last].replacement, "!": &all[last].why, "~": &all[last].survives}[kind] = rest
		default:
			return nil, fmt.Errorf("%s: %q is none of file, test, in, skip, -, +, !, ~ and #", at, kind)
		}
	}
	for _, m := range all {
		if m.file == "" || m.find == "" || m.why == "" || m.find == m.replacement {
			return nil, fmt.Errorf("%s: a row needs the lines file, -, + and ! of the form above", m.at)
		}
	}
	return all, nil
}

// fit makes the mutated file, or says why the row is stale.
func (m *mutant) fit() error {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return fmt.Errorf("%s: %w", m.at, err)
	}
	if n := bytes.Count(source, []byte(m.find)); n != 1 {
		return fmt.Errorf("%s: %q stands %d times in %s", m.at, m.find, n, m.file)
	}
	m.module = filepath.Dir(m.file)
	for m.module != "." {
		if _, err := os.Stat(filepath.Join(m.module, "go.mod")); err == nil {
			break
		}
		m.module = filepath.Dir(m.module)
	}
	if m.in != "" {
		if m.module = m.in; len(m.packages) == 0 {
			return fmt.Errorf("%s: in %s needs its packages, as in: test ./... of it", m.at, m.in)
		}
	}
	if len(m.packages) == 0 {
		own, err := filepath.Rel(m.module, filepath.Dir(m.file))
		if err != nil {
			return err
		}
		m.packages = []string{"./" + filepath.ToSlash(own)}
	}
	m.mutated = bytes.Replace(source, []byte(m.find), []byte(m.replacement), 1)
	return nil
}
