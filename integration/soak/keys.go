package soak

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

const entity = "svc:7f2f6e3c-6f3e-4b6c-9d8a-1a2b3c4d5e6f"

// truvKeys are the secrets of a folder, one of which is in use.
type truvKeys struct {
	dir    string
	mu     sync.Mutex
	n      int
	newest truhooktest.Signer
	inUse  truhooktest.Signer
}

func newTruvKeys(dir string) (*truvKeys, error) {
	k := &truvKeys{dir: dir}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := k.add(); err != nil {
		return nil, err
	}
	k.use()
	return k, nil
}

// add puts a new secret into the folder, and returns what takes the one before it away.
func (k *truvKeys) add() (retire func() error, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n++
	secret := "sandbox-" + rand.Text()
	file := func(n int) string { return filepath.Join(k.dir, fmt.Sprintf("key-%d", n)) }
	hidden := filepath.Join(k.dir, ".new")
	if err := os.WriteFile(hidden, []byte(secret), 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(hidden, file(k.n)); err != nil {
		return nil, err
	}
	key, err := hmacsig.NewKey("soak", secret)
	if err != nil {
		return nil, err
	}
	k.newest = truhooktest.HMAC(truv.Scheme(), key)
	before := k.n - 1
	return func() error { return os.Remove(file(before)) }, nil
}

// use signs with the newest secret from now.
func (k *truvKeys) use() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inUse = k.newest
}

func (k *truvKeys) signer() truhooktest.Signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.inUse
}

// A platform is where TransUnion's public keys are asked for.
type platform struct {
	url     string
	server  *httptest.Server
	service *rsa.PublicKey

	mu    sync.Mutex
	keys  map[string]*platformKey
	inUse *platformKey
}

type platformKey struct {
	id      string
	private *rsa.PrivateKey
	pem     []byte
}

func newPlatform() (*platform, error) {
	p := &platform{keys: map[string]*platformKey{}}
	first, err := p.add()
	if err != nil {
		return nil, err
	}
	p.use(first)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := path.Base(r.URL.Path)
		p.mu.Lock()
		key := p.keys[id]
		p.mu.Unlock()
		if key == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("X-IOV-KEY-ID", id)
		_, _ = w.Write(key.pem)
	}))
	p.url = p.server.URL
	return p, nil
}

func (p *platform) close() { p.server.Close() }

func newPlatformKey() (*platformKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	id, err := transunion.Fingerprint(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		return nil, err
	}
	return &platformKey{id, private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}, nil
}

func (p *platform) add() (*platformKey, error) {
	key, err := newPlatformKey()
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[key.id] = key
	return key, nil
}

func (p *platform) use(key *platformKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inUse = key
}

func (p *platform) current() *platformKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inUse
}

// signer signs as the platform does, with what change makes of it.
func (p *platform) signer(change func(cfg *truhooktest.TransUnionConfig)) truhooktest.Signer {
	key := p.current()
	cfg := truhooktest.TransUnionConfig{
		Entity: entity, Platform: jose.PrivateKey{ID: key.id, Key: key.private},
		Service: jose.PublicKey{ID: serviceKey, Key: p.service},
	}
	if change != nil {
		change(&cfg)
	}
	return truhooktest.TransUnion(cfg)
}
