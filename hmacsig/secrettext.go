package hmacsig

import (
	"errors"
	"strings"

	"github.com/truhook/truhook/internal/secrettext"
)

var (
	errNoID       = errors.New("hmacsig: a key has no id")
	errControlID  = errors.New("hmacsig: the id of a key holds a control character")
	errSecretAsID = errors.New("hmacsig: the id of a key looks like a secret: the id is a label and comes first, the secret second")
)

// checkID returns what is wrong with the label of a key. Its errors do not repeat it.
func checkID(id string, secretLength int) error {
	switch {
	case id == "":
		return errNoID
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errControlID
	case secrettext.LooksSecret(id), len(id) >= 16 && secretLength < 8:
		return errSecretAsID
	}
	return nil
}
