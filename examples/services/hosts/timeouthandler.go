package hosts

import (
	"net/http"
	"time"
)

// TimeoutHandler is behind http.TimeoutHandler, which hides the connection: a body that stalls is not cut off by
// Config.BodyTimeout, but by http.Server.ReadTimeout, so set that. The limit is longer than AnswerWithin of
// idempotency, which answers first and lets the handler finish.
func TimeoutHandler(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.TimeoutHandler(h, 30*time.Second, ""),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
	}
}
