package transunion

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
	"github.com/truhook/truhook/internal/strictjson"
)

// kind is what a payload is. No header names the event; its members show it.
type kind int

const (
	unknown kind = iota
	authorization
	deviceLink
	sessionEnd
)

// members are the top level of a payload.
type members struct {
	kind   kind
	name   string // the member type as it came
	object payload.Object
	of     map[string]json.RawMessage // of an authorization, whose names are exact and unique
}

const maxDepth = 64 // objects and arrays in one another, in the payload of an authorization

var errPayload = errors.New("not the JSON object of an event")

// classify tells what a payload is, as the vendor's SDKs do: by type where there is one, else by what is there.
// Whatever may be an authorization is one, and is read strictly; only what cannot be one is read forgivingly.
func classify(body []byte) (members, error) {
	object, ok := payload.Parse(body)
	if !ok {
		return members{}, fail(truhook.MalformedPayload, errPayload)
	}
	m := members{object: object, kind: kindOf(object)}
	m.name, _ = object.Get("type").Text()
	if m.kind != authorization {
		return m, nil
	}
	of, err := strictjson.Object(body, maxDepth)
	if err != nil {
		return members{}, fail(truhook.MalformedPayload, errPayload)
	}
	if raw := of["type"]; !strictjson.IsNull(raw) {
		if _, ok := strictjson.String(raw); !ok {
			return members{}, fail(truhook.MalformedPayload, errPayload)
		}
	}
	m.of = of
	return m, nil
}

func kindOf(o payload.Object) kind {
	const response = "AUTHORIZATION_RESPONSE"
	has := func(names ...string) bool { return slices.ContainsFunc(names, o.Has) }
	for _, m := range o.Members() {
		if m.Name() != "type" { // a long text is not to be copied for nothing
			continue
		}
		if text, _ := m.Value.Text(); text == response {
			return authorization
		}
	}
	name, named := o.Get("type").Text()
	switch {
	case name == "DEVICE_LINK_COMPLETION":
		return deviceLink
	case named && name != "":
		return unknown
	case has("auth", "auth_jwe", "user_push_id", "org_user_hash", "public_key_id"):
		return authorization
	case has("device_public_key", "device_public_key_id"):
		return deviceLink
	case has("service_user_hash") && has("api_time"):
		return sessionEnd
	case has("service_user_hash"):
		return authorization
	}
	return unknown
}
