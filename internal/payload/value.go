package payload

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// A Value is one JSON value, as it came. nil is a member that is absent. Each method but IsNull returns false for a
// value of another type.
type Value []byte

// IsNull reports whether the value is absent or null.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

// Text returns what a string says. encoding/json turns what is not UTF-8 into U+FFFD; ID does not.
func (v Value) Text() (string, bool) {
	if len(v) < 2 || v[0] != '"' {
		return "", false
	}
	if inner := v[1 : len(v)-1]; bytes.IndexByte(inner, '\\') < 0 && isASCII(inner) {
		return string(inner), true
	}
	var text string
	err := json.Unmarshal(v, &text)
	return text, err == nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// Bool returns true or false.
func (v Value) Bool() (value, ok bool) {
	return string(v) == "true", string(v) == "true" || string(v) == "false"
}

// Float returns a number. One that a float64 cannot hold is none.
func (v Value) Float() (float64, bool) {
	if !v.isNumber() {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return 0, false
	}
	return f, true
}

// Int returns a whole number, however it is written: 3.0 and 3e0 are 3.
func (v Value) Int() (int, bool) {
	if n, err := strconv.Atoi(string(v)); err == nil {
		return n, true
	}
	f, ok := v.Float()
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}

func (v Value) isNumber() bool { return len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') }

// Object returns the members of an object.
func (v Value) Object() (Object, bool) {
	if len(v) == 0 || v[0] != '{' {
		return Object{}, false
	}
	return Parse(v)
}

// Array returns the elements of an array.
func (v Value) Array() ([]Value, bool) {
	if len(v) == 0 || v[0] != '[' {
		return nil, false
	}
	var elements []json.RawMessage
	if json.Unmarshal(v, &elements) != nil {
		return nil, false
	}
	values := make([]Value, len(elements))
	for i, e := range elements {
		values[i] = Value(e)
	}
	return values, true
}

// Time returns the instant in UTC, read as [ParseTime] reads text. A number, or its digits as text, counts from 1970.
func (v Value) Time() (time.Time, bool) {
	text, ok := v.Text()
	if !ok {
		if !v.isNumber() {
			return time.Time{}, false
		}
		text = string(v)
	}
	return ParseTime(text)
}

// Instant returns the time of an event for its order: zero where the member is absent, null or "". It is false where
// something came that cannot be read, or is not plausible: then there is no order.
func (v Value) Instant() (at time.Time, ok bool) {
	if v.IsNull() || string(v) == `""` {
		return time.Time{}, true
	}
	at, ok = v.Time()
	if !ok || !IsPlausible(at) {
		return time.Time{}, false
	}
	return at, true
}
