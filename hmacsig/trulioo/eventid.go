package trulioo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/payload"
)

// EventID returns what tells one event from another: a JSON array of id, event.type, event.ts, nodeId and
// serviceType, and for a transaction webhook of id, transactionId and the hash of event. What id alone stands for, an
// event or a session, is not documented. Neither the body nor the signature would do, as the signed retry counter
// changes both. The handshake has no id, "": there is nothing to deduplicate.
//
// It reads these members and no others. A number is its digits, and text that is not UTF-8 or holds a NUL is replaced
// by its hash, as is a member of another type. A body of which id, or the rest that tells its events apart, cannot be
// read has the SHA-256 of [Fingerprint], which package idempotency reports as unidentified. The only error is
// [truhook.NotVerified], for a nil v. It serves as idempotency.KeyFunc and is safe for concurrent use.
func EventID(v *truhook.Verified) (string, error) {
	if v == nil {
		return "", &truhook.Error{Scheme: "trulioo", Reason: truhook.NotVerified}
	}
	o, _ := payload.Parse(v.Payload)
	if kind, _ := o.Get("type").Text(); strings.EqualFold(kind, string(URLVerification)) {
		return "", nil
	}
	id, identified := o.Get("id").ID()
	event, _ := o.Get("event").Object()
	kind, transaction := event.Get("type"), o.Get("transactionId")
	var parts []string
	switch {
	case !identified || len(event.Members()) == 0:
	case kind.Part() != "" && event.Get("ts").Part() != "":
		parts = []string{
			id, string(eventType(kind.Part())), event.Get("ts").Part(), o.Get("nodeId").Part(), o.Get("serviceType").Part(),
		}
	case transaction.Part() != "":
		parts = []string{id, transaction.Part(), o.Get("event").Hash()}
	}
	if parts == nil {
		return dedupe.DigestID(Fingerprint(v)), nil
	}
	key, _ := json.Marshal(parts) // of strings, which cannot fail, and unambiguous whatever they hold
	return string(key), nil
}

// Fingerprint returns the members of the payload without the retry counter and in the order of their names, which is
// what two deliveries of one event have in common: an idempotency.FingerprintFunc. What is not a JSON object is
// returned as it is, and nil for a nil v. It is safe for concurrent use.
func Fingerprint(v *truhook.Verified) []byte {
	if v == nil {
		return nil
	}
	o, ok := payload.Parse(v.Payload)
	if !ok {
		return v.Payload
	}
	stable := make([][]byte, 0, len(o.Members()))
	for _, m := range o.Members() {
		if m.Name() == "retry" {
			continue
		}
		var line bytes.Buffer
		line.Write(m.Quoted)
		line.WriteByte(':')
		_ = json.Compact(&line, m.Value) // of valid JSON
		stable = append(stable, line.Bytes())
	}
	slices.SortStableFunc(stable, bytes.Compare)
	return slices.Concat([]byte("{"), bytes.Join(stable, []byte(",")), []byte("}"))
}

// EventVersion returns the flow and user that the event is about, and event.ts. The time has whole seconds, so ties
// are normal, and Trulioo does not guarantee an order. The resource is empty, and nothing is to be ordered, where one
// of the three is absent or cannot be read, as in transaction webhooks, and where the time is before 2015 or after
// 9999. The only error is [truhook.NotVerified], for a nil v. It serves as idempotency.VersionFunc.
func EventVersion(v *truhook.Verified) (resource string, at time.Time, err error) {
	if v == nil {
		return "", time.Time{}, &truhook.Error{Scheme: "trulioo", Reason: truhook.NotVerified}
	}
	o, _ := payload.Parse(v.Payload)
	event, _ := o.Get("event").Object()
	at, ok := event.Get("ts").Instant()
	flow, ok2 := o.Get("flowId").ID()
	user, ok3 := o.Get("userId").ID()
	kind, _ := o.Get("type").Text()
	handshake := strings.EqualFold(kind, string(URLVerification))
	if !ok || !ok2 || !ok3 || at.IsZero() || handshake {
		return "", time.Time{}, nil
	}
	id, _ := json.Marshal([]string{flow, user})
	return "flow/" + string(id), at, nil
}
