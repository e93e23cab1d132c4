// Package payload reads the JSON of verified deliveries for the provider packages, forgivingly: a member that came in
// another type than documented costs that member only. What authorizes anything is read by package strictjson instead.
package payload

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/strictjson"
)

// An Object is a JSON object as encoding/json reads one into a struct: letter case of names does not count unless both
// came, and of equal names the last counts, but for null, which is as if the member were absent. The zero Object has no
// members.
type Object struct{ members []Member }

// A Member is a name and a value of an Object. Quoted and Value are slices of the payload and read-only.
type Member struct {
	Quoted []byte // the name as it came
	Value  Value
}

// Name returns the name as encoding/json decodes it.
func (m Member) Name() string {
	name, _ := Value(m.Quoted).Text()
	return name
}

// plain returns the name where it needs no decoding, without a copy.
func (m Member) plain() (name []byte, ok bool) {
	name = m.Quoted[1 : len(m.Quoted)-1]
	return name, bytes.IndexByte(name, '\\') < 0 && isASCII(name)
}

// is reports whether name, which is ASCII, is the member's, letter case aside.
func (m Member) is(name string) bool {
	plain, ok := m.plain()
	if !ok {
		return strings.EqualFold(m.Name(), name)
	}
	return len(plain) == len(name) && strings.EqualFold(string(plain), name)
}

// Parse returns the object that data holds, and whether it holds one object and nothing else. A byte order mark in
// front is passed over (RFC 8259, section 8.1, lets a reader ignore one).
func Parse(data []byte) (Object, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	o := Object{members: make([]Member, 0, 24)}
	if !strictjson.Members(data, maxDepth, func(quoted, value []byte) {
		o.members = append(o.members, Member{quoted, Value(value)})
	}) {
		return Object{}, false
	}
	return o, true
}

const maxDepth = 10000 // as encoding/json

// Members returns all members in the order in which they came, equal names and null included. It is read-only.
func (o Object) Members() []Member { return o.members }

// Get returns the value of the member with this name; nil where there is none, or only null. A name that differs in
// case counts where no member has this one: another member of the provider's is not to stand in for the one that is
// meant.
func (o Object) Get(name string) (value Value) {
	for _, m := range slices.Backward(o.members) {
		if m.Value.IsNull() || !m.is(name) {
			continue
		}
		if m.Name() == name {
			return m.Value
		}
		if value == nil {
			value = m.Value
		}
	}
	return value
}

// Has reports whether a member of exactly this name came, null included.
func (o Object) Has(name string) bool {
	return slices.ContainsFunc(o.members, func(m Member) bool { return m.Name() == name })
}

// Read returns the object that was verified. A nil v is NotVerified, and what is not one JSON object is
// MalformedPayload.
func Read(scheme string, v *truhook.Verified) (Object, error) {
	if v == nil {
		return Object{}, &truhook.Error{Scheme: scheme, Reason: truhook.NotVerified}
	}
	o, ok := Parse(v.Payload)
	if !ok {
		return Object{}, &truhook.Error{Scheme: scheme, Reason: truhook.MalformedPayload, Err: errNoObject}
	}
	return o, nil
}

var errNoObject = errors.New("the payload is not a JSON object")
