// Package jose verifies webhooks that carry a signed JWT bound to the request, with or without an encrypted body, for
// any provider that sends one. Package transunion is one such provider, ready made.
//
//	v, err := jose.New(jose.Config{
//		Token:      jose.HeaderToken("X-Signature"),
//		Keys:       keys, // jose.StaticKeys, jose.JWKS(url, nil, jose.CacheConfig{}), or your own
//		Algorithms: []string{"RS256"},
//		Issuer:     "https://provider.example",
//		Audience:   "https://service.example",
//		Binding: jose.Binding{
//			Method: "htm", Path: "path", BodyHash: "body_sha256",
//			Hashes: map[string]crypto.Hash{"": crypto.SHA256},
//		},
//	})
//
// # What it proves
//
// A [Verifier] accepts a delivery if a key of the provider signed its method, its path and the hash of its exact bytes,
// for this audience, at this time. The allow-list of algorithms and the binding are required: New returns an error
// without them. A token that is not bound to the request proves nothing about it, so [Bearer] gives a truhook.Check and
// not a Verifier. Nothing here remembers tokens: the same bytes verify again until the token expires.
//
// # How
//
// go-jose reads and verifies the JWS and the JWKs; the content of a JWE is decrypted by the standard library, without
// go-jose's copies of it. Both stand behind checks of this package: size, alphabet and the one canonical base64url
// spelling, JSON nesting and unique member names, exact sizes of every part of a JWE. Refused whatever the
// allow-lists say: "none" and the HMAC algorithms, RSA1_5, crit, b64, zip, and keys that come with the token (jwk,
// jku, x5u, x5c). RSA keys have 2048 to 8192 bits. Work goes from cheap to dear, so a forged token costs one
// signature check, and no decryption. No type of go-jose is in an exported signature, and no panic in it reaches the
// caller.
//
// A256CBC-HS512 is slow in Go, some 280 MB/s without SHA-512 instructions, and an RSA-2048 decryption takes over 1 ms.
package jose
