// Package otelhook reports deliveries and events to OpenTelemetry. It adds attributes to the server span of otelhttp,
// counts in instruments of its own, and makes a consumer span for each event that a queue hands over.
//
//	hook, err := otelhook.New(otelhook.Config{Provider: "truv"})
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{Observe: hook.Delivery})
//	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{Observe: hook.Event})
//	mux.Handle("POST /webhooks/truv", otelhttp.NewHandler(verify.Wrap(once.Handle(handle)), "truv"))
//
// # What is exported
//
// The values of all attributes come from closed sets: the provider as configured, verdicts, Reasons of package truhook,
// Outcomes of package idempotency, and ids of keys as configured. No header, body, event id or secret reaches an
// exporter.
//
//	instrument                  unit        attributes
//	truhook.deliveries          {delivery}  truhook.provider, truhook.verdict, error.type
//	truhook.verify.duration     s           truhook.provider, truhook.verdict
//	truhook.body.size           By          truhook.provider, truhook.verdict
//	truhook.events              {event}     truhook.provider, truhook.outcome
//	truhook.handler.duration    s           truhook.provider, truhook.outcome
//	truhook.key.age             s           truhook.provider, truhook.key.id
//	truhook.credential.expiry   s           truhook.provider, truhook.key.id
//
// There is no convention of OpenTelemetry for webhooks. error.type is the attribute that its conventions for HTTP and
// messaging have for the class of an error; here it is the Reason of a refusal.
package otelhook
