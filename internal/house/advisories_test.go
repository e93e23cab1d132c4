package house_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An advisory is a known failure of a library, a server or a service.
type advisory struct{ id, where, others, reason string }

// An advisoryTest recreates the attack of one.
type advisoryTest struct{ name, path, about string }

func advisories(t *testing.T) (all []advisory) {
	t.Helper()
	text, err := os.ReadFile("testdata/advisories.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		left, out := strings.CutPrefix(line, "! ")
		fields := strings.Split(left, "\t")
		require.Len(t, fields, 3, line)
		a := advisory{id: fields[0], where: fields[1], others: fields[2]}
		if out {
			a.others, a.reason = "-", fields[2]
		}
		all = append(all, a)
	}
	return all
}

var advisoryName = regexp.MustCompile(`^TestAdvisory_([A-Z]+(?:_[0-9a-z]+)+)_([A-Z]\w*)$`)

// advisoryTests are the tests of each id.
func advisoryTests(t *testing.T) map[string][]advisoryTest {
	t.Helper()
	all := map[string][]advisoryTest{}
	for _, s := range repository(t).sources {
		for _, decl := range s.file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "TestAdvisor") || s.dir == "internal/house" && !strings.HasPrefix(f.Name.Name, "TestAdvisory_") {
				continue
			}
			m := advisoryName.FindStringSubmatch(f.Name.Name)
			require.NotNil(t, m, "%s: %s is not TestAdvisory_<id>_<Claim>", s.path, f.Name.Name)
			require.NotNil(t, f.Doc, "%s: %s says in a comment what went wrong", s.path, f.Name.Name)
			id := strings.ReplaceAll(m[1], "_", "-")
			all[id] = append(all[id], advisoryTest{m[2], s.path, strings.Join(strings.Fields(f.Doc.Text()), " ")})
		}
	}
	return all
}

// Every known failure that applies is a test with its id in the name, and docs/advisories.md lists them: "make
// advisories" writes it.
func TestAdvisories_EachIsATestAndStandsInTheIndex(t *testing.T) {
	t.Parallel()
	list, tests := advisories(t), advisoryTests(t)
	require.Greater(t, len(list), 70)
	for _, a := range list {
		if a.reason == "" {
			assert.NotEmpty(t, tests[a.id], "%s of %s has no test", a.id, a.where)
		} else {
			assert.Empty(t, tests[a.id], "%s has a test, so it applies", a.id)
		}
	}
	for id := range maps.Keys(tests) {
		assert.True(t, slices.ContainsFunc(list, func(a advisory) bool { return a.id == id }), "%s is not in the list", id)
	}
	page := filepath.Join(root, "docs", "advisories.md")
	want := advisoryPage(list, tests)
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o600))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err, "run make advisories")
	assert.Equal(t, want, string(got), "run make advisories")
}

func advisoryPage(list []advisory, tests map[string][]advisoryTest) string {
	var rows, out strings.Builder
	count := 0
	for _, a := range list {
		others := strings.TrimPrefix(", "+a.others, ", -")
		if a.reason != "" {
			fmt.Fprintf(&out, "| %s%s | %s | %s |\n", a.id, others, a.where, a.reason)
			continue
		}
		for _, test := range tests[a.id] {
			count++
			name := "TestAdvisory_" + strings.ReplaceAll(a.id, "-", "_") + "_" + test.name
			fmt.Fprintf(&rows, "| %s%s | %s | %s | [`%s`](../%s) |\n", a.id, others, a.where, test.about, name, test.path)
		}
	}
	return `<!-- Generated from the names and comments of the tests: make advisories. -->

# Known failures of others, as tests

Each row is a failure that was found in a library, a server or a service with webhooks or tokens, and the test that
tries the same attack here. The ids without a year are of versions and issues that have no advisory.

    go test -run TestAdvisory ./...

runs all ` + fmt.Sprint(count) + `. [threat-model.md](threat-model.md) says what the attackers can do.

| advisory | in | what went wrong | test |
|---|---|---|---|
` + rows.String() + `
## Not ours

| advisory | in | reason |
|---|---|---|
` + out.String()
}

// Fleet compiled a member of an unauthenticated payload as a regular expression.
func TestAdvisory_CVE_2026_44937_NoExpressionIsMadeOfWhatWasSent(t *testing.T) {
	t.Parallel()
	constant, others := 0, []string{}
	for _, s := range repository(t).sources {
		if s.test || !s.public() && !strings.HasPrefix(s.dir, "internal/") || strings.HasSuffix(s.dir, "test") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !strings.HasPrefix(called(call), "regexp.") || called(call) == "regexp.QuoteMeta" {
				return true
			}
			if literals(call.Args[0]) {
				constant++
			} else {
				others = append(others, fmt.Sprintf("%s:%d", s.path, s.line(call.Pos())))
			}
			return true
		})
	}
	assert.Empty(t, others, "an expression that is not written in the code")
	assert.Positive(t, constant)
}

// literals reports whether e is text that is written in the code.
func literals(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.BinaryExpr:
		return literals(x.X) && literals(x.Y)
	case *ast.ParenExpr:
		return literals(x.X)
	}
	return false
}
