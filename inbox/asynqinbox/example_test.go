package asynqinbox_test

import (
	"context"
	"fmt"
	"log"

	"github.com/hibiken/asynq"
	goredis "github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/asynqinbox"
)

// The receiving side. The client connects when it is used.
func ExampleNew() {
	client := goredis.NewClient(&goredis.Options{Addr: "127.0.0.1:1"}) // your Redis
	defer client.Close()
	queue, err := asynqinbox.New(client, asynqinbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
	fmt.Println(err)
	// Output: <nil>
}

// The working side: a handler for asynq.Server. A task that is none of ours is not retried.
func ExampleNewHandler() {
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), // redisstore in a service
		func(context.Context, *truhook.Verified) error { return nil }, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	h := asynqinbox.NewHandler(worker)
	err = h.ProcessTask(context.Background(), asynq.NewTask("another", []byte("no message")))
	fmt.Println(err != nil)
	// Output: true
}
