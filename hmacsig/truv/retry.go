package truv

import (
	"time"

	"github.com/truhook/truhook/retry"
)

const retryPage = `Truv documentation, "Webhook Security", section "Delivery behavior"`

// RetryPolicy returns the policy of Truv: four attempts, 30 s apart, each with 10 s for the response, again after every
// response that is no success, a 401 for a bad signature included.
//
// The page says that redirects "are accepted", another page of Truv that they are "followed". Either way the event does
// not come again as a failed one would, so a 3xx counts as Delivered here: never send one. What Truv makes of a 1xx
// is Unknown. Truv names no way to redeliver by hand. It may switch off a production endpoint that fails continuously
// (Truv API reference, "Webhooks", webhook object), so do not reject for good what will never be accepted: there is no
// status that does.
func RetryPolicy() retry.Policy {
	const retried = "unsuccessful deliveries are retried up to 3 times with a 30-second gap between attempts"
	const success = "endpoints should return a successful 2xx response within 10 seconds"
	return retry.Policy{
		Provider: "truv",
		Attempts: 4,
		Delays:   []retry.Delay{{Base: 30 * time.Second}},
		AckLimit: 10 * time.Second,
		Rules: []retry.Rule{
			{From: 200, To: 299, Outcome: retry.Delivered},
			{From: 300, To: 399, Outcome: retry.Delivered},
			{From: 400, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
		},
		Sources: []retry.Source{
			{Field: "Attempts", Page: retryPage, Text: retried},
			{Field: "Delays", Page: retryPage, Text: retried},
			{Field: "AckLimit", Page: retryPage, Text: success},
			{Field: "Rules", Page: retryPage, Text: success},
			{Field: "Rules", Page: retryPage, Text: "3xx redirects are accepted"},
			{Field: "Rules", Page: retryPage, Text: "non-success responses trigger retries"},
			{Field: "ByHand", Page: retryPage, Text: ""},
		},
	}
}
