// Command drawing makes the SVG files of docs/drawings from the texts beside them. With -check it writes nothing and
// fails where a file is not what its text makes.
//
// A text has one thing a line:
//
//	title TEXT
//	grid WIDTH HEIGHT                 of a cell, in pixels
//	node ID COLUMN ROW KIND LABEL     KIND: step, store, end, bad; "|" breaks the label; columns and rows may be fractions
//	edge FROM TO LABEL                an arrow; the label may be empty
//	bend FROM TO DX DY LABEL          an arrow around things: its middle is moved by that many cells
package main

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "fail where an SVG is not what its text makes")
	flag.Parse()
	names, err := filepath.Glob(filepath.Join(flag.Arg(0), "*.txt"))
	if err != nil || len(names) == 0 {
		fmt.Fprintln(os.Stderr, "drawing: no texts in the folder", flag.Arg(0))
		os.Exit(2)
	}
	failed := false
	for _, name := range names {
		if err := draw(name, strings.TrimSuffix(name, ".txt")+".svg", *check); err != nil {
			fmt.Fprintf(os.Stderr, "drawing: %s: %v\n", name, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

func draw(name, to string, check bool) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	d, err := parse(string(text))
	if err != nil {
		return err
	}
	svg := d.svg()
	if !check {
		return os.WriteFile(to, svg, 0o644)
	}
	old, err := os.ReadFile(to)
	if err != nil {
		return err
	}
	if !bytes.Equal(old, svg) {
		return fmt.Errorf("%s is not what it makes: run make drawings", to)
	}
	return nil
}

type node struct {
	column, row float64
	kind        string
	label       []string
}

type edge struct {
	from, to string
	dx, dy   float64
	label    []string
}

type drawing struct {
	title         string
	width, height float64
	nodes         map[string]node
	order         []string
	edges         []edge
}

func parse(text string) (*drawing, error) {
	d := &drawing{width: 200, height: 90, nodes: map[string]node{}}
	for n, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if err := d.add(words); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	for _, e := range d.edges {
		for _, id := range []string{e.from, e.to} {
			if _, ok := d.nodes[id]; !ok {
				return nil, fmt.Errorf("no node is called %s", id)
			}
		}
	}
	return d, nil
}

func (d *drawing) add(words []string) (err error) {
	number := func(i int) float64 {
		if i >= len(words) {
			err = fmt.Errorf("a number is missing")
			return 0
		}
		f, e := strconv.ParseFloat(words[i], 64)
		if e != nil {
			err = e
		}
		return f
	}
	rest := func(i int) []string {
		if i >= len(words) {
			return nil
		}
		return strings.Split(strings.Join(words[i:], " "), "|")
	}
	switch words[0] {
	case "title":
		d.title = strings.Join(words[1:], " ")
	case "grid":
		d.width, d.height = number(1), number(2)
	case "node":
		if len(words) < 6 {
			return fmt.Errorf("node ID COLUMN ROW KIND LABEL")
		}
		d.nodes[words[1]] = node{number(2), number(3), words[4], rest(5)}
		d.order = append(d.order, words[1])
	case "edge":
		if len(words) < 3 {
			return fmt.Errorf("edge FROM TO LABEL")
		}
		d.edges = append(d.edges, edge{from: words[1], to: words[2], label: rest(3)})
	case "bend":
		if len(words) < 5 {
			return fmt.Errorf("bend FROM TO DX DY LABEL")
		}
		d.edges = append(d.edges, edge{words[1], words[2], number(3), number(4), rest(5)})
	default:
		return fmt.Errorf("unknown word %s", words[0])
	}
	return err
}

const (
	boxWidth, boxHeight = 0.84, 0.6 // of a cell
	lineHeight          = 15.0
	style               = `<style>
 svg { background: #ffffff; font: 12.5px system-ui, "Segoe UI", Roboto, sans-serif; }
 .box { stroke-width: 1.5; } .step { fill: #eef3fb; stroke: #3b5b8c; } .store { fill: #f3eefb; stroke: #6b4a9c; }
 .end { fill: #e6f4e9; stroke: #2c7a41; } .bad { fill: #fbeaea; stroke: #a33a3a; }
 text { fill: #16202c; text-anchor: middle; } .said { font-size: 12px; fill: #404a56; }
 .line { fill: none; stroke: #5a6675; stroke-width: 1.4; marker-end: url(#tip); } .under { fill: #ffffff; opacity: .9; }
</style>
<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0,1 L10,5 L0,9 z" fill="#5a6675"/></marker></defs>
`
)

func (d *drawing) center(n node) (x, y float64) {
	return (n.column + 0.5) * d.width, (n.row+0.5)*d.height + 30
}

func (d *drawing) svg() []byte {
	var columns, rows float64
	for _, n := range d.nodes {
		columns, rows = math.Max(columns, n.column+1), math.Max(rows, n.row+1)
	}
	for _, e := range d.edges {
		from, to := d.nodes[e.from], d.nodes[e.to]
		rows = math.Max(rows, (from.row+to.row)/2+e.dy+0.8) // what a bend reaches
	}
	var b bytes.Buffer
	w, h := columns*d.width, rows*d.height+40
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n",
		w, h, w, h, html.EscapeString(d.title))
	b.WriteString(style)
	for _, e := range d.edges {
		d.edge(&b, e)
	}
	for _, id := range d.order {
		n := d.nodes[id]
		x, y := d.center(n)
		bw, bh := boxWidth*d.width, boxHeight*d.height
		fmt.Fprintf(&b, `<rect class="box %s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="7"/>`+"\n", html.EscapeString(n.kind), x-bw/2, y-bh/2, bw, bh)
		writeText(&b, "", n.label, x, y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func writeText(b *bytes.Buffer, class string, lines []string, x, y float64) {
	y -= float64(len(lines)-1) * lineHeight / 2
	for i, line := range lines {
		fmt.Fprintf(b, `<text class="%s" x="%.1f" y="%.1f">%s</text>`+"\n", class, x, y+float64(i)*lineHeight+4.5, html.EscapeString(strings.TrimSpace(line)))
	}
}

// edge draws an arrow from the border of one box to that of another.
func (d *drawing) edge(b *bytes.Buffer, e edge) {
	x1, y1 := d.center(d.nodes[e.from])
	x2, y2 := d.center(d.nodes[e.to])
	mx, my := (x1+x2)/2+e.dx*d.width, (y1+y2)/2+e.dy*d.height
	sx, sy := d.border(x1, y1, mx, my)
	ex, ey := d.border(x2, y2, mx, my)
	if e.dx == 0 && e.dy == 0 {
		fmt.Fprintf(b, `<path class="line" d="M%.1f,%.1f L%.1f,%.1f"/>`+"\n", sx, sy, ex, ey)
		mx, my = (sx+ex)/2, (sy+ey)/2
	} else {
		cx, cy := 2*mx-(sx+ex)/2, 2*my-(sy+ey)/2
		fmt.Fprintf(b, `<path class="line" d="M%.1f,%.1f Q%.1f,%.1f %.1f,%.1f"/>`+"\n", sx, sy, cx, cy, ex, ey)
	}
	if len(e.label) == 0 {
		return
	}
	widest := 0
	for _, line := range e.label {
		widest = max(widest, len(line))
	}
	bw, bh := float64(widest)*6.1+8, float64(len(e.label))*lineHeight+2
	fmt.Fprintf(b, `<rect class="under" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", mx-bw/2, my-bh/2, bw, bh)
	writeText(b, "said", e.label, mx, my)
}

// border returns where the line from the center of a box toward a point leaves the box.
func (d *drawing) border(x, y, toX, toY float64) (bx, by float64) {
	dx, dy := toX-x, toY-y
	if dx == 0 && dy == 0 {
		return x, y
	}
	halfWidth, halfHeight := boxWidth*d.width/2+2, boxHeight*d.height/2+2
	scale := math.Inf(1)
	if dx != 0 {
		scale = math.Min(scale, halfWidth/math.Abs(dx))
	}
	if dy != 0 {
		scale = math.Min(scale, halfHeight/math.Abs(dy))
	}
	return x + dx*scale, y + dy*scale
}
