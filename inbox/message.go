package inbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// A Message is a verified delivery on its way through a queue. The zero Message is not valid: it cannot be encoded.
//
// It prints and logs as its key, its schemes and its sizes, under every verb but %p; the payload is in its fields
// and in its JSON only.
type Message struct {
	// Key is whose event it is, and which. It was made by idempotency.NewKey, so a long id is a hash here.
	Key idempotency.Key

	// Fingerprint is that of Config.Fingerprint; zero: not compared.
	Fingerprint idempotency.Fingerprint

	// Received is when the delivery was accepted, by the clock of the service that did.
	Received time.Time

	// Payload and Inner are those of the truhook.Verified: decrypted, and to be protected.
	Payload, Inner []byte

	// Proofs are those of the truhook.Verified, without Detail.
	Proofs []truhook.Proof

	// Resource and At are what Config.Version said. Empty: the event has no order.
	Resource string
	At       time.Time

	// Header has the request's headers that Config.Header names. No signature covers them: they are hints.
	Header http.Header
}

// Verified returns what was verified, as a worker sees it: Proofs have no Detail, so truhook.Detail finds nothing.
// The slices are those of m.
func (m Message) Verified() *truhook.Verified {
	return &truhook.Verified{Payload: m.Payload, Inner: m.Inner, Proofs: m.Proofs}
}

// String returns what may be logged: key, schemes and sizes.
func (m Message) String() string {
	return fmt.Sprintf("%s %q (%s, %d+%d bytes)", m.Key.Scope, m.Key.ID, m.schemes(), len(m.Payload), len(m.Inner))
}

// Format writes String, whatever the verb: %d or %x would print the payload's bytes otherwise.
func (m Message) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// LogValue returns the key, the schemes and the sizes.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("scope", m.Key.Scope), slog.String("id", m.Key.ID), slog.String("scheme", m.schemes()),
		slog.Int("payload_bytes", len(m.Payload)), slog.Int("inner_bytes", len(m.Inner)),
		slog.Time("received", m.Received),
	)
}

func (m Message) schemes() string {
	names := make([]string, len(m.Proofs))
	for i, p := range m.Proofs {
		names[i] = p.Scheme
	}
	return strings.Join(names, "+")
}

var (
	errKey  = errors.New("inbox: the message's key is empty, too long, not UTF-8, or holds a NUL")
	errText = errors.New("inbox: the message holds text that is not UTF-8")
)

// check refuses what would not come out of JSON as it went in.
func (m Message) check() error {
	for _, s := range []string{m.Key.Scope, m.Key.ID} {
		if s == "" || len(s) > idempotency.MaxKeyBytes || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return errKey
		}
	}
	ok := utf8.ValidString(m.Resource)
	for _, p := range m.Proofs {
		ok = ok && utf8.ValidString(p.Scheme) && utf8.ValidString(p.KeyID)
	}
	for name, values := range m.Header {
		ok = ok && utf8.ValidString(name)
		for _, v := range values {
			ok = ok && utf8.ValidString(v)
		}
	}
	if !ok {
		return errText
	}
	return nil
}

type contextKey struct{}

// FromContext returns the message that a worker's function is called for. It reports false elsewhere.
func FromContext(ctx context.Context) (Message, bool) {
	m, ok := ctx.Value(contextKey{}).(Message)
	return m, ok
}
