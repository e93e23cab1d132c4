package hosts

import (
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// Echo has middleware that reads and replaces bodies in front. BodyDump gives the verifier the same bytes. Decompress
// gives it other ones, where a body is compressed: a signature holds for one of the two, and providers sign what they
// send.
func Echo(r *Receiver) *echo.Echo {
	e := echo.New()
	e.Use(middleware.Decompress(), middleware.BodyDump(func(echo.Context, []byte, []byte) {}))
	e.POST("/webhooks/truv", func(c echo.Context) error {
		r.ServeHTTP(c.Response(), c.Request())
		return nil
	}, echo.WrapMiddleware(r.Verify.Wrap))
	return e
}
