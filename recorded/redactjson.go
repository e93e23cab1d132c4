package recorded

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// placeholder stands for every string that was removed.
const placeholder = "redacted"

// redactJSON replaces values and leaves every other byte of body where it is: order, white space and escapes are
// what a signature is about.
func (r *Redactor) redactJSON(body []byte, gone *removed) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return bytes.Clone(body), nil
	}
	if !json.Valid(body) {
		return nil, errors.New("the body is not JSON, so nothing can be removed from it")
	}
	var out bytes.Buffer
	w := walker{dec: json.NewDecoder(bytes.NewReader(body)), body: body}
	w.dec.UseNumber()
	for {
		from := w.dec.InputOffset()
		token, start, err := w.next()
		if errors.Is(err, io.EOF) {
			out.Write(body[from:])
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		out.Write(body[from:start])
		if w.isName || !r.remove(w.name(), token) {
			out.Write(body[start:w.dec.InputOffset()])
			continue
		}
		switch token {
		case json.Delim('{'):
			out.WriteString("{}")
		case json.Delim('['):
			out.WriteString("[]")
		default:
			out.WriteString(substitute(token))
			gone.addToken(w.name(), token)
			continue
		}
		if err := w.skip(gone); err != nil {
			return nil, err
		}
	}
}

// remove decides about one value. Where Keep decides, containers are entered rather than removed, and their closing
// brackets come by here as well.
func (r *Redactor) remove(name string, token json.Token) bool {
	delim, isDelim := token.(json.Delim)
	if r.keep != nil {
		return !isDelim && !r.keep[name]
	}
	return r.fields[name] && delim != '}' && delim != ']'
}

// substitute returns a value of the same type that says nothing.
func substitute(token json.Token) string {
	switch token.(type) {
	case string:
		return `"` + placeholder + `"`
	case json.Number:
		return "0"
	case bool:
		return "false"
	}
	return "null"
}

// walker goes through JSON token by token and knows which member it is in.
type walker struct {
	dec    *json.Decoder
	body   []byte
	stack  []level
	isName bool // the token that next returned last is the name of a member
}

type level struct {
	object  bool
	name    string // the member that is being read, or that the array belongs to, in lower case
	hasName bool   // name was read and its value was not
}

// next returns the next token and the offset at which it begins.
func (w *walker) next() (json.Token, int64, error) {
	start := w.dec.InputOffset()
	token, err := w.dec.Token()
	if err != nil {
		return nil, 0, err
	}
	for bytes.IndexByte([]byte(" \t\r\n,:"), w.body[start]) >= 0 {
		start++
	}
	w.isName = false
	top := w.top()
	delim, isDelim := token.(json.Delim)
	switch {
	case isDelim && (delim == '}' || delim == ']'):
		w.stack = w.stack[:len(w.stack)-1]
		w.valueEnds()
	case top != nil && top.object && !top.hasName:
		name, _ := token.(string)
		top.name, top.hasName, w.isName = strings.ToLower(name), true, true
	case isDelim:
		w.stack = append(w.stack, level{object: delim == '{', name: w.name()})
	default:
		w.valueEnds()
	}
	return token, start, nil
}

func (w *walker) top() *level {
	if len(w.stack) == 0 {
		return nil
	}
	return &w.stack[len(w.stack)-1]
}

func (w *walker) valueEnds() {
	if top := w.top(); top != nil {
		top.hasName = false
	}
}

// name returns the member that the current value belongs to; the values of an array belong to the array's member.
func (w *walker) name() string {
	if top := w.top(); top != nil {
		return top.name
	}
	return ""
}

// skip reads up to the end of the container that next has just opened.
func (w *walker) skip(gone *removed) error {
	for depth := len(w.stack); len(w.stack) >= depth; {
		token, _, err := w.next()
		if err != nil {
			return err
		}
		if !w.isName {
			gone.addToken(w.name(), token)
		}
	}
	return nil
}
