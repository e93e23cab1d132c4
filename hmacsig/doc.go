// Package hmacsig verifies webhooks that are signed with an HMAC.
//
// A provider is a [Scheme]: data that names the header, its form and the text that is signed. Truv, Trulioo and Truval
// have packages of their own below this one; any other provider takes a few lines:
//
//	scheme := hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="}
//	key, err := scheme.NewKey("2026", os.Getenv("GITHUB_WEBHOOK_SECRET"))
//	...
//	v, err := hmacsig.New(scheme, hmacsig.StaticKeys(key), hmacsig.Config{})
//
// # What it promises
//
// A delivery is accepted only if one of its headers holds, in the documented form, the whole HMAC of the bytes that
// arrived, under a key inside its window of validity. Signatures are decoded and compared in constant time, under
// every valid key, so the answer takes as long for the first key as for the last. Hex digits are accepted in either
// case: the decoded bytes are compared, so capitals make no forgery easier, while rejecting them could lose a true
// event the day a provider or a gateway changes its printing.
//
// One signed text has one reading: a Scheme whose parts could exchange bytes is an error. The algorithm is the
// scheme's, and nothing on the wire chooses it.
//
// # What it does not promise
//
// Where a scheme signs no timestamp, a captured request verifies for as long as its key does. Package idempotency
// remembers what was handled.
//
// # Why a delivery was refused
//
// [Verifier.Explain] finds the change that makes a refused delivery fit: another header or prefix, a key that is
// written in another way, a body that something serialized again. truhook.Explain calls it.
package hmacsig
