package house_test

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// members maps each exported name of a package to its own exported fields and methods.
type members map[string]map[string]bool

// names are the exported names of every package of the repository by the package's name: two of one name count as one.
func names(r *tree) map[string]members {
	all := map[string]members{}
	add := func(pkg, name, member string) {
		if all[pkg] == nil {
			all[pkg] = members{}
		}
		if all[pkg][name] == nil {
			all[pkg][name] = map[string]bool{}
		}
		if member != "" {
			all[pkg][name][member] = true
		}
	}
	for _, s := range r.sources {
		pkg := s.file.Name.Name
		if s.test || pkg == "main" {
			continue
		}
		for _, decl := range s.file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if of := receiver(d); of != "" {
					add(pkg, of, d.Name.Name)
				} else {
					add(pkg, d.Name.Name, "")
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							add(pkg, name.Name, "")
						}
					case *ast.TypeSpec:
						add(pkg, spec.Name.Name, "")
						var fields *ast.FieldList
						switch body := spec.Type.(type) {
						case *ast.StructType:
							fields = body.Fields
						case *ast.InterfaceType:
							fields = body.Methods
						default:
							continue
						}
						for _, f := range fields.List {
							for _, name := range f.Names {
								add(pkg, spec.Name.Name, name.Name)
							}
							if len(f.Names) == 0 { // embedded: what it promotes is not followed
								add(pkg, spec.Name.Name, "*")
							}
						}
					}
				}
			}
		}
	}
	return all
}

var (
	// package.Name and package.Name.Member
	qualified = regexp.MustCompile(`(?:^|[^\w./"-])\*?([a-z][a-z0-9]*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	// Type.Member of some package of ours
	selected = regexp.MustCompile(`(?:^|[^\w./"-])\*?([A-Z]\w*)\.([A-Z]\w*)`)
	link     = regexp.MustCompile(`\[\*?([A-Z]\w*)(?:\.([A-Z]\w*))?\](?:[^(:]|$)`)
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
	quoted   = regexp.MustCompile("`[^`\n]+`")
)

// What the documentation speaks of exists: package.Name in Markdown and in comments, Type.Member of a type of the same
// package, and the links of doc comments.
func TestNames_InMarkdownAndCommentsExist(t *testing.T) {
	t.Parallel()
	r := repository(t)
	all := names(r)
	var found []string
	for file, text := range r.markdown {
		text = fenced.ReplaceAllString(text, "") // compiled by another test
		for _, span := range quoted.FindAllString(text, -1) {
			for _, missing := range missingQualified(all, strings.Trim(span, "`")) {
				found = append(found, file+": "+missing)
			}
			for _, m := range selected.FindAllStringSubmatch(strings.Trim(span, "`"), -1) {
				if !someHas(all, m[1], m[2]) {
					found = append(found, fmt.Sprintf("%s: %s.%s", file, m[1], m[2]))
				}
			}
		}
	}
	for _, s := range r.sources {
		own := all[strings.TrimSuffix(s.file.Name.Name, "_test")]
		for _, group := range s.file.Comments {
			text := group.Text()
			for _, missing := range missingQualified(all, text) {
				found = append(found, s.path+": "+missing)
			}
			for _, m := range selected.FindAllStringSubmatch(text, -1) {
				if has, ours := own[m[1]]; ours && !has[m[2]] && !has["*"] && ast.IsExported(m[1]) {
					found = append(found, fmt.Sprintf("%s: %s.%s", s.path, m[1], m[2]))
				}
			}
			if s.test {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(text, -1) {
				if has, ours := own[m[1]]; !ours || m[2] != "" && !has[m[2]] && !has["*"] {
					found = append(found, s.path+": "+strings.Trim(m[0], " .,;\n"))
				}
			}
		}
	}
	slices.Sort(found)
	assertKnown(t, namesThatDoNotExist, slices.Compact(found), "the documentation names what does not exist")
}

func missingQualified(all map[string]members, text string) (missing []string) {
	for _, m := range qualified.FindAllStringSubmatch(text, -1) {
		of, ours := all[m[1]]
		if !ours {
			continue
		}
		has, exists := of[m[2]]
		if !exists || m[3] != "" && !has[m[3]] && !has["*"] {
			missing = append(missing, strings.TrimSuffix(strings.Join(m[1:], "."), "."))
		}
	}
	return missing
}

// someHas reports whether a type of that name has the member, or no type of ours has the name.
func someHas(all map[string]members, name, member string) bool {
	ours := false
	for _, pkg := range slices.Collect(maps.Values(all)) {
		has, exists := pkg[name]
		ours = ours || exists && len(has) > 0
		if exists && (has[member] || has["*"]) {
			return true
		}
	}
	return !ours
}

// Links of the Markdown pages lead to files that exist.
func TestNames_LinkedFilesExist(t *testing.T) {
	t.Parallel()
	r := repository(t)
	target := regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)
	var found []string
	for file, text := range r.markdown {
		for _, m := range target.FindAllStringSubmatch(quoted.ReplaceAllString(fenced.ReplaceAllString(text, ""), ""), -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			if to := path.Join(path.Dir(file), m[1]); !r.files[to] {
				found = append(found, file+": "+m[1])
			}
		}
	}
	slices.Sort(found)
	assertKnown(t, nil, found, "a link leads to no file")
}

// Tests, benchmarks and fuzz targets that the pages name exist; behind -run, -bench and -fuzz a part of a name will do.
func TestNames_OfTestsInMarkdownExist(t *testing.T) {
	t.Parallel()
	r := repository(t)
	tests := map[string]bool{}
	for _, s := range r.sources {
		for _, decl := range s.file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				tests[f.Name.Name] = true
			}
		}
	}
	name := regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	part := regexp.MustCompile(`-(?:run|bench|fuzz)[ =]'?\^?([A-Za-z_]\w*)`)
	var found []string
	named := 0
	for file, text := range r.markdown {
		for _, span := range quoted.FindAllString(text, -1) {
			if span = strings.Trim(span, "`"); name.MatchString(span) {
				if named++; !tests[span] { // truhooktest has a TestReceiver too
					found = append(found, file+": "+span)
				}
			}
		}
		for _, m := range part.FindAllStringSubmatch(text, -1) {
			if !slices.ContainsFunc(slices.Collect(maps.Keys(tests)), func(test string) bool { return strings.Contains(test, m[1]) }) {
				found = append(found, file+": "+m[0])
			}
		}
	}
	if named < 100 {
		t.Errorf("%d tests are named in the pages: the search does not work", named)
	}
	slices.Sort(found)
	assertKnown(t, nil, slices.Compact(found), "a page names a test that does not exist")
}

// A page that names a target of make names one that exists.
func TestNames_MakeTargetsExist(t *testing.T) {
	t.Parallel()
	r := repository(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z -]*):`).FindAllStringSubmatch(string(makefile), -1) {
		for _, target := range strings.Fields(m[1]) {
			targets[target] = true
		}
	}
	var found []string
	named := 0
	for file, text := range r.markdown {
		for _, m := range regexp.MustCompile("(?m)(?:`|^    )make ([a-z][a-z-]*)").FindAllStringSubmatch(text, -1) {
			named++
			if !targets[m[1]] {
				found = append(found, file+": make "+m[1])
			}
		}
	}
	slices.Sort(found)
	assert.Greater(t, named, 10)
	assertKnown(t, nil, found, "a page names a target that the Makefile has not")
}

// Each page is found by its task.
func TestNames_EachPageStandsInTheIndex(t *testing.T) {
	t.Parallel()
	r := repository(t)
	for page := range r.markdown {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && name != "README.md" {
			assert.Contains(t, r.markdown["docs/README.md"], "("+name, "docs/README.md has no link to %s", page)
		}
	}
}
