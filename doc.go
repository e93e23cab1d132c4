// Package truhook proves that an inbound webhook came from who it claims to, before a line of the service runs.
//
// A [Verifier] decides, a [Middleware] enforces. The packages below this one make verifiers: hmacsig for signatures
// (Truv, Trulioo, Truval, and others by data alone), jose for tokens bound to the request (TransUnion TruValidate), mtls
// for client certificates. [AllOf], [AnyOf] and [Require] make one verdict of several.
//
//	v, err := truv.New(os.Getenv("TRUV_ACCESS_SECRET"))
//	if err != nil {
//		log.Fatal(err)
//	}
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(existing))
//
// # What it promises
//
//   - The handler runs only for a delivery that the verifier accepted, and sees the very bytes that were verified.
//   - Nothing fails open: an empty secret, a nil verifier, an empty key set, a zero value or a forgotten wrapper is an
//     error or a panic at start, or a 5xx, never a pass. What turns a check off has a name that begins with Insecure.
//   - A fault that is not the sender's is never answered 4xx, as some providers never come again after one.
//   - The sender learns the status and nothing else. The operator learns the [Reason]. No secret, expected signature,
//     token or body is in any error, log value or response of this module.
//   - Every limit is bounded: the body, the bytes held by all requests, the time one body may take, the length of
//     headers, the keys tried.
//
// # What it does not promise
//
//   - That a delivery is new. None of the HMAC providers signs a time, so a captured request verifies for as long as
//     the secret lives: package idempotency remembers what was handled.
//   - That a slow head is cut off: set ReadHeaderTimeout, ReadTimeout, IdleTimeout and MaxHeaderBytes of http.Server.
//   - That whoever holds the secret is honest, and that a proxy which is trusted by configuration tells the truth.
//
// # What its surroundings must not do
//
// No middleware in front of this one may read, decompress, re-encode or rewrite the body: the signature is over the
// bytes on the wire. A router may redirect, but a redirected POST can arrive without its body, so register the very URL
// that the handler is mounted at. Recover panics outside of this middleware, not between it and the handler.
package truhook
