package truv

import (
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/payload"
)

// EventID returns what tells one event from another: webhook_id, as Truv advises ("Webhook Security", section
// "Ordering and idempotency"), a slash and the event type, since examples of Truv's show one id on a -created and an
// -updated event. Whether the id stays the same over the retries of an event is implied by that advice and not written.
//
// It reads these two members and no other. A number is its digits, and an id that is not UTF-8 or holds a NUL or a
// slash is replaced by its hash. A body without a webhook_id that can be read, or that is no JSON object, has the
// SHA-256 of its bytes, which package idempotency reports as unidentified. The only error is [truhook.NotVerified],
// for a nil v. It serves as idempotency.KeyFunc and is safe for concurrent use.
func EventID(v *truhook.Verified) (string, error) {
	if v == nil {
		return "", &truhook.Error{Scheme: "truv", Reason: truhook.NotVerified}
	}
	o, _ := payload.Parse(v.Payload)
	value := o.Get("webhook_id")
	id, ok := value.ID()
	if !ok {
		return dedupe.DigestID(v.Payload), nil
	}
	if strings.Contains(id, "/") {
		id = value.Hash()
	}
	return id + "/" + o.Get("event_type").Part(), nil
}

// createdLater is far above the lag between an update and the event about it, which is microseconds in Truv's examples.
const createdLater = time.Hour

// EventVersion returns what the event is about and how recent it is: updated_at, else event_created_at ("use the
// updated_at field to process status changes in sequence", Truv, "Webhook Security"). Compare times of one resource
// only. Where event_created_at is more than an hour later, the event is not about that update (a refresh that failed,
// for example), and event_created_at counts: else a true event about something untouched for a month would be taken
// for a replay.
//
// The resource is the kind of event and the narrowest id in it, so that neither two tasks of a link nor a task and
// its link are put in order with each other. It is empty, and nothing is to be ordered, for unknown types, for bodies
// without an id or a time, and where one of the two times cannot be read or is before 2015 or after 9999. Times are
// read as by [Parse]. The only error is [truhook.NotVerified], for a nil v. It serves as idempotency.VersionFunc.
func EventVersion(v *truhook.Verified) (resource string, at time.Time, err error) {
	if v == nil {
		return "", time.Time{}, &truhook.Error{Scheme: "truv", Reason: truhook.NotVerified}
	}
	o, _ := payload.Parse(v.Payload)
	updated, ok := o.Get("updated_at").Instant()
	created, ok2 := o.Get("event_created_at").Instant()
	at = updated
	if at.IsZero() || created.Sub(at) > createdLater {
		at = created
	}
	resource = resourceOf(o)
	if !ok || !ok2 || resource == "" || at.IsZero() {
		return "", time.Time{}, nil
	}
	return resource, at, nil
}

// resourceOf returns the family of the event and the first id of it that can be read; empty if there is neither.
func resourceOf(o payload.Object) string {
	family, members := "", []string{}
	name, _ := o.Get("event_type").Text()
	switch EventType(name) {
	case TaskStatusUpdated:
		family, members = "task-status", []string{"task_id"}
	case EmploymentCreated, EmploymentUpdated:
		family, members = "employment", []string{"object_id", "task_id"}
	case ProfileCreated, ProfileUpdated:
		family, members = "profile", []string{"object_id", "task_id"}
	case StatementsCreated, StatementsUpdated:
		family, members = "statements", []string{"employment_id", "task_id"}
	case ShiftsCreated, ShiftsUpdated:
		family, members = "shifts", []string{"employment_id", "task_id"}
	case BankAccountsCreated, BankAccountsUpdated:
		family, members = "bank-accounts", []string{"employment_id", "task_id"}
	case LinkConnected, LinkDisconnected, LinkDeleted:
		family, members = "link", []string{"link_id"}
	case OrderCreated, OrderStatusUpdated, OrderRefreshFailed, OrderFinalized, CertificationCompleted:
		family, members = "order", []string{"order_id"}
	}
	for _, member := range members {
		if id, ok := o.Get(member).ID(); ok {
			return family + "/" + id
		}
	}
	return ""
}
