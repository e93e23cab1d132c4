// Package watermillinbox is an inbox for package inbox in whatever Watermill can publish to: Kafka, NATS JetStream,
// AMQP, Google Pub/Sub, a Redis stream, SQL.
//
//	queue, err := watermillinbox.New(publisher, "truv")
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{
//		Policy: truv.RetryPolicy(),
//		Store:  store, // package redisstore or sqlstore: keeps duplicates out of the topic
//	})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	...
//	worker, err := inbox.NewWorker(store, handle, idempotency.Config{})
//	router.AddConsumerHandler("truv", "truv", subscriber, watermillinbox.NewHandler(worker, publisher, "truv-poison"))
//
// # What is promised
//
// A delivery that was answered 200 was published: it is as durable as that publisher's nil error. Kafka needs
// acks=all and min.insync.replicas of 2, JetStream sync_interval always, AMQP a durable queue, persistent messages and
// publisher confirms; Watermill's in-memory channel keeps nothing.
//
// A topic knows no duplicates, and Watermill's own Deduplicator is not to be used: it takes a message for done before
// its handler has run, so one that fails is lost. Config.Store in front keeps redeliveries out, but for those in a
// crash between publish and completion; the worker's store finds these, and all that the broker delivers twice.
//
// What cannot succeed would be delivered for ever and keep all that is behind it in its partition waiting: it goes to a
// topic of its own, the poison queue, with everything that it had. Publish it to the first topic again, and it is
// handled again. A topic has no other dead letters: watch the poison queue.
package watermillinbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

// A Queue is an [inbox.Enqueuer] over a message.Publisher. It is made by [New] and is as safe for concurrent use as
// the publisher; the zero Queue refuses every message.
type Queue struct {
	publisher message.Publisher
	topic     string
}

var (
	_ inbox.Enqueuer  = (*Queue)(nil)
	_ truhook.Auditor = (*Queue)(nil)
)

// New returns a queue that publishes to topic. The publisher stays yours to close. A nil publisher and an empty
// topic are errors.
func New(publisher message.Publisher, topic string) (*Queue, error) {
	if publisher == nil || topic == "" {
		return nil, errors.New("watermillinbox: the publisher is nil or the topic empty")
	}
	return &Queue{publisher: publisher, topic: topic}, nil
}

// Enqueue implements [inbox.Enqueuer]. It never reports a duplicate. The message's UUID is derived from the key, so
// that a broker which has a window for duplicates finds them; its payload is the JSON of the inbox.Message, and it has
// no metadata. Its context is ctx, which not every publisher looks at: bound the publisher itself too.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.publisher == nil {
		return false, errors.New("watermillinbox: the queue was not made by New")
	}
	payload, err := m.MarshalJSON()
	if err != nil {
		return false, err
	}
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("watermillinbox: %w", err)
	}
	k := m.Key.IdempotencyKey()
	msg := message.NewMessage(k[:8]+"-"+k[8:12]+"-"+k[12:16]+"-"+k[16:20]+"-"+k[20:], payload)
	msg.SetContext(ctx)
	if err := q.publisher.Publish(q.topic, msg); err != nil {
		return false, fmt.Errorf("watermillinbox: %w", err)
	}
	return false, nil
}

// Audit looks at the publisher: one that keeps its messages in memory loses what was answered 200. What a broker
// promises is its own to say; docs/inbox.md lists the settings. Call it once at start and log what it finds.
func (q *Queue) Audit(context.Context) []truhook.Finding {
	if q == nil || q.publisher == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "zero-store", Subject: "watermillinbox",
			Problem: "It was not made by its constructor.", Remedy: "Give the result of New whose error was looked at.", Offset: -1,
		}}
	}
	if strings.Contains(fmt.Sprintf("%T", q.publisher), "gochannel.") {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "queue-in-memory", Subject: q.topic,
			Problem: "The publisher keeps its messages in memory, so the end of the process loses events that were answered 200.",
			Remedy:  "Use a publisher of a broker, or package sqliteinbox.", Offset: -1,
		}}
	}
	return nil
}

// PoisonReason is the name of the metadata with which a message in the poison queue says why it is there: the text of
// the error, which is your function's, at most 500 bytes of it.
const PoisonReason = "truhook_poison_reason"

// NewHandler returns the handler of the topic's messages. What cannot succeed is published to the poison topic and then
// acknowledged: an event whose function returns an error marked by retry.Permanent, and a payload that is no
// inbox.Message, or one of a later version. Where the poison topic cannot be published to, and for every other error,
// the router nacks and the broker delivers again, for ever if it has no limit of its own: put Watermill's
// middleware.Retry in front for a pause.
//
// A worker with a DeadLetter of its own hands permanent failures to that. NewHandler panics if w or poison is nil, or
// topic is empty.
func NewHandler(w *inbox.Worker, poison message.Publisher, topic string) message.NoPublishHandlerFunc {
	if w == nil || poison == nil || topic == "" {
		panic("watermillinbox: NewHandler: the worker or the publisher of the poison queue is nil, or its topic empty")
	}
	return func(msg *message.Message) error {
		var m inbox.Message
		err := m.UnmarshalJSON(msg.Payload)
		if err == nil {
			if err = w.Work(msg.Context(), m); !retry.IsPermanent(err) {
				return err
			}
		}
		dead := msg.Copy()
		dead.SetContext(context.WithoutCancel(msg.Context()))
		dead.Metadata.Set(PoisonReason, reason(err))
		if failed := poison.Publish(topic, dead); failed != nil {
			return fmt.Errorf("watermillinbox: the poison queue: %w, after: %w", failed, err)
		}
		return nil
	}
}

func reason(err error) string {
	text := err.Error()
	if len(text) > 500 {
		text = text[:500]
	}
	return strings.ToValidUTF8(text, "?")
}
