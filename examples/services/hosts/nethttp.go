package hosts

import (
	"net/http"

	"github.com/truhook/truhook"
)

// ServeMux is net/http alone, whatever serves it: HTTP/1.1, or HTTP/2 over TLS.
func ServeMux(r *Receiver) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", r.Verify.Wrap(r))
	return mux
}

// ReadDelivery is for routers that hand over w and req and have no middleware of net/http.
func (r *Receiver) ReadDelivery(w http.ResponseWriter, req *http.Request) {
	d, err := r.Verify.ReadDelivery(w, req)
	var v *truhook.Verified
	if err == nil {
		v, err = r.Verify.Verify(req.Context(), d)
	}
	if err != nil {
		if truhook.ReasonOf(err).Status() == http.StatusServiceUnavailable {
			w.Header().Set("Connection", "close") // what is left of the body must not be read as the next request
		}
		refusal(err).Respond(w)
		return
	}
	r.Accept(req.Context(), v).Respond(w)
}
