package keysig

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/http"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/form"
)

// Sign sets the headers that s would send for m: the signature, and the id and the timestamp where it signs them. It is
// meant for tests, for recorded deliveries, and for services that send by the same scheme. The header Scheme.KeyID is
// the caller's to set. A scheme that is not sound, a key that does not fit the Algorithm, and a missing id, time,
// method or URL are errors, none of which holds a key.
func (s Scheme) Sign(h http.Header, private crypto.Signer, m hmacsig.Message) error {
	f, err := s.compile(m.URL)
	if err != nil {
		return err
	}
	if private == nil {
		return s.unsound(errors.New("there is no private key"))
	}
	if err := s.Algorithm.checkPublic(private.Public()); err != nil {
		return s.unsound(err)
	}
	head, err := f.Prepare(h, form.Message{ID: m.ID, Time: m.Time, Method: m.Method})
	if err != nil {
		return fmt.Errorf("keysig: %w", err)
	}
	text, split := f.Around(nil, head, 0)
	c := &content{before: text[:split], body: m.Body, after: text[split:]}
	c.prepare(s.Algorithm)
	signature, err := s.Algorithm.sign(private, c)
	if err != nil {
		return s.unsound(errors.New("the private key cannot sign"))
	}
	f.Set(h, head, signature)
	return nil
}

func (a Algorithm) sign(private crypto.Signer, c *content) ([]byte, error) {
	switch a {
	case Ed25519:
		return private.Sign(nil, c.whole, &ed25519.Options{})
	case RSAPSS:
		return private.Sign(rand.Reader, c.digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case ECDSARaw:
		der, err := private.Sign(rand.Reader, c.digest[:], crypto.SHA256)
		if err != nil {
			return nil, err
		}
		var pair struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(der, &pair); err != nil {
			return nil, err
		}
		raw := make([]byte, 64)
		pair.R.FillBytes(raw[:32])
		pair.S.FillBytes(raw[32:])
		return raw, nil
	}
	return private.Sign(rand.Reader, c.digest[:], crypto.SHA256)
}
