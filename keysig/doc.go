// Package keysig verifies header signatures by public key: Ed25519, ECDSA and RSA, in the same forms as those of
// package hmacsig. The provider signs with a private key, and the receiver holds what cannot sign: a public key.
//
//	s := keysig.Scheme{
//		Form: hmacsig.Scheme{
//			Name: "discord", Header: "X-Signature-Ed25519", Content: "{timestamp}{body}",
//			Timestamp: "X-Signature-Timestamp", Tolerance: 5 * time.Minute,
//			KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyHex},
//		},
//	}
//	key, err := s.NewKey("application", os.Getenv("DISCORD_PUBLIC_KEY"))
//	...
//	v, err := keysig.New(s, keysig.StaticKeys(key), keysig.Config{})
//
// The algorithm is the scheme's: nothing on the wire chooses it. A secret is refused where a public key is wanted, and
// a private key too: a receiver that can sign is a forger in waiting.
package keysig
