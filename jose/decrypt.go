package jose

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" //nolint:gosec // RSA-OAEP of RFC 7518, section 4.3, is over SHA-1; no collision matters there
	"crypto/subtle"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/folder"
)

// DecrypterConfig says what [NewDecrypter] accepts. Keys and both lists are required.
type DecrypterConfig struct {
	_ [0]func()

	Keys              PrivateKeySource // yours by key id; a JWE without a kid is refused
	KeyAlgorithms     []string         // alg: RSA-OAEP (SHA-1), RSA-OAEP-256
	ContentAlgorithms []string         // enc: A128CBC-HS256, A192CBC-HS384, A256CBC-HS512, A128GCM, A192GCM, A256GCM
	Now               func() time.Time // for NotAfter; nil: time.Now
}

// A Decrypter decrypts content that a provider encrypted to a public key of yours. It proves nothing about who did
// that: everyone has the public key. Verify first. It is safe for concurrent use; the nil and the zero Decrypter
// answer NoKey.
type Decrypter struct {
	keys          func(ctx context.Context, keyID string) ([]PrivateKey, error) // a func: fmt prints pointers' contents
	known         bool                                                          // keys answers from what is at hand under folder.KnownOnly
	keyAlgorithms []string
	contents      []string
	now           func() time.Time

	// At most so many private-key operations run at once: each takes about a millisecond of processor time.
	software, devices chan struct{}
}

const maxDeviceOperations = 64 // with keys in an HSM, which waits more than it computes

func isKnown(source PrivateKeySource) bool {
	switch source.(type) {
	case StaticPrivateKeys, *FilePrivateKeys:
		return true
	}
	return false
}

// NewDecrypter returns a [Decrypter]. An empty list, an algorithm that is not one of those above, a key against the
// policy, and a list of which nothing works in FIPS 140-3 mode are errors. Under GODEBUG=fips140=only RSA-OAEP and the
// GCM algorithms do not work; where a list has others too, content that needs them is Internal.
func NewDecrypter(cfg DecrypterConfig) (*Decrypter, error) {
	keys, err := fixedPrivate(cfg.Keys)
	if err != nil {
		return nil, err
	}
	d := &Decrypter{
		keys: keys, known: isKnown(cfg.Keys), now: clock.Guard("jose", cfg.Now, clock.Report(nil, nil)),
		software: make(chan struct{}, max(2, runtime.GOMAXPROCS(0))), devices: make(chan struct{}, maxDeviceOperations),
	}
	if len(cfg.KeyAlgorithms) == 0 || len(cfg.ContentAlgorithms) == 0 {
		return nil, configError("no KeyAlgorithms or no ContentAlgorithms are given")
	}
	for _, a := range cfg.KeyAlgorithms {
		if oaepHash(a) == 0 {
			return nil, configError("the key algorithm %q is not one that can be allowed", a)
		}
		d.keyAlgorithms = append(d.keyAlgorithms, a)
	}
	for _, e := range cfg.ContentAlgorithms {
		if sizesOf(e).key == 0 {
			return nil, configError("the content algorithm %q is not one that can be allowed", e)
		}
		d.contents = append(d.contents, e)
	}
	if !slices.ContainsFunc(d.keyAlgorithms, oaepWorks) || !slices.ContainsFunc(d.contents, contentWorks) {
		return nil, configError("none of the KeyAlgorithms, or none of the ContentAlgorithms, works in FIPS 140-3 mode")
	}
	return d, nil
}

// oaepWorks reports whether the hash of a key algorithm works here: it panics where it does not.
func oaepWorks(algorithm string) bool {
	_, err := safely(func() ([]byte, error) { return oaepHash(algorithm).New().Sum(nil), nil })
	return err == nil
}

// contentWorks reports whether a content algorithm works here.
func contentWorks(enc string) bool {
	s := sizesOf(enc)
	if s.hash != nil {
		return true
	}
	block, err := aes.NewCipher(make([]byte, s.key))
	if err == nil {
		_, err = cipher.NewGCM(block)
	}
	return err == nil
}

// Decrypt returns the content of a compact JWE (RFC 7516) and the id of the key that it was encrypted to.
//
// DecryptFailed means that it is not a JWE of the expected form or does not decrypt; nothing tells which, and a wrong
// content key takes the same path as a right one (RFC 7516, section 11.5). AlgorithmNotAllowed and MissingKeyID are
// about the header. UnknownDecryptionKey means that no private key with that id is there or still to be used,
// KeysUnavailable that the set cannot tell, Internal that a private key of yours does not work, as RSA-OAEP with SHA-1
// under GODEBUG=fips140=only. The error of a crypto.Decrypter of yours, which may be an HSM, is DecryptFailed unless it
// carries a Reason of the 5xx ones: return KeysUnavailable where the HSM cannot be reached.
func (d *Decrypter) Decrypt(ctx context.Context, jwe []byte) (plaintext []byte, keyID string, err error) {
	if d == nil || d.keys == nil {
		return nil, "", &truhook.Error{Scheme: "jose", Reason: truhook.NoKey}
	}
	m, err := d.parse(jwe)
	if err != nil {
		return nil, "", err
	}
	if err := checkKeyID(m.keyID, truhook.DecryptFailed); err != nil {
		return nil, "", err
	}
	return d.decrypt(ctx, m)
}

func (d *Decrypter) decrypt(ctx context.Context, m message) (plaintext []byte, keyID string, err error) {
	keys, err := d.privateKeys(ctx, m.keyID)
	if err != nil {
		return nil, "", err
	}
	for i, key := range keys {
		if len(m.wrapped) != modulusSize(key) {
			continue
		}
		m := m
		if i < len(keys)-1 {
			m.ciphertext = slices.Clone(m.ciphertext)
		}
		cek, err := d.contentKey(ctx, key, m)
		if err != nil {
			return nil, "", err
		}
		plaintext, err := m.open(cek)
		if err == nil {
			return plaintext, m.keyID, nil
		}
		if truhook.ReasonOf(err) != truhook.DecryptFailed {
			return nil, "", err
		}
	}
	return nil, "", errDecrypt()
}

// DecryptRSA decrypts content that was encrypted by RSA alone, without a JWE around it. algorithm is one of the
// KeyAlgorithms. The errors are those of [Decrypter.Decrypt].
func (d *Decrypter) DecryptRSA(ctx context.Context, algorithm, keyID string, ciphertext []byte) ([]byte, error) {
	if d == nil || d.keys == nil {
		return nil, &truhook.Error{Scheme: "jose", Reason: truhook.NoKey}
	}
	if !slices.Contains(d.keyAlgorithms, algorithm) {
		return nil, refuse(truhook.AlgorithmNotAllowed, "RSA")
	}
	if err := checkKeyID(keyID, truhook.DecryptFailed); err != nil {
		return nil, err
	}
	keys, err := d.privateKeys(ctx, keyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		plaintext, err := d.openOAEP(ctx, key, algorithm, ciphertext)
		if err == nil {
			return plaintext, nil
		}
		if err := fault(key, err); err != nil {
			return nil, err
		}
	}
	return nil, errDecrypt()
}

// errDecrypt is the one refusal for whatever went wrong inside.
func errDecrypt() error { return refuse(truhook.DecryptFailed, "encrypted content") }

var errPrivateKey = errors.New("the private key operation does not work here")

func (d *Decrypter) privateKeys(ctx context.Context, keyID string) ([]PrivateKey, error) {
	if folder.IsKnownOnly(ctx) && !d.known { // an explanation asks no source
		return nil, refuse(truhook.UnknownDecryptionKey, "the private keys are not at hand")
	}
	all, err := d.keys(ctx, keyID)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	now := d.now()
	var keys []PrivateKey
	for _, k := range all {
		if _, err := decrypter(k.Key); err != nil {
			return nil, refuse(truhook.KeysUnavailable, "the set of private keys gave a key against the policy")
		}
		if k.NotAfter.IsZero() || !now.After(k.NotAfter) {
			keys = append(keys, k)
		}
	}
	switch {
	case len(keys) == 0:
		return nil, refuse(truhook.UnknownDecryptionKey, "no private key has the id that the encrypted content names")
	case len(keys) > maxKeysPerID:
		return nil, refuse(truhook.KeysUnavailable, "the set of private keys gave too many keys for one id")
	}
	return keys, nil
}

// contentKey decrypts the content key. Where that fails it gives a random one, so that the work which follows is the
// same and the failure shows at the tag, as with any other wrong key (RFC 7516, section 11.5). An error is ours.
func (d *Decrypter) contentKey(ctx context.Context, key PrivateKey, m message) ([]byte, error) {
	size := m.sizes.key
	random := make([]byte, size)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	opened, err := d.openOAEP(ctx, key, m.algorithm, m.wrapped)
	if err := fault(key, err); err != nil {
		return nil, err
	}
	cek := make([]byte, size)
	copy(cek, opened)
	good := subtle.ConstantTimeEq(int32(len(opened)), int32(size)) //nolint:gosec // at most 1024 bytes
	subtle.ConstantTimeCopy(1-good, cek, random)
	return cek, nil
}

// modulusSize returns how many bytes a content key takes that is encrypted to key.
func modulusSize(key PrivateKey) int {
	d, err := decrypter(key.Key)
	if err != nil {
		return 0
	}
	return d.Public().(*rsa.PublicKey).Size()
}

// openOAEP runs one private-key operation, within the number that may run at once. The context ends the wait for an HSM
// and not the short one for a processor: the verdict on bytes whose keys are at hand does not depend on the sender.
func (d *Decrypter) openOAEP(ctx context.Context, key PrivateKey, algorithm string, ciphertext []byte) ([]byte, error) {
	private, err := decrypter(key.Key)
	if err != nil {
		return nil, err
	}
	slots := d.software
	if _, software := key.Key.(*rsa.PrivateKey); software {
		slots <- struct{}{}
	} else {
		slots = d.devices
		select {
		case slots <- struct{}{}:
		default:
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil, &truhook.Error{Reason: truhook.Canceled, Err: ctx.Err()}
			}
		}
	}
	defer func() { <-slots }()
	return safely(func() ([]byte, error) {
		return private.Decrypt(rand.Reader, ciphertext, &rsa.OAEPOptions{Hash: oaepHash(algorithm)})
	})
}

// fault tells a key that does not work from content that does not decrypt, for which it returns nil. Of a software key
// crypto/rsa says which it is. The error of an HSM must not become a way to learn about the padding, so it counts only
// where it says itself, by a Reason, that it is not about the content.
func fault(key PrivateKey, err error) error {
	if err == nil {
		return nil
	}
	if _, software := key.Key.(*rsa.PrivateKey); software {
		if errors.Is(err, rsa.ErrDecryption) {
			return nil
		}
		return &truhook.Error{Reason: truhook.Internal, Err: errPrivateKey}
	}
	r := truhook.ReasonOf(err)
	if r.Status() < http.StatusInternalServerError || r == truhook.Internal && !errors.Is(err, truhook.Internal) {
		return nil
	}
	return &truhook.Error{Reason: r, Err: err}
}
