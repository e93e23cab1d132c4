package hosts

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Chi is net/http's middleware as it is. Keep chi's middleware.RealIP away: it writes what a client says over the
// address of the peer.
func Chi(r *Receiver) http.Handler {
	router := chi.NewRouter()
	router.With(r.Verify.Wrap).Method(http.MethodPost, "/webhooks/truv", r)
	return router
}
