package main

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const next = "v0.1.0" // what the nested modules require

// Every public module can be installed and used by a program outside of the repository, whose go.mod has no replace.
// The tree is served as a module proxy from a folder. The module cache is fresh: in an old one, an earlier copy of the
// version would be tested. What others wrote comes from the module cache of this machine, and what that lacks (the
// go.mod of an old version that our own modules never read) from where this machine gets modules.
func TestConsumer_CanInstallEveryPublicModule(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	proxy := t.TempDir()
	if err := serve(root, next, proxy, modules); err != nil {
		t.Fatal(err)
	}
	c := consumer{env: environment(t, proxy)}
	public := 0
	for _, m := range modules {
		if !m.public() {
			continue
		}
		public++
		t.Run(m.path, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.run(t, dir, "mod", "init", "example.com/consumer")
			c.run(t, dir, "get", m.path+"@"+next)
			program, written := programs[m.dir]
			if !written {
				t.Fatalf("no program is written for %s: add one to testdata and to programs", m.path)
			}
			text, err := os.ReadFile(filepath.Join("testdata", program+".go.txt"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "main.go"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := c.run(t, dir, "run", "."); !strings.HasSuffix(strings.TrimSpace(out), "works") {
				t.Errorf("the program printed %q", out)
			}
			// Every package, whether the program uses it or not.
			c.run(t, dir, append([]string{"build"}, importable(t, root, m, modules)...)...)
			gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
			if err != nil || strings.Contains(string(gomod), "replace") || !strings.Contains(string(gomod), m.path+" "+next) {
				t.Errorf("go.mod: %v\n%s", err, gomod)
			}
		})
	}
	if public < 6 {
		t.Errorf("%d public modules", public)
	}
	for _, command := range [][]string{{"examples/quickstart"}, {"cmd/truhook", "providers"}} {
		t.Run("go run "+command[0], func(t *testing.T) {
			t.Parallel()
			args := append([]string{"run", core + "/" + command[0] + "@" + next}, command[1:]...)
			if out := c.run(t, t.TempDir(), args...); len(out) < 10 {
				t.Errorf("it printed %q", out)
			}
		})
	}
}

// programs are the small programs of testdata by the folder of their module.
var programs = map[string]string{
	".":                      "core",
	"idempotency/lineartest": "lineartest",
	"idempotency/redisstore": "redisstore",
	"inbox/asynqinbox":       "asynqinbox",
	"inbox/riverinbox":       "riverinbox",
	"inbox/watermillinbox":   "watermillinbox",
	"otelhook":               "otelhook",
}

// importable returns the packages of a module that are no commands and not internal.
func importable(t *testing.T, root string, m *mod, all []*mod) (packages []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, m.dir), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			nested := rel != m.dir && slices.ContainsFunc(all, func(o *mod) bool { return o.dir == rel })
			name := entry.Name()
			if rel != m.dir && (nested || strings.HasPrefix(name, ".") ||
				slices.Contains([]string{"testdata", "internal", "examples", "cmd", "bin"}, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(rel, ".go") && !strings.HasSuffix(rel, "_test.go") {
			packages = append(packages, strings.TrimSuffix(core+"/"+strings.TrimSuffix(filepath.ToSlash(filepath.Dir(rel)), "."), "/"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}

type consumer struct{ env []string }

func (c consumer) run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// environment is that of somebody who has Go and nothing of ours.
func environment(t *testing.T, proxy string) []string {
	t.Helper()
	ask := func(name string) string {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	file := func(path string) string {
		path = filepath.ToSlash(path)
		if runtime.GOOS == "windows" {
			path = "/" + path
		}
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	proxies := []string{file(proxy), file(filepath.Join(ask("GOMODCACHE"), "cache", "download")), ask("GOPROXY")}
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GOPROXY", "GOMODCACHE", "GOFLAGS", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOWORK"}, name)
	})
	return append(env,
		"GOPROXY="+strings.Join(proxies, ","),
		"GOMODCACHE="+t.TempDir(),
		"GOFLAGS=-mod=mod -modcacherw -trimpath", // -trimpath: compiled once for every folder of the cache
		"GONOSUMDB=*", "GOWORK=off",
		fmt.Sprintf("GOCACHE=%s", ask("GOCACHE")),
	)
}
