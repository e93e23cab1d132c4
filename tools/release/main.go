// Command release prepares a version of all modules: it makes the nested ones require it, checks what must hold, and
// prints the tags to cut. It changes go.mod files only; it makes no commit and no tag.
//
//	go run ./tools/release v0.1.0    # from the root of the repository
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: release VERSION")
		os.Exit(2)
	}
	if err := run(".", os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(root, version string, out io.Writer) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version || semver.Major(version) > "v1" {
		return fmt.Errorf("%q is not a version such as v0.1.0", version)
	}
	modules, err := find(root)
	if err != nil {
		return err
	}
	for _, m := range modules {
		if err := m.require(root, version, modules); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%d modules require %s of each other\n", len(modules), version)
	return errors.Join(
		changelog(root, version, out),
		golden(root, version, out),
		builds(root, modules),
		gorelease(root, version, modules, out),
		tags(version, modules, out),
	)
}

// changelog wants the version to be described, or what has changed to stand under "Unreleased".
func changelog(root, version string, out io.Writer) error {
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	if err != nil {
		return err
	}
	section := "\n## " + strings.TrimPrefix(version, "v")
	switch {
	case strings.Contains(string(text), section):
		return nil
	case strings.Contains(string(text), "\n## Unreleased\n"):
		fmt.Fprintf(out, "CHANGELOG.md: make a section %q of what is unreleased\n", strings.TrimSpace(section))
		return nil
	}
	return fmt.Errorf("CHANGELOG.md has neither a section %q nor one of what is unreleased", strings.TrimSpace(section))
}

// golden compares the recorded API with the code, and with that of the last version.
func golden(root, version string, out io.Writer) error {
	if text, err := command(root, "go", "test", "-count=1", "-run", "TestAPI", "./internal/house"); err != nil {
		return fmt.Errorf("the recorded API is not that of the code: run make api: %s", text)
	}
	last, err := command(root, "git", "describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
	if err != nil {
		fmt.Fprintln(out, "there is no version yet that the API could be compared with")
		return nil //nolint:nilerr // no tag is no error
	}
	last = strings.TrimSpace(last)
	diff, err := command(root, "git", "diff", "--unified=0", last, "--", "testdata/api")
	if err != nil {
		return fmt.Errorf("git diff: %s", diff)
	}
	gone := removed(diff)
	for _, line := range gone {
		fmt.Fprintln(out, "gone since "+last+": "+line)
	}
	if len(gone) > 0 && !mayBreak(last, version) {
		return fmt.Errorf("%d lines of the API are gone or changed since %s, which %s must not do", len(gone), last, version)
	}
	return nil
}

// removed returns the lines that a diff takes out of golden files. A line that was only moved is in neither list.
func removed(diff string) (lines []string) {
	added := map[string]bool{}
	for line := range strings.Lines(diff) {
		if text, ok := strings.CutPrefix(line, "+"); ok && !strings.HasPrefix(line, "+++ ") {
			added[text] = true
		}
	}
	for line := range strings.Lines(diff) {
		if text, ok := strings.CutPrefix(line, "-"); ok && !strings.HasPrefix(line, "--- ") && !added[text] {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

// mayBreak reports whether a version may change what callers write: before v1 a new minor version may.
func mayBreak(last, version string) bool {
	if semver.Major(version) != "v0" {
		return semver.Major(last) == "v0"
	}
	return semver.MajorMinor(last) != semver.MajorMinor(version)
}

func builds(root string, modules []*mod) (err error) {
	for _, m := range modules {
		if text, failed := command(filepath.Join(root, m.dir), "go", "build", "./..."); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s does not build: %s", m.path, text))
		}
	}
	return err
}

// gorelease asks the tool of that name where there is one. It needs a module proxy that knows the last version.
func gorelease(root, version string, modules []*mod, out io.Writer) (err error) {
	if _, missing := exec.LookPath("gorelease"); missing != nil {
		fmt.Fprintln(out, "gorelease is not installed: the golden files alone were compared")
		return nil //nolint:nilerr // nor is a tool that is missing
	}
	for _, m := range modules {
		if !m.public() {
			continue
		}
		text, failed := command(filepath.Join(root, m.dir), "gorelease", "-version="+version)
		fmt.Fprintln(out, text)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("gorelease refuses %s", m.path))
		}
	}
	return err
}

// tags prints what a person does next. The tag of a nested module begins with its folder.
func tags(version string, modules []*mod, out io.Writer) error {
	fmt.Fprintf(out, "\ncommit the changed go.mod files, then:\n\n\tgit tag -s %s -m %s\n", version, version)
	names := []string{version}
	for _, m := range modules {
		if m.public() && m.dir != "." {
			names = append(names, m.dir+"/"+version)
			fmt.Fprintf(out, "\tgit tag -s %s -m %s\n", names[len(names)-1], names[len(names)-1])
		}
	}
	fmt.Fprintf(out, "\tgit push origin %s\n", strings.Join(names, " "))
	return nil
}

func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	return string(text), err
}
