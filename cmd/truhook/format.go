package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

func sortedNames(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

func writeJSONLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// curlLine returns a line for a POSIX shell that sends the same bytes.
func curlLine(method, target string, header http.Header, body []byte) string {
	var b strings.Builder
	binary := !utf8.Valid(body) || strings.ContainsRune(string(body), 0)
	if binary {
		fmt.Fprintf(&b, "printf %%s %s | base64 -d | ", shellQuote(base64.StdEncoding.EncodeToString(body)))
	}
	fmt.Fprintf(&b, "curl -X %s %s", shellQuote(method), shellQuote(target))
	for _, name := range sortedNames(header) {
		if name == "Content-Length" || name == "Host" {
			continue
		}
		for _, value := range header[name] {
			fmt.Fprintf(&b, " \\\n  -H %s", shellQuote(name+": "+value))
		}
	}
	if binary {
		b.WriteString(" \\\n  --data-binary @-")
	} else {
		fmt.Fprintf(&b, " \\\n  --data-raw %s", shellQuote(string(body)))
	}
	return b.String()
}

// shellQuote quotes s for a POSIX shell. A body that begins with @ must not name a file to curl.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
