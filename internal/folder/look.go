package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// entries returns those of f.files, in the order of their names. An entry that is worth the same as an old one is the
// old one, and if nothing has changed it is the old slice, so that whoever compares slices sees it.
func (f *Folder[T]) entries(old []T) []T {
	names := sortedNames(f.files)
	fresh, unchanged := make([]T, 0, len(names)), len(old) == len(names)
	for i, name := range names {
		entry := f.files[name].entry
		if j := slices.IndexFunc(old, func(o T) bool { return f.config.Same(o, entry) }); j >= 0 {
			entry, unchanged = old[j], unchanged && j == i
		} else {
			unchanged = false
		}
		fresh = append(fresh, entry)
	}
	if unchanged {
		return old
	}
	return fresh
}

// look returns the files whose entries are to be used, whether the content of another one will be soon, and everything
// that is wrong.
func (f *Folder[T]) look(now time.Time) (files map[string]*file[T], pending bool, problem error) {
	paths, err := f.list()
	if err != nil {
		return nil, false, err
	}
	files, problems := map[string]*file[T]{}, []error(nil)
	for _, name := range sortedNames(paths) {
		old := f.files[name]
		one, err := f.lookAt(name, paths[name], old, now)
		if errors.Is(err, fs.ErrNotExist) && len(f.files) > 0 { // a link of Kubernetes whose target is gone
			continue
		}
		if f.files != nil { // at start a file that changes is an error
			err = f.calm(name, err, now)
		}
		if errors.Is(err, errChanging) && f.files != nil {
			pending, err, one = true, nil, old
		}
		if err != nil {
			problems, one = append(problems, err), old
		}
		if one != nil {
			files[name] = one
		}
	}
	maps.DeleteFunc(f.unrest, func(name string, _ time.Time) bool { return paths[name] == "" })
	for name, old := range f.files {
		if files[name] != nil {
			continue
		}
		kept := *old
		if kept.missing.IsZero() {
			kept.missing = now
		}
		if age := now.Sub(kept.missing); age >= 0 && age < settled {
			files[name] = &kept
		}
	}
	return files, pending, errors.Join(problems...)
}

// calm notes whether a file is changing, and makes a problem of one that goes on for too long.
func (f *Folder[T]) calm(name string, err error, now time.Time) error {
	if !errors.Is(err, errChanging) {
		delete(f.unrest, name)
		return err
	}
	since, known := f.unrest[name]
	if !known || now.Before(since) {
		f.unrest[name] = now
		return err
	}
	if now.Sub(since) < restless {
		return err
	}
	return fmt.Errorf("%s: %s: the file %q has not stood still since %s",
		f.config.Package, f.path, name, since.UTC().Format(time.RFC3339))
}

var errChanging = errors.New("the file is being changed")

// lookAt returns old if the file has not changed, errChanging if it is just being changed, and what it holds now
// otherwise.
func (f *Folder[T]) lookAt(name, path string, old *file[T], now time.Time) (*file[T], error) {
	if !isName(name) {
		return nil, fmt.Errorf("%s: %s: the name %q has other characters than letters, digits, ._- and the colon",
			f.config.Package, f.path, name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.config.Package, err)
	}
	if old != nil && old.missing.IsZero() && unchanged(old.info, info) &&
		!young(info, old.read) && now.Sub(old.read).Abs() < readAnyway {
		return old, nil
	}
	starting := f.files == nil
	if young(info, now) && !starting {
		if old != nil && unchanged(old.info, info) {
			return old, nil // what is in use is what was there
		}
		return nil, errChanging
	}
	content, after, err := f.readFile(path, info)
	for tries := 1; errors.Is(err, errChanging) && starting && tries < maxTries; tries++ {
		if info, err = os.Stat(path); err == nil {
			content, after, err = f.readFile(path, info)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.config.Package, path, err)
	}
	entry, err := f.parse(name, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.config.Package, path, err)
	}
	return &file[T]{entry: entry, info: after, read: now}, nil
}

const maxTries = 3 // to read a file that changes meanwhile, at start

// parse calls Parse. Its panic is the problem of this file only, and so is the end of its goroutine (runtime.Goexit):
// it has one of its own.
func (f *Folder[T]) parse(name string, content []byte) (entry T, err error) {
	err = errors.New("reading the key ended its goroutine")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if value := recover(); value != nil { // without the value, which may hold anything
				err = fmt.Errorf("reading the key panicked: %T", value)
			}
		}()
		entry, err = f.config.Parse(name, content)
	}()
	<-done
	return entry, err
}
