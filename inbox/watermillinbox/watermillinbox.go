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
//	router.AddConsumerHandler("truv", "truv", subscriber, watermillinbox.NewHandler(worker))
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
package watermillinbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/truhook/truhook/inbox"
)

// A Queue is an [inbox.Enqueuer] over a message.Publisher. It is made by [New] and is as safe for concurrent use as
// the publisher; the zero Queue refuses every message.
type Queue struct {
	publisher message.Publisher
	topic     string
}

var _ inbox.Enqueuer = (*Queue)(nil)

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

// NewHandler returns the handler of the topic's messages. Its error makes the router nack, and the broker deliver
// again, for ever if it has no limit of its own: put middleware.Retry in front for a pause, and
// middleware.PoisonQueueWithFilter(publisher, topic, retry.IsPermanent) outside of that for what cannot succeed. A
// poisoned message that is published again is handled again. It panics if w is nil.
func NewHandler(w *inbox.Worker) message.NoPublishHandlerFunc {
	if w == nil {
		panic("watermillinbox: NewHandler: the worker is nil")
	}
	return func(msg *message.Message) error {
		var m inbox.Message
		if err := m.UnmarshalJSON(msg.Payload); err != nil {
			return err
		}
		return w.Work(msg.Context(), m)
	}
}
