package watermillinbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/watermillinbox"
	"github.com/truhook/truhook/internal/servertest"
	"github.com/truhook/truhook/retry"
)

var errHandler = errors.New("the handler failed")

// redis is a broker that Watermill has a publisher for; each test has topics of its own.
var redis *servertest.Server

func TestMain(m *testing.M) {
	var err error
	if redis, err = servertest.StartRedis("appendonly yes"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = redis.Stop()
	os.Exit(code)
}

func client(t *testing.T) goredis.UniversalClient {
	c := goredis.NewClient(&goredis.Options{Addr: redis.Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func publisher(t *testing.T) message.Publisher {
	t.Helper()
	p, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: client(t)}, watermill.NopLogger{})
	require.NoError(t, err)
	return p
}

// work runs a router with a poison queue, as a service would.
func work(t *testing.T, topic string, store idempotency.Store, fn func(context.Context, *truhook.Verified) error) {
	t.Helper()
	worker, err := inbox.NewWorker(store, fn, idempotency.Config{})
	require.NoError(t, err)
	subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: client(t), ConsumerGroup: topic, OldestId: "0", NackResendSleep: 5 * time.Millisecond, BlockTime: 50 * time.Millisecond,
	}, watermill.NopLogger{})
	require.NoError(t, err)
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 5 * time.Second}, watermill.NopLogger{})
	require.NoError(t, err)
	router.AddMiddleware(middleware.Recoverer)
	router.AddConsumerHandler(topic, topic, subscriber, watermillinbox.NewHandler(worker, publisher(t), topic+"-poison"))
	go func() { assert.NoError(t, router.Run(context.Background())) }()
	<-router.Running()
	t.Cleanup(func() { assert.NoError(t, router.Close()) })
}

func length(t *testing.T, topic string) int64 {
	t.Helper()
	n, err := client(t).XLen(context.Background(), topic).Result()
	require.NoError(t, err)
	return n
}

func memory() *idempotency.Memory { return idempotency.NewMemory(idempotency.MemoryConfig{}) }

func accepted(id string) inbox.Message {
	return inbox.Message{Key: idempotency.Key{Scope: "truv/test", ID: id}, Payload: []byte(id), Received: time.Now()}
}

func TestADeliveryAndItsDuplicatesAreOneMessageAndOneEffect(t *testing.T) {
	t.Parallel()
	q, err := watermillinbox.New(publisher(t), "one")
	require.NoError(t, err)
	store := memory()
	accept, err := inbox.NewHandler(q, "truv/test", func(v *truhook.Verified) (string, error) { return string(v.Payload), nil }, inbox.Config{Store: store})
	require.NoError(t, err)
	post := func(body string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		accept.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte(body)})))
		assert.Equal(t, 200, w.Code)
	}
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() { post("a") })
	}
	together.Wait()
	post("b")
	assert.EqualValues(t, 2, length(t, "one"))
	calls := make(chan string, 9)
	work(t, "one", store, func(_ context.Context, v *truhook.Verified) error { calls <- string(v.Payload); return nil })
	assert.ElementsMatch(t, []string{"a", "b"}, []string{<-calls, <-calls})
}

func TestADuplicateThatIsInTheTopicIsHandledOnce(t *testing.T) {
	t.Parallel()
	q, err := watermillinbox.New(publisher(t), "twice")
	require.NoError(t, err)
	for _, id := range []string{"a", "a", "a", "end"} { // a crash between publish and completion, twice
		duplicate, err := q.Enqueue(t.Context(), accepted(id))
		require.NoError(t, err)
		assert.False(t, duplicate)
	}
	calls := make(chan string, 9)
	work(t, "twice", memory(), func(_ context.Context, v *truhook.Verified) error { calls <- string(v.Payload); return nil })
	assert.Equal(t, []string{"a", "end"}, []string{<-calls, <-calls})
}

func TestAFailureComesAgainAndAPermanentOneIsPoison(t *testing.T) {
	t.Parallel()
	q, err := watermillinbox.New(publisher(t), "failing")
	require.NoError(t, err)
	for _, garbage := range []string{"{}", "not JSON", `{"v":99}`} { // must not keep those behind it waiting for ever
		require.NoError(t, publisher(t).Publish("failing", message.NewMessage("1", []byte(garbage))))
	}
	for _, id := range []string{"permanent", "failing"} {
		_, err := q.Enqueue(t.Context(), accepted(id))
		require.NoError(t, err)
	}
	var done atomic.Bool
	attempts := make(chan uint32, 9)
	work(t, "failing", memory(), func(ctx context.Context, v *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		if string(v.Payload) == "permanent" {
			return retry.Permanent(errHandler)
		}
		attempts <- c.Attempt
		switch c.Attempt {
		case 1:
			return errHandler
		case 2:
			panic("bug")
		}
		done.Store(true)
		return nil
	})
	assert.Equal(t, []uint32{1, 2, 3}, []uint32{<-attempts, <-attempts, <-attempts})
	require.Eventually(t, func() bool { return done.Load() && length(t, "failing-poison") == 4 }, 10*time.Second, 5*time.Millisecond)
}

// recorder is a publisher that keeps what it is given.
type recorder struct {
	err  error
	sent []*message.Message
}

func (r *recorder) Publish(_ string, m ...*message.Message) error {
	r.sent = append(r.sent, m...)
	return r.err
}
func (r *recorder) Close() error { return nil }

func TestTheUUIDIsThatOfTheEvent(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	q, err := watermillinbox.New(r, "t")
	require.NoError(t, err)
	for _, id := range []string{"a", "a", "b"} {
		_, err := q.Enqueue(t.Context(), accepted(id))
		require.NoError(t, err)
	}
	assert.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, r.sent[0].UUID)
	assert.Equal(t, r.sent[0].UUID, r.sent[1].UUID)
	assert.NotEqual(t, r.sent[0].UUID, r.sent[2].UUID)
	assert.Empty(t, r.sent[0].Metadata)
}

func TestWhatWasNotPublishedIsAnError(t *testing.T) {
	t.Parallel()
	r := &recorder{err: errHandler}
	q, err := watermillinbox.New(r, "t")
	require.NoError(t, err)
	_, err = q.Enqueue(t.Context(), accepted("a"))
	assert.ErrorIs(t, err, errHandler)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = q.Enqueue(gone, accepted("a"))
	assert.ErrorIs(t, err, context.Canceled)
	_, err = q.Enqueue(t.Context(), inbox.Message{})
	assert.Error(t, err)
	assert.Len(t, r.sent, 1)
	for _, q := range []*watermillinbox.Queue{nil, {}} {
		_, err = q.Enqueue(t.Context(), accepted("a"))
		assert.Error(t, err)
	}
	_, err = watermillinbox.New(nil, "t")
	assert.Error(t, err)
	_, err = watermillinbox.New(r, "")
	assert.Error(t, err)
	assert.Panics(t, func() { watermillinbox.NewHandler(nil, r, "poison") })
	worker, err := inbox.NewWorker(memory(), func(context.Context, *truhook.Verified) error { return nil }, idempotency.Config{})
	require.NoError(t, err)
	assert.Panics(t, func() { watermillinbox.NewHandler(worker, nil, "poison") })
	assert.Panics(t, func() { watermillinbox.NewHandler(worker, r, "") })
	handle := watermillinbox.NewHandler(worker, r, "poison")
	garbage := message.NewMessage("1", []byte("{}"))
	require.ErrorIs(t, handle(garbage), errHandler, "it is not acknowledged while nobody has it")
	r.err = nil
	require.NoError(t, handle(garbage))
	dead := r.sent[len(r.sent)-1]
	assert.Equal(t, garbage.Payload, dead.Payload)
	assert.NotEmpty(t, dead.Metadata.Get(watermillinbox.PoisonReason))

	assert.Empty(t, mustQueue(t, publisher(t)).Audit(t.Context()))
	in := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	assert.Equal(t, "queue-in-memory", mustQueue(t, in).Audit(t.Context())[0].Name)
	assert.Equal(t, "zero-store", (*watermillinbox.Queue)(nil).Audit(t.Context())[0].Name)
}

func mustQueue(t *testing.T, p message.Publisher) *watermillinbox.Queue {
	t.Helper()
	q, err := watermillinbox.New(p, "t")
	require.NoError(t, err)
	return q
}

func TestNewHandler_PoisonsNothingThatADeadLetterCouldNotTake(t *testing.T) {
	t.Parallel()
	taken := errHandler
	worker, err := inbox.NewWorker(memory(), func(context.Context, *truhook.Verified) error { return retry.Permanent(errHandler) },
		idempotency.Config{DeadLetter: func(context.Context, *truhook.Verified, error) error { return taken }})
	require.NoError(t, err)
	payload, err := accepted("a").MarshalJSON()
	require.NoError(t, err)
	poison := &recorder{}
	handle, msg := watermillinbox.NewHandler(worker, poison, "poison"), message.NewMessage("1", payload)
	assert.ErrorIs(t, handle(msg), errHandler, "it is delivered again")
	taken = nil
	assert.NoError(t, handle(msg))
	assert.Empty(t, poison.sent)
}
