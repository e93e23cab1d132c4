// Package truhook proves that an inbound webhook came from who it claims to, before a line of the service runs.
//
// A [Verifier] decides, a [Middleware] enforces. The packages below this one make verifiers: hmacsig for signatures
// (Truv, Trulioo, Truval, and others by data alone), jose for tokens bound to the request (TransUnion TruValidate),
// mtls for client certificates. [AllOf], [AnyOf] and [Require] make one verdict of several.
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
//   - Nothing fails open. An empty secret, a nil verifier, an empty key set, a zero value and a forgotten wrapper are
//     an error or a panic at start, or a 5xx, never a pass. Names of what turns a check off begin with Insecure.
//   - A fault that is not the sender's is never a 4xx, as some providers never come again after one.
//   - The verdict depends on the bytes of the delivery and on the keys, not on whether the sender still listens.
//   - The sender learns the status and nothing else. The operator learns the [Reason], and a refusal is always logged.
//     No secret, expected signature, token or body is in any error, log line or response of this module.
//   - Every limit is bounded: the body, the bytes held by all requests, the time one body may take, the length of
//     headers, the keys tried.
//
// # What it does not promise
//
//   - That a delivery is new. Most HMAC providers sign no time, so a captured request verifies for as long as the
//     secret lives: package idempotency remembers what was handled.
//   - That a slow head is cut off: set ReadHeaderTimeout, ReadTimeout, IdleTimeout and MaxHeaderBytes of http.Server.
//   - That whoever holds the secret is honest, and that a proxy which is trusted by configuration tells the truth.
//
// # What its surroundings must not do
//
// No middleware in front of this one may read, decompress, re-encode or rewrite the body: the signature is over the
// bytes on the wire. A router may redirect, but a redirected POST can arrive without its body, so register the very URL
// that the handler is mounted at. Recover panics outside of this middleware, not between it and the handler.
//
// # When a delivery is refused
//
// [Config.Logger] gets the reason, [Explain] and the program cmd/truhook find the cause, and docs/troubleshooting.md
// goes from a 401 to the cause. [Audit] finds many mistakes of a configuration beforehand.
package truhook
