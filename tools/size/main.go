// Command size counts the tokens of each module as go/scanner sees them: without comments, automatic semicolons, tests,
// testdata and generated files. Lines can be joined and names shortened; tokens say how much there is to understand.
//
//	go run ./tools/size -v DIR   # -v: each package too
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	verbose := flag.Bool("v", false, "also print each package")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	modules, packages, err := count(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		fmt.Printf("%8d  %s\n", modules[name], name)
		total += modules[name]
		if *verbose {
			for _, p := range slices.Sorted(maps.Keys(packages[name])) {
				fmt.Printf("%16d  %s\n", packages[name][p], p)
			}
		}
	}
	fmt.Printf("%8d  all modules\n", total)
}

// count returns the tokens of each module, "." being the core, and of each package by module.
func count(root string) (modules map[string]int, packages map[string]map[string]int, err error) {
	modules, packages = map[string]int{}, map[string]map[string]int{}
	moduleOf := map[string]string{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, dir := entry.Name(), filepath.Dir(path)
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata") {
				return fs.SkipDir
			}
			moduleOf[path] = moduleOf[dir]
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				moduleOf[path] = path
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		n, err := tokens(path)
		if err != nil || n == 0 {
			return err
		}
		module, err := filepath.Rel(root, moduleOf[dir])
		if err != nil {
			return err
		}
		if packages[module] == nil {
			packages[module] = map[string]int{}
		}
		modules[module] += n
		packages[module][dir] += n
		return nil
	})
	return modules, packages, err
}

// tokens returns how many tokens a file has; none if it is generated.
func tokens(path string) (n int, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, path, text, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil || ast.IsGenerated(parsed) {
		return 0, err
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile(path, -1, len(text)), text, nil, 0)
	for {
		_, kind, literal := s.Scan()
		switch {
		case kind == token.EOF:
			return n, nil
		case kind == token.SEMICOLON && literal == "\n":
		default:
			n++
		}
	}
}
