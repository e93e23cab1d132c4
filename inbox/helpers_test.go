package inbox_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
)

// silent is a Logger that writes nothing.
var silent = slog.New(slog.DiscardHandler)

var errQueue = errors.New("the queue is away")

const secretText = "123-45-6789"

func verified(body string) *truhook.Verified {
	return &truhook.Verified{Payload: []byte(body), Proofs: []truhook.Proof{{Scheme: "truv", KeyID: "1", Detail: 42}}}
}

// byPayload is a KeyFunc: the whole payload is the id.
func byPayload(v *truhook.Verified) (string, error) { return string(v.Payload), nil }

// A queue keeps what it is given. With dedupe it knows its keys.
type queue struct {
	mu       sync.Mutex
	messages []inbox.Message
	dedupe   bool
	err      error
	before   func(ctx context.Context)
}

func (q *queue) Enqueue(ctx context.Context, m inbox.Message) (bool, error) {
	if q.before != nil {
		q.before(ctx)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return false, q.err
	}
	for _, old := range q.messages {
		if q.dedupe && old.Key == m.Key {
			return true, nil
		}
	}
	q.messages = append(q.messages, m)
	return false, nil
}

func (q *queue) all() []inbox.Message {
	q.mu.Lock()
	defer q.mu.Unlock()
	return append([]inbox.Message(nil), q.messages...)
}

// seen collects events.
type seen struct {
	mu     sync.Mutex
	events []idempotency.Observation
}

func (s *seen) observe(_ context.Context, e idempotency.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *seen) outcomes() (out []idempotency.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		out = append(out, e.Outcome)
	}
	return out
}

func handler(t *testing.T, e inbox.Enqueuer, cfg inbox.Config) *inbox.Handler {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = silent
	}
	h, err := inbox.NewHandler(e, "truv/test", byPayload, cfg)
	require.NoError(t, err)
	return h
}

func post(h http.Handler, v *truhook.Verified, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", nil)
	if header != nil {
		r.Header = header
	}
	if v != nil {
		r = r.WithContext(truhook.NewContext(r.Context(), v))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func memory() *idempotency.Memory { return idempotency.NewMemory(idempotency.MemoryConfig{}) }

func message(id string) inbox.Message {
	return inbox.Message{
		Key:         idempotency.Key{Scope: "truv/test", ID: id},
		Fingerprint: idempotency.NewFingerprint([]byte(id)),
		Received:    time.Date(2026, 1, 2, 3, 4, 5, 6789, time.UTC),
		Payload:     []byte(secretText),
		Inner:       []byte("inner " + secretText),
		Proofs:      []truhook.Proof{{Scheme: "truv", KeyID: "current"}, {Scheme: "mtls"}},
		Resource:    "order/1",
		At:          time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Header:      http.Header{"Traceparent": {"00-1"}},
	}
}

func worker(
	t *testing.T, s idempotency.Store, cfg idempotency.Config, fn func(context.Context, *truhook.Verified) error,
) *inbox.Worker {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = silent
	}
	w, err := inbox.NewWorker(s, fn, cfg)
	require.NoError(t, err)
	return w
}

func assertStatus(t *testing.T, want int, w *httptest.ResponseRecorder) {
	t.Helper()
	assert.Equal(t, want, w.Code)
	if want == http.StatusServiceUnavailable {
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
	}
}
