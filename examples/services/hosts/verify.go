package hosts

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// VerifyByHand makes the delivery itself, as for a host that is not net/http. Whoever reads the body has to limit it.
func (r *Receiver) VerifyByHand(w http.ResponseWriter, req *http.Request) {
	received := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
	if err != nil {
		http.Error(w, "", http.StatusServiceUnavailable) // not the whole body: the provider comes again
		return
	}
	r.judge(req.Context(), truhook.Delivery{
		Method: req.Method, RequestURI: req.RequestURI, Host: req.Host, Header: req.Header, Body: body,
		TLS: req.TLS, RemoteAddr: req.RemoteAddr, Received: received,
	}).Respond(w)
}

// judge verifies a delivery that did not come by Wrap or ReadDelivery. NewDelivery gives it memory of its own.
func (r *Receiver) judge(ctx context.Context, given truhook.Delivery) idempotency.Result {
	v, err := r.Verify.Verify(ctx, truhook.NewDelivery(given))
	if err != nil {
		return refusal(err)
	}
	return r.Accept(truhook.WithReceived(ctx, given.Received), v)
}
