package hosts

import (
	"net/http"
	"time"
)

// H2C serves HTTP/1.1 and, as behind some load balancers and service meshes, HTTP/2 without TLS.
func H2C(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: h, Protocols: &protocols, ReadHeaderTimeout: 5 * time.Second}
}
