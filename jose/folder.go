package jose

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/folder"
)

// FolderConfig adjusts [NewFileKeys] and [NewFilePrivateKeys]. Its zero value is the strict default.
type FolderConfig struct {
	_ [0]func()

	// KeyID gives the id of the key in a file. Its panic is the problem of that file, and is reported like one. Nil: the
	// name of the file without its extension. Package transunion has ids that are made of the key: its Fingerprint
	// serves here, behind a function that leaves the name out.
	KeyID func(name string, public crypto.PublicKey) (string, error)

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

const maxKeyFiles = 64 // as many keys as a CachedKeys keeps

// FileKeys is a [KeySource] over PEM files with a provider's public keys. [NewFileKeys] makes it. It is safe for
// concurrent use. A nil or zero FileKeys answers KeysUnavailable.
type FileKeys struct {
	folder *folder.Folder[PublicKey]
}

// NewFileKeys returns a key set over the file at path, or over each file of the folder at path. A file holds one PEM
// block, read as by [ParsePublicKey]. Names that begin with a dot are left out. No files, more than 64, one that is not
// such a key, and two with one id are errors.
//
// Files are followed as package hmacsig follows secrets in files: a delivery that comes Interval after the last look
// makes one, and so does one with an unknown id, ten times a second at the most. What has stood still for a second
// counts. A file that is gone, while others are there, takes its key with it; one that can no longer be read keeps its
// last good key; a path that is gone and a folder without keys keep all of them. Each of these is reported to OnError
// and by [FileKeys.Audit]. There is no goroutine but during a look, unless you call [FileKeys.Run].
func NewFileKeys(path string, cfg FolderConfig) (*FileKeys, error) {
	f, err := folder.Open(path, folder.Config[PublicKey]{
		Package: "jose", MaxFiles: maxKeyFiles, MaxBytes: maxPEM,
		Interval: cfg.Interval, OnError: cfg.OnError, Logger: cfg.Logger, Now: cfg.Now,
		Parse: func(name string, content []byte) (PublicKey, error) {
			key, err := ParsePublicKey(content)
			if err != nil {
				return PublicKey{}, err
			}
			id, err := cfg.keyID(name, key)
			return PublicKey{ID: id, Key: key}, err
		},
		Same: func(a, b PublicKey) bool { return a.ID == b.ID && sameKey(a.Key, b.Key) },
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, k := range f.State(false).Entries {
		if seen[k.ID] {
			return nil, configError("%s: two files with the key id %q", path, k.ID)
		}
		seen[k.ID] = true
	}
	return &FileKeys{f}, nil
}

func (cfg FolderConfig) keyID(name string, public crypto.PublicKey) (string, error) {
	id, err := strings.TrimSuffix(name, filepath.Ext(name)), error(nil)
	if cfg.KeyID != nil {
		id, err = cfg.KeyID(name, public)
	}
	if err == nil && !validKeyID(id) {
		err = errors.New("the key id is not one of 1 to 256 printable characters")
	}
	return id, err
}

func sameKey(a, b any) bool {
	k, ok := a.(interface{ Equal(x crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// PublicKeys implements [KeySource]. The error is KeysStale, and only for an id that no file has, and where none of
// the keys fits: a file is there that cannot be read, or that has not stood still for a second, so there may be
// another key.
func (f *FileKeys) PublicKeys(ctx context.Context, q Query) ([]PublicKey, error) {
	if f == nil || f.folder == nil {
		return nil, unavailable(context.Background(), errNoFolder)
	}
	if !q.Missed {
		keys, _ := StaticKeys(f.folder.State(false).Entries).PublicKeys(ctx, q)
		if len(keys) > 0 {
			return keys, nil
		}
	}
	state := f.folder.State(true)
	if doubt := state.Doubt(); doubt != nil {
		return nil, &truhook.Error{Reason: truhook.KeysStale, Err: doubt}
	}
	return StaticKeys(state.Entries).PublicKeys(ctx, q)
}

// Refresh looks at the files now and returns what is wrong with them; those keys that are good are in use all the same.
func (f *FileKeys) Refresh(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFolder
	}
	return f.folder.Refresh(ctx)
}

// Run looks every Interval until ctx ends, and returns its error.
func (f *FileKeys) Run(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFolder
	}
	return f.folder.Run(ctx)
}

var errNoFolder = errors.New("jose: keys in files that no constructor opened")

// FilePrivateKeys is a [PrivateKeySource] over PEM files with your private keys. [NewFilePrivateKeys] makes it. It is
// safe for concurrent use and prints without the keys. A nil or zero FilePrivateKeys answers KeysUnavailable.
type FilePrivateKeys struct {
	folder *folder.Folder[privateFile]
}

// privateFile keeps a key behind a func value, as fmt prints what stands behind pointers.
type privateFile struct {
	id   string
	open func() *rsa.PrivateKey
}

// NewFilePrivateKeys is [NewFileKeys] for private keys, read as by [ParsePrivateKey]. A retired key is used for as long
// as its file is there: leave it until no delivery can be encrypted to it any more.
func NewFilePrivateKeys(path string, cfg FolderConfig) (*FilePrivateKeys, error) {
	f, err := folder.Open(path, folder.Config[privateFile]{
		Package: "jose", MaxFiles: maxKeyFiles, MaxBytes: maxPEM,
		Interval: cfg.Interval, OnError: cfg.OnError, Logger: cfg.Logger, Now: cfg.Now,
		Parse: func(name string, content []byte) (privateFile, error) {
			parsed, err := ParsePrivateKey(content)
			if err != nil {
				return privateFile{}, err
			}
			key, ok := parsed.(*rsa.PrivateKey)
			if !ok {
				return privateFile{}, errPrivate
			}
			id, err := cfg.keyID(name, &key.PublicKey)
			return privateFile{id: id, open: func() *rsa.PrivateKey { return key }}, err
		},
		Same: func(a, b privateFile) bool { return a.id == b.id && a.open().PublicKey.Equal(&b.open().PublicKey) },
	})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, k := range f.State(false).Entries {
		if seen[k.id] {
			return nil, configError("%s: two files with the key id %q", path, k.id)
		}
		seen[k.id] = true
	}
	return &FilePrivateKeys{f}, nil
}

// PrivateKeys implements [PrivateKeySource].
func (f *FilePrivateKeys) PrivateKeys(ctx context.Context, keyID string) ([]PrivateKey, error) {
	if f == nil || f.folder == nil {
		return nil, unavailable(context.Background(), errNoFolder)
	}
	find := func(state *folder.State[privateFile]) (keys []PrivateKey) {
		for _, k := range state.Entries {
			if k.id == keyID {
				keys = append(keys, PrivateKey{ID: k.id, Key: k.open()})
			}
		}
		return keys
	}
	if folder.IsKnownOnly(ctx) {
		return find(f.folder.Known()), nil
	}
	if keys := find(f.folder.State(false)); len(keys) > 0 {
		return keys, nil
	}
	return find(f.folder.State(true)), nil
}

// Refresh looks at the files now and returns what is wrong with them; those keys that are good are in use all the same.
func (f *FilePrivateKeys) Refresh(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFolder
	}
	return f.folder.Refresh(ctx)
}

// Run looks every Interval until ctx ends, and returns its error.
func (f *FilePrivateKeys) Run(ctx context.Context) error {
	if f == nil || f.folder == nil {
		return errNoFolder
	}
	return f.folder.Run(ctx)
}
