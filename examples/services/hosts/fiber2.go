package hosts

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/truhook/truhook"
)

// Fiber2Adaptor is the short way. Of a header that comes twice the adaptor keeps the last line, so nobody can see that
// there were two: take Fiber2 where a proxy's header counts.
func Fiber2Adaptor(r *Receiver) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, DisablePreParseMultipartForm: true})
	app.Post("/webhooks/truv", adaptor.HTTPHandler(r.Verify.Wrap(r)))
	return app
}

// Fiber2 makes a delivery with memory of its own, as fiber reuses that of c. Fiber would write forms again.
func Fiber2(r *Receiver) *fiber.App {
	app := fiber.New(fiber.Config{BodyLimit: 1 << 20, ReadTimeout: 10 * time.Second, DisableStartupMessage: true, DisablePreParseMultipartForm: true})
	app.Post("/webhooks/truv", func(c *fiber.Ctx) error {
		header := http.Header{}
		for name, line := range c.Request().Header.All() {
			header[string(name)] = append(header[string(name)], string(line))
		}
		result := r.judge(context.Background(), truhook.Delivery{
			Method: c.Method(), RequestURI: string(c.Request().RequestURI()), Host: string(c.Request().Host()), Header: header,
			Body: c.Request().Body(), RemoteAddr: c.Context().RemoteAddr().String(), Received: time.Now(),
		})
		if result.RetryAfter > 0 {
			c.Set("Retry-After", seconds(result.RetryAfter))
		}
		return c.SendStatus(result.Status)
	})
	return app
}
