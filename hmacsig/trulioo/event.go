package trulioo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
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
	ID   string
	Type EventType // that of the inner event; of the handshake, URLVerification; empty for a transaction webhook
	Time time.Time // event.ts, whole seconds, UTC; events of one second have no order
	User string    // event.user

	FlowID      string
	NodeID      string
	UserID      string
	ServiceType string
	Test        bool // a test flow
	Retry       int  // counts up inside the signed body, so a retried event has other bytes and another signature
	ServiceData ServiceData

	TransactionID string // of a transaction webhook
	ClientID      string
	Error         *TransactionError // nil if the transaction webhook reports none

	Raw json.RawMessage // the whole payload, shared with the Verified it came from

	object json.RawMessage // event as it came
}

// ServiceData is what a service of Workflow Studio reports.
type ServiceData struct {
	Time            time.Time // timestamp, whole seconds, UTC
	ServiceStatus   string
	Match           json.RawMessage // its type differs between services
	TransactionInfo TransactionInfo
}

// TransactionInfo identifies a transaction.
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

type wire struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Event       json.RawMessage `json:"event"`
	FlowID      string          `json:"flowId"`
	NodeID      string          `json:"nodeId"`
	UserID      string          `json:"userId"`
	ServiceType string          `json:"serviceType"`
	Test        bool            `json:"test"`
	Retry       int             `json:"retry"`
	ServiceData struct {
		Time            payload.Seconds `json:"timestamp"`
		ServiceStatus   string          `json:"serviceStatus"`
		Match           json.RawMessage `json:"match"`
		TransactionInfo TransactionInfo `json:"transactionInfo"`
	} `json:"serviceData"`
	TransactionID string            `json:"transactionId"`
	ClientID      string            `json:"clientId"`
	Error         *TransactionError `json:"error"`
}

// Parse reads what was verified. A nil v is [truhook.NotVerified]; a payload that is not a JSON object of the documented
// types is [truhook.MalformedPayload]. Unknown event types and fields are no error.
func Parse(v *truhook.Verified) (*Event, error) {
	var w wire
	if err := payload.Decode("trulioo", v, &w); err != nil {
		return nil, err
	}
	var inner struct {
		Type string          `json:"type"`
		Time payload.Seconds `json:"ts"`
		User string          `json:"user"`
	}
	// Documented as an object; anything else is left to Raw, so that a new form of event is not lost here.
	_ = json.Unmarshal(w.Event, &inner)
	e := &Event{
		ID: w.ID, Type: eventType(inner.Type), Time: inner.Time.Time, User: inner.User,
		FlowID: w.FlowID, NodeID: w.NodeID, UserID: w.UserID, ServiceType: w.ServiceType, Test: w.Test, Retry: w.Retry,
		ServiceData: ServiceData{
			w.ServiceData.Time.Time, w.ServiceData.ServiceStatus, w.ServiceData.Match, w.ServiceData.TransactionInfo,
		},
		TransactionID: w.TransactionID, ClientID: w.ClientID, Error: w.Error,
		Raw: v.Payload, object: w.Event,
	}
	if strings.EqualFold(w.Type, string(URLVerification)) {
		e.Type = URLVerification
	}
	return e, nil
}

func eventType(s string) EventType { return EventType(strings.ReplaceAll(s, " ", "_")) }

// EventID returns what tells one event from another: a JSON array of id, event.type, event.ts, nodeId and
// serviceType, and for a transaction webhook of id, transactionId and the SHA-256 of event. What id alone stands for, an
// event or a session, is not documented. Neither the body nor the signature would do, as the signed retry counter
// changes both. The handshake has no id, "": there is nothing to deduplicate. A body without any of these members is
// told by the SHA-256 of its bytes. Errors are those of [Parse].
func EventID(v *truhook.Verified) (string, error) {
	e, err := Parse(v)
	if err != nil {
		return "", err
	}
	var parts []string
	switch {
	case e.Type == URLVerification:
		return "", nil
	case e.ID == "" && e.Type == "" && e.TransactionID == "":
		return "body-sha256/" + hash(v.Payload), nil
	case e.Type == "":
		parts = []string{e.ID, e.TransactionID, hash(e.object)}
	default:
		parts = []string{e.ID, string(e.Type), seconds(e.Time), e.NodeID, e.ServiceType}
	}
	id, _ := json.Marshal(parts) // of strings, which cannot fail, and unambiguous whatever they hold
	return string(id), nil
}

// Fingerprint returns the payload without its retry counter, which is what two deliveries of one event have in common:
// an idempotency.FingerprintFunc. What is not a JSON object is returned as it is, and nil for a nil v.
func Fingerprint(v *truhook.Verified) []byte {
	if v == nil {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(v.Payload, &members) != nil || members == nil {
		return v.Payload
	}
	delete(members, "retry")
	stable, err := json.Marshal(members) // by name, so that their order does not count
	if err != nil {
		return v.Payload
	}
	return stable
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func seconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// EventVersion returns the flow and user that the event is about, and event.ts. The time has whole seconds, so ties are
// normal, and Trulioo does not guarantee an order. The resource is empty, and nothing is to be ordered, where one of the
// three is absent, as in transaction webhooks. Errors are those of [Parse].
func EventVersion(v *truhook.Verified) (resource string, at time.Time, err error) {
	e, err := Parse(v)
	if err != nil {
		return "", time.Time{}, err
	}
	if e.FlowID == "" || e.UserID == "" || e.Time.IsZero() {
		return "", time.Time{}, nil
	}
	id, _ := json.Marshal([]string{e.FlowID, e.UserID})
	return "flow/" + string(id), e.Time, nil
}
