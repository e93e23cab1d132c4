package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/truhook/truhook"
)

func listenCommand() command {
	return command{
		name: "listen", arguments: "",
		summary: "receive deliveries, verify them, forward them to your service, and show them on a page",
		help:    listenHelp,
		setUp: func(t *tool, f *flag.FlagSet) func(context.Context, []string) (int, error) {
			l := &listen{tool: t}
			f.StringVar(&l.provider, "provider", "", "judge by all keys of this `NAME`, or by the one NAME/ID; without it every provider that could fit is tried")
			f.StringVar(&l.forward, "forward", "", "forward what is verified to this `URL`; without it a verified delivery is answered 200")
			f.StringVar(&l.addr, "addr", "127.0.0.1:8080", "receive at this `ADDRESS`")
			f.StringVar(&l.pageAddr, "page", "127.0.0.1:0", "show the page at this `ADDRESS`, of this machine only; \"off\": no page")
			f.StringVar(&l.dir, "dir", "", "keep the last 500 deliveries in this `FOLDER`, which holds personal data then")
			f.StringVar(&l.keys.url, "url", "", "the public `URL` of the endpoint, for providers that sign it")
			f.BoolVar(&l.json, "json", false, "print JSON, one line a delivery")
			l.keyFlags.add(f)
			return l.run
		},
	}
}

const listenHelp = `Each delivery is one line: verdict, reason, what your service answered, the time, the first cause.
The page is at an address of its own, so that a tunnel to the receiver publishes nothing of it. Its
URL has a random token. What is refused is not forwarded.

examples:
  truhook listen -provider truv/prod -secrets secrets.txt -forward http://127.0.0.1:3000/webhooks
  truhook listen -secrets secrets.txt -dir deliveries -page off
`

const (
	maxListenBody  = 4 << 20
	forwardTimeout = 30 * time.Second
	maxAnswerBytes = 64 << 10
)

type listen struct {
	*tool
	keyFlags
	provider, forward, addr, pageAddr, dir string
	json                                   bool
	keys                                   keyring

	name, id string // of -provider
	client   *http.Client
	log      *journal
	now      func() time.Time
}

func (l *listen) run(ctx context.Context, args []string) (int, error) {
	if len(args) > 0 {
		return exitUsage, usagef("listen takes flags only; -forward names the URL of your service")
	}
	l.now = time.Now
	var err error
	if l.name, l.id, err = parseProvider(l.provider); err != nil {
		return exitUsage, err
	}
	if l.forward != "" {
		u, err := url.Parse(l.forward)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return exitUsage, usagef("-forward is not a URL of http or https, such as http://127.0.0.1:3000/webhooks")
		}
	}
	warnings, err := l.keyFlags.open(l.tool, &l.keys)
	if err != nil {
		return exitUsage, err
	}
	for _, w := range warnings {
		fmt.Fprintf(l.stderr, "warning: %s\n", printable(w))
	}
	l.prompt(&l.keys, firstOf(l.provider, "the provider"))
	if held := l.keys.names(l.name); l.id == "" && len(held) > 1 {
		fmt.Fprintf(l.stderr, "the service is taken to hold all %d keys of %s (%s); if it holds one of them, say -provider %s/ID\n",
			len(held), l.name, list(held), l.name)
	}
	if len(l.keys.secrets) == 0 && l.keys.single == "" && l.keys.dir == "" {
		return exitUnjudged, fmt.Errorf("%w: give -secrets FILE with lines provider/ID=value, -keys FOLDER or TRUHOOK_SECRET", errNoKey)
	}
	if p, err := findProvider(l.name); err == nil {
		if _, err := l.keys.verifier(p, l.id, true); errors.Is(err, errNoKey) {
			return exitUnjudged, err
		} else if err != nil {
			return exitUsage, err
		}
	}
	if l.log, err = newJournal(l.dir); err != nil {
		return exitUsage, fmt.Errorf("-dir is the name of a folder, which is made where there is none: %w", err)
	}
	l.client = &http.Client{
		Timeout:       forwardTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l.serve(ctx)
}

func (l *listen) serve(ctx context.Context) (int, error) {
	receiver, err := net.Listen("tcp", l.addr)
	if err != nil {
		return exitUsage, fmt.Errorf("-addr is an address and a port that is free, such as 127.0.0.1:8080: %w", err)
	}
	defer receiver.Close()
	fmt.Fprintf(l.stderr, "receiving at http://%s\n", receiver.Addr())
	failed := make(chan error, 2)
	servers := []*http.Server{newServer(http.HandlerFunc(l.receive))}
	go func() { failed <- servers[0].Serve(receiver) }()
	if l.pageAddr != "off" {
		pageListener, err := listenHere(l.pageAddr)
		if err != nil {
			return exitUsage, err
		}
		defer pageListener.Close()
		p := newPage(l, pageListener.Addr().String())
		fmt.Fprintf(l.stderr, "the page is at %s\n", p.url())
		s := newServer(p)
		s.WriteTimeout = 0 // events stream
		servers = append(servers, s)
		go func() { failed <- s.Serve(pageListener) }()
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	l.log.close() // ends the streams of the page
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, s := range servers {
		_ = s.Shutdown(stop)
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return exitUsage, err
	}
	return exitVerified, nil
}

// listenHere listens on a loopback address; others must not reach the page.
func listenHere(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("-page is an address of this machine and a port that is free, such as 127.0.0.1:4040, or off: %w", err)
	}
	if a, ok := listener.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = listener.Close()
		return nil, usagef("-page is an address of this machine only, such as 127.0.0.1:4040")
	}
	return listener, nil
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: forwardTimeout + 30*time.Second, MaxHeaderBytes: 64 << 10,
	}
}

// receive judges one delivery, forwards it where it was verified, and keeps it.
func (l *listen) receive(w http.ResponseWriter, r *http.Request) {
	start := l.now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxListenBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		status := http.StatusBadRequest
		if errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	d := truhook.NewDelivery(truhook.Delivery{
		Method: r.Method, RequestURI: r.RequestURI, Host: r.Host, Header: r.Header, Body: body,
		RemoteAddr: r.RemoteAddr, TLS: r.TLS, Received: start,
	})
	k := l.judge(r.Context(), d)
	status := k.Verdict.Status
	var answer *answer
	switch {
	case k.Verdict.unjudged != nil:
		status = http.StatusServiceUnavailable
	case k.Verdict.Verified && l.forward != "":
		answer = l.forwarded(r.Context(), d)
		status = answer.Status
		if status == 0 {
			status = http.StatusBadGateway
		}
	case k.Verdict.Verified:
		status = http.StatusOK
	}
	k.Answer, k.Took = answer, float64(l.now().Sub(start).Microseconds())/1000
	l.log.add(k)
	l.line(k, status)
	if answer != nil && answer.contentType != "" {
		w.Header().Set("Content-Type", answer.contentType)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if answer != nil {
		_, _ = w.Write(answer.body)
	}
}

func (l *listen) judge(ctx context.Context, d *truhook.Delivery) *kept {
	var v *verdict
	if p, err := findProvider(l.name); l.name != "" && err == nil {
		v = l.keys.judge(ctx, p, l.id, d)
	} else {
		v = l.keys.judgeAny(ctx, d)
	}
	return newKept(d, v)
}

// An answer is what the service said to a delivery that was forwarded.
type answer struct {
	Status int     `json:"status"` // zero: none
	Took   float64 `json:"took_ms"`
	Error  string  `json:"error,omitempty"`
	Body   string  `json:"body,omitempty"` // the first 4 KiB

	contentType string
	body        []byte
}

// hopByHop are headers of a connection (RFC 9110, section 7.6.1), which are not forwarded.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
	"Proxy-Authenticate", "Proxy-Authorization",
}

// forwarded sends the same bytes to the service.
func (l *listen) forwarded(ctx context.Context, d *truhook.Delivery) *answer {
	a, start := &answer{}, l.now()
	defer func() { a.Took = float64(l.now().Sub(start).Microseconds()) / 1000 }()
	r, err := http.NewRequestWithContext(context.WithoutCancel(ctx), d.Method, l.forward, bytes.NewReader(d.Body))
	if err != nil {
		a.Error = err.Error()
		return a
	}
	r.Header = d.Header.Clone()
	for _, name := range hopByHop {
		r.Header.Del(name)
	}
	response, err := l.client.Do(r)
	if err != nil {
		a.Error = "no response: " + unwrapURL(err).Error()
		return a
	}
	defer response.Body.Close()
	a.Status, a.contentType = response.StatusCode, response.Header.Get("Content-Type")
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		a.Error = "the response was cut"
	}
	a.Body = string(a.body[:min(len(a.body), 4<<10)])
	return a
}

// unwrapURL drops the URL from an error of http.Client: it can hold a token.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (l *listen) line(k *kept, status int) {
	if l.json {
		_ = writeJSONLine(l.stdout, k.summary())
		return
	}
	s := l.style(l.stdout)
	v := k.Verdict
	verdict := s.red("refused ") + " " + string(v.Reason)
	switch {
	case v.unjudged != nil:
		verdict = s.yellow("no key  ")
	case v.Verified:
		verdict = s.green("verified")
	}
	service := "not forwarded"
	if k.Answer != nil {
		service = fmt.Sprintf("service %d", k.Answer.Status)
		if k.Answer.Status == 0 {
			service = printable(k.Answer.Error)
		}
	}
	text := fmt.Sprintf("%s  %-10s %s  %s  %.1f ms", k.Received.Format("15:04:05"), v.Provider, verdict, service, k.Took)
	if cause := v.firstCause(); cause != "" && !v.Verified {
		text += "  " + printable(cause)
	}
	if v.KeyID != "" {
		text += "  key " + printable(v.KeyID)
	}
	if len(k.delivery.Body) > maxDefaultBody {
		text += "  over 1 MiB: 413 by the default Config.MaxBodyBytes"
	}
	fmt.Fprintf(l.stdout, "%s  -> %d\n", text, status)
}
