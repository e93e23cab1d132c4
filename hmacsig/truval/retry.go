package truval

import (
	"time"

	"github.com/truhook/truhook/retry"
)

const (
	page        = `Truval documentation, "Webhooks"`
	retriesPage = page + `, section "Retry policy"`
	logsPage    = page + `, section "Dashboard delivery logs"`
)

// RetryPolicy returns the policy of Truval: three attempts, the waits 1.0 to 1.6 s and 2.0 to 2.6 s, again after a 5xx
// or no response only. Every other status that is no 2xx is final and the event is gone, so a failure of your own must
// never become a 4xx. The whole sequence is over in about four seconds: a receiver that is away for longer loses the
// event, unless somebody on a paid plan delivers it again from the dashboard, whose log lasts up to 30 days (24 hours
// on the free plan).
//
// The page says that redirects are "not followed (redirect: error on the client)". Whether the client then reports a
// transport error, which would be retried, is not said; the table gives every non-2xx that is no 5xx as final, and so
// does this policy. How long Truval waits for a response is not published.
func RetryPolicy() retry.Policy {
	const backoff = "So the wait after the first failure is about 1.0–1.6 s; after the second, about 2.0–2.6 s."
	return retry.Policy{
		Provider: "truval",
		Attempts: 3,
		Delays: []retry.Delay{
			{Base: 1 * time.Second, Jitter: 599 * time.Millisecond},
			{Base: 2 * time.Second, Jitter: 599 * time.Millisecond},
		},
		Rules: []retry.Rule{
			{From: 200, To: 299, Outcome: retry.Delivered},
			{From: 500, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
			{From: 100, To: 599, Outcome: retry.Final},
		},
		ByHand: 30 * 24 * time.Hour,
		Sources: []retry.Source{
			{Field: "Attempts", Page: retriesPage, Text: "up to 3 attempts per webhook delivery (initial try + two retries)"},
			{Field: "Delays", Page: retriesPage, Text: "min(1000 × 2^(attemptNumber - 1), 30_000)"},
			{Field: "Delays", Page: retriesPage, Text: backoff},
			{Field: "AckLimit", Page: page, Text: ""},
			{Field: "Rules", Page: page, Text: "A delivery is treated as successful when your endpoint returns an HTTP 2xx status."},
			{Field: "Rules", Page: retriesPage, Text: "| HTTP 5xx from your server | Yes, if attempts remain |"},
			{Field: "Rules", Page: retriesPage, Text: "Connection / TLS failure, timeout, or other transport error"},
			{Field: "Rules", Page: retriesPage, Text: "| HTTP 4xx (or any non-2xx that is not 5xx) | No"},
			{Field: "ByHand", Page: logsPage, Text: "Paid tiers can retry failed deliveries from the dashboard."},
			{Field: "ByHand", Page: logsPage, Text: "| Scale | ~30 days |"},
		},
	}
}
