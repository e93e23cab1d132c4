package truval

import (
	"encoding/json"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
)

// Status is the outcome of a verification. Values that are not listed here pass through unchanged.
type Status string

// The outcomes that Truval documents.
const (
	Deliverable   Status = "deliverable"
	Undeliverable Status = "undeliverable"
	Unknown       Status = "unknown"
	CatchAll      Status = "catch_all"
	Invalid       Status = "invalid"
)

// Event is the body of a Truval callback: the result of one e-mail verification. A field that did not come, or came as
// null, is zero. Raw has every field, also those that are not listed here.
type Event struct {
	JobID      string  `json:"job_id"`
	Email      string  `json:"email"`
	Valid      bool    `json:"valid"`
	Status     Status  `json:"status"`
	Confidence float64 `json:"confidence"` // 0 to 1
	// FailedCheck is syntax, disposable, no_mx, smtp, or empty.
	FailedCheck  string  `json:"failed_check"`
	Disposable   bool    `json:"disposable"`
	Role         bool    `json:"role"`
	FreeProvider bool    `json:"free_provider"`
	CatchAll     bool    `json:"catch_all"`
	SMTPBlocked  bool    `json:"smtp_blocked"`
	MXFound      bool    `json:"mx_found"`
	MXHost       string  `json:"mx_host"`
	Suggestion   string  `json:"suggestion"`
	LatencyMS    float64 `json:"latency_ms"` // milliseconds

	Raw json.RawMessage `json:"-"` // the whole payload, shared with the Verified it came from
}

// Parse reads what was verified. A nil v is [truhook.NotVerified]; a payload that is not a JSON object of the documented
// types is [truhook.MalformedPayload]. Unknown statuses and fields are no error.
func Parse(v *truhook.Verified) (*Event, error) {
	e := &Event{}
	if err := payload.Decode("truval", v, e); err != nil {
		return nil, err
	}
	e.Raw = v.Payload
	return e, nil
}

// EventID returns job_id: there is one final callback a job. A body without one is [truhook.MalformedPayload], as
// nothing else in it tells one job from another; other errors are those of [Parse]. There is nothing to put in order.
func EventID(v *truhook.Verified) (string, error) {
	e, err := Parse(v)
	if err != nil {
		return "", err
	}
	if e.JobID == "" {
		return "", payload.Missing("truval", "job_id")
	}
	return e.JobID, nil
}
