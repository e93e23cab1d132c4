package hmacsig

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Sign sets the headers that s would send for m: the signature, and the id and the timestamp where it signs them. It
// replaces what stands in them. It is meant for tests, for recorded deliveries, and for services that send by the same
// scheme. A scheme that is not sound, a zero Key, and a missing id or time are errors, none of which holds a secret.
func (s Scheme) Sign(h http.Header, k Key, m Message) error {
	f, err := s.compile()
	if err != nil {
		return err
	}
	if k.open == nil {
		return fmt.Errorf("hmacsig: scheme %q: a zero Key cannot sign", s.Name)
	}
	if err := k.open().probe(f.Hash); err != nil {
		return fmt.Errorf("hmacsig: key %q: %w", k.id, err)
	}
	var timestamp string
	if f.stamp.present() {
		if m.Time.Unix() <= 0 {
			return errors.New("hmacsig: the scheme signs a timestamp, and Message.Time has none")
		}
		timestamp = strconv.FormatInt(m.Time.Unix(), 10)
	}
	if f.id.present() && !f.allowsID(m.ID) {
		return errors.New("hmacsig: the scheme signs an id, and Message.ID is none that it can sign")
	}

	secret := k.open()
	keyed := secret.get(f.Hash)
	defer secret.put(f.Hash, keyed)
	sum := keyed.compute(f, m.ID, timestamp, m.Body)
	signature := f.Prefix
	if f.Encoding == Base64 {
		signature += base64.StdEncoding.EncodeToString(sum)
	} else {
		signature += hex.EncodeToString(sum)
	}

	for _, name := range []string{f.header, f.stamp.header, f.id.header} {
		h.Del(name)
	}
	f.set(h, f.stamp, timestamp)
	f.set(h, f.id, m.ID)
	f.set(h, field{header: f.header}, signature)
	return nil
}

// set writes a field: a header of its own, or one more element of a header.
func (f *format) set(h http.Header, where field, value string) {
	if !where.present() {
		return
	}
	if where.element != "" {
		value = where.element + "=" + value
	}
	if already := h.Get(where.header); already != "" {
		value = already + f.Separator + value
	}
	h.Set(where.header, value)
}
