package crash

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// balance gives each request to the next replica, whether that one lives or not.
func balance(replicas []*Process) http.Handler {
	var next atomic.Uint64
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 2 * senders},
		Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(replicas[next.Add(1)%uint64(len(replicas))].URL())
			if err == nil {
				r.SetURL(to)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}
