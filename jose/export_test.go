package jose

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// The vectors name no keys, so they enter here, one step behind the check of the key id.

// VerifySignature is what a Verifier does with a token before it looks at the claims.
func VerifySignature(text, algorithm string, key PublicKey) ([]byte, error) {
	t, err := newTokens(StaticKeys{key}, nil, []string{algorithm}, expectation{issuer: "x", audience: "x"}, nil)
	if err != nil {
		return nil, err
	}
	h, err := parseForm(text, t.algorithms)
	if err != nil {
		return nil, err
	}
	last := strings.LastIndexByte(text, '.')
	k := &token{head: h, input: text[:last], signature: text[last+1:]}
	if err := k.signedBy([]PublicKey{key}, time.Now()); err != nil {
		return nil, err
	}
	payload, _ := decode(k.input[strings.IndexByte(k.input, '.')+1:])
	return payload, nil
}

// DecryptWithoutID is Decrypt for a JWE that may lack a key id.
func (d *Decrypter) DecryptWithoutID(ctx context.Context, jwe []byte, keyID string) ([]byte, error) {
	m, err := d.parse(jwe)
	if err != nil {
		return nil, err
	}
	m.keyID = keyID
	plaintext, _, err := d.decrypt(ctx, m)
	return plaintext, err
}

// OpenContent is what Decrypt does once it has the content key.
func OpenContent(enc string, key, iv, aad, ciphertext, tag []byte) ([]byte, error) {
	m := message{sizes: sizesOf(enc), protected: aad, iv: iv, ciphertext: ciphertext, tag: tag}
	if !m.sizes.fit(len(iv), len(ciphertext), len(tag)) || len(key) != m.sizes.key {
		return nil, errDecrypt()
	}
	return m.open(key)
}

// Causes are the names of the causes that Explain gives.
func Causes() []string { return slices.Sorted(maps.Keys(causes)) }

// DecodeBase64URL is how parts of tokens and of encrypted content are decoded.
func DecodeBase64URL(part []byte) ([]byte, bool) {
	raw, ok := decode(part)
	same, alike := decode(string(part))
	if ok != alike || ok && !slices.Equal(raw, same) || encodes(string(part)) != ok {
		panic("a text and bytes decode to two things, or encodes differs")
	}
	return raw, ok
}
