// Command catalogen writes package catalog's table, docs/providers.md and README's list of providers from the files in
// catalog/rows. It runs in the root of the repository:
//
//	go run ./internal/catalogen        # say what is not up to date
//	go run ./internal/catalogen -write # make catalog
//	go run ./internal/catalogen -age   # make catalog-age: rows whose sources were read more than 12 months ago
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	write := flag.Bool("write", false, "write the files")
	age := flag.Bool("age", false, "list the rows that were checked more than 12 months ago, and write nothing")
	flag.Parse()
	if err := run(os.Stdout, ".", *write, *age, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, root string, write, age bool, now time.Time) error {
	rows, err := readRows(filepath.Join(root, "catalog", "rows"))
	if err != nil {
		return err
	}
	if age {
		report(out, rows, now)
		return nil
	}
	files, err := generate(root, rows)
	if err != nil {
		return err
	}
	for _, f := range files {
		old, err := os.ReadFile(f.path)
		switch {
		case err == nil && bytes.Equal(old, f.content):
			continue
		case !write:
			return fmt.Errorf("%s is not up to date: run make catalog", f.path)
		}
		if err := os.WriteFile(f.path, f.content, 0o644); err != nil { //nolint:gosec // files of a repository
			return err
		}
		_, _ = fmt.Fprintln(out, "wrote", f.path)
	}
	return nil
}

// file is one that is generated.
type file struct {
	path    string
	content []byte
}

func generate(root string, rows []row) ([]file, error) {
	table, err := goTable(rows)
	if err != nil {
		return nil, err
	}
	readme := filepath.Join(root, "README.md")
	text, err := os.ReadFile(readme)
	if err != nil {
		return nil, err
	}
	if text, err = between(text, readmeList(rows)); err != nil {
		return nil, fmt.Errorf("%s: %w", readme, err)
	}
	return []file{
		{filepath.Join(root, "catalog", "rows_generated.go"), table},
		{filepath.Join(root, "docs", "providers.md"), providersPage(rows)},
		{readme, text},
	}, nil
}

// report lists the rows that are old, the oldest first.
func report(out io.Writer, rows []row, now time.Time) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b row) int { return a.checked().Compare(b.checked()) })
	for _, r := range rows {
		if r.checked().AddDate(1, 0, 0).Before(now) {
			_, _ = fmt.Fprintf(out, "%s  %s  %s\n", r.Checked, r.Name, r.Documentation)
		}
	}
}
