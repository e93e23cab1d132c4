package main

import (
	"cmp"
	"fmt"
	"html"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Sizes of the chart in pixels.
const (
	chartWidth  = 920
	nameWidth   = 150
	panelGap    = 24
	barHeight   = 17
	rowHeight   = 25
	chartTop    = 84
	labelWidth  = 62 // of the time beside a bar
	chartBottom = 46
)

// charted are the sizes of bodies that the chart has panels for.
var charted = []int{256, 1 << 10, 10 << 10}

// drawChart returns an SVG picture of the times of whole handlers, one panel a size. It is as readable on a dark page.
func drawChart(f figures) string {
	rows := chartRows(f)
	height := chartTop + len(rows)*rowHeight + chartBottom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
`, chartWidth, height, chartWidth, height, html.EscapeString(chartSummary(f)))
	b.WriteString(chartStyle)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d" rx="8"/>
<text class="title" x="20" y="30">One genuine delivery, read and verified: processor time of the whole handler</text>
`, chartWidth, height)
	for i, name := range rows {
		fmt.Fprintf(&b, `<text class="%s" x="%d" y="%d" text-anchor="end">%s</text>
`, rowClass("name", name), nameWidth, chartTop+i*rowHeight+barHeight-4, html.EscapeString(rowLabel(name)))
	}
	width := (chartWidth-nameWidth-20)/len(charted) - panelGap
	for i, size := range charted {
		panel(&b, f, rows, sizeName(size), nameWidth+14+i*(width+panelGap), width)
	}
	fmt.Fprintf(&b, `<text class="foot" x="20" y="%d">%s, %s, %s, one core. make bench measures it; bench/RESULTS.md has every size and every peer.</text>
</svg>
`, height-18, html.EscapeString(cpuLine("model name")), runtime.Version(), time.Now().UTC().Format("2006-01-02"))
	return b.String()
}

// chartRows returns the contenders, the fastest first. Left out is what parses the body too.
func chartRows(f figures) []string {
	rows := slices.DeleteFunc(f.contenders(sizeName(1<<10)), func(name string) bool { return name == "go-playground" })
	slices.SortStableFunc(rows, func(a, b string) int {
		return cmp.Compare(f.value(sizeName(1<<10), a, perCall), f.value(sizeName(1<<10), b, perCall))
	})
	return rows
}

func panel(b *strings.Builder, f figures, rows []string, race string, left, width int) {
	longest := 0.0
	for _, name := range rows {
		longest = max(longest, f.value(race, name, perCall))
	}
	fmt.Fprintf(b, `<text class="head" x="%d" y="%d">%s</text>
`, left, chartTop-14, race)
	scale := float64(width-labelWidth) / longest
	for i, name := range rows {
		spent := f.value(race, name, perCall)
		y := chartTop + i*rowHeight
		fmt.Fprintf(b, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>
<text class="%s" x="%.1f" y="%d">%s</text>
`, rowClass("bar", name), left, y, spent*scale, barHeight, rowClass("time", name), float64(left)+spent*scale+6, y+barHeight-4, duration(spent))
	}
	x := float64(left) + f.value(race, floorName, perCall)*scale
	fmt.Fprintf(b, `<line class="least" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>
`, x, x, chartTop-5, chartTop+len(rows)*rowHeight-rowHeight+barHeight+5)
}

func rowClass(class, name string) string {
	switch name {
	case ours:
		return class + " ours"
	case floorName:
		return class + " floor"
	}
	return class
}

func rowLabel(name string) string {
	if name == floorName {
		return "bare HMAC (floor)"
	}
	return name
}

// chartSummary says in words what the picture shows.
func chartSummary(f figures) string {
	parts := make([]string, 0, 8)
	for _, name := range chartRows(f) {
		parts = append(parts, rowLabel(name)+" "+duration(f.value(sizeName(1<<10), name, perCall)))
	}
	return "Processor time of a whole handler for a body of 1 KiB: " + strings.Join(parts, ", ")
}

const chartStyle = `<style>
 text { font: 13px system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: #24303c; }
 .page { fill: #ffffff; stroke: #d5dbe2; } .title { font-size: 15px; font-weight: 600; } .head { font-weight: 600; }
 .bar { fill: #a9b4c1; } .bar.floor { fill: #d3dae2; } .bar.ours { fill: #1f6f54; }
 .ours { font-weight: 600; } .time, .foot { font-size: 12px; fill: #5a6675; } .time.ours { fill: #24303c; }
 .least { stroke: #7c8896; stroke-dasharray: 3 3; }
 @media (prefers-color-scheme: dark) {
  text { fill: #e4e9ef; } .page { fill: #12181f; stroke: #2b3540; } .bar { fill: #56626f; } .bar.floor { fill: #38434e; }
  .bar.ours { fill: #4cc29a; } .time, .foot { fill: #a5b0bc; } .time.ours { fill: #e4e9ef; } .least { stroke: #8793a0; }
 }
</style>
`
