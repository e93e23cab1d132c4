package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded"
)

const (
	maxKept      = 500
	maxKeptBytes = 64 << 20
)

// A kept delivery is one that listen received, with what became of it.
type kept struct {
	ID       int64     `json:"id"`
	Received time.Time `json:"received"`
	Took     float64   `json:"took_ms"`
	Replay   int64     `json:"replay_of,omitempty"`
	Verdict  *verdict  `json:"verdict"`
	Answer   *answer   `json:"answer,omitempty"`

	delivery *truhook.Delivery
	file     string // in the folder
}

func newKept(d *truhook.Delivery, v *verdict) *kept {
	k := &kept{Received: d.Received, Verdict: v, delivery: d}
	v.body = nil // the delivery has it
	return k
}

// A listed delivery is a line of the page's list and of -json.
type listed struct {
	ID       int64          `json:"id"`
	Received time.Time      `json:"received"`
	Provider string         `json:"provider"`
	Verified bool           `json:"verified"`
	Judged   bool           `json:"judged"`
	Reason   truhook.Reason `json:"reason"`
	Cause    string         `json:"cause,omitempty"`
	Method   string         `json:"method"`
	Path     string         `json:"path"`
	Bytes    int            `json:"bytes"`
	Service  int            `json:"service_status"`
	Took     float64        `json:"took_ms"`
	Replay   int64          `json:"replay_of,omitempty"`
	KeyID    string         `json:"key_id,omitempty"`
	Notes    []string       `json:"notes,omitempty"`
}

func (k *kept) summary() listed {
	l := listed{
		ID: k.ID, Received: k.Received, Provider: k.Verdict.Provider, Verified: k.Verdict.Verified,
		Judged: k.Verdict.unjudged == nil, Reason: k.Verdict.Reason, Method: k.delivery.Method,
		Path: k.delivery.RequestURI, Bytes: len(k.delivery.Body), Took: k.Took, Replay: k.Replay,
		KeyID: k.Verdict.KeyID, Notes: k.Verdict.Notes,
	}
	if !l.Verified {
		l.Cause = k.Verdict.firstCause()
	}
	if k.Answer != nil {
		l.Service = k.Answer.Status
	}
	return l
}

// A detail is all that the page shows of one delivery.
type detail struct {
	*kept
	Method  string        `json:"method"`
	URI     string        `json:"uri"`
	Host    string        `json:"host"`
	Headers []headerField `json:"headers"`
	Body    string        `json:"body"`            // as text, where it is text
	Binary  []byte        `json:"body_base64"`     // exactly
	Inner   string        `json:"inner,omitempty"` // decrypted content
	Payload string        `json:"payload,omitempty"`
	Signed  []string      `json:"signed_headers"`
}

type headerField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (k *kept) detail() detail {
	d := k.delivery
	out := detail{kept: k, Method: d.Method, URI: d.RequestURI, Host: d.Host, Binary: d.Body, Headers: []headerField{}}
	for _, name := range sortedNames(d.Header) {
		for _, value := range d.Header[name] {
			out.Headers = append(out.Headers, headerField{name, value})
		}
	}
	if utf8.Valid(d.Body) {
		out.Body = string(d.Body)
	}
	if v := k.Verdict.verified; v != nil {
		if string(v.Payload) != string(d.Body) && utf8.Valid(v.Payload) {
			out.Payload = string(v.Payload)
		}
		if utf8.Valid(v.Inner) {
			out.Inner = string(v.Inner)
		}
	}
	return out
}

// recorded returns k as a recorded delivery, without a secret.
func (k *kept) recorded() *recorded.File {
	d := k.delivery
	f := &recorded.File{
		Provider: firstOf(k.Verdict.Provider, "unknown"), About: "kept by truhook listen", Expect: k.Verdict.Reason,
		Now: d.Received.UTC(), Wire: wire(d.Method, d.RequestURI, d.Host, d.Header, d.Body),
	}
	if k.Verdict.unjudged != nil {
		f.About, f.Expect = f.About+", which had no key to judge it", truhook.NoKey
	}
	return f
}

// A journal keeps the last deliveries: at most 500 and 64 MiB of bodies. It is safe for concurrent use.
type journal struct {
	dir string

	mu       sync.Mutex
	all      []*kept
	bytes    int
	last     int64
	watchers map[chan listed]struct{}
	closed   bool
}

// newJournal returns a journal; dir, if not empty, is a folder that it keeps files in.
func newJournal(dir string) (*journal, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return &journal{dir: dir, watchers: map[chan listed]struct{}{}}, nil
}

func (j *journal) add(k *kept) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	k.ID = j.last
	j.all = append(j.all, k)
	j.bytes += len(k.delivery.Body)
	for len(j.all) > maxKept || j.bytes > maxKeptBytes && len(j.all) > 1 {
		j.bytes -= len(j.all[0].delivery.Body)
		if j.all[0].file != "" {
			_ = os.Remove(j.all[0].file)
		}
		j.all[0] = nil
		j.all = j.all[1:]
	}
	if cap(j.all) > 4*maxKept {
		j.all = slices.Clone(j.all)
	}
	j.write(k)
	for c := range j.watchers {
		select {
		case c <- k.summary():
		default: // a page that does not read asks for the list anew
		}
	}
}

// write keeps k as a recorded delivery, readable by its owner only.
func (j *journal) write(k *kept) {
	if j.dir == "" {
		return
	}
	name := filepath.Join(j.dir, fmt.Sprintf("%s-%06d.http", k.delivery.Received.UTC().Format("20060102T150405"), k.ID))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	err = errors.Join(recorded.Write(f, k.recorded()), f.Close())
	if err != nil {
		_ = os.Remove(name)
		return
	}
	k.file = name
}

func (j *journal) find(id int64) (*kept, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.all, func(k *kept) bool { return k.ID == id })
	if i < 0 {
		return nil, false
	}
	return j.all[i], true
}

// list returns the deliveries, the newest first.
func (j *journal) list() []listed {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]listed, 0, len(j.all))
	for _, k := range slices.Backward(j.all) {
		out = append(out, k.summary())
	}
	return out
}

func (j *journal) watch() (c chan listed, stop func()) {
	c = make(chan listed, 64)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		close(c)
		return c, func() {}
	}
	j.watchers[c] = struct{}{}
	return c, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, c)
	}
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for c := range j.watchers {
		delete(j.watchers, c)
		close(c)
	}
}

func jsonBytes(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return data
}

func respondJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(jsonBytes(v))
}
