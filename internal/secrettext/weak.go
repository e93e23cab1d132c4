package secrettext

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Weak reports whether anybody can know a secret: a few bytes, a placeholder, a secret out of somebody's documentation.
func Weak(secret []byte) bool {
	s := strings.Trim(string(secret), " \t\r\n\"'`")
	return len(s) < 8 || IsPlaceholder(s) || IsPath(s) || isPublished(s)
}

// isPublished reports whether a secret stands in the public documentation or tests of a provider.
func isPublished(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return publishedSecrets[hex.EncodeToString(sum[:8])]
}
