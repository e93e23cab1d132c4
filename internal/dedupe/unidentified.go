// Package dedupe holds what the packages of the module tell each other about events, and nobody outside can name.
package dedupe

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// unidentified begins the id of an event in which no id could be read.
const unidentified = "body-sha256/"

// DigestID returns the id of an event in which no id could be read: the SHA-256 of its bytes, marked as such. Equal
// bytes have equal ids. It is safe for concurrent use.
func DigestID(body []byte) string {
	sum := sha256.Sum256(body)
	return unidentified + hex.EncodeToString(sum[:])
}

// IsDigestID reports whether id is one of [DigestID], also where a caller's KeyFunc has put a tenant or anything else
// in front of it. What reports it is called "unidentified".
func IsDigestID(id string) bool {
	at := strings.LastIndex(id, unidentified)
	if at < 0 || len(id)-at != len(unidentified)+2*sha256.Size {
		return false
	}
	return strings.Trim(id[at+len(unidentified):], "0123456789abcdef") == ""
}
