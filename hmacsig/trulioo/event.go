package trulioo

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
)

// EventType names what happened. Types that are not listed here pass through; Trulioo may add some "at any moment".
// Trulioo's table prints some names with a blank, which [Parse] turns into the underscore of the others.
type EventType string

// The event types that Trulioo documents.
const (
	FlowStart                 EventType = "FLOW_START"
	StepInit                  EventType = "STEP_INIT"
	StepSubmit                EventType = "STEP_SUBMIT"
	ServiceInit               EventType = "SERVICE_INIT"
	IntermediateEventReceived EventType = "INTERMEDIATE_EVENT_RECEIVED"
	ServiceSubmit             EventType = "SERVICE_SUBMIT"
	InstantServiceSubmit      EventType = "INSTANT_SERVICE_SUBMIT"
	ServiceTimeout            EventType = "SERVICE_TIMEOUT"
	FlowEnd                   EventType = "FLOW_END"
	Abandoned                 EventType = "ABANDONED"
	ManuallyAccepted          EventType = "MANUALLY_ACCEPTED"
	ManuallyRejected          EventType = "MANUALLY_REJECTED"
	ManuallyPendingReview     EventType = "MANUALLY_PENDING_REVIEW"
	ManuallyAbandoned         EventType = "MANUALLY_ABANDONED"
	NoteAdded                 EventType = "NOTE_ADDED"
	TaskAdded                 EventType = "TASK_ADDED"
	TaskDone                  EventType = "TASK_DONE"
	TaskUndone                EventType = "TASK_UNDONE"
	URLVerification           EventType = "URL_VERIFICATION" // the handshake, see AnswerChallenge
)

// Event is the body of a Trulioo webhook: an event of Workflow Studio, a transaction webhook, or the handshake. Which
// fields are set depends on that; a field that did not come, or came as null, is zero. Raw has every field, also those
// that are not listed here, and the static token.
type Event struct {
	ID   string    // id; whether it is the event's or the session's is not documented
	Type EventType // that of the inner event; of the handshake, URLVerification; empty for a transaction webhook
	Time time.Time // event.ts, whole seconds, UTC; events of one second have no order
	User string    // event.user

	FlowID      string // flowId
	NodeID      string // nodeId
	UserID      string // userId
	ServiceType string // serviceType
	Test        bool   // a test flow
	Retry       int    // counts up inside the signed body, so a retried event has other bytes and another signature
	ServiceData ServiceData

	TransactionID string            // of a transaction webhook
	ClientID      string            // of a transaction webhook
	Error         *TransactionError // nil if the transaction webhook reports none

	// Unread names the members that came in another JSON type than documented, or as a time that cannot be read,
	// members of nested objects as "event.ts". Their fields are zero; Raw has what came. It is nil where there are
	// none.
	Unread []string

	Raw json.RawMessage // the whole payload, shared with the Verified it came from
}

// ServiceData is what a service of Workflow Studio reports.
type ServiceData struct {
	Time            time.Time       // timestamp, whole seconds, UTC
	ServiceStatus   string          // as the service reports it; the list is not published
	Match           json.RawMessage // its type differs between services
	TransactionInfo TransactionInfo
}

// TransactionInfo identifies a transaction. Its fields are the members of the same names, as text.
type TransactionInfo struct {
	AccountName         string `json:"accountName"`
	AccountIdentifier   string `json:"accountIdentifier"`
	CountryCode         string `json:"countryCode"`
	Date                string `json:"date"`
	TransactionID       string `json:"transactionId"`
	TransactionRecordID string `json:"transactionRecordId"`
	UserName            string `json:"userName"`
}

// TransactionError is the error of a transaction webhook.
type TransactionError struct {
	Code    json.RawMessage `json:"code"` // a number or a text, not documented which
	Message string          `json:"message"`
}

// Parse reads what was verified. A nil v is [truhook.NotVerified], and what is not one JSON object is
// [truhook.MalformedPayload]; nothing else is an error. Unknown event types and fields pass through, and a member of
// another type costs its field only: see Event.Unread. Times are Unix seconds, quoted or not; milliseconds and RFC 3339
// are read too.
func Parse(v *truhook.Verified) (*Event, error) {
	o, err := payload.Read("trulioo", v)
	if err != nil {
		return nil, err
	}
	e := &Event{Raw: v.Payload}
	r := payload.Reader{Object: o, Unread: &e.Unread}
	inner := r.In("event")
	e.ID, e.Type = r.Text("id"), eventType(inner.Text("type"))
	e.Time, e.User = inner.Time("ts"), inner.Text("user")
	if strings.EqualFold(r.Text("type"), string(URLVerification)) {
		e.Type = URLVerification
	}
	e.FlowID, e.NodeID, e.UserID = r.Text("flowId"), r.Text("nodeId"), r.Text("userId")
	e.ServiceType, e.Test, e.Retry = r.Text("serviceType"), r.Bool("test"), r.Int("retry")
	e.ServiceData = serviceData(r.In("serviceData"))
	e.TransactionID, e.ClientID = r.Text("transactionId"), r.Text("clientId")
	if failure := r.In("error"); failure.Object.Members() != nil {
		e.Error = &TransactionError{Code: failure.Raw("code"), Message: failure.Text("message")}
	}
	return e, nil
}

func serviceData(r payload.Reader) ServiceData {
	info := r.In("transactionInfo")
	return ServiceData{
		Time: r.Time("timestamp"), ServiceStatus: r.Text("serviceStatus"), Match: r.Raw("match"),
		TransactionInfo: TransactionInfo{
			AccountName: info.Text("accountName"), AccountIdentifier: info.Text("accountIdentifier"),
			CountryCode: info.Text("countryCode"), Date: info.Text("date"),
			TransactionID: info.Text("transactionId"), TransactionRecordID: info.Text("transactionRecordId"),
			UserName: info.Text("userName"),
		},
	}
}

func eventType(s string) EventType { return EventType(strings.ReplaceAll(s, " ", "_")) }
