package folder_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/folder"
)

// dir is a folder of files with a clock of its own: files are as old as the test says.
type dir struct {
	testing.TB
	path     string
	now      atomic.Int64
	mu       sync.Mutex
	problems []string
}

func newDir(t testing.TB) *dir {
	d := &dir{TB: t, path: t.TempDir()}
	d.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return d
}

func (d *dir) clock() time.Time           { return time.Unix(0, d.now.Load()) }
func (d *dir) advance(by time.Duration)   { d.now.Add(int64(by)) }
func (d *dir) file(name string) string    { return filepath.Join(d.path, name) }
func (d *dir) remove(name string)         { require.NoError(d, os.RemoveAll(d.file(name))) }
func (d *dir) write(name, content string) { d.writeAt(name, content, d.clock()) }
func (d *dir) old(name, content string)   { d.writeAt(name, content, d.clock().Add(-time.Hour)) }

func (d *dir) writeAt(name, content string, at time.Time) {
	d.Helper()
	require.NoError(d, os.WriteFile(d.file(name), []byte(content), 0o600))
	require.NoError(d, os.Chtimes(d.file(name), at, at))
}

func (d *dir) reported() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.problems)
}

func (d *dir) config(change func(cfg *folder.Config[string])) folder.Config[string] {
	cfg := folder.Config[string]{
		Package: "test", MaxFiles: 4, MaxBytes: 100, Now: d.clock,
		OnError: func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.problems = append(d.problems, err.Error())
		},
		Parse: func(name string, content []byte) (string, error) {
			if strings.HasPrefix(string(content), "bad") {
				return "", errors.New("not a key")
			}
			return name + "=" + string(content), nil
		},
		Same: func(a, b string) bool { return a == b },
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

func (d *dir) open(change func(cfg *folder.Config[string])) *folder.Folder[string] {
	d.Helper()
	f, err := folder.Open(d.path, d.config(change))
	require.NoError(d, err)
	return f
}

// User code under our lock or in our goroutine: the panic is that file's problem, or that look's, and the next one
// works.
func TestFolder_SurvivesThePanicOfEachCallback(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change   func(cfg *folder.Config[string], broken *atomic.Bool)
		reported bool
	}{
		"Parse": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			parse := cfg.Parse
			cfg.Parse = func(name string, content []byte) (string, error) {
				if broken.Load() && name == "b" {
					panic("canary")
				}
				return parse(name, content)
			}
		}, true},
		"Same": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			same := cfg.Same
			cfg.Same = func(a, b string) bool {
				if broken.Load() {
					panic("canary")
				}
				return same(a, b)
			}
		}, true},
		"Now": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			now := cfg.Now
			cfg.Now = func() time.Time {
				if broken.Load() {
					panic("canary")
				}
				return now()
			}
		}, true},
		"OnError": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			cfg.OnError = func(error) {
				if broken.Load() {
					panic("canary")
				}
			}
		}, false},
		"Parse, Goexit": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			parse := cfg.Parse
			cfg.Parse = func(name string, content []byte) (string, error) {
				if broken.Load() && name == "b" {
					runtime.Goexit()
				}
				return parse(name, content)
			}
		}, true},
		"OnError, Goexit": {func(cfg *folder.Config[string], broken *atomic.Bool) {
			cfg.OnError = func(error) {
				if broken.Load() {
					runtime.Goexit()
				}
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			d := newDir(t)
			d.old("a", "1")
			f := d.open(func(cfg *folder.Config[string]) { test.change(cfg, &broken) })
			broken.Store(true)
			d.old("b", "2")
			d.old("x~", "a stray file, so that there is a problem")
			for range 3 {
				d.advance(2 * time.Second)
				assert.Contains(t, f.State(true).Entries, "a=1")
				require.Error(t, f.Refresh(t.Context()))
			}
			assert.Equal(t, test.reported, len(d.reported()) > 0)
			for _, problem := range d.reported() {
				assert.NotContains(t, problem, "canary")
			}
			broken.Store(false)
			d.remove("x~")
			d.old("c", "3")
			d.advance(2 * time.Second)
			require.NoError(t, f.Refresh(t.Context()))
			assert.Equal(t, []string{"a=1", "b=2", "c=3"}, f.State(false).Entries)
			assert.NoError(t, f.State(false).Doubt())
		})
	}
}

// Who may say that an entry does not exist.
func TestFolder_IsInDoubtWhileAFileIsNotInUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act     func(d *dir)
		doubt   bool
		problem bool
	}{
		"nothing changed":          {func(*dir) {}, false, false},
		"a new file":               {func(d *dir) { d.old("b", "2") }, false, false},
		"a new file, just written": {func(d *dir) { d.write("b", "2") }, true, false},
		"a file, just rewritten":   {func(d *dir) { d.write("a", "2") }, true, false},
		"a new file, unreadable":   {func(d *dir) { d.old("b", "bad") }, true, true},
		"a file, now unreadable":   {func(d *dir) { d.old("a", "bad!") }, true, true},
		"an empty file":            {func(d *dir) { d.old("b", "") }, true, true},
		"a large file":             {func(d *dir) { d.old("b", strings.Repeat("x", 101)) }, true, true},
		"a stray name":             {func(d *dir) { d.old("b~", "2") }, true, true},
		"a folder":                 {func(d *dir) { require.NoError(d, os.Mkdir(d.file("b"), 0o700)) }, true, true},
		"too many files": {func(d *dir) {
			for _, n := range []string{"b", "c", "d", "e"} {
				d.old(n, n)
			}
		}, true, true},
		"the folder is gone":    {func(d *dir) { require.NoError(d, os.RemoveAll(d.path)) }, true, true},
		"the last file is gone": {func(d *dir) { d.remove("a") }, true, true},
		"a hidden file":         {func(d *dir) { d.old(".b", "bad") }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDir(t)
			d.old("a", "1")
			f := d.open(nil)
			d.advance(10 * time.Second)
			test.act(d)
			state := f.State(true)
			assert.Equal(t, test.doubt, state.Doubt() != nil, "%v", state.Doubt())
			assert.Equal(t, test.problem, state.Problem != nil)
			assert.Contains(t, strings.Join(state.Entries, " "), "a=")
		})
	}
}

func TestFolder_AFileThatNeverStandsStillBecomesAProblem(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	d.old("a", "1")
	f := d.open(nil)
	for range 60 {
		d.write("b", "2")
		d.advance(500 * time.Millisecond)
		require.NoError(t, f.Refresh(t.Context()))
		require.Error(t, f.State(false).Doubt())
		d.advance(500 * time.Millisecond)
	}
	d.advance(time.Second)
	d.write("b", "2")
	require.ErrorContains(t, f.Refresh(t.Context()), "not stood still")
	d.advance(2 * time.Second)
	require.NoError(t, f.Refresh(t.Context()))
	assert.Equal(t, []string{"a=1", "b=2"}, f.State(false).Entries)
	assert.NoError(t, f.State(false).Doubt())
}

// hanging is a folder whose next look hangs at a new file until release is called.
func hanging(t *testing.T) (d *dir, f *folder.Folder[string], release func()) {
	t.Helper()
	released := make(chan struct{})
	var hangs atomic.Bool
	d = newDir(t)
	d.old("a", "1")
	f = d.open(func(cfg *folder.Config[string]) {
		parse := cfg.Parse
		cfg.Parse = func(name string, content []byte) (string, error) {
			if hangs.Load() {
				<-released
			}
			return parse(name, content)
		}
	})
	hangs.Store(true)
	d.old("b", "2")
	d.advance(2 * time.Second)
	return d, f, func() { hangs.Store(false); close(released) }
}

func TestFolder_ALookThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	d, f, release := hanging(t)
	for range 3 { // the first one waits for a second, by the real clock, and nobody after it
		state := f.State(false)
		assert.Equal(t, []string{"a=1"}, state.Entries)
	}
	require.ErrorContains(t, f.State(true).Doubt(), "too long")
	assert.False(t, f.State(true).Since.IsZero())
	assert.Len(t, d.reported(), 1, "once")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Refresh(ctx), context.Canceled)
	release()
	require.NoError(t, f.Refresh(t.Context()))
	assert.Equal(t, []string{"a=1", "b=2"}, f.State(true).Entries)
	assert.NoError(t, f.State(true).Doubt())
}

// While somebody waits for a look that hangs, the others go on with what there is.
func TestFolder_OthersDoNotWaitForALookThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, f, release := hanging(t)
		go f.State(false)
		synctest.Wait() // it waits for the look that it has begun
		began := time.Now()
		assert.Equal(t, []string{"a=1"}, f.State(false).Entries)
		assert.Equal(t, began, time.Now(), "at once")
		release()
		synctest.Wait()
		assert.Equal(t, []string{"a=1", "b=2"}, f.Known().Entries)
	})
}

// A file that was written again in place, with the old size and time, is believed for a minute, whichever way the clock
// went meanwhile.
func TestFolder_AFileThatLooksUnchangedIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Minute, -time.Hour} {
		d := newDir(t)
		d.writeAt("a", "1", d.clock().Add(-48*time.Hour))
		f := d.open(nil)
		before, err := os.Stat(d.file("a"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(d.file("a"), []byte("2"), 0o600))
		require.NoError(t, os.Chtimes(d.file("a"), before.ModTime(), before.ModTime()))
		d.advance(step)
		require.NoError(t, f.Refresh(t.Context()))
		assert.Equal(t, []string{"a=2"}, f.Known().Entries, step.String())
	}
}

// A look reads what it has seen, or nothing: the same size does not tell.
func TestFolder_AFileThatChangedBeforeItWasReadIsNotTaken(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	d.old("a", "1")
	f := d.open(nil)
	seen, err := os.Stat(d.file("a"))
	require.NoError(t, err)
	content, err := f.ReadFile(d.file("a"), seen)
	require.NoError(t, err)
	require.Equal(t, "1", string(content))
	d.write("a", "2")
	_, err = f.ReadFile(d.file("a"), seen)
	require.ErrorContains(t, err, "is being changed")
	d.old("other", "3")
	require.NoError(t, os.Chtimes(d.file("other"), seen.ModTime(), seen.ModTime()))
	_, err = f.ReadFile(d.file("other"), seen)
	require.ErrorContains(t, err, "is being changed", "another file under the name")
}

func TestFolder_OnErrorMayRefresh(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	d.old("a", "1")
	done := make(chan error, 1)
	var f *folder.Folder[string]
	f = d.open(func(cfg *folder.Config[string]) {
		cfg.OnError = func(error) { done <- f.Refresh(context.Background()) }
	})
	d.old("b", "bad")
	d.advance(2 * time.Second)
	require.Error(t, f.Refresh(t.Context()))
	require.Error(t, <-done)
}

func TestFolder_SurvivesAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	d.old("a", "1")
	f := d.open(nil)
	d.advance(-300 * 24 * time.Hour)
	d.writeAt("b", "2", d.clock().Add(-time.Hour))
	assert.Equal(t, []string{"a=1", "b=2"}, f.State(false).Entries)
	d.advance(time.Second)
	d.writeAt("c", "3", d.clock().Add(-time.Hour))
	assert.Equal(t, []string{"a=1", "b=2", "c=3"}, f.State(false).Entries)
}

func TestFolder_OpenRejectsAndNames(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(d *dir)
		want string
	}{
		"no files":     {func(*dir) {}, "no files"},
		"a bad file":   {func(d *dir) { d.old("a", "bad") }, "not a key"},
		"one bad file": {func(d *dir) { d.old("a", "1"); d.old("b", "bad") }, "not a key"},
		"too many": {func(d *dir) {
			for _, n := range []string{"a", "b", "c", "d", "e"} {
				d.old(n, n)
			}
		}, "more than 4 files"},
		"a stray name":  {func(d *dir) { d.old("a b", "1") }, "name"},
		"nothing there": {func(d *dir) { require.NoError(d, os.RemoveAll(d.path)) }, "no such file"},
	} {
		d := newDir(t)
		test.act(d)
		_, err := folder.Open(d.path, d.config(nil))
		require.ErrorContains(t, err, test.want, name)
	}
	d := newDir(t)
	d.old("a", "1")
	_, err := folder.Open(d.path, d.config(func(cfg *folder.Config[string]) {
		cfg.Parse = func(string, []byte) (string, error) { panic("canary") }
	}))
	require.ErrorContains(t, err, "panicked")
	assert.NotContains(t, err.Error(), "canary")
	_, err = folder.Open(d.path, d.config(func(cfg *folder.Config[string]) {
		cfg.Parse = func(string, []byte) (string, error) { runtime.Goexit(); return "", nil }
	}))
	require.ErrorContains(t, err, "ended its goroutine")
	_, err = folder.Open("", d.config(nil))
	require.Error(t, err)
}

func TestFolder_LeavesNoGoroutineBehind(t *testing.T) { // not parallel: it counts
	d := newDir(t)
	d.old("a", "1")
	f := d.open(nil)
	before := runtime.NumGoroutine()
	for range 100 {
		d.advance(2 * time.Second)
		f.State(false)
		require.NoError(t, f.Refresh(t.Context()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, f.Run(ctx))
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+2)
}
