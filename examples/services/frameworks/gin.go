package frameworks

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/truhook/truhook"
)

// Gin returns the routes under gin. Nothing inside Do touches c: it may have been answered and reused by then.
func Gin(r *Receiver) http.Handler {
	g := gin.New()
	g.POST("/webhooks/truv", wrap(r.verify.Wrap), func(c *gin.Context) {
		ctx := c.Request.Context()
		v, _ := truhook.FromContext(ctx)
		r.once.Do(ctx, v, func(ctx context.Context) error { return r.do(ctx, v) }).Respond(c.Writer)
	})
	return g
}

// wrap makes middleware of gin out of middleware of net/http, as gin brings nothing for it.
func wrap(mw func(http.Handler) http.Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		passed := false
		mw(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			passed, c.Request = true, req
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !passed {
			c.Abort()
		}
	}
}
