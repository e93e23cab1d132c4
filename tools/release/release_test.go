package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const header = "\n\ngo 1.25\n\n"

func TestRequire_RewritesTheVersionsOfOurModules(t *testing.T) {
	root := tree(t, map[string]string{
		"go.mod":                        "module " + core + header,
		"idempotency/redisstore/go.mod": "module " + core + "/idempotency/redisstore" + header + "require (\n\t" + core + " v0.0.0\n\tgithub.com/redis/go-redis/v9 v9.1.0\n)\n",
		"integration/go.mod": "module " + core + "/integration" + header +
			"require (\n\t" + core + " v0.0.0\n\t" + core + "/idempotency/redisstore v0.0.0\n)\n",
	})
	modules, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		if err := m.require(root, "v0.2.0", modules); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "integration/go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		core + " v0.2.0\n", core + "/idempotency/redisstore v0.2.0\n",
		core + " => ..\n", core + "/idempotency/redisstore => ../idempotency/redisstore\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if text, _ := os.ReadFile(filepath.Join(root, "idempotency/redisstore/go.mod")); !strings.Contains(string(text), "go-redis/v9 v9.1.0") {
		t.Errorf("a module of others changed:\n%s", text)
	}
	if text, _ := os.ReadFile(filepath.Join(root, "go.mod")); strings.Contains(string(text), "replace") {
		t.Errorf("the core got a replace:\n%s", text)
	}
}

func TestRequire_RefusesWhatNobodyCouldInstall(t *testing.T) {
	for name, required := range map[string]string{
		"a module that is not there": core + "/gone",
		"a module of the repository": core + "/integration",
	} {
		root := tree(t, map[string]string{
			"go.mod":             "module " + core + header,
			"integration/go.mod": "module " + core + "/integration" + header,
			"otelhook/go.mod":    "module " + core + "/otelhook" + header + "require " + required + " v0.0.0\n",
		})
		modules, err := find(root)
		if err != nil {
			t.Fatal(err)
		}
		if modules[len(modules)-1].require(root, "v0.1.0", modules) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFind_RefusesAModuleOfAnotherName(t *testing.T) {
	root := tree(t, map[string]string{"go.mod": "module " + core + header, "a/go.mod": "module " + core + "/b" + header})
	if _, err := find(root); err == nil {
		t.Error("no error")
	}
	if _, err := find(t.TempDir()); err == nil {
		t.Error("no error for a folder without modules")
	}
}

func TestRun_RefusesWhatIsNoVersion(t *testing.T) {
	for _, version := range []string{"", "0.1.0", "v1", "v1.2", "v2.0.0", "v1.0.0+meta", "latest"} {
		if run(t.TempDir(), version, os.Stderr) == nil {
			t.Errorf("%q is taken", version)
		}
	}
}

func TestRemoved_CountsWhatIsGoneAndNotWhatMoved(t *testing.T) {
	got := removed("--- a/testdata/api/x.txt\n+++ b/testdata/api/x.txt\n-func A()\n-func B()\n+func B()\n+func C()\n")
	if !slices.Equal(got, []string{"func A()"}) {
		t.Errorf("got %q", got)
	}
}

func TestMayBreak_FollowsSemanticVersions(t *testing.T) {
	for _, tt := range []struct {
		last, next string
		want       bool
	}{
		{"v0.1.0", "v0.1.1", false}, {"v0.1.0", "v0.2.0", true}, {"v0.9.0", "v1.0.0", true},
		{"v1.0.0", "v1.1.0", false}, {"v1.0.0", "v1.0.1", false},
	} {
		if got := mayBreak(tt.last, tt.next); got != tt.want {
			t.Errorf("%s after %s: %v", tt.next, tt.last, got)
		}
	}
}
