package hmacsig_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// secretFolder is a folder of secrets with a clock of its own: files are as old as the test says.
type secretFolder struct {
	testing.TB
	path     string
	now      atomic.Int64
	problems []string
}

func newSecretFolder(t testing.TB) *secretFolder {
	f := &secretFolder{TB: t, path: t.TempDir()}
	f.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixNano())
	return f
}

func (f *secretFolder) clock() time.Time        { return time.Unix(0, f.now.Load()) }
func (f *secretFolder) advance(d time.Duration) { f.now.Add(int64(d)) }
func (f *secretFolder) file(name string) string { return filepath.Join(f.path, name) }
func (f *secretFolder) remove(name string)      { require.NoError(f, os.RemoveAll(f.file(name))) }
func (f *secretFolder) touch(name string)       { f.age(name, 0) }
func (f *secretFolder) config() hmacsig.FileConfig {
	return hmacsig.FileConfig{Now: f.clock, OnError: func(err error) { f.problems = append(f.problems, err.Error()) }}
}

func (f *secretFolder) age(name string, d time.Duration) {
	at := f.clock().Add(-d)
	require.NoError(f, os.Chtimes(f.file(name), at, at))
}

// write writes in place a file that is as old as the clock says.
func (f *secretFolder) write(name, content string) {
	require.NoError(f, os.WriteFile(f.file(name), []byte(content), 0o600))
	f.touch(name)
}

func (f *secretFolder) open() *hmacsig.FileKeys {
	keys, err := hmacsig.NewFileKeys(f.path, f.config())
	require.NoError(f, err)
	return keys
}

func (f *secretFolder) ids(keys *hmacsig.FileKeys) []string {
	all, err := keys.Keys(f.Context(), hmacsig.Query{})
	require.NoError(f, err)
	return ids(all)
}

// accepts reports whether a delivery that is signed by the secret is accepted now.
func (f *secretFolder) accepts(keys *hmacsig.FileKeys, secret string) bool {
	v, err := hmacsig.New(testScheme(), keys, hmacsig.Config{})
	require.NoError(f, err)
	_, err = v.Verify(f.Context(), signed(f, key(f, "any", secret)))
	return err == nil
}

func TestFileKeysRefusesAtStartWhatIsNotASecret(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		make func(f *secretFolder)
		path string // below the folder
		want string
	}{
		"a path that is not there":     {func(*secretFolder) {}, "nothing", "no such file"},
		"an empty folder":              {func(*secretFolder) {}, "", "no files"},
		"a folder of hidden files":     {func(f *secretFolder) { f.write(".hidden", "secret-a") }, "", "no files"},
		"an empty file":                {func(f *secretFolder) { f.write("a", "") }, "", "empty"},
		"an empty file by itself":      {func(f *secretFolder) { f.write("a", "") }, "a", "empty"},
		"one empty file beside others": {func(f *secretFolder) { f.write("a", "secret-a"); f.write("b", "") }, "", "empty"},
		"a line feed at the end":       {func(f *secretFolder) { f.write("a", "secret-a\n") }, "a", "line break"},
		"CR LF at the end":             {func(f *secretFolder) { f.write("a", "secret-a\r\n") }, "", "line break"},
		"a line feed in front":         {func(f *secretFolder) { f.write("a", "\nsecret-a") }, "", "line break"},
		"only a line feed":             {func(f *secretFolder) { f.write("a", "\n") }, "", "line break"},
		"a byte order mark":            {func(f *secretFolder) { f.write("a", "\xef\xbb\xbfsecret-a") }, "", "byte order mark"},
		"UTF-16 of PowerShell":         {func(f *secretFolder) { f.write("a", "\xff\xfes\x00e\x00") }, "", "byte order mark"},
		"UTF-16, big end first":        {func(f *secretFolder) { f.write("a", "\xfe\xff\x00s\x00e") }, "", "byte order mark"},
		"UTF-16 without a mark":        {func(f *secretFolder) { f.write("a", "s\x00e\x00c\x00r\x00") }, "", "UTF-16"},
		"UTF-16, the other way":        {func(f *secretFolder) { f.write("a", "\x00s\x00e\x00c\x00r") }, "", "UTF-16"},
		"more than 4 KiB":              {func(f *secretFolder) { f.write("a", strings.Repeat("s", 4097)) }, "", "more than 4096"},
		"a name with a tilde":          {func(f *secretFolder) { f.write("a~", "secret-a") }, "", "name"},
		"a name with a line break":     {func(f *secretFolder) { f.write("a\nb", "secret-a") }, "", "name"},
		"a folder in the folder": {func(f *secretFolder) {
			require.NoError(f, os.Mkdir(f.file("a"), 0o700))
		}, "", "regular"},
		"a link to itself":  {func(f *secretFolder) { require.NoError(f, os.Symlink("a", f.file("a"))) }, "", "links"},
		"a link to nothing": {func(f *secretFolder) { require.NoError(f, os.Symlink("b", f.file("a"))) }, "", "no such file"},
		"more names than are looked at": {func(f *secretFolder) {
			f.write("a", "secret-a")
			for i := range 255 {
				f.write(fmt.Sprint(".hidden", i), "")
			}
		}, "", "more than 255 names"},
		"seventeen files": {func(f *secretFolder) {
			for i := range 17 {
				f.write(fmt.Sprint("s", i), fmt.Sprint("secret-", i))
			}
		}, "", "more than 16"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newSecretFolder(t)
			test.make(f)
			_, err := hmacsig.NewFileKeys(filepath.Join(f.path, test.path), f.config())
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "secret-")
		})
	}
	_, err := hmacsig.NewFileKeys("", hmacsig.FileConfig{})
	assert.Error(t, err)
}

func TestFileKeysTrimsOneNewlineIfToldTo(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]bool{
		"secret-a": true, "secret-a\n": true, "secret-a\r\n": true,
		"secret-a\n\n": false, "secret-a\r": false, "\nsecret-a\n": false, "\n": false, "secret-a\n\r\n": false,
	} {
		t.Run(fmt.Sprintf("%q", content), func(t *testing.T) {
			t.Parallel()
			f := newSecretFolder(t)
			f.write("a", content)
			cfg := f.config()
			cfg.TrimNewline = true
			keys, err := hmacsig.NewFileKeys(f.file("a"), cfg)
			require.Equal(t, want, err == nil, "%v", err)
			if want {
				assert.True(t, f.accepts(keys, "secret-a"))
			}
		})
	}
}

func TestFileKeysTrimsNothingElse(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", " \"secret\" ")
	keys := f.open()
	assert.True(t, f.accepts(keys, " \"secret\" "))
	assert.False(t, f.accepts(keys, "secret"))
}

func TestFileKeysFollowsARotationInAFolder(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("2025", "secret-old")
	f.age("2025", time.Hour)
	keys := f.open()
	require.Equal(t, []string{"2025"}, f.ids(keys))

	f.write("2026", "secret-new")
	f.advance(time.Second)
	assert.Equal(t, []string{"2025", "2026"}, f.ids(keys), "a second after it was written")
	assert.True(t, f.accepts(keys, "secret-old"))
	assert.True(t, f.accepts(keys, "secret-new"))

	f.remove("2025")
	f.advance(time.Second)
	assert.Equal(t, []string{"2025", "2026"}, f.ids(keys), "it may be about to come back")
	f.advance(time.Second)
	assert.Equal(t, []string{"2026"}, f.ids(keys))
	assert.False(t, f.accepts(keys, "secret-old"), "a removed key is gone")
	assert.Empty(t, f.problems)
}

func TestFileKeysGivesTheSameSliceUntilASecretChanges(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	f.write("b", "secret-b")
	keys := f.open()
	first, _ := keys.Keys(t.Context(), hmacsig.Query{})
	for range 5 {
		f.advance(2 * time.Minute) // everything is read again
		f.touch("a")
		f.advance(time.Second)
		again, _ := keys.Keys(t.Context(), hmacsig.Query{})
		require.Same(t, &first[0], &again[0])
	}
	f.write("a", "secret-A")
	f.advance(time.Second)
	other, _ := keys.Keys(t.Context(), hmacsig.Query{})
	assert.NotSame(t, &first[0], &other[0])
}

func TestFileKeysNoticesAChangeThatKeepsSizeAndTime(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	f.age("a", time.Hour)
	keys := f.open()
	f.write("new", "secret-A")
	f.age("new", time.Hour)
	require.NoError(t, os.Rename(f.file("new"), f.file("a"))) // another inode
	f.advance(time.Second)
	assert.True(t, f.accepts(keys, "secret-A"))

	f.write("a", "secret-0") // the same inode and size
	f.age("a", 30*time.Minute)
	f.advance(time.Second)
	assert.True(t, f.accepts(keys, "secret-0"))
	f.write("a", "secret-A")
	f.age("a", time.Hour)
	f.advance(time.Second)
	require.True(t, f.accepts(keys, "secret-A"))

	require.NoError(t, os.WriteFile(f.file("a"), []byte("secret-b"), 0o600)) // the same time too
	f.age("a", time.Hour+time.Second)
	f.advance(30 * time.Second)
	assert.False(t, f.accepts(keys, "secret-b"), "nothing gives it away")
	f.advance(31 * time.Second)
	assert.True(t, f.accepts(keys, "secret-b"), "but everything is read once a minute")
}

func TestFileKeysFollowsTheLinksOfKubernetes(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	publish := func(version string, secrets map[string]string) { // as kubelet's AtomicWriter does
		require.NoError(t, os.Mkdir(f.file(version), 0o700))
		for name, secret := range secrets {
			f.write(filepath.Join(version, name), secret)
		}
		require.NoError(t, os.Symlink(version, f.file("..data_tmp")))
		require.NoError(t, os.Rename(f.file("..data_tmp"), f.file("..data")))
		for name := range secrets {
			if _, err := os.Lstat(f.file(name)); err != nil {
				require.NoError(t, os.Symlink(filepath.Join("..data", name), f.file(name)))
			}
		}
	}
	publish("..2026_01", map[string]string{"current": "secret-a", "previous": "secret-0"})
	keys := f.open()
	single, err := hmacsig.NewFileKeys(f.file("current"), f.config())
	require.NoError(t, err)
	require.Equal(t, []string{"current", "previous"}, f.ids(keys))

	f.advance(time.Hour)
	publish("..2026_02", map[string]string{"current": "secret-b", "next": "secret-c"})
	f.remove("..2026_01")
	for range 3 { // "previous" is a link to nothing now, which kubelet removes only later
		f.advance(time.Second)
		f.ids(keys)
	}
	assert.Equal(t, []string{"current", "next"}, f.ids(keys))
	assert.True(t, f.accepts(keys, "secret-b"))
	assert.False(t, f.accepts(keys, "secret-a"))
	assert.True(t, f.accepts(single, "secret-b"))
	assert.False(t, f.accepts(single, "secret-a"))
	assert.Empty(t, f.problems)
}

func TestFileKeysNeverUsesHalfASecret(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	f.age("a", time.Hour)
	keys := f.open()
	for n := 1; n <= len("secret-new"); n++ { // written byte by byte
		f.write("a", "secret-new"[:n])
		f.advance(600 * time.Millisecond)
		require.False(t, f.accepts(keys, "secret-new"[:n]), "after %d bytes", n)
		require.True(t, f.accepts(keys, "secret-a"), "after %d bytes", n)
	}
	f.advance(time.Second)
	assert.True(t, f.accepts(keys, "secret-new"))
	assert.False(t, f.accepts(keys, "secret-a"))
}

func TestFileKeysReadsAgainWhatWasYoungAtStart(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret")
	keys := f.open()
	require.True(t, f.accepts(keys, "secret"))
	require.NoError(t, os.WriteFile(f.file("a"), []byte("SECRET"), 0o600))
	f.touch("a") // the same time, size and inode: within the resolution of the clock
	f.advance(time.Second)
	assert.True(t, f.accepts(keys, "SECRET"))
}

func TestFileKeysKeepsTheLastGoodKeysAndReports(t *testing.T) {
	t.Parallel()
	faults := map[string]func(f *secretFolder){
		"the folder is gone":            func(f *secretFolder) { require.NoError(f, os.RemoveAll(f.path)) },
		"the folder is empty":           func(f *secretFolder) { f.remove("a"); f.remove("b") },
		"the folder is a file of links": func(f *secretFolder) { f.remove("a"); f.remove("b"); require.NoError(f, os.Symlink("x", f.file("c"))) },
		"both files are empty":          func(f *secretFolder) { f.write("a", ""); f.write("b", "") },
		"both end in a newline":         func(f *secretFolder) { f.write("a", "secret-a\n"); f.write("b", "secret-b\n") },
		"far too many files": func(f *secretFolder) {
			for i := range 300 {
				f.write(fmt.Sprint("s", i), "secret-s")
			}
		},
		"more files than keys are tried": func(f *secretFolder) {
			for i := range 17 {
				f.write(fmt.Sprint("s", i), "secret-s")
			}
		},
		"a stray file beside them": func(f *secretFolder) { f.write("a~", "secret-x") },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newSecretFolder(t)
			f.write("a", "secret-a")
			f.write("b", "secret-b")
			keys := f.open()
			f.advance(time.Minute)
			fault(f)
			for range 10 {
				f.advance(time.Minute)
				require.True(t, f.accepts(keys, "secret-a"))
				require.True(t, f.accepts(keys, "secret-b"))
			}
			assert.Len(t, f.problems, 1, "reported once: %q", f.problems)
			assert.Error(t, keys.Refresh(t.Context()))
			found := keys.Audit(t.Context())
			require.NotEmpty(t, found)
			assert.Equal(t, "files-unreadable", found[len(found)-1].Name)
			assert.NotContains(t, fmt.Sprint(f.problems, found), "secret-a")
		})
	}
}

func TestFileKeysGoesOnWithOneGoodFileBesideABadOne(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	f.write("b", "secret-b")
	keys := f.open()
	f.advance(time.Minute)
	f.write("a", "secret-A\n")
	f.remove("b")
	f.write("c", "secret-c")
	for range 3 {
		f.advance(time.Second)
		f.ids(keys)
	}
	assert.Equal(t, []string{"a", "c"}, f.ids(keys), "a bad file does not keep a removed key alive")
	assert.True(t, f.accepts(keys, "secret-a"), "it keeps its own last good one")
	f.write("a", "secret-A")
	f.advance(time.Second)
	assert.True(t, f.accepts(keys, "secret-A"))
	assert.False(t, f.accepts(keys, "secret-a"))
	assert.NoError(t, keys.Refresh(t.Context()))
}

// A source whose new secret's file is there but not in use cannot say that a signature is wrong.
func TestFileKeys_CannotSayMismatchWhileAFileIsNotInUse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(f *secretFolder)
		want truhook.Reason
	}{
		"all files are in use":   {func(*secretFolder) {}, truhook.SignatureMismatch},
		"a file just written":    {func(f *secretFolder) { f.write("b", "secret-b") }, truhook.KeysStale},
		"a file with a newline":  {func(f *secretFolder) { f.write("b", "secret-b\n"); f.age("b", time.Hour) }, truhook.KeysStale},
		"a file in UTF-16":       {func(f *secretFolder) { f.write("b", "\xff\xfes\x00"); f.age("b", time.Hour) }, truhook.KeysStale},
		"an empty file":          {func(f *secretFolder) { f.write("b", ""); f.age("b", time.Hour) }, truhook.KeysStale},
		"the folder is gone":     {func(f *secretFolder) { require.NoError(f, os.RemoveAll(f.path)) }, truhook.KeysStale},
		"a file that is in time": {func(f *secretFolder) { f.write("b", "secret-b"); f.age("b", time.Hour) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newSecretFolder(t)
			f.write("a", "secret-a")
			keys := f.open()
			f.advance(time.Minute)
			test.act(f)
			v, err := hmacsig.New(testScheme(), keys, hmacsig.Config{})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), signed(t, key(t, "any", "secret-b")))
			assert.Equal(t, test.want, truhook.ReasonOf(err))
			_, err = v.Verify(t.Context(), signed(t, key(t, "any", "secret-a")))
			assert.NoError(t, err)
		})
	}
}

func TestFileKeysReplacesTheWholeSet(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	keys := f.open()
	f.advance(time.Minute)
	f.remove("a")
	f.advance(time.Minute)
	f.ids(keys)
	f.advance(time.Minute)
	require.Equal(t, []string{"a"}, f.ids(keys), "the last one stays")
	f.write("b", "secret-b")
	f.advance(time.Second)
	f.ids(keys)
	f.advance(time.Second)
	assert.Equal(t, []string{"b"}, f.ids(keys), "until there is another")
}

func TestFileKeysReplacesManyFilesByManyOthersThatAreOlder(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	for i := range 9 {
		f.write(fmt.Sprint("old", i), fmt.Sprint("secret-", i))
	}
	keys := f.open()
	f.advance(time.Minute)
	for i := range 9 { // as an archive is unpacked, which keeps the times
		f.remove(fmt.Sprint("old", i))
		f.write(fmt.Sprint("new", i), fmt.Sprint("other-", i))
		f.age(fmt.Sprint("new", i), time.Hour)
	}
	f.advance(time.Second)
	assert.Len(t, f.ids(keys), 9, "no more than a verifier tries")
	assert.True(t, f.accepts(keys, "other-0"))
	assert.False(t, f.accepts(keys, "secret-0"))
	assert.Empty(t, f.problems)
}

func TestFileKeysLooksAfterAMissButNotForEachOne(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	f.age("a", time.Hour)
	cfg := f.config()
	cfg.Interval = time.Hour
	keys, err := hmacsig.NewFileKeys(f.path, cfg)
	require.NoError(t, err)
	f.write("b", "secret-b")
	f.age("b", time.Minute)
	f.advance(99 * time.Millisecond)
	assert.False(t, f.accepts(keys, "secret-b"))
	f.advance(time.Millisecond)
	assert.Equal(t, []string{"a"}, f.ids(keys), "no look is due")
	assert.True(t, f.accepts(keys, "secret-b"), "but a miss makes one")
}

func TestFileKeysRunLooksWithoutDeliveries(t *testing.T) {
	f := newSecretFolder(t)
	f.write("a", "secret-a")
	problems := make(chan error, 10)
	cfg := f.config()
	cfg.OnError = func(err error) { problems <- err; panic("of no matter") }
	path := f.path
	bubble(t, func(t *testing.T) {
		keys, err := hmacsig.NewFileKeys(path, cfg)
		require.NoError(t, err)
		done := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- keys.Run(ctx) }()
		synctest.Wait()
		require.NoError(t, os.RemoveAll(path))
		f.advance(time.Minute)
		advance(time.Second)
		require.Len(t, problems, 1)
		cancel()
		assert.Error(t, <-done)
	})
}

func TestFileKeysUnderLoadRefusesNoTrueDelivery(t *testing.T) {
	t.Parallel()
	f := newSecretFolder(t)
	f.write("k0", "secret-0")
	keys := f.open()
	v, err := hmacsig.New(testScheme(), keys, hmacsig.Config{})
	require.NoError(t, err)
	var rotation sync.RWMutex // the provider changes its secret between deliveries
	current := 0
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				rotation.RLock()
				d := signed(t, key(t, "any", fmt.Sprint("secret-", current)))
				_, err := v.Verify(t.Context(), d)
				rotation.RUnlock()
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for n := 1; n <= 30; n++ {
		f.write(fmt.Sprint("k", n), fmt.Sprint("secret-", n))
		f.advance(time.Second)
		require.NoError(t, keys.Refresh(t.Context()))
		rotation.Lock()
		current = n
		rotation.Unlock()
		f.remove(fmt.Sprint("k", n-1))
		for range 2 {
			f.advance(time.Second)
			require.NoError(t, keys.Refresh(t.Context()))
		}
		require.False(t, f.accepts(keys, fmt.Sprint("secret-", n-1)), "and no removed one is accepted")
	}
	stop.Store(true)
	wg.Wait()
}
