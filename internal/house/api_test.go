package house_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/printer"
	"go/token"
	"maps"
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
func TestAPI_IsTheRecordedOne(t *testing.T) {
	t.Parallel()
	apis := map[string][]string{}
	for _, s := range repository(t).sources {
		if s.public() {
			apis[s.dir] = append(apis[s.dir], exported(t, s)...)
		}
	}
	folder := filepath.Join(root, "testdata", "api")
	files := []string{}
	for dir, lines := range apis {
		name := "truhook.txt"
		if dir != "" {
			name = strings.ReplaceAll(dir, "/", "-") + ".txt"
		}
		files = append(files, name)
		slices.Sort(lines)
		got := strings.Join(lines, "\n") + "\n"
		if *update {
			require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(got), 0o600))
		}
		want, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err, "run make api")
		assert.Equal(t, string(want), got, "the API of %q changed: look at it, then run make api", dir)
	}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		if !slices.Contains(files, e.Name()) {
			if *update {
				require.NoError(t, os.Remove(filepath.Join(folder, e.Name())))
				continue
			}
			assert.Fail(t, "the package of a golden file is gone: run make api", e.Name())
		}
	}
	assert.Subset(t, slices.Collect(maps.Keys(apis)), []string{"", "hmacsig", "jose", "mtls", "idempotency", "inbox"})
}

func exported(t *testing.T, s *source) []string {
	t.Helper()
	var lines []string
	for _, decl := range s.file.Decls {
		lines = append(lines, declared(t, s.set, decl)...)
	}
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
		if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d)) {
			return nil
		}
		return []string{text(&ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type})}
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
		if s.Assign.IsValid() {
			head += " ="
		}
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

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	of := d.Recv.List[0].Type
	for {
		switch e := of.(type) {
		case *ast.StarExpr:
			of = e.X
		case *ast.IndexExpr:
			of = e.X
		case *ast.IndexListExpr:
			of = e.X
		case *ast.ParenExpr:
			of = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}
