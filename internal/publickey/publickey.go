// Package publickey recognizes public keys where a secret is due. Everybody has them, so that anybody could sign with
// one that was configured as a secret of HMAC.
package publickey

import (
	"crypto/x509"
	"strings"
)

// Text reports whether text is a public key: it begins as a PEM block or as a key of OpenSSH, blanks in front left
// aside, is a JWK, or is DER.
func Text(text string) bool {
	trimmed := strings.TrimSpace(text)
	for _, begin := range []string{"-----BEGIN ", "ssh-rsa ", "ssh-ed25519 ", "ssh-dss ", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if strings.HasPrefix(trimmed, begin) {
			return true
		}
	}
	return strings.HasPrefix(trimmed, "{") && strings.Contains(trimmed, `"kty"`) || isDER([]byte(text))
}

func isDER(data []byte) bool {
	if len(data) < 2 || data[0] != 0x30 { // a sequence, as every key and certificate is
		return false
	}
	if _, err := x509.ParsePKIXPublicKey(data); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PublicKey(data); err == nil {
		return true
	}
	_, err := x509.ParseCertificate(data)
	return err == nil
}
