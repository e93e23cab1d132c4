package truhook_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/truhook/truhook"

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output() //nolint:gosec // the go command on fixed arguments
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func TestRootImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	deps := goList(t, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	assert.Equal(t, []string{module}, deps)
}

func TestCoreRequiresGoJoseAndTestifyOnly(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []any
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	assert.ElementsMatch(t, []string{"github.com/go-jose/go-jose/v4", "github.com/stretchr/testify"}, direct)
	assert.Empty(t, mod.Replace)
}

// The arrows of the house: which packages of the module a package may import. Folders below count as their parent.
var arrows = []struct{ from, to string }{
	{`^$`, `^$`},
	{`^internal/payload$`, `^$`},
	{`^internal/(fetch|folder|leaktest|proxytest|servertest|strictjson)$`, `^none$`},
	{`^hmacsig(/|$)`, `^$|^hmacsig$|^internal/|^retry$`},
	{`^jose(/|$)`, `^$|^jose$|^internal/|^retry$`},
	{`^mtls(/|$)`, `^$`},
	{`^retry$`, `^none$`},
	{`^idempotency(/|$)`, `^$|^retry$|^idempotency$`},
	{`^inbox$`, `^$|^retry$|^idempotency$`},
	{`^recorded$`, `^$`},
	{`^recorded/deliveries$`, `^none$`},
	{`^(diagnose|truhooktest|cmd|examples|testdata)(/|$)`, `.*`},
}

func TestArrowsPointTowardTheRoot(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-f", `{{.ImportPath}}:{{join .Imports ","}}`, "./...") {
		path, imports, _ := strings.Cut(line, ":")
		from := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		rule := slices.IndexFunc(arrows, func(a struct{ from, to string }) bool { return regexp.MustCompile(a.from).MatchString(from) })
		if !assert.GreaterOrEqual(t, rule, 0, "no arrow is drawn for %s", from) {
			continue
		}
		allowed := regexp.MustCompile(arrows[rule].to)
		for imported := range strings.SplitSeq(imports, ",") {
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			to := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
			assert.Truef(t, allowed.MatchString(to) || strings.HasPrefix(to, from+"/internal"), "%s must not import %s", from, to)
		}
	}
}

// testify belongs to tests, and go-jose to package jose.
func TestThirdPartyPackagesStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	for _, line := range goList(t, "-f", `{{.ImportPath}}:{{join .Imports ","}}`, "./...") {
		path, imports, _ := strings.Cut(line, ":")
		assert.NotContains(t, imports, "testify", "%s imports testify outside a test", path)
		inJose := strings.HasPrefix(path, module+"/jose") || strings.HasPrefix(path, module+"/truhooktest")
		if !inJose {
			assert.NotContains(t, imports, "go-jose", "%s imports go-jose", path)
		}
	}
}
