package jose

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"slices"

	"github.com/truhook/truhook"
)

// A message is a compact JWE (RFC 7516, section 7.1) whose parts have their exact sizes.
//
// The content is decrypted here, by the standard library, not by go-jose: that copies it six times, a quarter of the
// whole cost at 100 KiB, and cannot be told to go on with a random key where the content key does not decrypt.
type message struct {
	head
	sizes                        sizes
	protected                    []byte // the header as it came; it is authenticated too
	wrapped, iv, ciphertext, tag []byte
}

// parse checks the form: five parts, canonical base64url, a header that we allow, every part of its exact size.
func (d *Decrypter) parse(jwe []byte) (m message, err error) {
	parts, ok := cut(jwe)
	if !ok || len(parts[0]) > maxToken {
		return m, errDecrypt()
	}
	raw, ok := decode(parts[0])
	if !ok {
		return m, errDecrypt()
	}
	var enc string
	if m.head, enc, err = readHeader(raw, truhook.DecryptFailed); err != nil {
		return m, err
	}
	if !slices.Contains(d.keyAlgorithms, m.algorithm) {
		return m, refuse(truhook.AlgorithmNotAllowed, "alg of the encrypted content")
	}
	if !slices.Contains(d.contents, enc) {
		return m, refuse(truhook.AlgorithmNotAllowed, "enc of the encrypted content")
	}
	m.protected, m.sizes = parts[0], sizesOf(enc)
	if decodedLen(parts[1]) > maxModulusBytes ||
		!m.sizes.fit(decodedLen(parts[2]), decodedLen(parts[3]), decodedLen(parts[4])) {
		return m, errDecrypt()
	}
	for i, to := range [...]*[]byte{&m.wrapped, &m.iv, &m.ciphertext, &m.tag} {
		if len(parts[i+1]) == 0 {
			continue // AES-GCM of nothing has no ciphertext, and no RSA key fits a content key of nothing
		}
		if *to, ok = decode(parts[i+1]); !ok {
			return m, errDecrypt()
		}
	}
	return m, nil
}

const maxModulusBytes = 8192 / 8

// cut returns the five parts. It does not look for a point in the ciphertext, which is the one long part: to decode it
// fails there.
func cut(jwe []byte) (parts [5][]byte, ok bool) {
	rest := jwe
	for i := range 3 {
		if parts[i], rest, ok = bytes.Cut(rest, []byte(".")); !ok {
			return parts, false
		}
	}
	last := bytes.LastIndexByte(rest, '.')
	if last < 0 {
		return parts, false
	}
	parts[3], parts[4] = rest[:last], rest[last+1:]
	return parts, true
}

// open decrypts the content if the tag fits. It changes the ciphertext in any case.
func (m *message) open(key []byte) ([]byte, error) {
	if m.sizes.hash == nil {
		return m.openGCM(key)
	}
	return m.openCBC(key)
}

// openCBC is AES-CBC with HMAC (RFC 7518, section 5.2.2.2), in place. Content whose tag does not fit is decrypted too
// and thrown away, so that a wrong tag, and a content key that did not decrypt, take as long as wrong padding.
func (m *message) openCBC(key []byte) ([]byte, error) {
	half := len(key) / 2
	mac := hmac.New(m.sizes.hash, key[:half])
	mac.Write(m.protected)
	mac.Write(m.iv)
	mac.Write(m.ciphertext)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(m.protected))*8))
	fits := subtle.ConstantTimeCompare(mac.Sum(nil)[:half], m.tag)
	block, err := aes.NewCipher(key[half:])
	if err != nil {
		return nil, errDecrypt()
	}
	cipher.NewCBCDecrypter(block, m.iv).CryptBlocks(m.ciphertext, m.ciphertext)
	if fits != 1 {
		return nil, errDecrypt()
	}
	last := int(m.ciphertext[len(m.ciphertext)-1])
	if last == 0 || last > aes.BlockSize {
		return nil, errDecrypt()
	}
	content, padding := m.ciphertext[:len(m.ciphertext)-last], m.ciphertext[len(m.ciphertext)-last:]
	for _, b := range padding { // authenticated, so nothing is to be learned from the time this takes
		if int(b) != last {
			return nil, errDecrypt()
		}
	}
	return content, nil
}

func (m *message) openGCM(key []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errDecrypt()
	}
	aead, err := cipher.NewGCM(block)
	if err != nil { // under GODEBUG=fips140=only
		return nil, refuse(truhook.Internal, "AES-GCM does not work here")
	}
	content, err := aead.Open(nil, m.iv, slices.Concat(m.ciphertext, m.tag), m.protected)
	if err != nil {
		return nil, errDecrypt()
	}
	return content, nil
}

func oaepHash(algorithm string) crypto.Hash {
	switch algorithm {
	case "RSA-OAEP":
		return crypto.SHA1
	case "RSA-OAEP-256":
		return crypto.SHA256
	}
	return 0
}

// sizes are the exact sizes in bytes of a JWE's parts (RFC 7518, sections 5.2 and 5.3), and the hash of its tag.
type sizes struct {
	key, iv, tag int
	block, least int // the ciphertext's length is a multiple of block and at least least
	hash         func() hash.Hash
}

func (s sizes) fit(iv, ciphertext, tag int) bool {
	return iv == s.iv && tag == s.tag && ciphertext >= s.least && ciphertext%s.block == 0
}

func sizesOf(enc string) sizes {
	switch enc {
	case "A128CBC-HS256":
		return sizes{32, 16, 16, 16, 16, sha256.New}
	case "A192CBC-HS384":
		return sizes{48, 16, 24, 16, 16, sha512.New384}
	case "A256CBC-HS512":
		return sizes{64, 16, 32, 16, 16, sha512.New}
	case "A128GCM":
		return sizes{16, 12, 16, 1, 0, nil}
	case "A192GCM":
		return sizes{24, 12, 16, 1, 0, nil}
	case "A256GCM":
		return sizes{32, 12, 16, 1, 0, nil}
	}
	return sizes{}
}
