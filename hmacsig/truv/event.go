package truv

import (
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
	WebhookID string    // "unique identifier for this webhook request"; not the id of the endpoint's configuration
	Type      EventType // event_type
	CreatedAt time.Time // event_created_at, UTC
	UpdatedAt time.Time // UTC; zero for many types
	UserID    string    // user_id
	Product   string    // income, employment, assets, ...
	// DataSource is payroll, docs, insurance, financial_accounts or tax.
	DataSource string
	// Status is that of the task (new, login, mfa, parse, full_parse, switch_deposit, done, and the final errors
	// login_error, mfa_error, config_error, account_locked, unable_to_reset, no_data, unavailable, error and
	// not_supported) or of the order (pending, completed, expired; the list is not published).
	Status string

	TaskID       string          // task_id
	LinkID       string          // link_id
	ObjectID     string          // object_id: an employment or a profile
	EmploymentID string          // employment_id
	ObjectsCount int             // objects_count
	OrderID      string          // order_id
	OrderNumber  string          // order_number
	EmployerID   string          // employer_id
	TemplateID   string          // template_id
	TrackingInfo json.RawMessage // as your service gave it to Truv; nil for null; shared with the Verified

	// Unread names the members that came in another JSON type than documented, or as a time that cannot be read. Their
	// fields are zero; Raw has what came. It is nil where there are none.
	Unread []string

	Raw json.RawMessage // the whole payload, shared with the Verified it came from
}

// Parse reads what was verified. A nil v is [truhook.NotVerified], and what is not one JSON object is
// [truhook.MalformedPayload]; nothing else is an error. Unknown event types and fields pass through, and a member of
// another type costs its field only: see Event.Unread. Times may come in any spelling that leaves no doubt: RFC 3339,
// with a blank for the T, a zone as +0000 or none (UTC), or a number of seconds or milliseconds since 1970.
func Parse(v *truhook.Verified) (*Event, error) {
	o, err := payload.Read("truv", v)
	if err != nil {
		return nil, err
	}
	e := &Event{Raw: v.Payload}
	r := payload.Reader{Object: o, Unread: &e.Unread}
	e.WebhookID, e.Type = r.Text("webhook_id"), EventType(r.Text("event_type"))
	e.CreatedAt, e.UpdatedAt = r.Time("event_created_at"), r.Time("updated_at")
	e.UserID, e.Product, e.DataSource = r.Text("user_id"), r.Text("product"), r.Text("data_source")
	e.Status = r.Text("status")
	e.TaskID, e.LinkID, e.ObjectID = r.Text("task_id"), r.Text("link_id"), r.Text("object_id")
	e.EmploymentID, e.ObjectsCount = r.Text("employment_id"), r.Int("objects_count")
	e.OrderID, e.OrderNumber, e.EmployerID = r.Text("order_id"), r.Text("order_number"), r.Text("employer_id")
	e.TemplateID, e.TrackingInfo = r.Text("template_id"), r.Raw("tracking_info")
	return e, nil
}
