package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What follows a flag that go test does not know belongs to the test's program. A package there is not tested, and the
// command passes.
func TestCommands_OfGoTestNameTheirPackagesBeforeFlagsOfTheirOwn(t *testing.T) {
	t.Parallel()
	for line, ok := range map[string]bool{
		"go test -run Crash -crashes 200 -v ./crash": false,
		"go test -soak 10 .":                         false,
		"go test ./crash -run Crash -crashes 200 -v": true,
		"go test -race -count=1 ./...":               true,
		"go test -run X . -kills 200":                true,
	} {
		assert.Equal(t, ok, namesItsPackages(line), line)
	}
	r := repository(t)
	texts := map[string]string{}
	for name, text := range r.markdown {
		texts[name] = text
	}
	scripts, err := filepath.Glob(filepath.Join(root, ".ci/*"))
	require.NoError(t, err)
	workflows, err := filepath.Glob(filepath.Join(root, ".github/workflows/*"))
	require.NoError(t, err)
	for _, name := range append(append(scripts, workflows...), filepath.Join(root, "Makefile")) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		texts[name] = string(text)
	}
	for _, s := range r.sources {
		for _, group := range s.file.Comments {
			texts[s.path] += group.Text()
		}
	}
	seen := 0
	for name, text := range texts {
		for _, line := range goTest.FindAllString(text, -1) {
			seen++
			assert.True(t, namesItsPackages(line), "%s: %s", name, line)
		}
	}
	assert.Greater(t, seen, 20)
}

var (
	goTest     = regexp.MustCompile("go test [^\n`;&|)]*")
	knownFlag  = regexp.MustCompile(`^-(race|count|run|skip|bench|benchtime|benchmem|timeout|v|shuffle|tags|cover\w*|fuzz\w*|parallel|short|exec|json|o|c|C|cpu\w*|list|test\..*)(=.*)?$`)
	valuedFlag = regexp.MustCompile(`^-(count|run|skip|bench|benchtime|timeout|shuffle|tags|coverprofile|fuzz|fuzztime|parallel|exec|o|C|cpu)$`)
	variable   = regexp.MustCompile(`^\$[({]`)
)

// namesItsPackages reports whether no argument that is a package follows the first flag that go test does not know.
func namesItsPackages(line string) bool {
	words := strings.Fields(line)[2:]
	own := false
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "-"):
			own = own || !knownFlag.MatchString(word)
		case i > 0 && valuedFlag.MatchString(words[i-1]), variable.MatchString(word):
		case own && (word == "." || strings.HasPrefix(word, "./")):
			return false
		}
	}
	return true
}
