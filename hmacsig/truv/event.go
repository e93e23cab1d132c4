package truv

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
)

// EventType names what happened. Types that are not listed here pass through unchanged.
type EventType string

// The event types that Truv documents (Truv, "Webhook Events", and the events pages of tasks, orders and links).
const (
	TaskStatusUpdated      EventType = "task-status-updated"
	EmploymentCreated      EventType = "employment-created"
	EmploymentUpdated      EventType = "employment-updated"
	ProfileCreated         EventType = "profile-created"
	ProfileUpdated         EventType = "profile-updated"
	StatementsCreated      EventType = "statements-created"
	StatementsUpdated      EventType = "statements-updated"
	ShiftsCreated          EventType = "shifts-created"
	ShiftsUpdated          EventType = "shifts-updated"
	BankAccountsCreated    EventType = "bank-accounts-created"
	BankAccountsUpdated    EventType = "bank-accounts-updated"
	LinkConnected          EventType = "link-connected"
	LinkDisconnected       EventType = "link-disconnected"
	LinkDeleted            EventType = "link-deleted"
	OrderCreated           EventType = "order-created"
	OrderStatusUpdated     EventType = "order-status-updated"
	OrderRefreshFailed     EventType = "order-refresh-failed"
	OrderFinalized         EventType = "order-finalized"
	CertificationCompleted EventType = "certification-completed"
)

// Event is the body of a Truv webhook. Which fields are set depends on the type; a field that did not come, or came as
// null, is zero. Raw has every field, also those that are not listed here.
type Event struct {
	WebhookID string // "unique identifier for this webhook request"; not the id of the endpoint's configuration
	Type      EventType
	CreatedAt time.Time // event_created_at, UTC
	UpdatedAt time.Time // UTC; zero for many types
	UserID    string
	Product   string // income, employment, assets, ...
	// DataSource is payroll, docs, insurance, financial_accounts or tax.
	DataSource string
	// Status is that of the task (new, login, mfa, parse, full_parse, switch_deposit, done, and the final errors
	// login_error, mfa_error, config_error, account_locked, unable_to_reset, no_data, unavailable, error and
	// not_supported) or of the order (pending, completed, expired; the list is not published).
	Status string

	TaskID       string
	LinkID       string
	ObjectID     string
	EmploymentID string
	ObjectsCount int
	OrderID      string
	OrderNumber  string
	EmployerID   string
	TemplateID   string
	TrackingInfo json.RawMessage // as your service gave it to Truv; nil for null

	Raw json.RawMessage // the whole payload, shared with the Verified it came from
}

type wire struct {
	WebhookID    string          `json:"webhook_id"`
	Type         EventType       `json:"event_type"`
	CreatedAt    payload.Time    `json:"event_created_at"`
	UpdatedAt    payload.Time    `json:"updated_at"`
	UserID       string          `json:"user_id"`
	Product      string          `json:"product"`
	DataSource   string          `json:"data_source"`
	Status       string          `json:"status"`
	TaskID       string          `json:"task_id"`
	LinkID       string          `json:"link_id"`
	ObjectID     string          `json:"object_id"`
	EmploymentID string          `json:"employment_id"`
	ObjectsCount int             `json:"objects_count"`
	OrderID      string          `json:"order_id"`
	OrderNumber  string          `json:"order_number"`
	EmployerID   string          `json:"employer_id"`
	TemplateID   string          `json:"template_id"`
	TrackingInfo json.RawMessage `json:"tracking_info"`
}

// Parse reads what was verified. A nil v is [truhook.NotVerified]; a payload that is not a JSON object of the documented
// types is [truhook.MalformedPayload]. Unknown event types and fields are no error.
func Parse(v *truhook.Verified) (*Event, error) {
	var w wire
	if err := payload.Decode("truv", v, &w); err != nil {
		return nil, err
	}
	e := &Event{
		WebhookID: w.WebhookID, Type: w.Type, CreatedAt: w.CreatedAt.Time, UpdatedAt: w.UpdatedAt.Time,
		UserID: w.UserID, Product: w.Product, DataSource: w.DataSource, Status: w.Status,
		TaskID: w.TaskID, LinkID: w.LinkID, ObjectID: w.ObjectID, EmploymentID: w.EmploymentID,
		ObjectsCount: w.ObjectsCount, OrderID: w.OrderID, OrderNumber: w.OrderNumber, EmployerID: w.EmployerID,
		TemplateID: w.TemplateID, TrackingInfo: w.TrackingInfo, Raw: v.Payload,
	}
	if string(e.TrackingInfo) == "null" {
		e.TrackingInfo = nil
	}
	return e, nil
}

// EventID returns what tells one event from another: webhook_id, as Truv advises ("Webhook Security", section
// "Ordering and idempotency"), with the event type behind it, since examples of Truv's show one id on a -created and
// an -updated event. Whether the id stays the same over the retries of an event is implied by that advice and not
// written. A body without webhook_id is told by the SHA-256 of its bytes. Errors are those of [Parse].
func EventID(v *truhook.Verified) (string, error) {
	e, err := Parse(v)
	if err != nil {
		return "", err
	}
	if e.WebhookID == "" {
		sum := sha256.Sum256(v.Payload)
		return "body-sha256/" + hex.EncodeToString(sum[:]), nil
	}
	return e.WebhookID + "/" + string(e.Type), nil
}

// createdLater is far above the lag between an update and the event about it, which is microseconds in Truv's examples.
const createdLater = time.Hour

// EventVersion returns what the event is about and how recent it is: updated_at, else event_created_at ("use the updated_at
// field to process status changes in sequence", Truv, "Webhook Security"). Compare times of one resource only. Where
// event_created_at is more than an hour later, the event is not about that update (a refresh that failed, say), and
// event_created_at counts: else a true event about something untouched for a month would be taken for a replay.
//
// The resource is the kind of event and the narrowest id in it, so that neither two tasks of a link nor a task and its
// link are put in order with each other. It is empty, and nothing is to be ordered, for unknown types and for bodies
// without an id or a time. Errors are those of [Parse].
func EventVersion(v *truhook.Verified) (resource string, at time.Time, err error) {
	e, err := Parse(v)
	if err != nil {
		return "", time.Time{}, err
	}
	at = e.UpdatedAt
	if at.IsZero() || e.CreatedAt.Sub(at) > createdLater {
		at = e.CreatedAt
	}
	family, id := e.resource()
	if family == "" || id == "" || at.IsZero() {
		return "", time.Time{}, nil
	}
	return family + "/" + id, at, nil
}

func (e *Event) resource() (family, id string) {
	switch e.Type {
	case TaskStatusUpdated:
		return "task-status", e.TaskID
	case EmploymentCreated, EmploymentUpdated:
		return "employment", first(e.ObjectID, e.TaskID)
	case ProfileCreated, ProfileUpdated:
		return "profile", first(e.ObjectID, e.TaskID)
	case StatementsCreated, StatementsUpdated:
		return "statements", first(e.EmploymentID, e.TaskID)
	case ShiftsCreated, ShiftsUpdated:
		return "shifts", first(e.EmploymentID, e.TaskID)
	case BankAccountsCreated, BankAccountsUpdated:
		return "bank-accounts", first(e.EmploymentID, e.TaskID)
	case LinkConnected, LinkDisconnected, LinkDeleted:
		return "link", e.LinkID
	case OrderCreated, OrderStatusUpdated, OrderRefreshFailed, OrderFinalized, CertificationCompleted:
		return "order", e.OrderID
	}
	return "", ""
}

func first(id, otherwise string) string {
	if id != "" {
		return id
	}
	return otherwise
}
