package transunion

import (
	"github.com/truhook/truhook/retry"
)

const retryPage = `TransUnion TruValidate documentation, "Webhooks"`

// RetryPolicy returns the policy of TransUnion TruValidate, which publishes nothing about redelivery: neither attempts,
// nor waits, nor which status counts as success, nor a limit for the response. Every number is zero and every outcome
// Unknown. Treat the first delivery as the only one and accept it durably before you respond 200.
func RetryPolicy() retry.Policy { return retry.Unpublished("transunion", retryPage) }
