package idempotency_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// reused is the context of a framework that gives it to the next request.
type reused struct {
	context.Context
	values map[any]any // unlocked, as it is in frameworks
}

func (c *reused) Value(key any) any { return c.values[key] }

type valueKey string

func TestContext_ALateHandlerAsksNoFramework(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]any{"a framework": nil, "net/http": &http.Server{ReadHeaderTimeout: time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "s", idempotency.BodyDigest,
					idempotency.Config{AnswerWithin: time.Second})
				require.NoError(t, err)
				v := &truhook.Verified{Payload: []byte("{}")}
				at := time.Now().Add(-time.Hour)
				host := &reused{context.Background(), map[any]any{valueKey("trace"): "ours", http.ServerContextKey: server}}
				if server == nil {
					delete(host.values, http.ServerContextKey)
				}
				ctx := truhook.WithReceived(truhook.NewContext(host, v), at)
				ended := make(chan struct{})
				res := m.Do(ctx, v, func(ctx context.Context) error {
					defer close(ended)
					assert.Equal(t, "ours", ctx.Value(valueKey("trace")), "before the response")
					for ctx.Err() == nil {
						_ = ctx.Value(valueKey("trace")) // with the race detector: while the host writes
						time.Sleep(100 * time.Millisecond)
						if time.Since(at) > time.Hour+5*time.Second {
							break
						}
					}
					got, ok := truhook.FromContext(ctx)
					assert.True(t, ok)
					assert.Same(t, v, got)
					received, ok := truhook.ReceivedFromContext(ctx)
					assert.True(t, ok)
					assert.Equal(t, at, received)
					claim, ok := idempotency.FromContext(ctx)
					assert.True(t, ok)
					assert.EqualValues(t, 1, claim.Attempt)
					if server == nil {
						assert.Nil(t, ctx.Value(valueKey("trace")), "of another request by now")
					} else {
						assert.Equal(t, "ours", ctx.Value(valueKey("trace")))
					}
					return nil
				})
				assert.Equal(t, idempotency.Late, res.Outcome)
				if server == nil {
					for range 100 {
						host.values[valueKey("trace")] = "another's"
					}
				}
				<-ended
				synctest.Wait()
			})
		})
	}
}
