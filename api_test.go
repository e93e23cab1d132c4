package truhook_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files of testdata/api")

// A change of the exported API shows in the diff of a golden file, one line a name: "make api" writes them.
func TestExportedAPIIsTheRecordedOne(t *testing.T) {
	t.Parallel()
	for _, dir := range packageDirs(t) {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			golden := filepath.Join("testdata", "api", strings.ReplaceAll(filepath.ToSlash(dir), "/", "-")+".txt")
			if dir == "." {
				golden = filepath.Join("testdata", "api", "truhook.txt")
			}
			got := strings.Join(exported(t, dir), "\n") + "\n"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run make api")
			assert.Equal(t, string(want), got, "the API changed: look at it, then run make api")
		})
	}
}

// packageDirs returns the folders of the core module's importable packages.
func packageDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if !entry.IsDir() {
			return nil
		}
		name := entry.Name()
		if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "internal" || name == "examples" || name == "cmd") {
			return fs.SkipDir
		}
		if _, err := os.Stat(filepath.Join(path, "go.mod")); path != "." && err == nil {
			return fs.SkipDir // a nested module
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		require.NoError(t, err)
		if slices.ContainsFunc(files, func(f string) bool { return !strings.HasSuffix(f, "_test.go") }) {
			dirs = append(dirs, path)
		}
		return nil
	}))
	return dirs
}

func exported(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var lines []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			lines = append(lines, declared(t, set, decl)...)
		}
	}
	slices.Sort(lines)
	return lines
}

func declared(t *testing.T, set *token.FileSet, decl ast.Decl) []string {
	t.Helper()
	text := func(node any) string {
		var b bytes.Buffer
		require.NoError(t, printer.Fprint(&b, set, node))
		return strings.Join(strings.Fields(b.String()), " ")
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			return nil
		}
		if d.Recv != nil && !ast.IsExported(strings.TrimLeft(text(d.Recv.List[0].Type), "*")) {
			return nil
		}
		d.Doc, d.Body = nil, nil
		return []string{text(d)}
	case *ast.GenDecl:
		var lines []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for i, name := range s.Names {
					if !name.IsExported() {
						continue
					}
					line := d.Tok.String() + " " + name.Name
					if s.Type != nil {
						line += " " + text(s.Type)
					}
					if d.Tok == token.CONST && i < len(s.Values) {
						line += " = " + text(s.Values[i])
					}
					lines = append(lines, line)
				}
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					lines = append(lines, typeLines(s, text)...)
				}
			}
		}
		return lines
	}
	return nil
}

func typeLines(s *ast.TypeSpec, text func(any) string) []string {
	head := "type " + s.Name.Name
	var members []*ast.Field
	switch body := s.Type.(type) {
	case *ast.StructType:
		head, members = head+" struct", body.Fields.List
	case *ast.InterfaceType:
		head, members = head+" interface", body.Methods.List
	default:
		return []string{head + " " + text(s.Type)}
	}
	lines := []string{head}
	for _, m := range members {
		if len(m.Names) == 0 {
			lines = append(lines, head+", "+text(m.Type))
		}
		for _, name := range m.Names {
			if name.IsExported() {
				lines = append(lines, head+", "+name.Name+" "+text(m.Type))
			}
		}
	}
	return lines
}
