package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// handlerRaces measure a whole handler, with a request in memory that is as a server of net/http makes it. Behind each
// there is a handler that does nothing.
func handlerRaces() []func() race {
	var all []func() race
	for _, size := range sizes {
		all = append(all, func() race { return handlerRace(size) })
	}
	return all
}

func handlerRace(size int) race {
	body := bodyOf(size)
	r := race{name: sizeName(size)}
	add := func(name string, h http.Handler, s hmacsig.Scheme) {
		r.contenders = append(r.contenders, contender{name, serve(h, signed(s, body), body, http.StatusOK)})
	}
	add(floorName, newFloor(), truv.Scheme())
	add(ours, wrapped(truv.Scheme()), truv.Scheme())
	for _, p := range peers() {
		add(p.name, p, p.scheme)
	}
	return r
}

func wrapped(s hmacsig.Scheme) http.Handler {
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	return truhook.NewMiddleware(verifierOf(s, 1), truhook.Config{Logger: silent}).Wrap(nothing)
}

// serve returns a call of h that is answered with the status that is wanted.
func serve(h http.Handler, header http.Header, body []byte, want int) func() {
	return serveLength(h, header, body, int64(len(body)), want)
}

// serveLength is serve with another length than the body's, -1 for none that is announced. The request is made once, as
// a server makes one for each.
func serveLength(h http.Handler, header http.Header, body []byte, length int64, want int) func() {
	base := context.WithValue(context.Background(), http.ServerContextKey, &http.Server{})
	base = context.WithValue(base, http.LocalAddrContextKey, net.Addr(&net.TCPAddr{}))
	ctx, cancel := context.WithCancel(base)
	_ = cancel // it lasts as long as the process
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/webhooks", strings.NewReader(""))
	must(err)
	r.RequestURI, r.RemoteAddr, r.Header, r.ContentLength = "/webhooks", "192.0.2.1:1234", header, length
	reader := bytes.NewReader(body)
	source, w := io.NopCloser(io.Reader(struct{ io.Reader }{reader})), &response{header: http.Header{}}
	return func() {
		reader.Reset(body)
		r.Body, w.status = source, http.StatusOK
		h.ServeHTTP(w, r)
		if w.status != want {
			panic(w.status)
		}
	}
}

// response is a ResponseWriter that keeps the status only.
type response struct {
	header http.Header
	status int
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) Write(b []byte) (int, error) { return len(b), nil }
func (w *response) WriteHeader(status int)      { w.status = status }
