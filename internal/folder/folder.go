// Package folder follows the files of a folder, or one file, that hold secrets or keys, as Kubernetes, Docker or a Vault
// agent mount them. Its rules are those that hmacsig.NewFileKeys documents for its callers.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what the packages that follow files have in common. Parse is required.
type Config[T any] struct {
	Package  string // stands before errors
	MaxFiles int
	MaxBytes int           // of one file
	Interval time.Duration // <= 0: 1 s
	OnError  func(err error)
	Now      func() time.Time // nil: time.Now

	// Parse makes one entry of a file. Its errors hold neither the path nor the content.
	Parse func(name string, content []byte) (T, error)

	// Same reports whether two entries are worth the same, so that the older one can stay.
	Same func(a, b T) bool
}

// A Folder holds what the files of a path were parsed to. It must not be copied, and is safe for concurrent use.
type Folder[T any] struct {
	path    string
	config  Config[T]
	current atomic.Pointer[State[T]]

	mu    sync.Mutex // held by whoever looks
	files map[string]*file[T]
}

// State is what the last look came to. It is never changed.
type State[T any] struct {
	Entries []T       // in the order of their names; the same slice until one of them changes
	Problem error     // what is wrong with the files; the entries are good all the same
	Since   time.Time // when a look first found a problem; zero: there is none

	at time.Time
}

// file is one file whose entry is in use. It is never changed once it is in Folder.files.
type file[T any] struct {
	entry   T
	info    fs.FileInfo
	read    time.Time
	missing time.Time // since when it was not there; zero: it is
}

const (
	maxDirEntries = 256                    // names looked at in a folder, hidden ones included
	settled       = time.Second            // how long a file must have stood still, there or gone, before that counts
	readAnyway    = time.Minute            // how long a file that looks unchanged is believed
	missInterval  = 100 * time.Millisecond // how far apart two looks are that strangers can cause
)

// Open looks for the first time: whatever is wrong is an error.
func Open[T any](path string, cfg Config[T]) (*Folder[T], error) {
	if path == "" {
		return nil, fmt.Errorf("%s: the path is empty", cfg.Package)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	f := &Folder[T]{path: path, config: cfg}
	now := cfg.Now()
	files, err := f.look(now)
	if err != nil {
		return nil, err
	}
	f.files = files
	f.current.Store(&State[T]{Entries: f.entries(nil), at: now})
	return f, nil
}

// State returns what is known, after a look if one is due; missed says that a stranger asks for what is not there.
func (f *Folder[T]) State(missed bool) *State[T] {
	state := f.current.Load()
	now, interval := f.config.Now(), f.config.Interval
	if missed {
		interval = min(interval, missInterval)
	}
	if age := now.Sub(state.at); age >= 0 && age < interval {
		return state
	}
	if f.mu.TryLock() { // else somebody looks already, and may have to wait for a slow disk
		f.refreshLocked(now)
		f.mu.Unlock()
	}
	return f.current.Load()
}

// Refresh looks now and returns what is wrong.
func (f *Folder[T]) Refresh(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refreshLocked(f.config.Now())
	return f.current.Load().Problem
}

// Run looks at every interval until ctx ends.
func (f *Folder[T]) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.config.Interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_ = f.Refresh(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

func (f *Folder[T]) refreshLocked(now time.Time) {
	old := f.current.Load()
	files, problem := f.look(now)
	if len(files) > f.config.MaxFiles { // then those that are gone make room at once for those that are there
		maps.DeleteFunc(files, func(_ string, one *file[T]) bool { return !one.missing.IsZero() })
	}
	if len(files) > 0 {
		f.files = files
	} else if problem == nil {
		problem = fmt.Errorf("%s: %s: none of its files is left", f.config.Package, f.path)
	}
	state := &State[T]{Entries: f.entries(old.Entries), Problem: problem, at: now}
	if problem != nil {
		if state.Since = old.Since; state.Since.IsZero() {
			state.Since = now
		}
	}
	f.current.Store(state)
	if problem != nil && (old.Problem == nil || old.Problem.Error() != problem.Error()) {
		f.report(problem)
	}
}

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

func (f *Folder[T]) report(problem error) {
	if f.config.OnError != nil {
		defer func() { _ = recover() }()
		f.config.OnError(problem)
	}
}

// look returns the files whose entries are to be used, and everything that is wrong with the others.
func (f *Folder[T]) look(now time.Time) (map[string]*file[T], error) {
	paths, err := f.list()
	if err != nil {
		return nil, err
	}
	files, problems := map[string]*file[T]{}, []error(nil)
	for _, name := range sortedNames(paths) {
		old := f.files[name]
		one, err := f.lookAt(name, paths[name], old, now)
		if errors.Is(err, fs.ErrNotExist) && len(f.files) > 0 { // a link of Kubernetes whose target is gone
			continue
		}
		if err != nil {
			problems, one = append(problems, err), old
		}
		if one != nil {
			files[name] = one
		}
	}
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
	return files, errors.Join(problems...)
}

// lookAt returns old if the file has not changed, or is just being changed, and what it holds now otherwise.
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
		!young(info, old.read) && now.Sub(old.read) < readAnyway {
		return old, nil
	}
	if starting := f.files == nil; young(info, now) && !starting {
		return old, nil
	}
	content, after, err := f.readFile(path, info)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.config.Package, path, err)
	}
	entry, err := f.config.Parse(name, content)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.config.Package, path, err)
	}
	return &file[T]{entry: entry, info: after, read: now}, nil
}
