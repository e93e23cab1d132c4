package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// A secret is one of the secrets FILE: lines
//
//	provider/id=value                        the value is literal, to the end of the line
//	provider/id:base64=…                     for any bytes
//	provider/id:not-before=2026-01-02T00:00:00Z
//	provider/id:not-after=2026-07-02T00:00:00Z
//
// Empty lines and lines that begin with # are ignored. The first = ends the name.
type secret struct {
	provider, id        string
	value               string
	set                 bool
	line                int // where it is first named; zero: not in a file of secrets
	notBefore, notAfter time.Time
}

const maxSecretsBytes = 1 << 20

// readSecrets reads a secrets file and returns what is worth a warning about it. No error holds a value.
func readSecrets(name string) (secrets []secret, warnings []string, err error) {
	info, err := os.Stat(name)
	if err != nil { // not its text: what was given can be the secret itself
		return nil, nil, fmt.Errorf("-secrets is the name of a file, and there is none that can be read: %w; "+
			"a secret is never an argument, it stands in the file or in TRUHOOK_SECRET", causeOf(err))
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecretsBytes {
		return nil, nil, fmt.Errorf("-secrets: %s is %s", name, notAFile(info, maxSecretsBytes))
	}
	if info.Mode().Perm()&0o077 != 0 {
		warnings = append(warnings, fmt.Sprintf("others can read %s: chmod 600 it", name))
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("-secrets: %w", err)
	}
	secrets, err = parseSecrets(data)
	if err != nil {
		return nil, nil, fmt.Errorf("-secrets: %s: %w", name, err)
	}
	return secrets, warnings, nil
}

func parseSecrets(data []byte) ([]secret, error) {
	var all []secret
	if isUTF16(data) {
		return nil, errUTF16
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxSecretsBytes)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := addSecret(&all, n, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	for _, s := range all {
		if !s.set {
			return nil, fmt.Errorf("line %d: it gives a key a validity, and no line gives that key a value", s.line)
		}
	}
	return all, nil
}

// addSecret reads one line. No error repeats a part of it: a secret that stands alone can look like a name.
func addSecret(all *[]secret, n int, line string) error {
	name, value, ok := strings.Cut(line, "=")
	if !ok {
		return errors.New("it is not provider/id=value")
	}
	provider, id, ok := strings.Cut(name, "/")
	id, what, _ := strings.Cut(id, ":")
	if !ok || !isName(provider) || !isName(id) {
		return errors.New("it is not provider/id=value: names are letters, digits, dots, dashes and underscores, without blanks")
	}
	i := slices.IndexFunc(*all, func(s secret) bool { return s.provider == provider && s.id == id })
	if i < 0 {
		*all = append(*all, secret{provider: provider, id: id, line: n})
		i = len(*all) - 1
	}
	s := &(*all)[i]
	var err error
	switch what {
	case "", "base64":
		if s.set {
			return fmt.Errorf("a second value for the key of line %d: give each key an id of its own, such as %s/ID-2", s.line, named(provider))
		}
		if what == "base64" {
			raw, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				return errors.New("the value is not base64 (RFC 4648, with padding)")
			}
			value = string(raw)
		} else if !utf8.ValidString(value) {
			return errors.New("the value is not UTF-8: write it as provider/id:base64=…")
		}
		if value == "" {
			return errors.New("the value is empty")
		}
		s.value, s.set = value, true
	case "not-before":
		s.notBefore, err = time.Parse(time.RFC3339, value)
	case "not-after":
		s.notAfter, err = time.Parse(time.RFC3339, value)
	default:
		return errors.New("behind the colon stands base64, not-before or not-after")
	}
	if err != nil {
		return errors.New("the time is not of RFC 3339, such as 2026-07-02T00:00:00Z")
	}
	return nil
}

// named returns the name of a provider that is known, and a word in the place of any other.
func named(provider string) string {
	if known(provider) {
		return provider
	}
	return "provider"
}

func isName(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for _, c := range []byte(s) {
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
		if !ok {
			return false
		}
	}
	return true
}
