package retry

import "time"

const (
	truvPage       = `Truv documentation, "Webhook Security", section "Delivery behavior"`
	truvalPage     = `Truval documentation, "Webhooks"`
	truvalRetries  = truvalPage + `, section "Retry policy"`
	truvalLogs     = truvalPage + `, section "Dashboard delivery logs"`
	truliooPage    = `Trulioo documentation, "HMAC"`
	transUnionPage = `TransUnion TruValidate documentation, "Webhooks"`
)

// Truv returns the policy of Truv: four attempts, 30 s apart, each to be answered within 10 s, again after every answer
// that is no success, a 401 for a bad signature included.
//
// The page says that redirects "are accepted", another page of Truv that they are "followed". Either way the event does
// not come again as a failed one would, so a 3xx counts as Delivered here: never answer one. What Truv makes of a 1xx
// is Unknown. Truv names no way to redeliver by hand. It may switch off a production endpoint that fails continuously
// (Truv API reference, "Webhooks", webhook object), so do not refuse for good what will never be accepted: there is no
// status that does.
func Truv() Policy {
	const retried = "unsuccessful deliveries are retried up to 3 times with a 30-second gap between attempts"
	const success = "endpoints should return a successful 2xx response within 10 seconds"
	return Policy{
		Provider: "truv",
		Attempts: 4,
		Delays:   []Delay{{Base: 30 * time.Second}},
		AckLimit: 10 * time.Second,
		Rules: []Rule{
			{200, 299, Delivered},
			{300, 399, Delivered},
			{400, 599, Retried},
			{NoAnswer, NoAnswer, Retried},
		},
		Sources: []Source{
			{"Attempts", truvPage, retried},
			{"Delays", truvPage, retried},
			{"AckLimit", truvPage, success},
			{"Rules", truvPage, success},
			{"Rules", truvPage, "3xx redirects are accepted"},
			{"Rules", truvPage, "non-success responses trigger retries"},
			{"ByHand", truvPage, ""},
		},
	}
}

// Truval returns the policy of Truval: three attempts, the waits 1.0 to 1.6 s and 2.0 to 2.6 s, again after a 5xx or no
// answer only. Every other status that is no 2xx is final and the event is gone, so a failure of your own must never be
// answered 4xx. The whole sequence is over in about four seconds: a receiver that is away for longer loses the event,
// unless somebody on a paid plan delivers it again from the dashboard, whose log lasts up to 30 days (24 hours on the
// free plan).
//
// The page says that redirects are "not followed (redirect: error on the client)". Whether the client then reports a
// transport error, which would be retried, is not said; the table gives every non-2xx that is no 5xx as final, and so
// does this policy. How long Truval waits for an answer is not published.
func Truval() Policy {
	const backoff = "So the wait after the first failure is about 1.0–1.6 s; after the second, about 2.0–2.6 s."
	return Policy{
		Provider: "truval",
		Attempts: 3,
		Delays: []Delay{
			{Base: 1 * time.Second, Jitter: 599 * time.Millisecond},
			{Base: 2 * time.Second, Jitter: 599 * time.Millisecond},
		},
		Rules: []Rule{
			{200, 299, Delivered},
			{500, 599, Retried},
			{NoAnswer, NoAnswer, Retried},
			{100, 599, Final},
		},
		ByHand: 30 * 24 * time.Hour,
		Sources: []Source{
			{"Attempts", truvalRetries, "up to 3 attempts per webhook delivery (initial try + two retries)"},
			{"Delays", truvalRetries, "min(1000 × 2^(attemptNumber - 1), 30_000)"},
			{"Delays", truvalRetries, backoff},
			{"AckLimit", truvalPage, ""},
			{"Rules", truvalPage, "A delivery is treated as successful when your endpoint returns an HTTP 2xx status."},
			{"Rules", truvalRetries, "| HTTP 5xx from your server | Yes, if attempts remain |"},
			{"Rules", truvalRetries, "Connection / TLS failure, timeout, or other transport error"},
			{"Rules", truvalRetries, "| HTTP 4xx (or any non-2xx that is not 5xx) | No"},
			{"ByHand", truvalLogs, "Paid tiers can retry failed deliveries from the dashboard."},
			{"ByHand", truvalLogs, "| Scale | ~30 days |"},
		},
	}
}

// Trulioo returns the policy of Trulioo, which publishes nothing about redelivery on the page this package was written
// from: every number is zero and every outcome Unknown. Treat the first delivery as the only one and accept it durably
// before you answer 200. The signed body has a counter named retry, so deliveries do come again, with other bytes.
//
// A third party's description quotes Trulioo as asking for a 20x within 10 s and as delivering at least once. That is
// not Trulioo's own text, so it is no data here; answering 200 within 10 s honours it.
func Trulioo() Policy { return unpublished("trulioo", truliooPage) }

// TransUnion returns the policy of TransUnion TruValidate, which publishes nothing about redelivery: neither attempts,
// nor waits, nor which status counts as success, nor a limit for the answer. Every number is zero and every outcome
// Unknown. Treat the first delivery as the only one and accept it durably before you answer 200.
func TransUnion() Policy { return unpublished("transunion", transUnionPage) }

func unpublished(provider, page string) Policy {
	p := Policy{Provider: provider}
	for _, field := range []string{"Attempts", "Delays", "AckLimit", "Rules", "ByHand"} {
		p.Sources = append(p.Sources, Source{Field: field, Page: page})
	}
	return p
}
