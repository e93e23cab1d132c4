package recorded

import "time"

// CapturedName is the name of a file that Capture writes.
var CapturedName = capturedName

// HoldDirectory does to c what a disk does that hangs while a file is written or removed, until release is called.
func HoldDirectory(c *Capture) (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// ParseCaptured reads such a name.
func ParseCaptured(name string) (at time.Time, reason string, ok bool) {
	c, ok := parseCaptured(name)
	return c.at, c.reason, ok
}
