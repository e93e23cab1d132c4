package house_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README names every module that can be installed, with the Go version that its go.mod asks for.
func TestInstall_ReadmeNamesEachModuleAndItsGo(t *testing.T) {
	t.Parallel()
	r := repository(t)
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(github.com/[^`]+)` \\|.*\\| ([0-9.]+) \\|$").FindAllStringSubmatch(r.markdown["README.md"], -1) {
		rows[m[1]] = m[2]
	}
	want := map[string]string{}
	for _, dir := range publicModules() {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); os.IsNotExist(err) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
		require.NoError(t, err)
		version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(text))
		require.NotNil(t, version, dir)
		want[strings.TrimSuffix(module+"/"+dir, "/")] = version[1]
	}
	assert.Equal(t, want, rows)
}

// A fresh machine has only what .ci/install-servers installs: a test that starts another program fails there.
func TestInstall_ServersNamesEveryProgramThatTestsStart(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, ".ci/install-servers"))
	require.NoError(t, err)
	list := regexp.MustCompile(`"\$\{servers:=(.*)\}"`).FindStringSubmatch(string(script))
	require.NotNil(t, list)
	installed := []string{"go", "git"}
	for entry := range strings.FieldsSeq(list[1]) {
		_, program, _ := strings.Cut(entry, "=")
		installed = append(installed, program)
	}

	started := map[string]string{}
	for _, s := range repository(t).sources {
		names := []string{"LookPath"}
		if s.dir == "internal/servertest" || s.dir == "internal/proxytest" {
			names = append(names, "find", "start")
		} else if !s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(names, calledName(call)) {
				return true
			}
			for _, arg := range call.Args[:min(2, len(call.Args))] {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					started[strings.Trim(lit.Value, "\"`")] = s.path
					break
				}
			}
			return true
		})
	}
	for _, program := range []string{"nginx", "redis-server", "postgres", "pgbouncer", "node"} {
		assert.Contains(t, started, program, "the test reads what tests start")
	}
	for program, path := range started {
		assert.Contains(t, installed, program, "%s starts it", path)
	}
}

// calledName returns the last name of what is called.
func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}

// A newcomer reads the README in three minutes, and finds in front of its first heading what it is, how it is
// installed, what to write, and how to see that it works.
func TestInstall_ReadmeIsReadInThreeMinutes(t *testing.T) {
	t.Parallel()
	text := repository(t).markdown["README.md"]
	rest, _, _ := strings.Cut(text, "\n## ")
	for _, answer := range []string{"proves that an inbound webhook", "go get " + module, "truhook.NewMiddleware(", "func Test", "go test ."} {
		_, after, found := strings.Cut(rest, answer)
		assert.True(t, found, "%q does not stand there, in this order", answer)
		rest = after
	}
	prose := regexp.MustCompile(`(?s)<details>.*?</details>|<!--.*?-->|!\[[^\]]*\]\([^)]*\)`).ReplaceAllString(fenced.ReplaceAllString(text, ""), "")
	prose = regexp.MustCompile(`(?m)^\|.*$|\]\([^)]*\)`).ReplaceAllString(prose, "")
	words := len(strings.Fields(prose))
	assert.Less(t, words, 750, "250 words a minute; tables, code and pictures aside")
	assert.Greater(t, words, 300)
}
