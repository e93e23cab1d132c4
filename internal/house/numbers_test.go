package house_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A figure is measured where it has a unit that only a measurement gives (nanoseconds, a rate, "times a"), or where the
// sentence says that something takes, took or costs it. Limits, defaults, windows and statuses have none of these, and
// "at most", "at least" and "up to" make a limit of any figure.
const number = `\d+(?:[.,]\d+)*`

var (
	byUnit = regexp.MustCompile(`(` + number + `)(?:\s?(?:ns|µs|[kKMG]i?B/s)\b` +
		`| (?:[a-z]+s )?(?:a|per|each) second\b| times (?:a|an|the|as|that|bare|one|faster|slower|more|less)\b| allocations?\b)`)
	byVerb    = regexp.MustCompile(`(` + number + `)\s?(?:ms|s|min|minutes?|seconds?|hours?|bytes|[kKMG]i?B|%|times)(?:[^\w/]|$)`)
	verb      = regexp.MustCompile(`\b(?:takes|took|costs?|measured|needed|lasted)\b`)
	limit     = regexp.MustCompile(`(?:at most|at least|up to|below|under|no more than) ` + number + `[^ ]*(?: \S+)?|` + number + ` ?\S+ at (?:most|least)`)
	evidence  = regexp.MustCompile(`\]\(([^)#\s]*bench/[\w.-]+\.md|RESULTS\.md|EVIDENCE\.md)(?:#([\w-]+))?\)`)
	anyNumber = regexp.MustCompile(number)
)

// measured returns the figures of a sentence that are said to be measured.
func measured(sentence string) (figures []string) {
	sentence = limit.ReplaceAllString(sentence, "")
	for _, m := range byUnit.FindAllStringSubmatch(sentence, -1) {
		figures = append(figures, m[1])
	}
	if verb.MatchString(sentence) {
		for _, m := range byVerb.FindAllStringSubmatch(sentence, -1) {
			figures = append(figures, m[1])
		}
	}
	slices.Sort(figures)
	return slices.Compact(figures)
}

// A passage is a sentence or the row of a table, and the paragraph that it is in.
type passage struct{ text, paragraph string }

func passages(page string) (all []passage) {
	page = fenced.ReplaceAllString(page, "")
	for _, paragraph := range regexp.MustCompile(`\n\s*\n`).Split(page, -1) {
		if strings.HasPrefix(strings.TrimSpace(paragraph), "|") {
			for row := range strings.Lines(paragraph) {
				all = append(all, passage{row, paragraph})
			}
			continue
		}
		line := strings.Join(strings.Fields(paragraph), " ")
		start := 0
		for _, at := range regexp.MustCompile(`[.:;] `).FindAllStringIndex(line+" ", -1) {
			all, start = append(all, passage{line[start:min(at[1], len(line))], line}), at[1]
		}
		if start < len(line) {
			all = append(all, passage{line[start:], line})
		}
	}
	return all
}

// stands reports whether text has the figure, or a number that rounds to it: 1.57 is 1.6.
func stands(figure, text string) bool {
	want := strings.ReplaceAll(figure, ",", "")
	_, decimals, _ := strings.Cut(want, ".")
	for _, n := range anyNumber.FindAllString(text, -1) {
		if f, err := strconv.ParseFloat(strings.ReplaceAll(n, ",", ""), 64); err == nil && strconv.FormatFloat(f, 'f', len(decimals), 64) == want {
			return true
		}
	}
	return false
}

// section returns the part of a page under the heading of an anchor; all of it for none.
func section(page, anchor string) string {
	if anchor == "" {
		return page
	}
	for _, m := range regexp.MustCompile(`(?m)^(#+) (.*)$`).FindAllStringSubmatchIndex(page, -1) {
		slug := strings.ReplaceAll(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(page[m[4]:m[5]]), ""), " ", "-")
		if slug != anchor {
			continue
		}
		rest := page[m[1]:]
		if next := regexp.MustCompile(fmt.Sprintf(`(?m)^#{1,%d} `, m[3]-m[2])).FindStringIndex(rest); next != nil {
			rest = rest[:next[0]]
		}
		return rest
	}
	return ""
}

// unresolved returns the measured figures of a page that no linked page of bench has.
func unresolved(file, text string, pages map[string]string) (found []string, resolved int) {
	for _, p := range passages(text) {
		figures := measured(p.text)
		if len(figures) == 0 {
			continue
		}
		var behind strings.Builder
		for _, m := range evidence.FindAllStringSubmatch(p.paragraph, -1) {
			behind.WriteString(section(pages[path.Join(path.Dir(file), m[1])], m[2]))
		}
		for _, f := range figures {
			if stands(f, behind.String()) {
				resolved++
				continue
			}
			found = append(found, fmt.Sprintf("%s: %s in %.90q", file, f, strings.TrimSpace(p.text)))
		}
	}
	return found, resolved
}

// Every measured number of README and docs stands in a page of bench that its paragraph links to.
func TestNumbers_OfThePagesStandInTheEvidence(t *testing.T) {
	t.Parallel()
	r := repository(t)
	var found []string
	resolved := 0
	for file, text := range r.markdown {
		generated := file == "docs/providers.md" || file == "docs/advisories.md"
		if generated || !strings.HasPrefix(file, "docs/") && strings.Contains(file, "/") {
			continue
		}
		f, n := unresolved(file, text, r.markdown)
		found, resolved = append(found, f...), resolved+n
	}
	slices.Sort(found)
	assertKnown(t, nil, found, "a measured number has no link to a page of bench that has it")
	assert.Positive(t, resolved, "the search finds measured numbers")
}

func TestNumbers_TheRuleTellsMeasurementsFromLimits(t *testing.T) {
	t.Parallel()
	for sentence, want := range map[string]int{
		"It costs 47 µs.": 1, "An RSA decryption takes 1 to 2 ms of one core": 1, "some 280 MB/s without it": 1, "1.2 times a bare verification": 1,
		"| claim | 435 µs | 485 µs |": 2, "It took 3 minutes and 1.5 GB.": 2, "100,000 deliveries a second": 1, "A record takes 73 bytes": 1,
		"three allocations": 0, "It makes 3 allocations.": 1, "2.5 times faster": 1, "measured: 12 %": 1,
		"for at most 10 ms": 0, "it takes 5 s at most": 0, "takes up to 3 s": 0, "| `Config.BodyTimeout` | 5 s | 503 |": 0, "401 and 503": 0,
		"tokens live for 5 s; 30 s of leeway either way": 0, "again, up to 3 times": 0, "Go 1.25": 0, "1 MiB": 0, "a secret under 14 bytes is an error": 0,
		"limited to one in 10 s": 0, "HMAC-SHA256": 0, "RSA-2048": 0, "2026-11-27": 0,
	} {
		assert.Len(t, measured(sentence), want, sentence)
	}
	pages := map[string]string{"bench/RESULTS.md": "# Results\n\n## A\n\n1.57 and 435 µs\n\n### B\n\n12\n\n## C\n\n99\n"}
	for text, want := range map[string]int{
		"It costs 435 µs ([results](../bench/RESULTS.md)).":          0,
		"It costs 1.6 times a call ([results](../bench/RESULTS.md))": 0,
		"It costs 435 µs ([results](../bench/RESULTS.md#a)).":        0,
		"It costs 12 µs ([results](../bench/RESULTS.md#a)).":         0,
		"It costs 12 µs ([results](../bench/RESULTS.md#b)).":         0,
		"It costs 99 µs ([results](../bench/RESULTS.md#a)).":         1,
		"It costs 435 µs ([results](../bench/RESULTS.md#none)).":     1,
		"It costs 435 µs ([results](../bench/NONE.md)).":             1,
		"It costs 436 µs ([results](../bench/RESULTS.md)).":          1,
		"It costs 1.5 times a call ([results](../bench/RESULTS.md))": 1,
		"It costs 435 µs.": 1,
		"It costs 435 µs.\n\n[results](../bench/RESULTS.md)": 1,
		"It runs for at most 436 ms.":                        0,
	} {
		found, _ := unresolved("docs/a.md", text, pages)
		require.Len(t, found, want, "%s: %q", text, found)
	}
}
