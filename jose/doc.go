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
// without them. What a provider's tokens lack is stated in the [Config]: Without, NoWindow, and BodyOnly of the
// [Binding]. A token that is not bound to the body proves nothing about it, so [Bearer] gives a truhook.Check and not a
// Verifier. Nothing here remembers tokens: the same bytes verify again until the token expires.
//
// # Keys
//
// A [KeySource] gives public keys by id: [StaticKeys], [FileKeys], [JWKS], [CacheSet], [CacheByID], or one of yours. A
// source that cannot tell whether there is another key never says that a signature is wrong: see [CachedKeys]. A
// [SecretSource] gives the secrets of providers that sign with HS256, HS384 or HS512. One Config has keys or secrets,
// so no public key is ever used as a secret.
//
// # How
//
// Signatures are verified and contents decrypted by the standard library; go-jose reads JWKs. All of it stands behind
// checks of this package: size, alphabet and the one canonical base64url spelling, JSON nesting and unique member
// names, exact sizes of every part of a JWE. Whatever the allow-lists say, "none", RSA1_5, crit, b64, zip, and keys
// that come with the token (jwk, jku, x5u, x5c) are rejected. RSA keys have 2048 to 8192 bits. Work goes from cheap to
// dear: a token with wrong claims costs no question to a key source, and a forged one a verification for each key of
// its id and no decryption. No type of go-jose is in an exported signature, and no panic in it reaches the caller.
//
// A256CBC-HS512 is slow in Go, some 280 MB/s without SHA-512 instructions, and an RSA-2048 decryption takes over 1 ms.
// As many decryptions run at once as there are processors.
package jose
