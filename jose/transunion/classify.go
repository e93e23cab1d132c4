package transunion

import (
	"encoding/json"
	"errors"

	"github.com/truhook/truhook"
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
	kind kind
	name string // the member type as it came
	of   map[string]json.RawMessage
}

const maxDepth = 64 // objects and arrays in one another, in a payload

var errPayload = errors.New("not the JSON object of an event")

// classify tells what a payload is, as the vendor's SDKs do: by type where there is one, else by what is there.
func classify(payload []byte) (members, error) {
	of, err := strictjson.Object(payload, maxDepth)
	if err != nil {
		return members{}, fail(truhook.MalformedPayload, errPayload)
	}
	m := members{of: of}
	if raw := of["type"]; !strictjson.IsNull(raw) {
		name, ok := strictjson.String(raw)
		if !ok {
			return members{}, fail(truhook.MalformedPayload, errPayload)
		}
		m.name = name
	}
	has := func(name string) bool { return !strictjson.IsNull(of[name]) }
	switch {
	case m.name == "" && has("service_user_hash") && has("api_time") && !has("auth_jwe") && !has("auth"):
		m.kind = sessionEnd
	case m.name == "", m.name == "AUTHORIZATION_RESPONSE":
		m.kind = authorization
	case m.name == "DEVICE_LINK_COMPLETION":
		m.kind = deviceLink
	}
	return m, nil
}
