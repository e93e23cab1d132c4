package trulioo

import (
	"github.com/truhook/truhook/retry"
)

const retryPage = `Trulioo documentation, "HMAC"`

// RetryPolicy returns the policy of Trulioo, which publishes nothing about redelivery on the page this package was
// written from: every number is zero and every outcome Unknown. Treat the first delivery as the only one and accept it
// durably before you respond 200. The signed body has a counter named retry, so deliveries do come again, with other
// bytes.
//
// A third party's description quotes Trulioo as asking for a 20x within 10 s and as delivering at least once. That is
// not Trulioo's own text, so it is no data here; a response of 200 within 10 s honours it.
func RetryPolicy() retry.Policy { return retry.Unpublished("trulioo", retryPage) }
