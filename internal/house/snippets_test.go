package house_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The Go code of the Markdown pages compiles. A block is a whole file, or declarations, or statements, or one
// expression; "..." stands for what the page leaves out. Packages are imported by their names, and the variables that a
// reader is expected to have (mux, store, ctx) are those of assumed. An unused variable is no error.
func TestSnippets_Compile(t *testing.T) {
	t.Parallel()
	r := repository(t)
	paths := snippetImports(r)
	set := token.NewFileSet()
	var snippets []*snippet
	var found []string
	needed := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.markdown)) {
		text := r.markdown[name]
		text = quoteOf.ReplaceAllStringFunc(text, func(quote string) string { // compiled where it stands
			return strings.Repeat("\n", strings.Count(quote, "\n"))
		})
		var whole *snippet // the files of one page are one package
		for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatchIndex(text, -1) {
			s := &snippet{set: set, at: fmt.Sprintf("%s:%d", name, strings.Count(text[:m[2]], "\n")+1)}
			if err := s.parse(text[m[2]:m[3]], paths); err != nil {
				found = append(found, fmt.Sprintf("%s: %v", s.at, err))
				continue
			}
			if strings.HasPrefix(text[m[2]:m[3]], "package ") {
				if whole != nil {
					whole.more, whole.imports = append(whole.more, s.file), append(whole.imports, s.imports...)
					continue
				}
				whole = s
			}
			snippets = append(snippets, s)
		}
	}
	for _, s := range snippets {
		for _, p := range s.imports {
			needed[p] = true
		}
	}
	require.Greater(t, len(snippets), 10)
	exports := exportData(t, needed)
	for _, s := range snippets {
		found = append(found, s.check(exports)...)
	}
	assertKnown(t, snippetsThatDoNotCompile, found, "a code block of the documentation does not compile")
}

// assumed are the names that the pages use without declaring them. A page that declares one has its own.
const assumed = `
	ctx context.Context
	mux *http.ServeMux
	existing, next http.Handler
	handle, h func(ctx context.Context, v *truhook.Verified) error
	save func(ctx context.Context, payload []byte) error
	keep func(ctx context.Context, payload []byte, why error) error
	id string
	logger *slog.Logger
	events, refused interface{ WithLabelValues(labels ...string) interface{ Inc() } }

	v, signature, token truhook.Verifier
	verify *truhook.Middleware
	d *truhook.Delivery
	peer *mtls.Verifier
	roots *x509.CertPool
	intermediates []*x509.Certificate
	ours []tls.Certificate
	proxies []netip.Prefix
	secret string
	retired []string
	response, platformPEM, minePEM []byte
	platformID, mineID string
	key, anotherKey hmacsig.Key
	lookUp func(ctx context.Context, id string) ([]hmacsig.Key, error)

	store idempotency.Store
	once *idempotency.Middleware
	queue inbox.Enqueuer
	db *sql.DB
	newTestDatabase func(t testing.TB) interface{ Book(id string) error }
	newHandler func(db any, log io.Writer, effect func(id string) error) http.Handler
`

// assume declares what of assumed the file does not declare.
func assume(file *ast.File) string {
	var b strings.Builder
	for line := range strings.Lines(assumed) {
		parts := regexp.MustCompile(`^\s*((?:\w+, )*\w+) (.*)`).FindStringSubmatch(line)
		if parts == nil {
			continue
		}
		for name := range strings.SplitSeq(parts[1], ", ") {
			if file.Scope.Lookup(name) == nil {
				fmt.Fprintf(&b, "\nvar %s %s", name, parts[2])
			}
		}
	}
	return b.String()
}

type snippet struct {
	at      string
	set     *token.FileSet
	file    *ast.File
	more    []*ast.File // of the same package
	imports []string
}

// parse makes a file of the text by trying what it may be, and adds the imports that it needs.
func (s *snippet) parse(text string, paths map[string]string) error {
	text = regexp.MustCompile(`(?m)^\s*\.\.\.\s*(//.*)?$`).ReplaceAllString(text, "")
	text = strings.NewReplacer("{ ... }", "{ }", "(...)", "()").Replace(text)
	if strings.HasPrefix(strings.TrimSpace(text), "package ") {
		return s.parseFile(text)
	}
	imports := regexp.MustCompile(`(?ms)\A\s*(import \(.*?^\)|import "[^"]*"$)`)
	stated := imports.FindString(text)
	rest := strings.TrimPrefix(text, stated)
	var last error
	for _, form := range []string{"%s", "var _ =\n%s", "func _() {\n%s\n}"} {
		body := fmt.Sprintf(form, rest)
		err := s.parseFile("package p\n" + body)
		if err == nil {
			body += assume(s.file)
			if err := s.parseFile("package p\n" + body); err != nil {
				return err
			}
			known := map[string]bool{}
			for _, i := range s.file.Unresolved {
				if path := paths[i.Name]; path != "" && !known[i.Name] && !strings.Contains(stated, `"`+path+`"`) {
					known[i.Name] = true
					stated += fmt.Sprintf("\nimport %s %q\n", i.Name, path)
				}
			}
			return s.parseFile("package p\n" + stated + body)
		}
		last = err
	}
	return last
}

func (s *snippet) parseFile(text string) (err error) {
	s.imports = nil
	if s.file, err = parser.ParseFile(s.set, "snippet.go", text, 0); err != nil {
		return err
	}
	for _, i := range s.file.Imports {
		s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
	}
	return nil
}

// passable is what a fragment may be short of: a page says v, err := twice, leaves a return out, or is one call alone.
var passable = regexp.MustCompile(`no new variables on left side|missing return|\(no value\) used as value`)

// check returns what the compiler would say, but for unused variables and imports.
func (s *snippet) check(exports map[string]string) (found []string) {
	lookup := func(path string) (io.ReadCloser, error) {
		file, ok := exports[path]
		if !ok {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(file)
	}
	config := types.Config{
		Importer: importer.ForCompiler(s.set, "gc", lookup),
		Error: func(err error) {
			e := err.(types.Error) //nolint:errorlint // go/types promises it
			if !e.Soft && !passable.MatchString(e.Msg) {
				found = append(found, fmt.Sprintf("%s: %s", s.at, e.Msg))
			}
		},
	}
	_, _ = config.Check("p", s.set, append([]*ast.File{s.file}, s.more...), nil)
	return found
}

// snippetImports maps names to import paths: of this repository, and what the pages use besides.
func snippetImports(r *tree) map[string]string {
	paths := map[string]string{}
	for _, path := range strings.Fields(`context crypto crypto/tls crypto/x509 database/sql encoding/json errors fmt io log log/slog
		net net/http net/http/httptest net/netip net/url os path strings sync testing time`) {
		paths[filepath.Base(path)] = path
	}
	for _, s := range r.sources {
		if s.public() {
			paths[s.file.Name.Name] = s.importPath()
		}
	}
	return paths
}

// exportData returns the compiled form of packages and of what they import, which "go list" finds in the build cache.
func exportData(t *testing.T, packages map[string]bool) map[string]string {
	t.Helper()
	exports := map[string]string{}
	byModule := map[string][]string{}
	for path := range packages {
		owner := ""
		for _, m := range publicModules() {
			if m != "" && (path == module+"/"+m || strings.HasPrefix(path, module+"/"+m+"/")) {
				owner = m
			}
		}
		byModule[owner] = append(byModule[owner], path)
	}
	// What only a nested module requires is found there.
	for owner, paths := range byModule {
		cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}"}, paths...)...)
		cmd.Dir = filepath.Join(root, owner)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		require.NoError(t, err, "go list in %q", owner)
		for line := range strings.Lines(string(out)) {
			path, file, _ := strings.Cut(strings.TrimSpace(line), "=")
			if _, known := exports[path]; file != "" && (!known || owner == "") {
				exports[path] = file
			}
		}
	}
	return exports
}
