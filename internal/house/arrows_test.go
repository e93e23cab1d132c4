package house_test

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arrows are the imports between packages of this repository, one row for each importing folder; a folder below one of
// them is listed by itself. Tests are not held to it. Arrows point toward the root.
var arrows = []struct{ from, to string }{
	{"", ""},
	{"keysig", ". hmacsig internal/clock internal/ed25519key internal/explain internal/fetch internal/folder internal/form internal/keycache internal/probe"},
	{"catalog", ". hmacsig internal/dedupe internal/payload keysig retry"},
	{"hmacsig", ". internal/clock internal/explain internal/folder internal/form internal/keycache internal/probe internal/secrettext"},
	{"hmacsig/trulioo", ". hmacsig internal/clock internal/dedupe internal/fetch internal/keycache internal/payload retry"},
	{"hmacsig/truv", ". hmacsig internal/dedupe internal/payload retry"},
	{"hmacsig/truval", ". hmacsig internal/dedupe internal/payload retry"},
	{"idempotency", ". internal/clock internal/dedupe internal/panicked retry"},
	{"idempotency/lineartest", "idempotency"},
	{"idempotency/redisstore", ". idempotency internal/redisaudit"},
	{"idempotency/sqlstore", ". idempotency internal/clock internal/sqlaudit"},
	{"idempotency/storetest", "idempotency"},
	{"inbox", ". idempotency internal/dedupe retry"},
	{"inbox/asynqinbox", ". inbox internal/redisaudit retry"},
	{"inbox/riverinbox", ". inbox internal/sqlaudit retry"},
	{"inbox/sqliteinbox", ". idempotency inbox internal/dedupe internal/panicked internal/sqlaudit retry"},
	{"inbox/watermillinbox", ". inbox retry"},
	{"internal/backoff", ""},
	{"internal/catalogen", "internal/rowlines"},
	{"internal/clock", "internal/logonce"},
	{"internal/dedupe", ""},
	{"internal/ed25519key", ""},
	{"internal/explain", ". internal/form internal/headername internal/probe internal/secrettext"},
	{"internal/fetch", ""},
	{"internal/fipstest", ""},
	{"internal/folder", "internal/clock internal/logonce"},
	{"internal/form", "."},
	{"internal/headername", ""},
	{"internal/house", ""},
	{"internal/logonce", ""},
	{"internal/keycache", ". internal/backoff internal/clock internal/logonce"},
	{"internal/panicked", ""},
	{"internal/payload", ". internal/dedupe internal/strictjson"},
	{"internal/redisaudit", "."},
	{"internal/sqlaudit", "."},
	{"internal/probe", ""},
	{"internal/publickey", ""},
	{"internal/rowlines", ""},
	{"internal/secrettext", ". internal/publickey"},
	{"internal/strictjson", ""},
	{"jose", ". internal/clock internal/ed25519key internal/fetch internal/folder internal/headername internal/keycache internal/probe internal/secrettext internal/strictjson"},
	{"jose/transunion", ". internal/dedupe internal/fetch internal/folder internal/payload internal/strictjson jose retry"},
	{"mtls", ". internal/clock internal/headername"},
	{"recorded", ". internal/clock"},
	{"recorded/deliveries", ""},
	{"retry", ""},
}

// leaves import whatever they like, and no package that is not a leaf imports them.
var leaves = regexp.MustCompile(`^(bench|cmd|examples|integration|otelhook|tools|truhooktest)(/|$)|` +
	`^internal/(cputest|leaktest|policytest|proxytest|servertest)(/|$)`)

func TestArrows_EachImportIsAllowed(t *testing.T) {
	t.Parallel()
	drawn := map[string][]string{}
	for _, a := range arrows {
		drawn[a.from] = strings.Fields(a.to)
	}
	found := map[string][]string{}
	for _, s := range repository(t).sources {
		if s.test || leaves.MatchString(s.dir) {
			continue
		}
		allowed, listed := drawn[s.dir]
		assert.True(t, listed, "%s: no arrow is drawn for this folder: add a row, if DESIGN.md allows it", s.path)
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			to, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			if to = strings.TrimPrefix(to, "/"); to == "" {
				to = "."
			}
			assert.Contains(t, allowed, to, "%s must not import %s: arrows point toward the root", s.path, path)
			found[s.dir] = append(found[s.dir], to)
		}
	}
	for _, a := range arrows {
		for _, to := range strings.Fields(a.to) {
			assert.Contains(t, found[a.from], to, "the arrow from %s is not used: take it out", a.from)
		}
	}
}

func TestArrows_RootImportsTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, s := range repository(t).sources {
		if s.dir == "" && !s.test {
			for _, i := range s.file.Imports {
				first, _, _ := strings.Cut(strings.Trim(i.Path.Value, `"`), "/")
				assert.NotContains(t, first, ".", s.path)
			}
		}
	}
}

// testify belongs to tests, and go-jose to package jose and to what makes tokens for tests.
func TestArrows_ThirdPartyPackagesStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	for _, s := range repository(t).sources {
		if s.module != "" {
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			first, _, _ := strings.Cut(path, "/")
			switch {
			case !strings.Contains(first, "."), path == module, strings.HasPrefix(path, module+"/"):
			case strings.HasPrefix(path, "github.com/go-jose/go-jose/v4"):
				assert.Regexp(t, `^(jose|truhooktest|internal/[a-z]+test)(/|$)`, s.dir, "%s imports go-jose", s.path)
			case strings.HasPrefix(path, "github.com/stretchr/testify/"):
				assert.True(t, s.test, "%s imports testify outside a test", s.path)
			default:
				assert.Fail(t, "the core imports a third party's package", "%s: %s", s.path, path)
			}
		}
	}
}

func TestArrows_CoreRequiresGoJoseAndTestifyOnly(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "mod", "edit", "-json")
	cmd.Dir = root
	out, err := cmd.Output()
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
	slices.Sort(direct)
	assert.Equal(t, []string{"github.com/go-jose/go-jose/v4", "github.com/stretchr/testify"}, direct)
	assert.Empty(t, mod.Replace, "a replace in the core would change what users of a fork test")
}
