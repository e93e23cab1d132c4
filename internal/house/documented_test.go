package house_test

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every exported name of a public package says what it is. A field says it by a comment of its own, one above the group
// it stands in, its mention in the comment of the struct, the name of its type (Reason Reason), or its JSON name where
// it mirrors what a provider documents. The one method of an interface is what the interface is about.
func TestDocumented_EveryExportedNameIs(t *testing.T) {
	t.Parallel()
	var found []string
	packages := map[string]bool{}
	for _, s := range repository(t).sources {
		if !s.public() {
			continue
		}
		packages[s.dir] = packages[s.dir] || s.file.Doc != nil
		for _, decl := range s.file.Decls {
			for _, name := range undocumented(s, decl) {
				found = append(found, s.path+": "+name)
			}
		}
	}
	for dir, documented := range packages {
		if !documented {
			found = append(found, dir+": the package")
		}
	}
	slices.Sort(found)
	assertKnown(t, undocumentedNames, found, "an exported name has no doc comment")
}

func undocumented(in *source, decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) && !obvious(d) {
			names = append(names, strings.TrimPrefix(receiver(d)+"."+d.Name.Name, "."))
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, name.Name)
					}
				}
			case *ast.TypeSpec:
				if !s.Name.IsExported() {
					continue
				}
				if d.Doc == nil && s.Doc == nil && s.Comment == nil {
					names = append(names, s.Name.Name)
				}
				about := d.Doc.Text() + s.Doc.Text()
				switch body := s.Type.(type) {
				case *ast.StructType:
					names = append(names, undocumentedFields(in, s.Name.Name, about, body.Fields)...)
				case *ast.InterfaceType:
					if len(body.Methods.List) > 1 {
						names = append(names, undocumentedFields(in, s.Name.Name, about, body.Methods)...)
					}
				}
			}
		}
	}
	return names
}

// obvious methods are those of an interface of the standard library that everybody knows.
func obvious(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "Is", "As"}, d.Name.Name)
}

func undocumentedFields(in *source, of, about string, fields *ast.FieldList) (names []string) {
	group := false // a comment above covers the fields that follow it without a blank line
	for i, f := range fields.List {
		if i > 0 && in.line(f.Pos())-in.line(fields.List[i-1].End()) > 1 {
			group = false
		}
		group = group || f.Doc != nil
		mirrored := f.Tag != nil && strings.Contains(f.Tag.Value, "json:")
		if f.Doc != nil || f.Comment != nil || mirrored || group {
			continue
		}
		kind, _ := f.Type.(*ast.Ident)
		for _, name := range f.Names {
			mentioned := regexp.MustCompile(`\b` + name.Name + `\b`).MatchString(about)
			if name.IsExported() && !mentioned && (kind == nil || kind.Name != name.Name) {
				names = append(names, of+"."+name.Name)
			}
		}
	}
	return names
}
