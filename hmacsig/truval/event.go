package truval

import (
	"encoding/json"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
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

	// Unread names the members that came in another JSON type than documented. Their fields are zero; Raw has what
	// came. It is nil where there are none.
	Unread []string `json:"-"`

	Raw json.RawMessage `json:"-"` // the whole payload, shared with the Verified it came from
}

// Parse reads what was verified. A nil v is [truhook.NotVerified], and what is not one JSON object is
// [truhook.MalformedPayload]; nothing else is an error. Unknown statuses and fields pass through, and a member of
// another type costs its field only: see Event.Unread. Look there before you act on Valid.
func Parse(v *truhook.Verified) (*Event, error) {
	o, err := payload.Read("truval", v)
	if err != nil {
		return nil, err
	}
	e := &Event{Raw: v.Payload}
	r := payload.Reader{Object: o, Unread: &e.Unread}
	e.JobID, e.Email = r.Text("job_id"), r.Text("email")
	e.Valid, e.Status, e.Confidence = r.Bool("valid"), Status(r.Text("status")), r.Float("confidence")
	e.FailedCheck, e.Disposable, e.Role = r.Text("failed_check"), r.Bool("disposable"), r.Bool("role")
	e.FreeProvider, e.CatchAll = r.Bool("free_provider"), r.Bool("catch_all")
	e.SMTPBlocked, e.MXFound, e.MXHost = r.Bool("smtp_blocked"), r.Bool("mx_found"), r.Text("mx_host")
	e.Suggestion, e.LatencyMS = r.Text("suggestion"), r.Float("latency_ms")
	return e, nil
}

// EventID returns job_id: there is one final callback a job, so there is nothing to put in order. It reads this
// member and no other. A number is its digits, and an id that is not UTF-8 or holds a NUL is replaced by its hash. A
// body without a job_id that can be read, or that is no JSON object, has the SHA-256 of its bytes, which package
// idempotency reports as unidentified. The only error is [truhook.NotVerified], for a nil v. It serves as
// idempotency.KeyFunc and is safe for concurrent use.
func EventID(v *truhook.Verified) (string, error) {
	if v == nil {
		return "", &truhook.Error{Scheme: "truval", Reason: truhook.NotVerified}
	}
	o, _ := payload.Parse(v.Payload)
	if id, ok := o.Get("job_id").ID(); ok {
		return id, nil
	}
	return dedupe.DigestID(v.Payload), nil
}
