package hmacsig

import (
	"fmt"
	"net/http"

	"github.com/truhook/truhook/internal/form"
)

// Sign sets the headers that s would send for m: the signature, in the first of the scheme's headers, and the id and
// the timestamp where it signs them. It replaces what stands in them. What {header:Name} stands for is taken from h.
// It is meant for tests, for recorded deliveries, and for services that send by the same scheme. A scheme that is not
// sound, a zero Key, and a missing id, time, method or URL are errors, none of which holds a secret.
func (s Scheme) Sign(h http.Header, k Key, m Message) error {
	f, err := s.compile(m.URL)
	if err != nil {
		return err
	}
	if k.open == nil {
		return fmt.Errorf("hmacsig: scheme %q: a zero Key cannot sign", s.Name)
	}
	if err := f.usable(&k); err != nil {
		return fmt.Errorf("hmacsig: key %q: %w", k.id, err)
	}
	head, err := f.Prepare(h, form.Message{ID: m.ID, Time: m.Time, Method: m.Method})
	if err != nil {
		return fmt.Errorf("hmacsig: %w", err)
	}
	secret := k.open()
	keyed := secret.get(f.hash)
	defer secret.put(f.hash, keyed)
	f.Set(h, head, keyed.compute(f, head, 0, m.Body))
	return nil
}
