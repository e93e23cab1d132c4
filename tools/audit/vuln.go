package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
)

// vulnerabilities asks govulncheck about every module. It needs a database, which GOVULNDB names; one that cannot be
// reached is told in the figure.
func vulnerabilities(tool string, modules []string) (result, error) {
	r := result{what: "govulncheck"}
	checked := 0
	for _, dir := range modules {
		cmd := exec.Command(tool, "./...")
		cmd.Dir = dir
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if notStarted := (*exec.ExitError)(nil); err != nil && !errors.As(err, &notStarted) {
			return r, err
		}
		switch {
		case err == nil:
			checked++
		case unreachable(errs.String()):
			r.figure = "**not checked: the database of vulnerabilities cannot be reached from here**"
			return r, nil
		default:
			text := strings.TrimSpace(out.String() + "\n" + errs.String())
			r.problems = append(r.problems, strings.Split(dir+"\n"+text, "\n")...)
		}
	}
	r.figure = plural(checked, "module") + " without a known vulnerability of a function that is called"
	if len(r.problems) > 0 {
		r.figure = "vulnerabilities were found"
	}
	return r, nil
}

// unreachable reports whether govulncheck ended because it could not get its database.
func unreachable(said string) bool {
	return strings.Contains(said, "fetching vulnerabilities:")
}
