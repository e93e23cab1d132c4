package main

import (
	"fmt"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/truhooktest"
)

// build returns the verifier of an HMAC provider. Without judgeTimes a signed time is reported and not judged.
func (p provider) build(keys []hmacsig.Key, url string, judgeTimes bool) (truhook.Verifier, error) {
	s := p.scheme
	if !judgeTimes && s.Timestamp != "" {
		s.Tolerance = hmacsig.NoWindow
	}
	if !strings.Contains(s.Content, "{url}") {
		url = ""
	} else if url == "" {
		return nil, usagef("%s signs the public URL of the endpoint: give it with -url", p.name)
	}
	return hmacsig.New(s, hmacsig.StaticKeys(keys...), hmacsig.Config{URL: url})
}

// signer returns what signs as an HMAC provider does.
func (p provider) signer(k *keyring, id string) (truhooktest.Signer, error) {
	keys, err := k.keys(p, id)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w for %s: give -secrets FILE with a line %s/ID=value, or set TRUHOOK_SECRET", errNoKey, p.name, p.name)
	}
	return truhooktest.HMAC(p.scheme, keys[0]), nil
}

func catalogProviders() []provider { return nil }
