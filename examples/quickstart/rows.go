package main

import (
	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// A row is one recorded delivery to send: a file in recorded/deliveries, which says what verdict it expects.
type row struct {
	provider, delivery string

	certificate string              // the client certificate to show: "truv", "stranger" or none
	refused     truhook.Reason      // the verdict to expect, where it is not that of the file
	down        bool                // the handler fails
	event       idempotency.Outcome // what is to become of the event, where that is looked at
}

// rows are the deliveries to send to the receiver of all providers, genuine ones first, then forged ones.
var rows = []row{
	{provider: "truv", delivery: "event-task-status-updated"},
	{provider: "truv", delivery: "event-order-created"},
	{provider: "truv", delivery: "event-a-type-of-next-year"},
	{provider: "truv", delivery: "secret-rotated"},
	{provider: "truv", delivery: "signature-upper-case"},
	{provider: "truv", delivery: "body-not-utf8"},
	{provider: "truv", delivery: "body-1mib"},
	{provider: "truv", delivery: "chunked"},
	{provider: "truv", delivery: "header-missing"},
	{provider: "truv", delivery: "header-conflicting-genuine-first"},
	{provider: "truv", delivery: "signature-truncated"},
	{provider: "truv", delivery: "prefix-missing"},
	{provider: "truv", delivery: "signature-other-provider"},
	{provider: "truv", delivery: "signature-other-secret"},
	{provider: "truv", delivery: "body-tampered"},
	{provider: "truv", delivery: "body-reencoded"},

	{provider: "trulioo", delivery: "event-flow-end"},
	{provider: "trulioo", delivery: "event-service-submit"},
	{provider: "trulioo", delivery: "event-transaction"},
	{provider: "trulioo", delivery: "challenge"},
	{provider: "trulioo", delivery: "body-crlf"},
	{provider: "trulioo", delivery: "body-1mib"},
	{provider: "trulioo", delivery: "challenge-unsigned"},
	{provider: "trulioo", delivery: "challenge-forged"},
	{provider: "trulioo", delivery: "secret-expired"},
	{provider: "trulioo", delivery: "secret-not-yet-valid"},
	{provider: "trulioo", delivery: "header-doubled"},
	{provider: "trulioo", delivery: "signature-overlong"},
	{provider: "trulioo", delivery: "signature-without-key"},
	{provider: "trulioo", delivery: "chunked-tampered"},

	{provider: "truval", delivery: "event-deliverable"},
	{provider: "truval", delivery: "event-undeliverable"},
	{provider: "truval", delivery: "event-catch-all"},
	{provider: "truval", delivery: "body-bom"},
	{provider: "truval", delivery: "body-1mib"},
	{provider: "truval", delivery: "header-missing"},
	{provider: "truval", delivery: "header-too-long"},
	{provider: "truval", delivery: "prefix-upper-case"},
	{provider: "truval", delivery: "signature-base64"},
	{provider: "truval", delivery: "signature-plain-hash"},
	{provider: "truval", delivery: "body-bom-stripped"},
	{provider: "truval", delivery: "body-lost"},

	{provider: "transunion", delivery: "event-authorization-response"},
	{provider: "transunion", delivery: "event-device-link"},
	{provider: "transunion", delivery: "event-session-end"},
	{provider: "transunion", delivery: "key-retired-in-grace"},
	{provider: "transunion", delivery: "header-authorization"},
	{provider: "transunion", delivery: "header-missing"},
	{provider: "transunion", delivery: "header-both-unequal"},
	{provider: "transunion", delivery: "token-forged"},
	{provider: "transunion", delivery: "token-none"},
	{provider: "transunion", delivery: "token-hs256-public-key"},
	{provider: "transunion", delivery: "claim-exp-past"},
	{provider: "transunion", delivery: "claim-sub-wrong"},
	{provider: "transunion", delivery: "request-body-swapped"},
	{provider: "transunion", delivery: "claim-response-instead"},
	{provider: "transunion", delivery: "jwe-tag-tampered"},
	{provider: "transunion", delivery: "jwe-unknown-key"},
}

// onceRows are sent to the receiver that handles every event once.
var onceRows = []row{
	{provider: "truv", delivery: "event-order-created", event: idempotency.Handled},
	{provider: "truv", delivery: "event-order-created", event: idempotency.Duplicate},
	{provider: "truv", delivery: "event-task-status-updated", down: true, event: idempotency.Failed},
	{provider: "truv", delivery: "event-task-status-updated", event: idempotency.Handled},
	{provider: "truv", delivery: "event-task-status-updated", event: idempotency.Duplicate},
	{provider: "truv", delivery: "event-task-status-updated-earlier", event: idempotency.Stale},
	{provider: "truv", delivery: "body-tampered"}, // refused before anybody asks whether it is new
}

// layeredRows are sent over TLS to the receiver that asks for a client certificate and a source address too.
var layeredRows = []row{
	{provider: "truv", delivery: "event-order-created", certificate: "truv"},
	{provider: "truv", delivery: "signature-other-secret", certificate: "truv"},
	{provider: "truv", delivery: "event-order-created", certificate: "stranger", refused: truhook.UntrustedCertificate},
	{provider: "truv", delivery: "event-order-created", refused: truhook.NoClientCertificate},
}
