package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The table of docs/keys.md has every finding of an Audit, and no other.
func TestFindings_OfAuditsStandInTheirTable(t *testing.T) {
	t.Parallel()
	r := repository(t)
	byFolder := map[string][]*source{}
	for _, s := range r.sources {
		explains := strings.HasPrefix(path.Base(s.path), "explain") || s.dir == "internal/explain"
		if !s.test && !explains && !leaves.MatchString(s.dir) {
			byFolder[s.dir] = append(byFolder[s.dir], s)
		}
	}
	found := map[string]bool{}
	var unread []string
	for _, sources := range byFolder {
		f := &findings{names: map[string]bool{}, wanted: map[wanted]bool{}}
		for _, s := range sources {
			f.files = append(f.files, s.file)
		}
		f.collect()
		maps.Copy(found, f.names)
		for _, why := range f.unread {
			unread = append(unread, sources[0].dir+": "+why)
		}
	}
	assertKnown(t, nil, unread, "the name of a finding cannot be read: write it as the others are written, or teach this test")
	assert.Greater(t, len(found), 60)

	_, text, ok := strings.Cut(r.markdown["docs/keys.md"], "\n## Audit at start\n")
	require.True(t, ok)
	text, _, _ = strings.Cut(text, "\n## ")
	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| (?:error|warning|note)`).FindAllStringSubmatch(text, -1) {
		for _, name := range quoted.FindAllString(row[1], -1) {
			listed = append(listed, strings.Trim(name, "`"))
		}
	}
	slices.Sort(listed)
	assert.Equal(t, slices.Sorted(maps.Keys(found)), listed, "docs/keys.md, Audit at start")
}

// findings collects the names of the findings that the files of one package make: literals in a truhook.Finding or
// assigned to its Name, arguments of functions that pass one on, and fields of tables.
type findings struct {
	files  []*ast.File
	names  map[string]bool
	wanted map[wanted]bool // yet to be looked for
	unread []string
}

// wanted is where names stand besides: an argument of a function, in one declaration if it is a local one, or a field
// of a struct.
type wanted struct {
	function string
	argument int
	within   *ast.FuncDecl
	field    string
}

func (f *findings) collect() {
	for _, file := range f.files {
		ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
			stack = append(slices.Clone(stack), n)
			switch n := n.(type) {
			case *ast.CompositeLit:
				if name := member(n, "Name"); name != nil && isFinding(n, stack) {
					f.read(name, stack)
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					to, ok := left.(*ast.SelectorExpr)
					if ok && to.Sel.Name == "Name" && len(n.Rhs) == len(n.Lhs) && speaksOfFindings(stack) {
						f.read(n.Rhs[i], stack)
					}
				}
			}
			return true
		})
	}
	done := map[wanted]bool{}
	for len(done) < len(f.wanted) {
		for w := range maps.Clone(f.wanted) {
			if !done[w] {
				done[w] = true
				f.find(w)
			}
		}
	}
}

// read takes the name that an expression is, or remembers where it comes from.
func (f *findings) read(name ast.Expr, stack []ast.Node) {
	switch e := name.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			f.names[text] = true
			return
		}
	case *ast.Ident:
		for i := len(stack) - 1; i > 0; i-- {
			switch function := stack[i].(type) {
			case *ast.FuncDecl:
				if at := parameter(function.Type, e.Name); at >= 0 {
					f.wanted[wanted{function: function.Name.Name, argument: at}] = true
					return
				}
			case *ast.FuncLit:
				to, ok := stack[i-1].(*ast.AssignStmt)
				if at := parameter(function.Type, e.Name); ok && at >= 0 {
					f.wanted[wanted{function: to.Lhs[0].(*ast.Ident).Name, argument: at, within: declaration(stack)}] = true
					return
				}
			}
		}
	case *ast.SelectorExpr:
		f.wanted[wanted{field: e.Sel.Name}] = true
		return
	}
	f.unread = append(f.unread, fmt.Sprintf("%T in %s", name, declaration(stack).Name.Name))
}

// find reads what is wanted. Nothing found is unread.
func (f *findings) find(w wanted) {
	count := 0
	for _, file := range f.files {
		ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
			stack = append(slices.Clone(stack), n)
			switch n := n.(type) {
			case *ast.CallExpr:
				called := ""
				switch of := n.Fun.(type) {
				case *ast.Ident:
					called = of.Name
				case *ast.SelectorExpr:
					called = of.Sel.Name
				}
				if w.function != "" && called == w.function && (w.within == nil || w.within == declaration(stack)) && len(n.Args) > w.argument {
					count++
					f.read(n.Args[w.argument], stack)
				}
			case *ast.TypeSpec:
				body, ok := n.Type.(*ast.StructType)
				if at := fieldAt(body, w.field); ok && w.field != "" && at >= 0 {
					count += f.rows(n.Name.Name, w.field, at)
				}
			}
			return true
		})
	}
	if count == 0 {
		f.unread = append(f.unread, fmt.Sprintf("nothing gives %s%s its name", w.function, w.field))
	}
}

// rows reads a field of the tables of a type.
func (f *findings) rows(of, field string, at int) (count int) {
	for _, file := range f.files {
		ast.PreorderStack(file, nil, func(n ast.Node, stack []ast.Node) bool {
			list, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			array, ok := list.Type.(*ast.ArrayType)
			if kind, isIdent := (*ast.Ident)(nil), false; ok {
				if kind, isIdent = array.Elt.(*ast.Ident); isIdent && kind.Name == of {
					for _, row := range list.Elts {
						row, ok := row.(*ast.CompositeLit)
						if !ok {
							continue
						}
						name := member(row, field)
						if name == nil && len(row.Elts) > at {
							name = row.Elts[at]
						}
						if name != nil {
							count++
							f.read(name, append(slices.Clone(stack), n))
						}
					}
				}
			}
			return true
		})
	}
	return count
}

// member returns the value of a key in a literal, or nil.
func member(of *ast.CompositeLit, key string) ast.Expr {
	for _, e := range of.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			if name, ok := pair.Key.(*ast.Ident); ok && name.Name == key {
				return pair.Value
			}
		}
	}
	return nil
}

// isFinding reports whether a literal is a Finding, also one in a list of them.
func isFinding(l *ast.CompositeLit, stack []ast.Node) bool {
	kind := l.Type
	if kind == nil && len(stack) > 1 {
		if list, ok := stack[len(stack)-2].(*ast.CompositeLit); ok {
			if array, ok := list.Type.(*ast.ArrayType); ok {
				kind = array.Elt
			}
		}
	}
	switch kind := kind.(type) {
	case *ast.Ident:
		return kind.Name == "Finding"
	case *ast.SelectorExpr:
		return kind.Sel.Name == "Finding"
	}
	return false
}

// speaksOfFindings reports whether the declaration that a node stands in names the type Finding.
func speaksOfFindings(stack []ast.Node) (yes bool) {
	if d := declaration(stack); d != nil {
		ast.Inspect(d, func(n ast.Node) bool {
			name, ok := n.(*ast.Ident)
			yes = yes || ok && name.Name == "Finding"
			return !yes
		})
	}
	return yes
}

func declaration(stack []ast.Node) *ast.FuncDecl {
	for _, n := range stack {
		if d, ok := n.(*ast.FuncDecl); ok {
			return d
		}
	}
	return nil
}

// parameter returns the position of a parameter, or -1.
func parameter(of *ast.FuncType, name string) int { return positionIn(of.Params, name) }

// fieldAt returns the position of a field, or -1.
func fieldAt(of *ast.StructType, name string) int {
	if of == nil {
		return -1
	}
	return positionIn(of.Fields, name)
}

func positionIn(list *ast.FieldList, name string) int {
	at := 0
	for _, field := range list.List {
		for _, n := range field.Names {
			if n.Name == name {
				return at
			}
			at++
		}
	}
	return -1
}
