package secrettext

import (
	"errors"
	"strings"

	"github.com/truhook/truhook/internal/publickey"
)

// Check returns what is wrong with a secret as it was configured, for every way in which one comes in.
func Check(text string) error {
	switch {
	case text == "":
		return errors.New("the secret is empty")
	case strings.HasPrefix(text, "\xef\xbb\xbf"), strings.HasPrefix(text, "\xff\xfe"), strings.HasPrefix(text, "\xfe\xff"):
		return errors.New("the secret begins with a byte order mark, which would be part of it: write it without")
	case isUTF16(text):
		return errors.New("every other byte of the secret is zero, as in UTF-16: write it as plain text")
	case strings.Trim(text, "\r\n") != text:
		return errors.New("the secret begins or ends with a line break, which would be part of it: write it without, " +
			"for example with printf '%s' in place of echo")
	case publickey.Text(text):
		return errors.New("the secret is a key as PEM, DER, JWK or OpenSSH writes it: a public key is no secret, and with it " +
			"anybody could sign")
	}
	return nil
}

// isUTF16 reports whether text is ASCII in UTF-16 without a mark, as some editors and shells write it.
func isUTF16(text string) bool {
	half := len(text) / 2
	zeros := [2]int{}
	for i := range len(text) {
		if text[i] == 0 {
			zeros[i%2]++
		}
	}
	return half >= 2 && len(text)%2 == 0 && zeros[0]+zeros[1] == half && (zeros[0] == 0 || zeros[1] == 0)
}

// LooksSecret reports whether a label has the shape of a secret. Names of variables and files, dates, UUIDs with or
// without dashes and short hashes have not.
func LooksSecret(id string) bool {
	if strings.HasPrefix(id, "whsec_") && len(id) > 16 || strings.HasPrefix(id, "-----BEGIN") {
		return true
	}
	odd := map[rune]bool{}
	for _, r := range id {
		if strings.ContainsRune("^#=$?@!&%*,;+~|<>", r) {
			odd[r] = true
		}
	}
	if len(id) >= 20 && len(odd) >= 3 {
		return true
	}
	isRun := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '+' || r == '/' || r == '='
	}
	for run := range strings.FieldsFuncSeq(id, func(r rune) bool { return !isRun(r) }) {
		digits := strings.ContainsAny(run, "0123456789")
		lower, upper := strings.ToUpper(run) != run, strings.ToLower(run) != run
		if digits && (len(run) > 32 || len(run) >= 20 && lower && upper) {
			return true
		}
	}
	return false
}
