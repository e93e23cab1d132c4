package main

// A row is one recorded delivery to send: a file in testdata/deliveries, which says what verdict it expects.
type row struct{ provider, delivery string }

// rows are the deliveries to send, in this order: genuine ones first, then forged ones.
var rows = []row{
	{"truv", "event-task-status-updated"},
	{"truv", "event-order-created"},
	{"truv", "event-a-type-of-next-year"},
	{"truv", "secret-rotated"},
	{"truv", "signature-upper-case"},
	{"truv", "body-not-utf8"},
	{"truv", "body-1mib"},
	{"truv", "chunked"},
	{"truv", "header-missing"},
	{"truv", "header-conflicting-genuine-first"},
	{"truv", "signature-truncated"},
	{"truv", "prefix-missing"},
	{"truv", "signature-other-provider"},
	{"truv", "signature-other-secret"},
	{"truv", "body-tampered"},
	{"truv", "body-reencoded"},

	{"trulioo", "event-flow-end"},
	{"trulioo", "event-service-submit"},
	{"trulioo", "event-transaction"},
	{"trulioo", "challenge"},
	{"trulioo", "body-crlf"},
	{"trulioo", "body-1mib"},
	{"trulioo", "challenge-unsigned"},
	{"trulioo", "challenge-forged"},
	{"trulioo", "secret-expired"},
	{"trulioo", "secret-not-yet-valid"},
	{"trulioo", "header-doubled"},
	{"trulioo", "signature-overlong"},
	{"trulioo", "signature-without-key"},
	{"trulioo", "chunked-tampered"},

	{"truval", "event-deliverable"},
	{"truval", "event-undeliverable"},
	{"truval", "event-catch-all"},
	{"truval", "body-bom"},
	{"truval", "body-1mib"},
	{"truval", "header-missing"},
	{"truval", "header-too-long"},
	{"truval", "prefix-upper-case"},
	{"truval", "signature-base64"},
	{"truval", "signature-plain-hash"},
	{"truval", "body-bom-stripped"},
	{"truval", "body-lost"},
}
