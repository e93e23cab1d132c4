package house_test

import (
	"fmt"
	"go/doc"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// noConstructor are functions that return a type of ours and make nothing: they look something up, or judge.
var noConstructor = regexp.MustCompile(`^(Audit|Explain|FromContext$|DeliveryFromContext$|ReasonOf$|RetryPolicy$|Scheme$|All$|Points$)`)

// Every constructor of a public package has an Example of its name with an output, which "go test" compares. A
// constructor is a function that is called New…, From… or Parse…, or that returns a type of ours. One that takes a test
// shows in the examples of the tests that it is for.
func TestConstructors_EachHasAnExampleWithAnOutput(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{} // folder and name
	for _, s := range repository(t).sources {
		if !s.test {
			continue
		}
		for _, e := range doc.Examples(s.file) {
			if e.Output != "" || e.EmptyOutput {
				name, _, _ := strings.Cut(e.Name, "_")
				shown[s.dir+" "+name] = true
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", "api", "*.txt"))
	require.NoError(t, err)
	var found []string
	total := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		dir := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt"), "-", "/")
		if dir == "truhook" {
			dir = ""
		}
		for _, name := range constructorsOf(string(text)) {
			total++
			if !shown[dir+" "+name] {
				found = append(found, fmt.Sprintf("%s.%s", dir, name))
			}
		}
	}
	assert.Greater(t, total, 100)
	assertKnown(t, nil, found, "a constructor has no Example with an output")
}

var (
	functionLine  = regexp.MustCompile(`(?m)^func ([A-Z]\w*)(\(.*)$`)
	typeLine      = regexp.MustCompile(`(?m)^type ([A-Z]\w*) `)
	typeName      = regexp.MustCompile(`(^|[^\w.])([A-Z]\w*)`)
	qualifiedType = regexp.MustCompile(`\b(truhook|hmacsig|keysig|jose|mtls|retry|idempotency|inbox|recorded)\.[A-Z]`)
)

// constructorsOf reads a golden file of the API.
func constructorsOf(api string) (names []string) {
	var own []string
	for _, m := range typeLine.FindAllStringSubmatch(api, -1) {
		own = append(own, m[1])
	}
	for _, m := range functionLine.FindAllStringSubmatch(api, -1) {
		parameters, results := splitSignature(m[2])
		if noConstructor.MatchString(m[1]) || strings.Contains(parameters, "testing.T") {
			continue
		}
		ours := regexp.MustCompile(`^(New|From|Parse)`).MatchString(m[1]) || qualifiedType.MatchString(results)
		for _, r := range typeName.FindAllStringSubmatch(results, -1) {
			ours = ours || slices.Contains(own, r[2])
		}
		if ours {
			names = append(names, m[1])
		}
	}
	return names
}

// splitSignature divides "(a A) (b B, err error)" behind the parameters.
func splitSignature(s string) (parameters, results string) {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[:i+1], s[i+1:]
			}
		}
	}
	return s, ""
}

func TestConstructors_AreRecognized(t *testing.T) {
	t.Parallel()
	got := constructorsOf(`func AuditKeys(keys ...Key) []truhook.Finding
func EnvKeys(names ...string) (KeySource, error)
func EventID(v *truhook.Verified) (string, error)
func FromNginx(trusted ...netip.Prefix) Source
func Keys(f func(k Key) error) error
func NewRequest(t testing.TB, sign Signer) *http.Request
func ParsePrefixes(texts ...string) ([]netip.Prefix, error)
func Token(v *truhook.Verified) string
func Verifier(k Key) (v truhook.Verifier, err error)
type KeySource interface
type Source struct
`)
	assert.Equal(t, []string{"EnvKeys", "FromNginx", "ParsePrefixes", "Verifier"}, got)
}
