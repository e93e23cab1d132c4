// Package folder follows the files of a folder, or one file, that hold secrets or keys, as Kubernetes, Docker or a
// Vault agent mount them. Its rules are those that hmacsig.NewFileKeys documents for its callers.
package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/logonce"
)

// Config is what the packages that follow files have in common. Parse and Same are required.
type Config[T any] struct {
	Package  string // stands before errors
	MaxFiles int
	MaxBytes int           // of one file
	Interval time.Duration // <= 0: 1 s
	OnError  func(err error)
	Logger   *slog.Logger     // of problems, at most one line a minute; nil: slog.Default() as it is then
	Now      func() time.Time // nil: time.Now

	// Parse makes one entry of a file. Its errors hold neither the path nor the content. Its panic is an error.
	Parse func(name string, content []byte) (T, error)

	// Same reports whether two entries are worth the same, so that the older one can stay.
	Same func(a, b T) bool
}

// A Folder holds what the files of a path were parsed to. It must not be copied, and is safe for concurrent use.
type Folder[T any] struct {
	path    string
	config  Config[T]
	current atomic.Pointer[State[T]]

	mu      sync.Mutex
	looking *look // nil: no look is under way

	now   func() time.Time // does not panic
	lines logonce.Lines

	// The rest belongs to the look that is under way.
	files  map[string]*file[T]
	unrest map[string]time.Time // since when a file is there whose content is not in use yet
}

// A look is one look at the files, in a goroutine of its own: a disk that hangs holds up nobody for long.
type look struct {
	begun time.Time // by the real clock, as waiting takes real time
	done  chan struct{}
	slow  atomic.Bool // reported
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
	restless      = time.Minute            // how long a file may go on changing before that is a problem
	readAnyway    = time.Minute            // how long a file that looks unchanged is believed
	missInterval  = 100 * time.Millisecond // how far apart two looks are that strangers can cause
	patience      = time.Second            // how long a delivery waits for a look
	startPatience = 10 * time.Second       // how long the first look may take
)

// Open looks for the first time: whatever is wrong is an error.
func Open[T any](path string, cfg Config[T]) (*Folder[T], error) {
	if path == "" {
		return nil, fmt.Errorf("%s: the path is empty", cfg.Package)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	f := &Folder[T]{path: path, config: cfg, unrest: map[string]time.Time{}}
	f.now = clock.Guard(cfg.Package, cfg.Now, f.report)
	l := &look{begun: time.Now(), done: make(chan struct{})}
	var failed error
	go func() {
		defer close(l.done)
		failed = f.first()
	}()
	if !l.wait(context.Background(), startPatience) {
		return nil, fmt.Errorf("%s: %s: %w", cfg.Package, path, errSlow)
	}
	if failed != nil {
		return nil, failed
	}
	return f, nil
}

func (f *Folder[T]) first() (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%s: %s: looking at the files panicked: %T", f.config.Package, f.path, value)
		}
	}()
	now := f.now()
	files, _, err := f.look(now)
	if err != nil {
		return err
	}
	f.files = files
	f.current.Store(&State[T]{Entries: f.entries(nil), at: now})
	return nil
}

// State returns what is known, after a look if one is due; missed says that a stranger asks for what is not there.
//
// Whoever begins a look waits for it, and so does whoever missed something, for a second after it began. While a look
// takes longer, State says so in Problem.
func (f *Folder[T]) State(missed bool) *State[T] {
	state := f.current.Load()
	now, interval := f.now(), f.config.Interval
	if missed {
		interval = min(interval, missInterval)
	}
	if age := now.Sub(state.at); age >= 0 && age < interval {
		return state
	}
	l, began := f.begin()
	if began || missed {
		l.wait(context.Background(), patience)
	}
	return f.known(l)
}

// Known returns what the last look came to. It looks at no file.
func (f *Folder[T]) Known() *State[T] { return f.current.Load() }

type knownOnly struct{}

// KnownOnly returns a context with which whoever holds a Folder answers from Known: explanations open no path.
func KnownOnly(ctx context.Context) context.Context { return context.WithValue(ctx, knownOnly{}, true) }

// IsKnownOnly reports whether ctx is one of KnownOnly.
func IsKnownOnly(ctx context.Context) bool { return ctx.Value(knownOnly{}) != nil }

// known returns the current state, with a problem if l is still under way after its time.
func (f *Folder[T]) known(l *look) *State[T] {
	state := f.current.Load()
	if l.ended() || time.Since(l.begun) < patience {
		return state
	}
	slow := *state
	slow.Problem = errors.Join(state.Problem, fmt.Errorf("%s: %s: %w", f.config.Package, f.path, errSlow))
	if slow.Since.IsZero() {
		slow.Since = f.now()
	}
	if l.slow.CompareAndSwap(false, true) {
		f.report(slow.Problem)
	}
	return &slow
}

// Refresh looks now and returns what is wrong. It ends when ctx does.
func (f *Folder[T]) Refresh(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, began := f.begin()
	if !began { // it may have begun before what it should see
		if !l.wait(ctx, 0) {
			return ctx.Err()
		}
		l, _ = f.begin()
	}
	if !l.wait(ctx, 0) {
		return ctx.Err()
	}
	return f.current.Load().Problem
}

// Run looks at every interval until ctx ends.
func (f *Folder[T]) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.config.Interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		l, _ := f.begin()
		if !l.wait(ctx, patience) {
			f.known(l) // which reports it
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// begin returns the look that is under way, after beginning one if there is none.
func (f *Folder[T]) begin() (l *look, began bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looking != nil {
		return f.looking, false
	}
	l = &look{begun: time.Now(), done: make(chan struct{})}
	f.looking = l
	go func() {
		defer close(l.done) // OnError may end this goroutine
		problem := f.refresh()
		f.mu.Lock()
		f.looking = nil // before OnError is called, which may take its time or call Refresh
		f.mu.Unlock()
		f.report(problem)
	}()
	return l, true
}

// wait reports whether the look has ended. It returns when it has, when ctx ends, or limit after the look began; zero
// is no limit.
func (l *look) wait(ctx context.Context, limit time.Duration) bool {
	if l.ended() {
		return true
	}
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(max(0, limit-time.Since(l.begun)))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-l.done:
	case <-late:
	case <-ctx.Done():
	}
	return l.ended()
}

func (l *look) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// refresh looks, and returns the problem if it is a new one.
func (f *Folder[T]) refresh() (report error) {
	now := f.now()
	old := f.current.Load()
	defer func() {
		if value := recover(); value != nil { // of Same, as that of Parse is recovered
			report = f.settle(old, old.Entries, false, now,
				fmt.Errorf("%s: %s: looking at the files panicked: %T", f.config.Package, f.path, value))
		}
	}()
	files, pending, problem := f.look(now)
	if len(files) > f.config.MaxFiles { // then those that are gone make room at once for those that are there
		maps.DeleteFunc(files, func(_ string, one *file[T]) bool { return !one.missing.IsZero() })
	}
	if len(files) > 0 {
		f.files = files
	} else if problem == nil {
		problem = fmt.Errorf("%s: %s: none of its files is left", f.config.Package, f.path)
	}
	return f.settle(old, f.entries(old.Entries), pending, now, problem)
}

// settle stores a state, and returns its problem if it is a new one.
func (f *Folder[T]) settle(old *State[T], entries []T, pending bool, now time.Time, problem error) error {
	state := &State[T]{Entries: entries, Problem: problem, Pending: pending, at: now}
	if problem != nil {
		if state.Since = old.Since; state.Since.IsZero() {
			state.Since = now
		}
	}
	f.current.Store(state)
	if problem != nil && old.Problem != nil && old.Problem.Error() == problem.Error() {
		return nil
	}
	return problem
}

// report logs and calls OnError.
func (f *Folder[T]) report(problem error) {
	if problem == nil {
		return
	}
	f.lines.Write(context.Background(), f.config.Logger, time.Now(), slog.LevelWarn, "",
		"truhook: not all keys could be read from files", slog.String("error", problem.Error()))
	if f.config.OnError != nil {
		defer func() { _ = recover() }()
		f.config.OnError(problem)
	}
}
