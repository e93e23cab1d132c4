package house_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever is woken by a reason finds its cause and its cure in one table.
func TestReasons_EachHasItsCauseAndCureInTheDocs(t *testing.T) {
	t.Parallel()
	r := repository(t)
	page := r.markdown["docs/reasons.md"]
	require.NotEmpty(t, page)
	names := reasons(t, r)
	require.Greater(t, len(names), 40)
	for _, name := range names {
		assert.Regexp(t, "(?m)^\\|[^|]*`"+regexp.QuoteMeta(name)+"`", page)
	}
}

// reasons returns the text of each constant of type Reason.
func reasons(t *testing.T, r *tree) (names []string) {
	t.Helper()
	for _, s := range r.sources {
		if s.dir != "" || s.test {
			continue
		}
		for _, decl := range s.file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				if of, ok := v.Type.(*ast.Ident); !ok || of.Name != "Reason" {
					continue
				}
				for _, value := range v.Values {
					text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
					require.NoError(t, err)
					names = append(names, text)
				}
			}
		}
	}
	return names
}
