package inbox

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// version is that of the encoding. It grows when an older reader would lose something that matters.
const version = 1

type wireMessage struct {
	Version     int         `json:"v"`
	Scope       string      `json:"scope"`
	ID          string      `json:"id"`
	Fingerprint string      `json:"fingerprint,omitempty"` // hex
	Received    time.Time   `json:"received,omitzero"`
	Payload     []byte      `json:"payload"` // base64
	Inner       []byte      `json:"inner,omitempty"`
	Proofs      []wireProof `json:"proofs,omitempty"`
	Resource    string      `json:"resource,omitempty"`
	At          time.Time   `json:"at,omitzero"`
	Header      http.Header `json:"header,omitempty"`
}

type wireProof struct {
	Scheme string `json:"scheme"`
	KeyID  string `json:"key_id,omitempty"`
}

// MarshalJSON returns the one encoding that a message has: a JSON object with a version ("v": 1), the payload in
// base64, and times in UTC. It returns an error for a message without a valid key, and for text that is not UTF-8.
func (m Message) MarshalJSON() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	w := wireMessage{
		Version: version, Scope: m.Key.Scope, ID: m.Key.ID, Received: storable(m.Received),
		Payload: m.Payload, Inner: m.Inner, Resource: m.Resource, At: storable(m.At), Header: m.Header,
	}
	if m.Fingerprint != (idempotency.Fingerprint{}) {
		w.Fingerprint = hex.EncodeToString(m.Fingerprint[:])
	}
	for _, p := range m.Proofs {
		w.Proofs = append(w.Proofs, wireProof{Scheme: p.Scheme, KeyID: p.KeyID})
	}
	return json.Marshal(w)
}

// storable is t in UTC, or zero, which is unknown, where JSON cannot hold it: a time keeps no event out of a queue.
func storable(t time.Time) time.Time {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return time.Time{}
	}
	return t
}

var errEncoding = errors.New("inbox: not an encoded message")

// UnmarshalJSON reads what MarshalJSON has written. A version that is not known is an error, so that a worker which is
// older than its receiver leaves the message in the queue; unknown members are ignored. The error quotes nothing.
func (m *Message) UnmarshalJSON(data []byte) error {
	var w wireMessage
	if json.Unmarshal(data, &w) != nil {
		return errEncoding // its own text quotes the payload
	}
	if w.Version != version {
		return fmt.Errorf("inbox: a message of version %d, and this is version %d", w.Version, version)
	}
	out := Message{
		Key: idempotency.Key{Scope: w.Scope, ID: w.ID}, Received: w.Received.UTC(), Payload: w.Payload,
		Resource: w.Resource, At: w.At.UTC(),
	}
	if len(w.Inner) > 0 {
		out.Inner = w.Inner
	}
	if len(w.Header) > 0 {
		out.Header = w.Header
	}
	if w.Fingerprint != "" {
		sum, err := hex.DecodeString(w.Fingerprint)
		if err != nil || len(sum) != len(out.Fingerprint) {
			return errEncoding
		}
		copy(out.Fingerprint[:], sum)
	}
	for _, p := range w.Proofs {
		out.Proofs = append(out.Proofs, truhook.Proof{Scheme: p.Scheme, KeyID: p.KeyID})
	}
	if err := out.check(); err != nil {
		return err
	}
	*m = out
	return nil
}
