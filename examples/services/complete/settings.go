package main

import (
	"crypto"
	"errors"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

// settings are what the service is told.
type settings struct {
	addr, admin, file string

	truvSecret, truvPrevious string // the second one while secrets are rotated

	transunionEntity                      string // empty: no TransUnion
	transunionPlatform, transunionPrivate string // folders
}

func (s settings) withEnvironment(env func(string) string) settings {
	s.truvSecret, s.truvPrevious = env("TRUV_ACCESS_SECRET"), env("TRUV_PREVIOUS_SECRET")
	s.transunionEntity = env("TRANSUNION_ENTITY")
	s.transunionPlatform, s.transunionPrivate = env("TRANSUNION_PLATFORM_KEYS"), env("TRANSUNION_PRIVATE_KEYS")
	return s
}

func (s settings) truv() (truhook.Verifier, error) {
	if s.truvPrevious != "" {
		return truv.New(s.truvSecret, s.truvPrevious)
	}
	return truv.New(s.truvSecret) // an unset variable is an error
}

func (s settings) transunion() (truhook.Verifier, error) {
	if s.transunionPlatform == "" || s.transunionPrivate == "" {
		return nil, errors.New("TRANSUNION_PLATFORM_KEYS or TRANSUNION_PRIVATE_KEYS is not set")
	}
	byFingerprint := jose.FolderConfig{KeyID: func(_ string, key crypto.PublicKey) (string, error) { return transunion.Fingerprint(key) }}
	platform, err := jose.NewFileKeys(s.transunionPlatform, byFingerprint)
	if err != nil {
		return nil, err
	}
	private, err := jose.NewFilePrivateKeys(s.transunionPrivate, byFingerprint)
	if err != nil {
		return nil, err
	}
	return transunion.New(transunion.Config{Entity: s.transunionEntity, Keys: platform, PrivateKeys: private})
}
