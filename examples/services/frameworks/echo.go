package frameworks

import (
	"context"

	"github.com/labstack/echo/v4"

	"github.com/truhook/truhook"
)

// Echo returns the routes under echo. Nothing inside Do touches c: it may have been answered and reused by then.
func Echo(r *Receiver) *echo.Echo {
	e := echo.New()
	e.POST("/webhooks/truv", func(c echo.Context) error {
		ctx := c.Request().Context()
		v, _ := truhook.FromContext(ctx)
		r.once.Do(ctx, v, func(ctx context.Context) error { return r.do(ctx, v) }).Respond(c.Response())
		return nil
	}, echo.WrapMiddleware(r.verify.Wrap))
	return e
}
