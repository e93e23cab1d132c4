package house_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"testing"
)

// A provider's facts stand in its own room: no other package names one in code, by an identifier or in a string.
//
// Left aside are comments, tests, examples, rows of the catalog, what plays the providers' part (truhooktest, recorded
// deliveries), the command, and mtls, which spells two of TransUnion's names.
func TestProviders_NoPackageOutsideTheirOwnNamesOne(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`(?i)truv|trulioo|transunion|iovation|truvalidate`)
	aside := regexp.MustCompile(`^(hmacsig/(truv|trulioo|truval)|jose/transunion|catalog|internal/catalogen|truhooktest|recorded/deliveries|` +
		`cmd|examples|bench|integration|tools|testdata|internal/[a-z]+test)(/|$)`)
	var found []string
	for _, s := range repository(t).sources {
		if s.test || s.path == "mtls/subjecttext.go" || aside.MatchString(s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			text := ""
			switch n := n.(type) {
			case *ast.Ident:
				text = n.Name
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					text = n.Value
				}
			}
			if name.MatchString(text) {
				found = append(found, s.path+": "+text)
			}
			return true
		})
	}
	assertKnown(t, namedProviders, found, "a provider is named outside its own package")
}
