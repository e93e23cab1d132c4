package recorded

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// check holds what Read and Write both ask for.
func (f *File) check() error {
	if f.Provider == "" {
		return errors.New("\"provider\" is missing")
	}
	if len(f.Wire) == 0 {
		return errors.New("there is no request")
	}
	lines := []string{f.Provider, f.About, f.Entity, f.Peer, f.MadeBy, f.Redacted}
	times := []time.Time{f.Now}
	for _, s := range f.Secrets {
		if s.ID == "" || s.Value == "" || strings.Contains(s.ID, " ") {
			return errors.New("a secret is not \"id value\"")
		}
		lines, times = append(lines, s.ID, s.Value), append(times, s.NotBefore, s.NotAfter)
	}
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n") {
			return errors.New("a value holds a line break")
		}
	}
	for _, t := range times {
		if !t.IsZero() && checkTime(t.UTC()) != nil {
			return checkTime(t.UTC())
		}
	}
	return nil
}

func format(f *File) ([]byte, error) {
	if f == nil {
		return nil, errors.New("the file is nil")
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	expect := string(f.Expect)
	if expect == "" {
		expect = accepted
	}
	if _, err := parseVerdict(expect); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	line("provider", f.Provider)
	line("about", f.About)
	line("expect", expect)
	line("now", formatTime("", f.Now))
	line("entity", f.Entity)
	line("peer", f.Peer)
	for _, der := range f.Certificates {
		line("client-certificate", base64.StdEncoding.EncodeToString(der))
	}
	for i, s := range f.Secrets {
		if f.secret(s.ID) != &f.Secrets[i] {
			return nil, fmt.Errorf("a second secret %.64q", s.ID)
		}
		line("secret", s.ID+" "+s.Value)
		line("not-before", formatTime(s.ID+" ", s.NotBefore))
		line("not-after", formatTime(s.ID+" ", s.NotAfter))
	}
	line("made-by", f.MadeBy)
	line("redacted", f.Redacted)
	b.WriteByte('\n')
	b.Write(f.Wire)
	if b.Len() > maxFileBytes {
		return nil, fmt.Errorf("more than %d bytes", maxFileBytes)
	}
	return b.Bytes(), nil
}

// checkTime refuses what RFC 3339 cannot write in UTC, and the zero time, which stands for none.
func checkTime(t time.Time) error {
	if t.IsZero() || t.Year() < 1 || t.Year() > 9999 {
		return errors.New("a time is out of range")
	}
	return nil
}

func formatTime(before string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return before + t.UTC().Format(time.RFC3339Nano)
}
