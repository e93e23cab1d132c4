package main

import (
	"os"
	"testing"
)

// TestMain runs the program itself where a script asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("TRUHOOK_AS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}
