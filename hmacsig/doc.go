// Package hmacsig verifies webhooks that are signed with an HMAC over the body.
//
// A provider is a [Scheme]: data that names the header, its form and the text that is signed. Truv, Trulioo and Truval
// have packages of their own below this one; any other provider takes a few lines:
//
//	key, err := hmacsig.NewKey("2026", os.Getenv("GITHUB_WEBHOOK_SECRET"))
//	...
//	v, err := hmacsig.New(hmacsig.Scheme{Name: "github", Header: "X-Hub-Signature-256", Prefix: "sha256="},
//		hmacsig.StaticKeys(key), hmacsig.Config{})
//
// # What it promises
//
// A delivery is accepted only if its header holds, in exactly the documented form, the whole HMAC of the bytes that
// arrived, under a key inside its window of validity. Signatures are decoded and compared in constant time, under every
// key that is valid, so the answer takes as long for the first key as for the last. Hex digits are taken in either
// case: the decoded bytes are what is compared, so capitals make no forgery easier, while refusing them could lose a true
// event the day a provider or a gateway changes its printing. The rule is the same for every scheme.
//
// # What it does not promise
//
// Where a scheme signs no timestamp, a captured request verifies for as long as its key does. Package idempotency
// remembers what was handled.
package hmacsig
