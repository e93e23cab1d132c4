package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// A record is the verdict of the tests about one mutant.
type record struct {
	Key     string  `json:"key"`
	Verdict verdict `json:"verdict"`
	By      string  `json:"by,omitempty"` // the test that noticed, or why there is no verdict
	Late    bool    `json:"late,omitempty"`
	Seconds float64 `json:"seconds"`
	Commit  string  `json:"commit,omitempty"`
}

// key is what a verdict depends on: the row, its file, and the files of the packages whose tests were run, but for
// prose, the Makefile of the root and the .git of a worktree. It does not cover what these import.
func (m *mutant) key() (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", []string{m.file, m.find, m.replacement, m.skip, m.module})
	h.Write(m.mutated)
	for _, p := range m.packages {
		dir := filepath.Join(m.module, strings.TrimSuffix(p, "/..."))
		files, err := os.ReadDir(dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", m.at, err)
		}
		for _, f := range files {
			if !f.Type().IsRegular() || path.Ext(f.Name()) == ".md" || path.Ext(f.Name()) == "" || f.Name() == ".git" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				return "", err
			}
			fmt.Fprintf(h, "%q %d\n", f.Name(), len(text))
			h.Write(text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// state are the verdicts so far, and the file that keeps them.
type state struct {
	known  map[string]record
	commit string // of the tree that is judged now
	file   *os.File
}

// openState reads the verdicts of earlier runs. Without a path there are none, and none are kept. What was not judged
// is judged again.
func openState(path string) (*state, error) {
	s := &state{known: map[string]record{}, commit: head()}
	if path == "" {
		return s, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	f, err := os.Open(path) //nolint:gosec // the file of the caller
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var r record
			if json.Unmarshal(lines.Bytes(), &r) == nil && r.Verdict != unjudged { // a line may be cut off at the end
				s.known[r.Key] = r
			}
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	s.file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) //nolint:gosec // the file of the caller
	return s, err
}

func (s *state) add(r record) error {
	s.known[r.Key] = r
	if s.file == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = s.file.Write(append([]byte("\n"), line...)) // a line that was cut off ends here
	}
	return err
}

// keep writes the file anew with the verdicts about all, in their order, and forgets those of rows that are no more.
func (s *state) keep(all []mutant) error {
	var b bytes.Buffer
	for i := range all {
		key, err := all[i].key()
		if err != nil {
			return err
		}
		r, known := s.known[key]
		if !known {
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(append(line, '\n'))
	}
	return os.WriteFile(s.file.Name(), b.Bytes(), 0o600)
}

func (s *state) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
}

// head names the commit of the tree, with a plus sign if the tree has changes.
func head() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
