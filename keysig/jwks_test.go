package keysig_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

type object = map[string]any

func changed(entry object, change object) object {
	entry = maps.Clone(entry)
	maps.Copy(entry, change)
	return entry
}

// setOf returns a source of a set of these entries.
func setOf(t testing.TB, entries ...any) *keysig.CachedKeys {
	t.Helper()
	set, err := json.Marshal(object{"keys": entries})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(server.Close)
	source, err := keysig.NewJWKSKeys(server.URL, server.Client(), hmacsig.CacheConfig{})
	require.NoError(t, err)
	return source
}

// strangers returns n entries of keys that sign nothing here.
func strangers(t testing.TB, n int, id func(i int) string) []any {
	t.Helper()
	entries := make([]any, n)
	for i := range entries {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		entries[i] = object{
			"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": id(i), "x": base64.RawURLEncoding.EncodeToString(public),
		}
	}
	return entries
}

func numbered(i int) string { return fmt.Sprintf("key-%d", i) }

// What stands in a set beside the key that signs decides whether that key may serve.
func TestJWKSKeys_WhatStandsBesideAKey(t *testing.T) {
	t.Parallel()
	mine := changed(jwkOf(t, keysig.Ed25519, "k"), object{"use": "sig"})
	bare := jwkOf(t, keysig.Ed25519, "k")
	other := strangers(t, 1, func(int) string { return "k" })[0].(object)
	withoutUse := maps.Clone(other)
	delete(withoutUse, "use")
	encryption := object{"kty": "OKP", "crv": "X25519", "kid": "k", "use": "enc", "x": "AA"}
	many := func(entry any, n int) []any {
		all := make([]any, n)
		for i := range all {
			all[i] = entry
		}
		return all
	}
	for name, c := range map[string]struct {
		beside []any
		want   truhook.Reason // of what the key signed; empty: accepted
		named  truhook.Reason // where the delivery names its key
		told   bool           // by Audit
	}{
		"nothing":                         {nil, "", "", false},
		"itself":                          {[]any{mine}, "", "", false},
		"itself without a use":            {[]any{bare}, "", "", false},
		"itself with an alg":              {[]any{changed(mine, object{"alg": "EdDSA"})}, "", "", false},
		"itself a thousand times":         {many(mine, 1023), "", "", false},
		"itself under another id":         {[]any{changed(mine, object{"kid": "l"})}, "", "", false},
		"null":                            {[]any{nil}, "", "", true},
		"its id for encryption":           {[]any{encryption}, "", "", false},
		"a thousand for encryption":       {many(encryption, 1023), "", "", false},
		"its id of another type":          {[]any{jwkOf(t, keysig.ECDSA, "k")}, "", "", false},
		"another of its id":               {[]any{other}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"another of its id, twice":        {[]any{other, other}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"another and itself":              {[]any{other, mine}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"another of its id and one key":   {append(strangers(t, 1, numbered), other), truhook.SignatureMismatch, truhook.UnknownKey, true},
		"another without a use":           {[]any{withoutUse}, "", "", false},
		"another, and its alg decides":    {[]any{changed(other, object{"alg": "Ed25519"})}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"its private half":                {[]any{changed(mine, object{"d": "AAAA"})}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"its private half, another id":    {[]any{changed(mine, object{"d": "AAAA", "kid": "l"})}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"its private half, without an id": {[]any{changed(mine, object{"d": "AAAA", "kid": ""})}, truhook.KeysUnavailable, truhook.KeysUnavailable, true},
		"another private key":             {[]any{changed(other, object{"d": "AAAA", "kid": "l"})}, "", "", true},
		"a symmetric key":                 {[]any{object{"kty": "oct", "kid": "k", "k": "AAAA"}}, "", "", true},
		"more than 1024 entries":          {many(encryption, 1024), truhook.KeysUnavailable, truhook.KeysUnavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, entries := range [][]any{append([]any{mine}, c.beside...), append(append([]any{}, c.beside...), mine)} {
				source := setOf(t, entries...)
				s := scheme(keysig.Ed25519)
				v, err := keysig.New(s, source, keysig.Config{})
				require.NoError(t, err)
				requireReason(t, c.want, v, signedBy(t, s, privateKeys()[keysig.Ed25519]))
				s.KeyID = "Acme-Key"
				v, err = keysig.New(s, source, keysig.Config{})
				require.NoError(t, err)
				d := signedBy(t, s, privateKeys()[keysig.Ed25519])
				d.Header.Set("Acme-Key", "k")
				requireReason(t, c.named, v, d)
				told := false
				for _, f := range source.Audit(t.Context()) {
					told = told || f.Name == "keys-left-out" || f.Name == "keys-unavailable" && c.told
				}
				assert.Equal(t, c.told, told)
			}
		})
	}
}

// Two keys of one id, use and type serve where their alg tells them apart.
func TestJWKSKeys_AnAlgDecides(t *testing.T) {
	t.Parallel()
	mine := changed(jwkOf(t, keysig.RSAPSS, "k"), object{"use": "sig", "alg": "PS256"})
	first := "w" // of another modulus
	if mine["n"].(string)[0] == 'w' {
		first = "x"
	}
	other := changed(mine, object{"alg": "RS256", "n": first + mine["n"].(string)[1:]})
	s := scheme(keysig.RSAPSS)
	for alg, want := range map[string]truhook.Reason{"RS256": "", "PS256": truhook.KeysUnavailable, "": truhook.KeysUnavailable} {
		v, err := keysig.New(s, setOf(t, mine, changed(other, object{"alg": alg})), keysig.Config{})
		require.NoError(t, err)
		requireReason(t, want, v, signedBy(t, s, privateKeys()[keysig.RSAPSS]))
	}
}

// A set may have more keys than one delivery is tried with.
func TestJWKSKeys_OfASetWithManyKeys(t *testing.T) {
	t.Parallel()
	private := privateKeys()[keysig.Ed25519]
	for name, c := range map[string]struct {
		before, after int
		id            func(i int) string
		unnamed       truhook.Reason // what the key signed, where the delivery names no key
		named         truhook.Reason // where it names the key
		forged        truhook.Reason // what it did not sign
	}{
		"16, it comes last":     {15, 0, numbered, "", "", truhook.SignatureMismatch},
		"17, it comes first":    {0, 16, numbered, "", "", truhook.KeysStale},
		"17, it is the 16th":    {15, 1, numbered, "", "", truhook.KeysStale},
		"17, it comes last":     {16, 0, numbered, truhook.KeysStale, "", truhook.KeysStale},
		"64, it comes last":     {63, 0, numbered, truhook.KeysStale, "", truhook.KeysStale},
		"65 keys":               {64, 0, numbered, truhook.KeysUnavailable, truhook.KeysUnavailable, truhook.KeysUnavailable},
		"17 ids, its own apart": {1, 16, func(i int) string { return []string{"k", numbered(i)}[min(i, 1)] }, "", "", truhook.KeysStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries := strangers(t, c.before+c.after, c.id)
			if name == "17 ids, its own apart" {
				delete(entries[0].(object), "use") // each of its id is tried
			}
			all := append(append(append([]any{}, entries[:c.before]...), jwkOf(t, keysig.Ed25519, "k")), entries[c.before:]...)
			source := setOf(t, all...)
			for _, named := range []bool{false, true} {
				s := scheme(keysig.Ed25519)
				want, forged := c.unnamed, c.forged
				if named {
					s.KeyID, want = "Acme-Key", c.named
					if forged == truhook.KeysStale {
						forged = truhook.SignatureMismatch
					}
				}
				v, err := keysig.New(s, source, keysig.Config{})
				require.NoError(t, err)
				_, forger, err := ed25519.GenerateKey(rand.Reader)
				require.NoError(t, err)
				for _, by := range []struct {
					signer crypto.Signer
					want   truhook.Reason
				}{{private, want}, {forger, forged}} {
					d := signedBy(t, s, by.signer)
					d.Header.Set("Acme-Key", "k")
					requireReason(t, by.want, v, d)
				}
			}
		})
	}
}

// The same slice again is what tells the verifier that the source has nothing new.
func TestJWKSKeys_GiveTheSameSliceAgain(t *testing.T) {
	t.Parallel()
	source := setOf(t, strangers(t, 40, numbered)...)
	for _, id := range []string{"", "key-0", "key-39"} {
		one, err := source.Keys(t.Context(), keysig.Query{KeyID: id})
		require.NoError(t, err)
		again, err := source.Keys(t.Context(), keysig.Query{KeyID: id})
		require.NoError(t, err)
		require.NotEmpty(t, one)
		assert.Same(t, &one[0], &again[0])
		assert.Len(t, again, len(one))
	}
	none, err := source.Keys(t.Context(), keysig.Query{KeyID: "absent"})
	require.NoError(t, err)
	assert.Empty(t, none)
}
