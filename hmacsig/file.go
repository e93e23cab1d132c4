package hmacsig

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/folder"
	"github.com/truhook/truhook/internal/secrettext"
)

// FileConfig adjusts [NewFileKeys]. Its zero value is the strict default.
type FileConfig struct {
	_ [0]func()

	// TrimNewline drops one line feed, or one carriage return and line feed, from the end of a file. Without it a secret
	// that ends in a line break is an error.
	TrimNewline bool

	// KeyText is how the secrets are written: that of the Scheme. Zero: the text itself is the key.
	KeyText KeyText

	// Interval is how far apart two looks at the files are at the least. Zero and below mean 1 s.
	Interval time.Duration

	// OnError is called when a look finds something wrong that the one before it did not. It must be safe for concurrent
	// use. Its panic is recovered and dropped.
	OnError func(err error)

	// Logger logs what OnError is called with, at most one line a minute. Nil: slog.Default() as it is then;
	// slog.DiscardHandler turns it off.
	Logger *slog.Logger

	// Now replaces time.Now. It is compared with the modification times of the files.
	Now func() time.Time
}

// FileKeys is a [KeySource] over secrets in files, such as those that Kubernetes, Docker or a Vault agent mount.
// [NewFileKeys] makes it. It is safe for concurrent use. A nil or zero FileKeys has no keys, so that deliveries are
// refused with NoKey.
type FileKeys struct {
	folder *folder.Folder[Key]
	now    func() time.Time
}

const maxSecretFile = 4 << 10 // bytes; HMAC keys beyond a block are hashed anyway

// NewFileKeys returns a source of the secrets at path: a file, which is one secret, or a folder in which each file is
// one. The name of a file is the id of its key, and keys are in the order of their names. A name has the characters
// that Kubernetes allows in a Secret (letters, digits, ".", "_", "-") and colons; names that begin with a dot are
// left out, as Kubernetes keeps its own there. Symbolic links are followed. No files, more than 16, a file that is
// empty, over 4 KiB, not regular or not readable, and a bad name are errors.
//
// # What is in a file
//
// The whole file is the secret; nothing is decoded or trimmed. One that begins or ends with a line break, or begins
// with a byte order mark, is an error: that is nearly always an accident of whatever wrote the file, the break would
// be part of the secret, and every delivery would be refused without anybody knowing why. Write it with printf '%s',
// or set TrimNewline. Nothing is trimmed silently, as there is no telling which of the two the provider has.
//
// # How a change is noticed
//
// A delivery that comes Interval after the last look makes one, and so does one that no key fits, ten times a second
// at the most. A look compares modification time, size and identity of each file, reads what differs, and reads
// everything once a minute. One delivery waits for the look, for a second at most, while the others go on with the
// keys that there are; there is no goroutine but during a look, unless you call [FileKeys.Run]. A change counts once
// it has stood still for a second, so half a secret that is being written is never used, nor is a folder that is
// being copied ever short of keys. Until then, and while a file cannot be read, a delivery that no key fits is
// rejected with KeysStale, 503. Put a new secret there before the provider signs with it.
//
// A file that is gone, while others are there, takes its key with it: that is how a key is withdrawn, and there is no
// grace. A file that can no longer be read, or no longer holds a secret, keeps its last good key. A path that is
// gone, a folder without secrets or with more than 16 keeps the last good keys altogether: to withdraw the last key
// put another one in its place. Each of these is reported to OnError and by [FileKeys.Audit]; none of them turns into
// no keys.
func NewFileKeys(path string, cfg FileConfig) (*FileKeys, error) {
	if secrettext.LooksSecret(path) && !strings.ContainsAny(path, `/\`) {
		return nil, errors.New("hmacsig: NewFileKeys: what is given looks like a secret: give the path of the file that holds it")
	}
	f, err := folder.Open(path, folder.Config[Key]{
		Package: "hmacsig", MaxFiles: maxKeys, MaxBytes: maxSecretFile,
		Interval: cfg.Interval, OnError: cfg.OnError, Logger: cfg.Logger, Now: cfg.Now,
		Parse: func(name string, content []byte) (Key, error) {
			if cfg.TrimNewline {
				if rest, found := bytes.CutSuffix(content, []byte("\n")); found {
					content = bytes.TrimSuffix(rest, []byte("\r"))
				}
			}
			return Scheme{KeyText: cfg.KeyText}.NewKey(name, string(content))
		},
		Same: func(a, b Key) bool { return sameSecret(&a, &b) },
	})
	if err != nil {
		return nil, err
	}
	return &FileKeys{folder: f, now: clock.Guard("hmacsig", cfg.Now, nil)}, nil // f reports the panics of Now
}

// Keys implements [KeySource]. It does not look at the Delivery of q. The same slice comes back until something
// changes. The error is KeysStale, and only where none of the keys fits: a file is there that cannot be read, or that
// has not stood still for a second, so there may be another key.
func (f *FileKeys) Keys(_ context.Context, q Query) ([]Key, error) {
	if f == nil || f.folder == nil {
		return nil, nil
	}
	state := f.folder.State(q.Missed)
	if doubt := state.Doubt(); q.Missed && doubt != nil {
		return nil, &truhook.Error{Reason: truhook.KeysStale, Err: doubt}
	}
	return state.Entries, nil
}

// Refresh looks at the files now and returns what is wrong with them; those keys that are good are in use all the same.
// It may wait for the disk, whatever ctx says.
func (f *FileKeys) Refresh(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFileKeys
	}
	return f.folder.Refresh(ctx)
}

// Run looks every Interval until ctx ends, and returns its error: so that OnError is called also while no deliveries
// come, and no delivery has to look.
func (f *FileKeys) Run(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFileKeys
	}
	return f.folder.Run(ctx)
}

var errNoFileKeys = errors.New("hmacsig: a FileKeys that NewFileKeys did not make")
