package house_test

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A delivery's way through the root has one direction: no file calls back, by whatever way, into one that called it.
func TestCalls_NoFileOfTheRootCallsBack(t *testing.T) {
	t.Parallel()
	set := token.NewFileSet()
	var files []*ast.File
	for _, s := range repository(t).sources {
		if s.dir == "" && !s.test {
			f, err := parser.ParseFile(set, filepath.Join(root, s.path), nil, 0) // all in one set
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	require.Greater(t, len(files), 15)
	if build.Default.GOROOT == "" { // a test that was built with -trimpath does not know it
		out, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
		require.NoError(t, err)
		build.Default.GOROOT = strings.TrimSpace(string(out))
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	cfg := types.Config{Importer: importer.ForCompiler(set, "source", nil)}
	pkg, err := cfg.Check(module, set, files, info)
	require.NoError(t, err)

	calls := map[string]map[string]bool{}
	for use, object := range info.Uses {
		f, ok := object.(*types.Func)
		if !ok || f.Pkg() != pkg {
			continue
		}
		if recv := f.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
			continue // whatever implements it is handed in
		}
		from, to := fileOf(set, use.Pos()), fileOf(set, f.Pos())
		if calls[from] == nil {
			calls[from] = map[string]bool{}
		}
		calls[from][to] = from != to
	}
	require.True(t, calls["middleware.go"]["verify.go"], "the calls are found")
	for _, file := range slices.Sorted(maps.Keys(calls)) {
		assert.Empty(t, wayBack(calls, file), "%s is called back", file)
	}
}

func fileOf(set *token.FileSet, p token.Pos) string { return filepath.Base(set.Position(p).Filename) }

// wayBack returns the files by which file calls itself.
func wayBack(calls map[string]map[string]bool, file string) string {
	seen := map[string]bool{}
	var walk func(at string, way []string) string
	walk = func(at string, way []string) string {
		for next, other := range calls[at] {
			switch {
			case !other || seen[next]:
			case next == file:
				return strings.Join(append(way, next), " -> ")
			default:
				seen[next] = true
				if back := walk(next, append(slices.Clip(way), next)); back != "" {
					return back
				}
			}
		}
		return ""
	}
	return walk(file, []string{file})
}
