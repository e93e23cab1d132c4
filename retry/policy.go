package retry

import (
	"fmt"
	"net/http"
	"time"
)

// A Policy is one provider's redelivery as data. A zero field means that the provider does not publish it, and the zero
// Policy is that of a provider of which nothing is known. A policy for a provider of your own is a literal:
//
//	retry.Policy{
//		Provider: "acme",
//		Attempts: 5,
//		Delays:   []retry.Delay{{Base: time.Minute}, {Base: 10 * time.Minute, Jitter: time.Minute}},
//		AckLimit: 15 * time.Second,
//		Rules: []retry.Rule{
//			{From: 200, To: 299, Outcome: retry.Delivered},
//			{From: 410, To: 410, Outcome: retry.Final},
//			{From: 100, To: 599, Outcome: retry.Retried},
//			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
//		},
//	}
//
// A Policy is read-only once it is in use and then safe for concurrent use.
type Policy struct {
	// Provider names the provider in lower case, for example "truv".
	Provider string

	// Attempts counts all automatic attempts, the first one included.
	Attempts int

	// Delays are the waits between one attempt and the next: Delays[0] follows the first. The last one stands for all
	// further waits.
	Delays []Delay

	// AckLimit is the time within which the response has to come.
	AckLimit time.Duration

	// Rules say what the provider makes of a status; the first that matches counts, and where none does the outcome
	// is Unknown.
	Rules []Rule

	// ByHand is how long after its automatic attempts an event can be delivered again on somebody's request, for
	// example from the provider's dashboard.
	ByHand time.Duration

	// Sources has, for each of the fields above, the words it was taken from.
	Sources []Source
}

// A Source is the sentence of a provider that a number in a [Policy] comes from.
type Source struct {
	Field string // the field of the Policy, for example "AckLimit"
	Page  string // the page and its section
	Text  string // the provider's own words; empty: the page says nothing about this, and the field is zero
}

// Outcome returns what the provider makes of a response with this status, or of none where status is [NoAnswer].
// It is Unknown where no rule speaks of it.
func (p Policy) Outcome(status int) Outcome {
	for _, r := range p.Rules {
		if r.From <= status && status <= r.To {
			return r.Outcome
		}
	}
	return Unknown
}

// preferred returns the statuses that say best what want is; the scan of the others follows.
func preferred(want Outcome) []int {
	switch want {
	case Delivered:
		return []int{http.StatusOK, http.StatusNoContent, http.StatusAccepted}
	case Retried:
		return []int{http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusBadGateway}
	case Final:
		return []int{http.StatusUnprocessableEntity, http.StatusBadRequest}
	}
	return nil
}

// Status returns the status to respond with, so that the provider does what you want, and false if it publishes none:
// want is Unknown, or no rule has that outcome. So it is false for Final with Truv, which delivers again after every
// failure.
//
// It is 200 for Delivered, 503 for Retried and 422 for Final wherever the provider takes these that way. It is never
// below 200, never a 3xx, as a redirect may be followed with another method and without the body, and never 410, which
// many senders take as the end of the subscription.
func (p Policy) Status(want Outcome) (code int, ok bool) {
	if want == Unknown {
		return 0, false
	}
	for _, code := range preferred(want) {
		if p.Outcome(code) == want {
			return code, true
		}
	}
	for code := 200; code < 600; code++ {
		if redirect := code >= 300 && code < 400; redirect || code == http.StatusGone {
			continue
		}
		if p.Outcome(code) == want {
			return code, true
		}
	}
	return 0, false
}

// Respond responds so that the provider does what you want, without a body. Where the provider publishes no such
// status, it sends what senders of webhooks commonly understand: 200 for Delivered and for Final, as nothing else
// ends the matter, and 503 for Retried. An Unknown want is treated like Retried.
func (p Policy) Respond(w http.ResponseWriter, want Outcome) {
	w.WriteHeader(p.response(want))
}

func (p Policy) response(want Outcome) int {
	if code, ok := p.Status(want); ok {
		return code
	}
	switch want {
	case Delivered:
		return http.StatusOK
	case Final:
		return p.response(Delivered)
	case Unknown:
		return p.response(Retried)
	}
	return http.StatusServiceUnavailable
}

// Validate returns an error if p cannot be what anybody meant: a negative number, delays without attempts, a rule
// that ends before it begins or speaks of something else than NoAnswer or a status from 100 to 599. The zero Policy
// is valid.
func (p Policy) Validate() error {
	switch {
	case p.Attempts < 0, p.AckLimit < 0, p.ByHand < 0:
		return fmt.Errorf("retry: policy %q: a negative number", p.Provider)
	case len(p.Delays) > 0 && len(p.Delays) >= p.Attempts:
		return fmt.Errorf("retry: policy %q: %d delays between %d attempts", p.Provider, len(p.Delays), p.Attempts)
	}
	for _, d := range p.Delays {
		if d.Base < 0 || d.Jitter < 0 {
			return fmt.Errorf("retry: policy %q: a negative delay", p.Provider)
		}
	}
	for _, r := range p.Rules {
		noAnswer := r.From == NoAnswer && r.To == NoAnswer
		status := r.From >= 100 && r.From <= r.To && r.To <= 599
		if !noAnswer && !status || r.Outcome > Final {
			return fmt.Errorf("retry: policy %q: rule %d to %d is %v", p.Provider, r.From, r.To, r.Outcome)
		}
	}
	return nil
}

// Unpublished returns the policy of a provider that publishes nothing about redelivery: every number is zero, every
// outcome Unknown, and each field has page as its source. It is safe for concurrent use.
func Unpublished(provider, page string) Policy {
	p := Policy{Provider: provider}
	for _, field := range []string{"Attempts", "Delays", "AckLimit", "Rules", "ByHand"} {
		p.Sources = append(p.Sources, Source{Field: field, Page: page})
	}
	return p
}
