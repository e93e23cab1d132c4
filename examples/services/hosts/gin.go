package hosts

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Gin has no place for middleware of net/http, so that it is wrapped. Nothing behind Accept touches c: it may have been
// answered and reused by then.
func Gin(r *Receiver) http.Handler {
	g := gin.New()
	g.POST("/webhooks/truv", wrap(r.Verify.Wrap), func(c *gin.Context) { r.ServeHTTP(c.Writer, c.Request) })
	return g
}

// wrap makes middleware of gin out of middleware of net/http.
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
