package recorded

import "time"

// CapturedName is the name of a file that Capture writes.
var CapturedName = capturedName

// ParseCaptured reads such a name.
func ParseCaptured(name string) (at time.Time, reason string, ok bool) {
	c, ok := parseCaptured(name)
	return c.at, c.reason, ok
}
