// Package cputest runs a test a second time on a processor that lacks what this one has.
package cputest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// WithoutExtensions runs the test with this name in a process of its own, in which the Go runtime uses none of the
// processor's extensions (GODEBUG=cpu.all=off): SHA-256 and the like are computed as on a processor without them. It
// fails if that test fails or is not run.
func WithoutExtensions(t testing.TB, name string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+name+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "GODEBUG=cpu.all=off", "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if text := string(out); err != nil || !strings.Contains(text, "--- PASS: "+name) || strings.Contains(text, "unknown cpu") {
		t.Fatalf("%s with GODEBUG=cpu.all=off: %v\n%s", name, err, out)
	}
}
