// Package payload decodes the JSON of verified deliveries for the provider packages.
package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// Decode decodes the payload of v into the struct that into points to. A nil v is NotVerified; what is not one JSON
// object of the documented types is MalformedPayload. The error tells where, never what: encoding/json quotes values.
func Decode(scheme string, v *truhook.Verified, into any) error {
	if v == nil {
		return &truhook.Error{Scheme: scheme, Reason: truhook.NotVerified}
	}
	// RFC 8259, section 8.1, lets a reader ignore a byte order mark.
	data := bytes.TrimPrefix(v.Payload, []byte("\xef\xbb\xbf"))
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return malformed(scheme, "the payload is not a JSON object")
	}
	err := json.Unmarshal(data, into)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return malformed(scheme, fmt.Sprintf("not JSON at byte %d", syntax.Offset))
	case errors.As(err, &mismatch):
		return malformed(scheme, fmt.Sprintf("member %q has another type than documented", mismatch.Field))
	}
	return malformed(scheme, "the payload cannot be decoded")
}

func malformed(scheme, text string) error {
	return &truhook.Error{Scheme: scheme, Reason: truhook.MalformedPayload, Err: errors.New(text)}
}

// Time is an instant as providers write it: RFC 3339, or the same without a zone, which is UTC. null and "" are zero.
type Time struct{ time.Time }

// UnmarshalJSON reads the instant. It is not UnmarshalText, as the UnmarshalJSON of time.Time would go before it.
func (t *Time) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		return errors.New("not a time") // without the text
	}
	if s == "" {
		*t = Time{}
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, s); err == nil {
			*t = Time{at.UTC()}
			return nil
		}
	}
	return errors.New("not a time")
}

// Seconds is an instant as a number of Unix seconds, quoted or not. null and "" are zero.
type Seconds struct{ time.Time }

// UnmarshalJSON reads the instant.
func (t *Seconds) UnmarshalJSON(data []byte) error {
	s := strings.Trim(string(data), `"`)
	if s == "" || s == "null" {
		*t = Seconds{}
		return nil
	}
	n, err := json.Number(s).Int64()
	if err != nil {
		return errors.New("not a number of seconds")
	}
	*t = Seconds{time.Unix(n, 0).UTC()}
	return nil
}

// Missing returns the error for a member that is needed and did not come.
func Missing(scheme, member string) error {
	return malformed(scheme, fmt.Sprintf("member %q is missing", member))
}
