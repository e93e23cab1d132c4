package transunion

import (
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// EventID returns what stays the same when the platform sends an event again, under a new token too: the id of the
// authorization request, of the linked device, or of the user and the instant whose session ended. An [Unknown] event
// has the id of its token, so only its very bytes count as a repetition. It serves as idempotency.KeyFunc. The errors
// are those of [Parse] and [TokenID]. Whether the platform sends again at all is not documented.
func EventID(v *truhook.Verified) (string, error) {
	event, err := Parse(v)
	if err != nil {
		return "", err
	}
	switch e := event.(type) {
	case AuthorizationResponse:
		return "authorization:" + e.AuthRequest, nil
	case DeviceLinked:
		return "device:" + e.DeviceID, nil
	case SessionEnded:
		return "session:" + e.ServiceUserHash + ":" + e.At.UTC().Format(time.RFC3339Nano), nil
	}
	id, err := TokenID(v)
	if err != nil {
		return "", err
	}
	return "token:" + id, nil
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
