// Package payload reads the JSON of verified deliveries for the provider packages, forgivingly: a member that came in
// another type than documented costs that member only. What authorizes anything is read by package strictjson instead.
package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// An Object is a JSON object as encoding/json reads one into a struct: letter case of names does not count, and of equal
// names the last counts, but for null, which is as if the member were absent. The zero Object has no members.
type Object struct{ members []Member }

// A Member is a name and a value of an Object. Quoted and Value are slices of the payload and read-only.
type Member struct {
	Name   string // as encoding/json decodes Quoted
	Quoted []byte // the name as it came
	Value  Value
}

// Parse returns the object that data holds, and whether it holds one object and nothing else. A byte order mark in front
// is passed over (RFC 8259, section 8.1, lets a reader ignore one).
func Parse(data []byte) (Object, bool) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimLeft(data, space); len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(data) {
		return Object{}, false
	}
	o := Object{members: make([]Member, 0, 24)}
	rest := bytes.TrimLeft(data, space)[1:]
	for {
		rest = bytes.TrimLeft(rest, space+",")
		if rest[0] == '}' {
			return o, true
		}
		quoted := rest[:valueEnd(rest)]
		rest = bytes.TrimLeft(rest[len(quoted):], space+":")
		value := rest[:valueEnd(rest)]
		rest = rest[len(value):]
		name, _ := Value(quoted).Text()
		o.members = append(o.members, Member{name, quoted, Value(value)})
	}
}

const space = " \t\r\n"

// valueEnd returns the length of the value that valid JSON begins with.
func valueEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth == 0 {
				if end := bytes.IndexAny(b[i:], ",]}"+space); end >= 0 {
					return i + end
				}
				return len(b)
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(b)
}

// Members returns all members in the order in which they came, equal names and null included. It is read-only.
func (o Object) Members() []Member { return o.members }

// Get returns the value of the member with this name; nil where there is none, or only null.
func (o Object) Get(name string) Value {
	for _, m := range slices.Backward(o.members) {
		if (m.Name == name || strings.EqualFold(m.Name, name)) && !m.Value.IsNull() {
			return m.Value
		}
	}
	return nil
}

// Has reports whether a member of exactly this name came, null included.
func (o Object) Has(name string) bool {
	return slices.ContainsFunc(o.members, func(m Member) bool { return m.Name == name })
}

// Read returns the object that was verified. A nil v is NotVerified, and what is not one JSON object is MalformedPayload.
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
