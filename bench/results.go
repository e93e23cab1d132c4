package main

import (
	"fmt"
	"os"
	"strings"
)

// results is the text of RESULTS.md: sections of this program between markers, and what people wrote around them.
type results struct{ text string }

func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	return &results{string(text)}, err
}

func markers(name string) (begin, end string) {
	return "<!-- bench: " + name + " -->\n", "<!-- bench: end of " + name + " -->\n"
}

// put replaces the section of a group, or puts it behind those of the groups before it.
func (r *results) put(name, section string, before []string) error {
	begin, end := markers(name)
	section = begin + section + end
	from, to, err := r.find(name)
	switch {
	case err != nil:
		return err
	case from >= 0:
		r.text = r.text[:from] + section + r.text[to:]
		return nil
	}
	at, behind := r.firstHeading(), false
	for _, other := range before {
		if _, to, err = r.find(other); err != nil {
			return err
		}
		if to >= 0 {
			at, behind = to, true
		}
	}
	if behind {
		section = "\n" + section
	} else {
		section += "\n"
	}
	r.text = r.text[:at] + section + r.text[at:]
	return nil
}

// find returns where the section of a group is, or -1.
func (r *results) find(name string) (from, to int, err error) {
	begin, end := markers(name)
	from, to = strings.Index(r.text, begin), strings.Index(r.text, end)
	if from < 0 && to < 0 {
		return -1, -1, nil
	}
	if from < 0 || to < from || strings.Count(r.text, begin) != 1 || strings.Count(r.text, end) != 1 {
		return 0, 0, fmt.Errorf("the markers of %q are not one pair", name)
	}
	return from, to + len(end), nil
}

// firstHeading returns where the first section begins, with its marker if it has one.
func (r *results) firstHeading() int {
	at := len(r.text)
	for _, beginning := range []string{"\n## ", "\n<!-- bench: "} {
		if i := strings.Index(r.text, beginning); i >= 0 {
			at = min(at, i+1)
		}
	}
	return at
}

func (r *results) write(path string) error {
	beside := path + ".new"
	if err := os.WriteFile(beside, []byte(r.text), 0o644); err != nil {
		return err
	}
	return os.Rename(beside, path)
}
