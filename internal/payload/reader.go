package payload

import (
	"encoding/json"
	"time"
)

// A Reader takes the members of an object for an event, one call a member. Absent members and null are zero. A member
// of another type is zero too, and its name goes to Unread.
type Reader struct {
	Object Object
	Prefix string    // stands before the names in Unread: "event." in a nested object
	Unread *[]string // names of the members that came in another type
}

func (r Reader) note(name string, ok bool) {
	if !ok && !r.Object.Get(name).IsNull() {
		*r.Unread = append(*r.Unread, r.Prefix+name)
	}
}

// Text reads a string.
func (r Reader) Text(name string) string {
	text, ok := r.Object.Get(name).Text()
	r.note(name, ok)
	return text
}

// Bool reads true or false.
func (r Reader) Bool(name string) bool {
	value, ok := r.Object.Get(name).Bool()
	r.note(name, ok)
	return value
}

// Int reads a whole number.
func (r Reader) Int(name string) int {
	n, ok := r.Object.Get(name).Int()
	r.note(name, ok)
	return n
}

// Float reads a number.
func (r Reader) Float(name string) float64 {
	n, ok := r.Object.Get(name).Float()
	r.note(name, ok)
	return n
}

// Time reads an instant, as [ParseTime] does. An empty text is none.
func (r Reader) Time(name string) time.Time {
	value := r.Object.Get(name)
	at, ok := value.Time()
	r.note(name, ok || string(value) == `""`)
	return at
}

// Raw reads any value; nil for null.
func (r Reader) Raw(name string) json.RawMessage {
	if value := r.Object.Get(name); value != nil {
		return json.RawMessage(value)
	}
	return nil
}

// In reads an object and returns the reader of its members.
func (r Reader) In(name string) Reader {
	o, ok := r.Object.Get(name).Object()
	r.note(name, ok)
	return Reader{Object: o, Prefix: r.Prefix + name + ".", Unread: r.Unread}
}
