package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded"
)

// maxInputBytes bounds one file: some times over what the largest body needs.
const maxInputBytes = 16 << 20

// An input is one delivery that was given to judge.
type input struct {
	name     string
	file     *recorded.File // nil: it was not recorded
	delivery *truhook.Delivery
	at       time.Time // when it was received; zero: unknown
	atFrom   string    // where at comes from
	notes    []string  // what was odd about the file
}

// readInputs returns the deliveries of a file, of a folder or of standard input ("-"), and whether it was a folder.
func (t *tool) readInputs(name string) (inputs []*input, folder bool, err error) {
	if name == "-" {
		data, err := io.ReadAll(io.LimitReader(t.stdin, maxInputBytes+1))
		if err != nil {
			return nil, false, err
		}
		one, err := parseInput("standard input", data)
		return []*input{one}, false, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		one, err := readInput(name)
		return []*input{one}, false, err
	}
	err = filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(path) != ".http" {
			return err
		}
		one, err := readInput(path)
		inputs = append(inputs, one)
		return err
	})
	if err == nil && len(inputs) == 0 {
		err = fmt.Errorf("%s has no file that ends in .http: a file of another name is judged where it is named itself", name)
	}
	return inputs, true, err
}

func readInput(name string) (*input, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxInputBytes {
		return nil, fmt.Errorf("%s is %s", name, notAFile(info, maxInputBytes))
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseInput(name, data)
}

// notAFile says what something is that is no file of at most so many bytes.
func notAFile(info fs.FileInfo, most int) string {
	switch {
	case info.IsDir():
		return "a folder; name a file"
	case !info.Mode().IsRegular():
		return "neither a file nor a folder; - reads standard input where the command takes it"
	}
	return fmt.Sprintf("larger than the %d MiB that are read", most>>20)
}

// causeOf returns an error of the file system without the name of the file.
func causeOf(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// parseInput reads a recorded or captured delivery, an event of AWS Lambda, or a raw HTTP request.
func parseInput(name string, data []byte) (*input, error) {
	in := &input{name: name}
	if len(data) > maxInputBytes {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxInputBytes)
	}
	var err error
	if rest, marked := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); marked {
		data = rest
		in.note("it begins with a byte order mark, which is cut off: an editor has saved it, and may have changed the body")
	}
	switch text := bytes.TrimLeft(data, " \t\r\n"); {
	case len(text) == 0:
		err = errors.New("it is empty; it should be the whole request, headers and body, as a log or a proxy shows it")
	case isUTF16(data):
		err = errUTF16
	case text[0] == '{':
		err = in.parseLambda(text)
	case isRecorded(data):
		if in.file, err = recorded.Read(bytes.NewReader(data)); err == nil {
			in.at, in.atFrom = in.file.Now, "its now: line"
			err = in.parseRequest(in.file.Wire)
		}
	default:
		err = in.parseRequest(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if in.at.IsZero() {
		if at, err := http.ParseTime(in.delivery.Header.Get("Date")); err == nil {
			in.at, in.atFrom = at, "its Date header"
		}
	}
	in.delivery.Received = in.at
	return in, nil
}

var errUTF16 = errors.New("it is UTF-16, as some editors and shells write: save it as UTF-8")

func isUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))
}

// isRecorded reports whether data begins like a recorded delivery: with a line "key: value" where a request has none.
func isRecorded(data []byte) bool {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	key, _, ok := bytes.Cut(line, []byte(": "))
	keys := []string{"provider", "about", "expect", "now", "entity", "secret", "made-by", "redacted"}
	return ok && slices.Contains(keys, string(key))
}

func (in *input) note(format string, args ...any) {
	in.notes = append(in.notes, fmt.Sprintf(format, args...))
}

// parseRequest reads one request as it went over the wire, or as somebody pasted it into an editor.
func (in *input) parseRequest(wire []byte) error {
	first, rest, ok := bytes.Cut(wire, []byte("\n"))
	if !ok {
		return errors.New("it is neither a request, nor a recorded delivery, nor an event of AWS Lambda")
	}
	for _, version := range []string{"HTTP/2", "HTTP/2.0", "HTTP/3"} {
		line := bytes.TrimSuffix(first, []byte("\r"))
		if head, ok := bytes.CutSuffix(line, []byte(" "+version)); ok {
			wire = slices.Concat(head, []byte(" HTTP/1.1\r\n"), rest)
			in.note("the request says %s; it is read as HTTP/1.1", version)
			break
		}
	}
	reader := bufio.NewReader(bytes.NewReader(wire))
	r, err := http.ReadRequest(reader)
	if err != nil {
		return errors.New("the request cannot be parsed: its first line is METHOD PATH HTTP/1.1, headers follow, then an empty line")
	}
	chunked := len(r.TransferEncoding) > 0
	body, err := io.ReadAll(r.Body)
	switch behind := behindHead(wire); {
	case err != nil && chunked && !beginsWithChunk(behind):
		body, reader = behind, bufio.NewReader(bytes.NewReader(nil))
		in.note("its head says chunked and its body is not, as in a log: all %s behind the head are the body", counted(len(body), "byte"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		in.note("the body is cut: %d bytes of %s are there", len(body), announced(r))
	case err != nil:
		return errors.New("the body cannot be read: its chunks are not well formed")
	}
	extra, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	switch _, hasLength := r.Header["Content-Length"]; {
	case len(extra) == 0:
	case hasLength || chunked:
		in.note("%s beyond the end of the body: cut off (an editor's newline?)", counted(len(extra), "byte"))
	default:
		body = extra
		in.note("there is no Content-Length: all %d bytes behind the head are the body", len(body))
	}
	in.delivery = &truhook.Delivery{
		Method: r.Method, RequestURI: r.RequestURI, Host: r.Host, Header: r.Header, Body: body,
	}
	return nil
}

// behindHead returns what follows the empty line behind the headers.
func behindHead(wire []byte) []byte {
	for len(wire) > 0 {
		line, rest, _ := bytes.Cut(wire, []byte("\n"))
		wire = rest
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			break
		}
	}
	return wire
}

var chunkSize = regexp.MustCompile(`^[0-9A-Fa-f]{1,16}[ \t]*(?:;[^\n]*)?\r?(?:\n|$)`)

// beginsWithChunk reports whether b begins with the size of a chunk (RFC 9112, section 7.1).
func beginsWithChunk(b []byte) bool { return chunkSize.Match(b) }

func announced(r *http.Request) string {
	if r.ContentLength >= 0 {
		return strconv.FormatInt(r.ContentLength, 10)
	}
	return "an unknown number"
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}
