// Package headername says how the name of a header may stand in a finding and in a log.
package headername

import (
	"net/http"
	"strings"
)

const (
	longest  = 48
	alphabet = "-_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
)

// Printable returns the canonical form of a name. A sender can write anything there, so one that is long, or has other
// characters than names have, is "another header".
func Printable(name string) string {
	if len(name) > longest || strings.Trim(name, alphabet) != "" {
		return "another header"
	}
	return http.CanonicalHeaderKey(name)
}
