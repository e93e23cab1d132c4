// Package recorded keeps deliveries as files: one file holds one HTTP request exactly as it went over the wire, the
// verdict that is expected of it, and the test secrets to judge it by. Tests read them, services record their own.
//
// # The file
//
// A few "key: value" lines that end in LF, an empty line, and then the bytes of an HTTP/1.1 request (RFC 9112),
// unchanged to the end of the file:
//
//	provider: truv
//	about: an order that was created
//	expect: accepted
//	now: 2026-03-02T09:30:00Z
//	secret: current sandbox-…
//	made-by: openssl dgst -sha256 -hmac
//
//	POST /webhooks/truv HTTP/1.1
//	Host: receiver.example
//	…
//
// The value is everything after ": ". The keys are those below, in any order; an unknown one is an error, and so is a
// second line with the same key, but for the three that speak of secrets and for client-certificate.
//
//	provider    who sends it; required
//	about       what the file shows
//	expect      "accepted", or the truhook.Reason it is refused with; required
//	now         the instant to judge it at, RFC 3339; without it the clock counts, and the file is too old some day
//	entity      for whom a token is, where the delivery has one
//	peer        the address of the direct peer, with or without a port
//	client-certificate  base64 of a certificate that the client presented in its TLS handshake, its own first
//	secret      "id value": a secret the receiver holds; its value may contain blanks
//	not-before  "id time": that secret is valid from this instant on
//	not-after   "id time": that secret is valid up to this instant
//	made-by     what made the signature
//	redacted    what was replaced before the file was written
//
// Line ends are part of what is recorded: have version control leave the files alone (.gitattributes: "-text").
//
// # What a recording of yours does not hold
//
// [Redactor] and [Middleware] write nothing that could identify a person or open a door, as far as you name it: the
// secrets are dropped, header fields are kept by an allow-list, the request target is replaced, values of the JSON body
// are replaced by others of the same type, all of them unless you say otherwise, and the result is signed anew under a
// test key. Encrypted content is taken as it was decrypted, and is for your [SignFunc] to encrypt again. A body that is
// not JSON, and a removed value of eight bytes or more that is still found elsewhere in the result, is an error, not a
// file. What they cannot know is which of the values you keep are personal, and they keep the names of members: read a
// recording before you publish it.
//
// # What was refused
//
// [Refused] keeps deliveries that a service refused, as they came and with everything that is in them, so that
// truhook.Explain and the command truhook verify can find the cause. It is off unless you ask for it.
package recorded
