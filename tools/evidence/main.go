// Command evidence collects what the measuring targets of the Makefile have written into one table, bench/EVIDENCE.md:
// the claim, the command that shows it, the day, and the figure. What has not been run says so.
//
//	go run -C tools ./evidence "$PWD"
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "evidence: the root of the repository is the one argument")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "evidence:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	text, err := page(func(name string) (string, error) {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		return string(text), err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "bench", "EVIDENCE.md"), []byte(text), 0o600)
}

const head = `<!-- Generated from the pages beside it: make evidence. -->

# Evidence

Each line is a claim that a command of this repository shows. The figures are what the command wrote into the page that
they link to, on the day that stands there; a page that is not there yet makes "not run yet". Tests that need no
measuring are listed in [docs/threat-model.md](../docs/threat-model.md).

| claim | command | day | figure |
|---|---|---|---|
`

// page returns EVIDENCE.md; read gives the pages, by their path from the root.
func page(read func(name string) (string, error)) (string, error) {
	var b strings.Builder
	b.WriteString(head)
	for _, c := range claims {
		rows := []row{{claim: c.text, command: c.command}}
		text, err := read(c.page)
		switch {
		case os.IsNotExist(err):
			rows[0].figure = "not run yet"
		case err != nil:
			return "", err
		default:
			if rows, err = c.read(c, text); err != nil {
				return "", fmt.Errorf("%s: %w", c.page, err)
			}
		}
		for _, r := range rows {
			r.write(&b, c.page)
		}
	}
	return b.String(), nil
}

// A row is a line of the table. The figure links to the page, and to the section if there is one.
type row struct{ claim, command, day, figure, section string }

func (r row) write(b *strings.Builder, page string) {
	figure := r.figure
	if r.day == "" {
		r.day = "-"
	}
	if figure != "not run yet" {
		target, _ := strings.CutPrefix("../"+page, "../bench/")
		if r.section != "" {
			target += "#" + anchor(r.section)
		}
		figure = "[" + figure + "](" + target + ")"
	}
	inCell := strings.NewReplacer("|", `\|`)
	fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", inCell.Replace(r.claim), inCell.Replace(r.command), r.day, inCell.Replace(figure))
}
