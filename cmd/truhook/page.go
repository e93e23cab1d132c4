package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"time"
)

//go:embed page/index.html page/style.css page/app.js
var pageFiles embed.FS

// contentPolicy lets the page load its own two files and ask its own server, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// A page shows what a listen receives, at an address of its own.
type page struct {
	listen *listen
	token  string
	hosts  []string // what the Host header may say
	mux    *http.ServeMux
}

func newPage(l *listen, addr string) *page {
	_, port, _ := net.SplitHostPort(addr)
	p := &page{
		listen: l, token: rand.Text(), mux: http.NewServeMux(),
		hosts: []string{addr, net.JoinHostPort("localhost", port)},
	}
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is embedded
	}
	p.mux.Handle("GET /", http.FileServerFS(files))
	p.mux.HandleFunc("GET /api/deliveries", p.withToken(p.list))
	p.mux.HandleFunc("GET /api/deliveries/{id}", p.withToken(p.one))
	p.mux.HandleFunc("GET /api/deliveries/{id}/{form}", p.withToken(p.copyAs))
	p.mux.HandleFunc("POST /api/deliveries/{id}/replay", p.withToken(p.replay))
	p.mux.HandleFunc("GET /api/events", p.withToken(p.events))
	return p
}

func (p *page) url() string { return "http://" + p.hosts[0] + "/#" + p.token }

// ServeHTTP refuses what does not come from the page itself: another Host is DNS rebinding, another site is a browser's
// request on behalf of a stranger.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	here := false
	for _, host := range p.hosts {
		here = here || r.Host == host
	}
	site := r.Header.Get("Sec-Fetch-Site")
	origin := r.Header.Get("Origin")
	foreign := site != "" && site != "same-origin" && site != "none" || origin != "" && origin != "http://"+r.Host
	if !here || foreign {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// withToken asks for the token of the printed URL in a header, which no other site can send.
func (p *page) withToken(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Truhook-Token")), []byte(p.token)) != 1 {
			http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

func (p *page) list(w http.ResponseWriter, _ *http.Request) {
	respondJSON(w, map[string]any{"deliveries": p.listen.log.list(), "forward": p.listen.forward})
}

func (p *page) find(w http.ResponseWriter, r *http.Request) (*kept, bool) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	k, ok := p.listen.log.find(id)
	if err != nil || !ok {
		http.NotFound(w, r)
		return nil, false
	}
	return k, true
}

func (p *page) one(w http.ResponseWriter, r *http.Request) {
	if k, ok := p.find(w, r); ok {
		respondJSON(w, k.detail())
	}
}

func (p *page) copyAs(w http.ResponseWriter, r *http.Request) {
	k, ok := p.find(w, r)
	if !ok {
		return
	}
	d := k.delivery
	var text string
	switch r.PathValue("form") {
	case "curl":
		text = curlLine(d.Method, firstOf(p.listen.forward, "http://"+d.Host+d.RequestURI), d.Header, d.Body) + "\n"
	case "file":
		text = recordedText(k)
	case "go":
		text = goTest(k, p.listen.keys)
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}

// replay forwards the same bytes once more, if they are verified. They are judged anew, at the time at which they came.
func (p *page) replay(w http.ResponseWriter, r *http.Request) {
	k, ok := p.find(w, r)
	if !ok {
		return
	}
	if p.listen.forward == "" {
		http.Error(w, "there is no -forward", http.StatusConflict)
		return
	}
	start := p.listen.now()
	again := p.listen.judge(r.Context(), k.delivery)
	if !again.Verdict.Verified {
		http.Error(w, "what is refused is not forwarded", http.StatusConflict)
		return
	}
	again.Received, again.Replay = start, k.ID
	again.Answer = p.listen.forwarded(r.Context(), k.delivery)
	again.Took = float64(p.listen.now().Sub(start).Microseconds()) / 1000
	p.listen.log.add(again)
	p.listen.line(again, again.Answer.Status)
	respondJSON(w, again.summary())
}

// events streams each delivery as it comes (server-sent events).
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{})
	c, stop := p.listen.log.watch()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = fmt.Fprint(w, ": open\n\n")
	if control.Flush() != nil {
		return
	}
	beat := time.NewTicker(15 * time.Second)
	defer beat.Stop()
	for {
		var err error
		select {
		case one, open := <-c:
			if !open {
				return
			}
			_, err = fmt.Fprintf(w, "data: %s\n\n", jsonBytes(one))
		case <-beat.C:
			_, err = fmt.Fprint(w, ": still here\n\n")
		case <-r.Context().Done():
			err = context.Cause(r.Context())
		}
		if err != nil || control.Flush() != nil {
			return
		}
	}
}
