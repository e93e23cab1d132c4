package catalog_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// signedByAnother returns the signature header of the delivery under a key that is not the vector's.
func signedByAnother(t testing.TB, p catalog.Provider, v vector, d *truhook.Delivery) string {
	t.Helper()
	h := d.Header.Clone()
	m := hmacsig.Message{Time: d.Received, Body: d.Body, Method: d.Method, URL: v.URL}
	if p.Form().ID != "" {
		m.ID = h.Get(p.Form().ID)
	}
	if public := p.PublicKeyScheme; public.Form.Name != "" {
		require.NoError(t, public.Sign(h, anotherPrivateKey(t, public.Algorithm), m))
	} else {
		scheme := p.Scheme
		scheme.KeyText = hmacsig.KeyText{}
		key, err := hmacsig.NewKey("another", "made-for-tests-0123456789abcdef0123456789")
		require.NoError(t, err)
		require.NoError(t, scheme.Sign(h, key, m))
	}
	return h.Get(signatureHeaders(p)[0])
}

func anotherPrivateKey(t testing.TB, a keysig.Algorithm) (key crypto.Signer) {
	t.Helper()
	var err error
	switch a {
	case keysig.Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case keysig.ECDSA:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	require.NoError(t, err)
	return key
}
