package house_test

import (
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// foreign are names in the pages that are not ours: of other libraries, and header fields.
var foreign = strings.Fields(`Authorization Connection Forwarded Decompress DisablePreParseMultipartForm RealIP RescueStuckJobsAfter JobTimeout PollOnly
	Shutdown SetMaxOpenConns SetMaxIdleConns MaxRetries ContextTimeoutEnabled HmacSignature`)

var (
	bare = regexp.MustCompile(`^([A-Z]\w*[a-z]\w*)(?:\(.*\))?$`)
	// what pkg.go.dev calls an example: NewCachedKeys (Tenants), Middleware.Wrap (WrongOrder)
	example = regexp.MustCompile(`^([A-Z]\w*(?:\.[A-Z]\w*)?) \(([A-Z]\w*)\)$`)
)

// A name alone, or a call of it, is one that some package of ours exports, as a member too. An example is one that a
// package has, by the name under which it is shown, or by that of its function.
func TestNames_BareAndOfExamplesInMarkdownExist(t *testing.T) {
	t.Parallel()
	r := repository(t)
	known := map[string]bool{}
	for _, of := range names(r) {
		for name, members := range of {
			known[name] = true
			maps.Copy(known, members)
		}
	}
	for _, s := range r.sources {
		for _, decl := range s.file.Decls {
			f, isFunc := decl.(*ast.FuncDecl)
			if isFunc && (s.test || strings.HasPrefix(s.dir, "examples/")) {
				known[f.Name.Name] = true
			}
		}
	}
	alerts := regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`)
	for file := range r.files {
		if strings.HasSuffix(file, ".yml") || strings.HasSuffix(file, ".yaml") {
			text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
			require.NoError(t, err)
			for _, m := range alerts.FindAllStringSubmatch(string(text), -1) {
				known[m[1]] = true
			}
		}
	}
	var found []string
	bareOnes, examples := 0, 0
	for file, text := range r.markdown {
		for _, span := range quoted.FindAllString(fenced.ReplaceAllString(text, ""), -1) {
			span = strings.Trim(span, "`")
			if m := example.FindStringSubmatch(span); m != nil {
				examples++
				if !known["Example"+strings.ReplaceAll(m[1], ".", "_")+"_"+strings.ToLower(m[2][:1])+m[2][1:]] {
					found = append(found, span+" in "+file)
				}
			} else if m := bare.FindStringSubmatch(span); m != nil {
				bareOnes++
				if !known[m[1]] {
					found = append(found, m[1]+" in "+file)
				}
			}
		}
	}
	assert.Greater(t, bareOnes, 200)
	assert.Positive(t, examples)
	slices.Sort(found)
	assertKnown(t, foreign, slices.Compact(found), "a page speaks of a name that nothing has")
}
