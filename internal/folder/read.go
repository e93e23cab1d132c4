package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// list returns the paths of the files that count, by name.
func (f *Folder[T]) list() (map[string]string, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.config.Package, err)
	}
	if !info.IsDir() {
		return map[string]string{filepath.Base(f.path): f.path}, nil
	}
	dir, err := open(f.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.config.Package, err)
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(maxDirEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", f.config.Package, err)
	}
	paths := map[string]string{}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") {
			paths[name] = filepath.Join(f.path, name)
		}
	}
	switch {
	case len(names) == maxDirEntries: // there may be more, so what was read may not be all
		return nil, fmt.Errorf("%s: %s: more than %d names", f.config.Package, f.path, maxDirEntries-1)
	case len(paths) == 0:
		return nil, fmt.Errorf("%s: %s: there are no files in it", f.config.Package, f.path)
	case len(paths) > f.config.MaxFiles:
		return nil, f.tooMany()
	}
	return paths, nil
}

func (f *Folder[T]) tooMany() error {
	return fmt.Errorf("%s: %s: more than %d files", f.config.Package, f.path, f.config.MaxFiles)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isName allows what Kubernetes allows as the name of a datum in a Secret, and the colon of key ids.
func isName(s string) bool {
	return strings.Trim(s, "-._:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// young reports whether a file may still be being written at an instant.
func young(info fs.FileInfo, at time.Time) bool {
	age := at.Sub(info.ModTime())
	return age > -settled && age < settled
}

func unchanged(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// readFile reads a file that is expected to be as info says.
func (f *Folder[T]) readFile(path string, info fs.FileInfo) ([]byte, fs.FileInfo, error) {
	if !info.Mode().IsRegular() { // before it is opened: a pipe would keep us waiting
		return nil, nil, errors.New("not a regular file")
	}
	file, err := open(path)
	if err != nil {
		return nil, nil, pathless(err)
	}
	defer func() { _ = file.Close() }()
	if now, err := file.Stat(); err != nil || !now.Mode().IsRegular() { // it may be another file by now
		return nil, nil, errChanging
	}
	content, err := io.ReadAll(io.LimitReader(file, int64(f.config.MaxBytes)+1))
	if err != nil {
		return nil, nil, pathless(err)
	}
	after, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, pathless(err)
	case len(content) > f.config.MaxBytes:
		return nil, nil, fmt.Errorf("more than %d bytes", f.config.MaxBytes)
	case len(content) == 0:
		return nil, nil, errors.New("the file is empty")
	case !unchanged(info, after) || after.Size() != int64(len(content)):
		return nil, nil, errChanging
	}
	return content, after, nil
}

// open opens a file for reading. It does not wait for a writer if that is a pipe by now.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// pathless drops the path, which the caller adds.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
