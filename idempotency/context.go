package idempotency

import (
	"context"
	"net/http"
	"sync"

	"github.com/truhook/truhook"
)

// A requestContext has the values of a request's context, and does not end with it. Once the handler is left alone, the
// request is no longer asked: a framework may have given its context to the next request by then.
type requestContext struct {
	context.Context // what is ours, and never ends

	mu     sync.RWMutex
	values context.Context // of the request; nil: it is left alone
}

// outlive returns a context that has the values of ctx and does not end, and what to call before the handler is left
// alone with it. The contexts of net/http's server are values that nobody uses again, so they are kept.
func outlive(ctx context.Context) (longer context.Context, leave func()) {
	if ctx.Value(http.ServerContextKey) != nil {
		return context.WithoutCancel(ctx), func() {}
	}
	own := context.Background()
	if v, ok := truhook.FromContext(ctx); ok {
		own = truhook.NewContext(own, v)
	}
	if at, ok := truhook.ReceivedFromContext(ctx); ok {
		own = truhook.WithReceived(own, at)
	}
	c := &requestContext{Context: own, values: ctx}
	return c, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.values = nil
	}
}

// Value asks the request while there is one.
func (c *requestContext) Value(key any) any {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.values != nil {
		return c.values.Value(key)
	}
	return c.Context.Value(key)
}
