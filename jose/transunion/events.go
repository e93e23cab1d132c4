package transunion

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
	"github.com/truhook/truhook/internal/strictjson"
)

// An Event is what a webhook reports: an [AuthorizationResponse], a [DeviceLinked], a [SessionEnded] or an [Unknown].
// Members that are not known are left out of them; they stand in Verified.Payload and Verified.Inner.
type Event interface{ event() }

// An AuthorizationResponse says what a user answered to an authorization request. The zero value authorizes nothing.
type AuthorizationResponse struct {
	AuthRequest string   // the id of the authorization request that this answers
	DeviceID    string   // the device that answered
	ServicePins []string // see "Service PIN" in the provider's documentation

	// Type is AUTHORIZED, DENIED or FAILED, and Reason says more: APPROVED, DISAPPROVED, FRAUDULENT, POLICY,
	// PERMISSION, AUTHENTICATION, CONFIGURATION, BUSY_LOCAL, SENSOR. Other values pass through as they came. A
	// response in the older form, auth, has AUTHORIZED and APPROVED, or DENIED and DISAPPROVED.
	Type, Reason string
	DenialReason string // the id of the denial reason that the user chose; empty if there is none

	AuthPolicy  json.RawMessage // nil where the device sent none
	AuthMethods json.RawMessage // nil where the device sent none

	ServiceUserHash string // the user, as this service knows it
	OrgUserHash     string // the user, as the organization knows it; may be empty
	UserPushID      string // user_push_id
}

// DeviceLinked says that a user's device was linked to a directory.
type DeviceLinked struct {
	DeviceID    string // the device that was linked
	PublicKey   string // the device's public key, PEM
	PublicKeyID string // its fingerprint

	// Unread names the members that came in another JSON type than documented. Their fields are zero, as are those of
	// members that did not come; Verified.Payload has what came.
	Unread []string
}

// SessionEnded says that a user ended the session with a service.
type SessionEnded struct {
	ServiceUserHash string    // the user, as this service knows it
	At              time.Time // api_time, UTC

	// Unread names the members that came in another JSON type than documented, or as a time that cannot be read. Their
	// fields are zero, as are those of members that did not come; Verified.Payload has what came.
	Unread []string
}

// Unknown is an event of a type that this package does not know, or of which nothing shows the type. It is genuine all
// the same, and authorizes nothing.
type Unknown struct {
	Type string // as it came; empty where nothing shows it
}

func (AuthorizationResponse) event() {}
func (DeviceLinked) event()          {}
func (SessionEnded) event()          {}
func (Unknown) event()               {}

// Authorized reports whether the user said yes: type AUTHORIZED and reason APPROVED, both.
func (r AuthorizationResponse) Authorized() bool {
	return r.Type == "AUTHORIZED" && r.Reason == "APPROVED"
}

// Fraudulent reports whether the user called the request a fraud: reason FRAUDULENT.
func (r AuthorizationResponse) Fraudulent() bool { return r.Reason == "FRAUDULENT" }

// Parse reads the event of a delivery that a [Verifier] of this package accepted. A nil v is NotVerified, and what is
// not one JSON object is MalformedPayload.
//
// An authorization response is read strictly, as what cannot be read authorizes nothing: names that come twice, a
// member that is missing and a member of another type are MalformedPayload. In any other event a member of another
// type costs its field only, and Unread names it.
func Parse(v *truhook.Verified) (Event, error) {
	if v == nil {
		return nil, fail(truhook.NotVerified, nil)
	}
	m, err := classify(v.Payload)
	if err != nil {
		return nil, err
	}
	switch m.kind {
	case authorization:
		return parseAuthorization(m, v.Inner)
	case deviceLink:
		var e DeviceLinked
		r := payload.Reader{Object: m.object, Unread: &e.Unread}
		e.DeviceID, e.PublicKey = r.Text("device_id"), r.Text("device_public_key")
		e.PublicKeyID = r.Text("device_public_key_id")
		return e, nil
	case sessionEnd:
		var e SessionEnded
		r := payload.Reader{Object: m.object, Unread: &e.Unread}
		e.ServiceUserHash, e.At = r.Text("service_user_hash"), r.Time("api_time")
		return e, nil
	}
	return Unknown{Type: m.name}, nil
}

func parseAuthorization(m members, inner []byte) (Event, error) {
	device, err := strictjson.Object(inner, maxDepth)
	if err != nil {
		return nil, fail(truhook.MalformedPayload, errors.New("the device response is not a JSON object"))
	}
	var r AuthorizationResponse
	f := fields{of: m.of}
	f.required("service_user_hash", &r.ServiceUserHash)
	f.required("user_push_id", &r.UserPushID)
	f.optional("org_user_hash", &r.OrgUserHash)
	for _, name := range []string{"auth", "auth_jwe", "public_key_id"} {
		f.optional(name, new(string)) // the Verifier has used them, but for those that another one stood in for
	}

	f.of = device
	f.required("auth_request", &r.AuthRequest)
	f.required("device_id", &r.DeviceID)
	f.optional("service_pins", &r.ServicePins)
	if strictjson.IsNull(m.of["auth_jwe"]) {
		var yes bool
		f.required("response", &yes)
		r.Type, r.Reason = "DENIED", "DISAPPROVED"
		if yes {
			r.Type, r.Reason = "AUTHORIZED", "APPROVED"
		}
		return authorized(r, f.err)
	}
	f.required("type", &r.Type)
	f.required("reason", &r.Reason)
	f.optional("denial_reason", &r.DenialReason)
	f.raw("auth_policy", '{', &r.AuthPolicy)
	f.raw("auth_methods", '[', &r.AuthMethods)
	return authorized(r, f.err)
}

// authorized returns r, or nothing that could authorize beside an error.
func authorized(r AuthorizationResponse, err error) (Event, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// fields reads members by their exact names; encoding/json would fold their case. The first error stays.
type fields struct {
	of  map[string]json.RawMessage
	err error
}

func (f *fields) required(name string, to any) {
	if strictjson.IsNull(f.of[name]) {
		f.fail(name)
		return
	}
	f.optional(name, to)
	if text, ok := to.(*string); ok && *text == "" {
		f.fail(name)
	}
}

func (f *fields) optional(name string, to any) {
	if raw := f.of[name]; !strictjson.IsNull(raw) && json.Unmarshal(raw, to) != nil {
		f.fail(name)
	}
}

// raw reads an object or an array, whose first byte is open.
func (f *fields) raw(name string, open byte, to *json.RawMessage) {
	raw := f.of[name]
	switch {
	case strictjson.IsNull(raw):
	case raw[0] != open:
		f.fail(name)
	default:
		*to = raw
	}
}

func (f *fields) fail(name string) {
	if f.err == nil {
		f.err = fail(truhook.MalformedPayload, errors.New("member "+name))
	}
}
