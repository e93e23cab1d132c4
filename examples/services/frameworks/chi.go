package frameworks

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/truhook/truhook"
)

// Chi returns the routes under chi: the middleware of net/http as it is.
func Chi(r *Receiver) http.Handler {
	router := chi.NewRouter()
	router.With(r.verify.Wrap).Method(http.MethodPost, "/webhooks/truv", r.Handler())
	return router
}

// ServeMux returns the routes under net/http alone.
func ServeMux(r *Receiver) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", r.verify.Wrap(r.Handler()))
	return mux
}

// Handler returns the part behind the verification.
func (r *Receiver) Handler() http.Handler {
	return r.once.Handle(func(ctx context.Context, v *truhook.Verified) error { return r.do(ctx, v) })
}
