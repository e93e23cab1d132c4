package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// serve writes the public modules of the tree under out, as a module proxy serves them ("go help goproxy"), so that a
// version can be tried before it exists. What git ignores is left out, as it is in a tag.
func serve(root, version, out string, modules []*mod) error {
	listed, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	names := strings.Split(strings.TrimRight(string(listed), "\x00"), "\x00")
	for _, m := range modules {
		if !m.public() {
			continue
		}
		if err := m.serve(root, version, out, names); err != nil {
			return fmt.Errorf("%s: %w", m.path, err)
		}
	}
	return nil
}

func (m *mod) serve(root, version, out string, names []string) error {
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return err
	}
	dir := filepath.Join(out, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	var files []zip.File
	license := false
	for _, name := range names {
		inside, ok := name, m.dir == "."
		if !ok {
			inside, ok = strings.CutPrefix(name, m.dir+"/")
		}
		if info, err := os.Lstat(filepath.Join(root, name)); !ok || err != nil || !info.Mode().IsRegular() {
			continue // one that was removed and not yet committed is still listed
		}
		license = license || inside == "LICENSE"
		files = append(files, file{inside, filepath.Join(root, name)})
	}
	if !license { // the go command takes that of the root into the zip of a nested module
		files = append(files, file{"LICENSE", filepath.Join(root, "LICENSE")})
	}
	var archive bytes.Buffer
	if err := zip.Create(&archive, module.Version{Path: m.path, Version: version}, files); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(root, m.dir, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"list": []byte(version + "\n"), version + ".info": info, version + ".mod": gomod, version + ".zip": archive.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// A file of a module's zip.
type file struct{ name, path string }

func (f file) Path() string                 { return f.name }
func (f file) Lstat() (os.FileInfo, error)  { return os.Lstat(f.path) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(f.path) }
