package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

const core = "github.com/truhook/truhook"

// A mod is one module of the repository.
type mod struct {
	dir  string // from the root, with slashes; "." is the core
	path string
	file *modfile.File
}

// public reports whether others import the module: the others are run in the repository only.
func (m *mod) public() bool {
	first, _, _ := strings.Cut(m.dir, "/")
	return !slices.Contains([]string{"bench", "examples", "integration", "tools"}, first)
}

// find returns the modules of the repository, the core first.
func find(root string) (modules []*mod, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata") {
			return fs.SkipDir
		}
		if entry.IsDir() || entry.Name() != "go.mod" {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := modfile.Parse(path, text, nil)
		if err != nil {
			return err
		}
		m := &mod{dir: filepath.ToSlash(dir), path: file.Module.Mod.Path, file: file}
		if want := strings.TrimSuffix(core+"/"+m.dir, "/."); m.path != want {
			return fmt.Errorf("%s is module %s, not %s", path, m.path, want)
		}
		modules = append(modules, m)
		return nil
	})
	slices.SortFunc(modules, func(a, b *mod) int { return strings.Compare(a.path, b.path) })
	if err == nil && (len(modules) == 0 || modules[0].path != core) {
		err = fmt.Errorf("%s is not the root of the repository", root)
	}
	return modules, err
}

// require makes m require the version of every module of ours that it requires, and checks that it replaces each by its
// folder: that works in the repository without a go.work, and those who import m ignore it.
func (m *mod) require(root, version string, all []*mod) error {
	for _, r := range m.file.Require {
		if r.Mod.Path != core && !strings.HasPrefix(r.Mod.Path, core+"/") {
			continue
		}
		i := slices.IndexFunc(all, func(o *mod) bool { return o.path == r.Mod.Path })
		if i < 0 {
			return fmt.Errorf("%s requires %s, which is no module of this repository", m.path, r.Mod.Path)
		}
		if m.public() && !all[i].public() {
			return fmt.Errorf("%s requires %s, which nobody can install", m.path, r.Mod.Path)
		}
		to, err := filepath.Rel(m.dir, all[i].dir)
		if err != nil {
			return err
		}
		to = filepath.ToSlash(to)
		if !strings.HasPrefix(to, ".") {
			to = "./" + to
		}
		if err := m.file.AddRequire(r.Mod.Path, version); err != nil {
			return err
		}
		if err := m.file.AddReplace(r.Mod.Path, "", to, ""); err != nil {
			return err
		}
	}
	m.file.Cleanup()
	text, err := m.file.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, m.dir, "go.mod"), text, 0o644) //nolint:gosec // as git has it
}
