// Command audit looks for what a reader of the code cannot see: known vulnerabilities (govulncheck), unsafe code
// (gosec) and what the command is made of (CycloneDX). It runs in the root of the repository, with the three tools in a
// folder:
//
//	audit -tools bin -write bench/audit.md
//
// It exits with 1 where govulncheck finds something, where gosec finds what accepted.txt does not list, and where that
// list has an entry that is found no more. A database of vulnerabilities that cannot be reached is said and no failure.
// It is in a module of its own, as gosec requires much.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	tools := flag.String("tools", "bin", "the folder of govulncheck, gosec and cyclonedx-gomod")
	accepted := flag.String("accepted", "tools/audit/accepted.txt", "the findings of gosec that are accepted")
	bill := flag.String("sbom", "bin/truhook.cdx.json", "where the bill of materials goes")
	binary := flag.String("binary", "bin/truhook", "what the bill of materials is of")
	page := flag.String("write", "", "where the results go, as Markdown")
	flag.Parse()
	text, err := audit(*tools, *accepted, *binary, *bill)
	if *page != "" && text != "" {
		if failed := os.WriteFile(*page, []byte(text), 0o600); failed != nil && err == nil {
			err = failed
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(1)
	}
}

// A result is what one tool said.
type result struct {
	what, figure string
	problems     []string
}

func audit(tools, accepted, binary, bill string) (page string, err error) {
	if tools, err = filepath.Abs(tools); err != nil { // the tools run in the folders of the modules
		return "", err
	}
	modules, err := modules(".")
	if err != nil {
		return "", err
	}
	var results []result
	for _, step := range []func() (result, error){
		func() (result, error) { return vulnerabilities(filepath.Join(tools, "govulncheck"), modules) },
		func() (result, error) { return unsafeCode(filepath.Join(tools, "gosec"), accepted) },
		func() (result, error) { return materials(filepath.Join(tools, "cyclonedx-gomod"), binary, bill) },
	} {
		r, err := step()
		if err != nil {
			return "", err
		}
		fmt.Printf("%s: %s\n", r.what, r.figure)
		for _, p := range r.problems {
			fmt.Println("   ", p)
		}
		results = append(results, r)
	}
	return report(results)
}

// report is bench/audit.md, and an error if anything has to be looked at.
func report(results []result) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `# Audit

%smake audit%s looks for known vulnerabilities and unsafe code, and writes what the command is made of. This page is what
it wrote on %s with %s.

| tool | figure |
|---|---|
`, "`", "`", time.Now().UTC().Format(time.DateOnly), runtime.Version())
	problems := 0
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s |\n", r.what, r.figure)
		problems += len(r.problems)
	}
	if problems > 0 {
		return b.String(), fmt.Errorf("%d things to look at", problems)
	}
	return b.String(), nil
}

// aside are the folders whose code nobody imports or runs but the tests and the tools of this repository.
var aside = []string{"bench", "integration", "internal/proxytest", "internal/servertest", "tools"}

// modules returns the folders of the modules that are audited.
func modules(root string) (dirs []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+"/"))
		if entry.IsDir() && path != root {
			name := entry.Name()
			if strings.HasPrefix(name, ".") || name == "testdata" {
				return fs.SkipDir
			}
			for _, a := range aside {
				if rel == a {
					return fs.SkipDir
				}
			}
		}
		if entry.Name() == "go.mod" {
			dirs = append(dirs, filepath.Dir(path))
		}
		return nil
	})
	return dirs, err
}
