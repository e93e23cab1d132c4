package main

import (
	"bytes"
	"fmt"
)

const secret = "sandbox-0000test0only0000test0only0000test0only0" // a key for tests

// sizes of bodies in bytes.
var sizes = []int{256, 1 << 10, 10 << 10, 100 << 10, 1 << 20}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// bodyOf returns a JSON object of n bytes.
func bodyOf(n int) []byte {
	const around = `{"zen":""}`
	return fmt.Appendf(nil, `{"zen":"%s"}`, bytes.Repeat([]byte("x"), n-len(around)))
}
