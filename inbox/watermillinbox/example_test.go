package watermillinbox_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/watermillinbox"
)

// The receiving side publishes. A channel stands for the broker: it keeps nothing.
func ExampleNew() {
	ctx := context.Background()
	broker := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 1}, watermill.NopLogger{})
	messages, err := broker.Subscribe(ctx, "truv")
	if err != nil {
		log.Fatal(err)
	}
	queue, err := watermillinbox.New(broker, "truv")
	if err != nil {
		log.Fatal(err)
	}
	duplicate, err := queue.Enqueue(ctx, inbox.Message{ // inbox.Handler does this
		Key: idempotency.Key{Scope: "truv/prod", ID: "1"}, Received: time.Now(), Payload: []byte(`{}`),
	})
	fmt.Println(duplicate, err, len((<-messages).Payload) > 0)
	// Output: false <nil> true
}

// The working side handles what was published; what can never succeed goes to the poison topic.
func ExampleNewHandler() {
	ctx := context.Background()
	broker := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 1}, watermill.NopLogger{})
	messages, err := broker.Subscribe(ctx, "truv")
	if err != nil {
		log.Fatal(err)
	}
	queue, err := watermillinbox.New(broker, "truv")
	if err != nil {
		log.Fatal(err)
	}
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), func(_ context.Context, v *truhook.Verified) error {
		fmt.Printf("handled %s\n", v.Payload)
		return nil
	}, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	handle := watermillinbox.NewHandler(worker, broker, "truv-poison") // for Router.AddConsumerHandler
	if _, err := queue.Enqueue(ctx, inbox.Message{
		Key: idempotency.Key{Scope: "truv/prod", ID: "1"}, Received: time.Now(), Payload: []byte(`{"n":1}`),
	}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(handle(<-messages))
	// Output:
	// handled {"n":1}
	// <nil>
}
