package idempotency

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/panicked"
)

// Item asks the functions of the configuration about v, for [Middleware.Run], and reports what they lack: [BadKey] with
// an error, and [NotDeduped] with a zero Key. A panic of one of them is an error of that function, as nothing is
// claimed yet and an event is not lost for its order. What is kept is copied: it may point into memory that a host uses
// again.
func (m *Middleware) Item(ctx context.Context, v *truhook.Verified) (dedupe.Item, error) {
	item := dedupe.Item{Judged: m.now(ctx)}
	id, err := guard("the KeyFunc", func() (string, error) { return m.key(v) })
	var k Key
	if err == nil && id != "" {
		k, err = NewKey(m.scope, strings.Clone(id))
	}
	switch {
	case err != nil:
		m.observe(ctx, Observation{Outcome: BadKey, Err: err})
		return item, err
	case id == "":
		m.observe(ctx, Observation{Outcome: NotDeduped})
	case dedupe.IsDigestID(id):
		m.observe(ctx, Observation{Outcome: Unidentified, Key: k})
	}
	item.Key = dedupe.Key(k)
	content, err := guard("the FingerprintFunc", func() ([]byte, error) { return m.cfg.Fingerprint(v), nil })
	if err == nil && len(content) > 0 {
		item.Fingerprint = NewFingerprint(content)
	}
	if m.cfg.Version != nil {
		if err := m.version(v, &item); err != nil {
			m.observe(ctx, Observation{Outcome: VersionFailed, Key: Key(item.Key), Err: err})
		}
	}
	return item, nil
}

// version sets what the event is about and its time.
func (m *Middleware) version(v *truhook.Verified, item *dedupe.Item) error {
	type version struct {
		resource string
		at       time.Time
	}
	got, err := guard("the VersionFunc", func() (out version, err error) {
		out.resource, out.at, err = m.cfg.Version(v)
		return out, err
	})
	switch {
	case err != nil:
		return err
	case got.at.IsZero():
		return nil
	case !dedupe.Plausible(got.at, item.Judged):
		return fmt.Errorf("idempotency: no event is of the year %d", got.at.Year())
	}
	item.Version = got.at
	if got.resource == "" {
		return nil
	}
	k, err := NewKey(m.scope, strings.Clone(got.resource))
	if err == nil {
		item.Resource = dedupe.Key(k)
	}
	return err
}

// now is the instant by which an event is judged: when its delivery arrived, which nothing on the wire can set and a
// recorded delivery brings with it; else the clock.
func (m *Middleware) now(ctx context.Context) time.Time {
	if at, ok := truhook.ReceivedFromContext(ctx); ok {
		return at
	}
	if m.cfg.Now != nil {
		at, err := guard("Now", func() (time.Time, error) { return m.cfg.Now(), nil })
		if err == nil {
			return at
		}
	}
	return time.Now()
}

// guard calls a function of the caller's, whose panic becomes an error. The value is left out: it can hold anything.
func guard[T any](what string, f func() (T, error)) (out T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = dedupe.Words("it " + panicked.Here(value))
		}
		if err != nil {
			err = fmt.Errorf("idempotency: %s: %w", what, err)
		}
	}()
	return f()
}
