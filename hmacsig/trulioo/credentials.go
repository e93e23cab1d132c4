package trulioo

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/payload"
)

// ParseCredentials reads the response of the endpoint client-webhooks/current-credential: the keys of all webhooks in
// it, each with its credentialIdentifier as id and valid from effectiveStartDateTimeUTC to expirationDateTimeUTC,
// both included. An id that looks like a secret, which logs and proofs must not show, is the beginning of its SHA-256
// instead, as in "sha256:4f1e8a0c93d2". Times without a zone are UTC, as the names say; an expiration that is null or
// absent leaves the window open. Whether the bounds are inclusive is not documented. Several may be valid at once.
//
// An id is a label only: of two credentials with one id that differ, as two webhooks can have them, both serve, and the
// second one is labelled "ID-2".
//
// A credential that is not of this form costs that credential only: one without an id or a secret, one with a time that
// cannot be read, and one whose window ends before it begins. An error, which holds no secret, is returned for what is
// not JSON and where no credential is left. A [CredentialSource] reports what was left out to OnError and Audit.
func ParseCredentials(response []byte) ([]hmacsig.Key, error) {
	keys, dropped, err := parseCredentials(response)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, fmt.Errorf("trulioo: the response holds no credential that can be used: %w", errors.Join(dropped...))
	}
	return keys, nil
}

// credential is one that can be used.
type credential struct {
	id, secret string
	begin, end time.Time
	key        hmacsig.Key
	hash       string // of the id
}

// parseCredentials returns the keys that can be used, and why each of the others cannot.
func parseCredentials(response []byte) (keys []hmacsig.Key, dropped []error, err error) {
	o, ok := payload.Parse(response)
	data, ok2 := o.Get("data").Object()
	webhooks, ok3 := data.Get("webhooks").Array()
	if !ok || !ok2 || !ok3 {
		return nil, nil, errors.New("trulioo: the credentials are not JSON of the documented form")
	}
	var usable []credential
	drop := func(webhook, number int, text string) {
		dropped = append(dropped, fmt.Errorf("trulioo: webhook %d, credential %d: %s", webhook+1, number+1, text))
	}
	for i, value := range webhooks {
		webhook, ok := value.Object()
		list, ok2 := webhook.Get("credentials").Array()
		if !ok || !ok2 && !webhook.Get("credentials").IsNull() {
			dropped = append(dropped, fmt.Errorf("trulioo: webhook %d has no list of credentials", i+1))
			continue
		}
		for n, value := range list {
			c, err := readCredential(value)
			if err != nil {
				drop(i, n, err.Error())
				continue
			}
			usable = append(usable, c)
		}
	}
	unique := labels{taken: map[string]bool{}, last: map[string]int{}}
	for i, c := range usable {
		if slices.ContainsFunc(usable[:i], c.equal) {
			continue
		}
		key, err := unique.key(c)
		if err != nil {
			dropped = append(dropped, err)
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 && len(dropped) == 0 {
		dropped = append(dropped, errors.New("trulioo: the list of credentials is empty"))
	}
	return keys, dropped, nil
}

// equal reports whether other says nothing that c does not.
func (c credential) equal(other credential) bool {
	return other.id == c.id && other.begin.Equal(c.begin) && other.end.Equal(c.end) &&
		subtle.ConstantTimeCompare([]byte(other.secret), []byte(c.secret)) == 1
}

// labels gives each key one of its own.
type labels struct {
	taken map[string]bool
	last  map[string]int // the number of the latest one of an id
}

// key returns the key of c under a label that no other has.
func (l *labels) key(c credential) (key hmacsig.Key, err error) {
	key = c.key
	for l.taken[key.ID()] {
		n := max(l.last[c.id], 1) + 1
		l.last[c.id] = n
		key, err = hmacsig.NewKey(fmt.Sprintf("%s-%d", c.key.ID(), n), c.secret)
		if err != nil { // the longer label looks like a secret
			key, err = hmacsig.NewKey(fmt.Sprintf("%s-%d", c.hash, n), c.secret)
		}
		if err != nil {
			return key, fmt.Errorf("trulioo: credential %q comes twice, and there is no other label for it", c.key.ID())
		}
	}
	l.taken[key.ID()] = true
	key.NotBefore, key.NotAfter = c.begin, c.end
	return key, nil
}

func readCredential(value payload.Value) (credential, error) {
	o, ok := value.Object()
	if !ok {
		return credential{}, errors.New("it is not an object")
	}
	var c credential
	if c.id, ok = o.Get("credentialIdentifier").ID(); !ok {
		return credential{}, errors.New("credentialIdentifier is missing or not text")
	}
	c.hash = labelOf(o.Get("credentialIdentifier"))
	if c.secret, ok = o.Get("secretValue").Text(); !ok || c.secret == "" {
		return credential{}, errors.New("secretValue is missing, empty or not text")
	}
	if c.begin, ok = credentialTime(o.Get("effectiveStartDateTimeUTC")); !ok {
		return credential{}, errors.New("effectiveStartDateTimeUTC cannot be read")
	}
	end := o.Get("expirationDateTimeUTC")
	if c.end, ok = credentialTime(end); !ok {
		return credential{}, errors.New("expirationDateTimeUTC cannot be read")
	}
	// An empty text, or the year 1 that .NET writes for a time that was never set, ends the window too.
	if !end.IsNull() && !c.begin.Before(c.end) {
		return credential{}, errors.New("it is never valid: its window ends before it begins")
	}
	key, err := hmacsig.NewKey(c.id, c.secret)
	if err != nil && !strings.ContainsFunc(c.id, unicode.IsControl) { // under a label that shows nothing of it the secret serves
		key, err = hmacsig.NewKey(c.hash, c.secret)
	}
	if err != nil {
		return credential{}, errors.New("its secret cannot be used") // err may repeat what was sent
	}
	c.key = key
	return c, nil
}

// labelOf returns what stands for an id that looks like a secret. Trulioo's sample ids are no UUIDs, and the form of an
// id is not documented, so it must not cost the credential; but the id of a key is shown in logs.
func labelOf(id payload.Value) string { return id.Hash()[:labelLength] }

const labelLength = len("sha256:") + 12

// credentialTime reads RFC 3339, and the same without a zone. A window decides what is accepted, so it is read
// strictly.
func credentialTime(value payload.Value) (time.Time, bool) {
	text, ok := value.Text()
	if value.IsNull() || ok && text == "" {
		return time.Time{}, true
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
