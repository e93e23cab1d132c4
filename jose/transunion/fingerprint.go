package transunion

import (
	"crypto"
	"crypto/md5" //nolint:gosec // an identifier that the provider chose, no security rests on it
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
)

// Fingerprint returns the key id that the platform uses for a key: the MD5 of its DER SubjectPublicKeyInfo in
// lower-case hexadecimal with a colon between octets, 47 characters. A private key has the id of its public key. It is
// an error if key is neither, or where MD5 is not available (GODEBUG=fips140=only): write the ids down then, as
// verifying does not need this function.
func Fingerprint(key any) (id string, err error) {
	defer func() {
		if recover() != nil { // crypto/md5 panics in FIPS 140-only mode, others on a nil key
			id, err = "", errFingerprint
		}
	}()
	if private, ok := key.(interface{ Public() crypto.PublicKey }); ok {
		key = private.Public()
	}
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", errFingerprint
	}
	sum := md5.Sum(der) //nolint:gosec // see above
	octets := make([]string, len(sum))
	for i := range sum {
		octets[i] = hex.EncodeToString(sum[i : i+1])
	}
	return strings.Join(octets, ":"), nil
}

// fingerprintsWork reports whether there is MD5 here.
func fingerprintsWork() (works bool) {
	defer func() { _ = recover() }()
	md5.Sum(nil) //nolint:gosec // see above
	return true
}

var errFingerprint = errors.New("transunion: the fingerprint of this key cannot be computed here")

// isFingerprint reports whether id has the shape of a fingerprint, and so may go into a URL.
func isFingerprint(id string) bool {
	if len(id) != 47 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if i%3 == 2 {
			if c != ':' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
