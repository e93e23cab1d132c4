package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	module = "github.com/truhook/truhook"
)

// A source is one Go file.
type source struct {
	path   string // from the root of the repository, with slashes
	dir    string // its folder; "" is the root
	module string // the folder of its go.mod; "" is the core
	test   bool
	set    *token.FileSet
	file   *ast.File
}

// importPath returns the path by which others import the folder of s.
func (s *source) importPath() string { return strings.TrimSuffix(module+"/"+s.dir, "/") }

func (s *source) line(p token.Pos) int { return s.set.Position(p).Line }

// tree is the repository as it was read once.
type tree struct {
	sources  []*source
	markdown map[string]string // path to text
	files    map[string]bool   // files and folders, those of testdata left out
	err      error
}

var readTree = sync.OnceValue(func() *tree {
	t := &tree{markdown: map[string]string{}, files: map[string]bool{}}
	modules := map[string]string{".": ""}
	t.err = fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		t.files[path] = true
		name := entry.Name()
		dir := filepath.ToSlash(filepath.Dir(path))
		if entry.IsDir() {
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return fs.SkipDir
			}
			if path != "." {
				modules[path] = modules[dir]
				if _, err := os.Stat(filepath.Join(root, path, "go.mod")); err == nil {
					modules[path] = path
				}
			}
			return nil
		}
		switch {
		case strings.HasSuffix(name, ".md"):
			text, err := os.ReadFile(filepath.Join(root, path))
			t.markdown[path] = string(text)
			return err
		case strings.HasSuffix(name, ".go"):
			s := &source{path: path, module: modules[dir], test: strings.HasSuffix(name, "_test.go"), set: token.NewFileSet()}
			if dir != "." {
				s.dir = dir
			}
			s.file, err = parser.ParseFile(s.set, filepath.Join(root, path), nil, parser.ParseComments|parser.SkipObjectResolution)
			t.sources = append(t.sources, s)
			return err
		}
		return nil
	})
	return t
})

func repository(t *testing.T) *tree {
	t.Helper()
	r := readTree()
	require.NoError(t, r.err)
	require.Greater(t, len(r.sources), 300)
	require.NotEmpty(t, r.markdown["README.md"])
	return r
}

// publicModules are those that a user's go.mod can name; "" is the core.
func publicModules() []string {
	return []string{
		"", "idempotency/lineartest", "idempotency/redisstore",
		"inbox/asynqinbox", "inbox/riverinbox", "inbox/watermillinbox", "otelhook",
	}
}

// public reports whether users import the package of s.
func (s *source) public() bool {
	return !s.test && slices.Contains(publicModules(), s.module) && s.file.Name.Name != "main" &&
		!slices.Contains(strings.Split(s.dir, "/"), "internal")
}

// assertKnown compares what a test found with what it may find for now. A row that is found no more has to go, so the
// list only shrinks.
func assertKnown(t *testing.T, known, found []string, message string) {
	t.Helper()
	for _, f := range found {
		if !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(f, k) }) {
			assert.Fail(t, message, f)
		}
	}
	for _, k := range known {
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, k) }) {
			assert.Fail(t, "a known violation is mended: take it out of the list", k)
		}
	}
}
