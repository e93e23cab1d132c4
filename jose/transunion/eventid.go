package transunion

import (
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/payload"
	"github.com/truhook/truhook/jose"
)

// EventID returns what stays the same when the platform sends an event again, under a new token too: the id of the
// authorization request, of the linked device, or of the user and the instant whose session ended. An [Unknown] event
// has the id of its token, so only its very bytes count as a repetition. Whether the platform sends again at all is not
// documented.
//
// It reads these members and no others. A number is its digits, and an id that is not UTF-8 or holds a NUL is
// replaced by its hash. An event of which they cannot be read has the SHA-256 of its payload, which package
// idempotency reports as unidentified. An id says nothing about what an event authorizes: that is for [Parse], which
// is strict. The only error is NotVerified, for a nil v. It serves as idempotency.KeyFunc and is safe for concurrent
// use.
func EventID(v *truhook.Verified) (string, error) {
	if v == nil {
		return "", fail(truhook.NotVerified, nil)
	}
	if id := eventID(v); id != "" {
		return id, nil
	}
	return dedupe.DigestID(v.Payload), nil
}

func eventID(v *truhook.Verified) string {
	o, ok := payload.Parse(v.Payload)
	if !ok {
		return ""
	}
	switch kindOf(o) {
	case authorization:
		device, _ := payload.Parse(v.Inner)
		if id, ok := device.Get("auth_request").ID(); ok {
			return "authorization:" + id
		}
	case deviceLink:
		if id, ok := o.Get("device_id").ID(); ok {
			return "device:" + id
		}
	case sessionEnd:
		user, ok := o.Get("service_user_hash").ID()
		ended := o.Get("api_time").Part()
		if at, ok := o.Get("api_time").Time(); ok {
			ended = at.Format(time.RFC3339Nano) // the same in each spelling
		}
		if ok && ended != "" {
			return "session:" + user + ":" + ended
		}
	case unknown:
		if id, err := TokenID(v); err == nil {
			return "token:" + id
		}
	}
	return ""
}

// TokenID returns the jti of the token, which the platform documents as globally unique: it is the same where somebody
// sends the same bytes again, which they can as long as the token lives. A v that no [Verifier] of this package
// accepted is NotVerified.
func TokenID(v *truhook.Verified) (string, error) {
	if v != nil {
		for _, p := range v.Proofs {
			if claims, ok := p.Detail.(jose.Claims); ok && p.Scheme == scheme && claims.ID != "" {
				return claims.ID, nil
			}
		}
	}
	return "", fail(truhook.NotVerified, nil)
}
