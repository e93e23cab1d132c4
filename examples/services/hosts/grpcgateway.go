package hosts

import (
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// GRPCGateway has the route beside those that the gateway translates: a signature is over bytes that no translation
// keeps.
func GRPCGateway(r *Receiver) (http.Handler, error) {
	mux := runtime.NewServeMux()
	verified := r.Verify.Wrap(r)
	err := mux.HandlePath(http.MethodPost, "/webhooks/truv", func(w http.ResponseWriter, req *http.Request, _ map[string]string) {
		verified.ServeHTTP(w, req)
	})
	return mux, err
}
