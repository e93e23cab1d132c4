package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/truhooktest"
)

func sendCommand() command {
	return command{
		name: "send", arguments: "PAYLOAD… [URL]",
		summary: "sign payloads as a provider does, and deliver them as it does",
		help:    sendHelp,
		setUp: func(t *tool, f *flag.FlagSet) func(context.Context, []string) (int, error) {
			s := &send{tool: t}
			f.StringVar(&s.provider, "provider", "", "sign as this `NAME` or NAME/ID (required)")
			f.StringVar(&s.print, "n", "", "do not deliver; print the signed request as `FORM`: headers, curl or file")
			f.Var(&s.headers, "header", "add a `NAME:VALUE` header; may be repeated")
			f.StringVar(&s.faults, "fault", "", "make the first attempt go wrong: a comma list of `FAULTS`, see below")
			f.IntVar(&s.copies, "copies", 2, "`NUMBER` of copies where a fault duplicates")
			f.BoolVar(&s.disorder, "disorder", false, "deliver the first payload last")
			f.Float64Var(&s.scale, "scale", 1, "wait this `FACTOR` of the provider's time between attempts")
			f.DurationVar(&s.timeout, "timeout", 0, "wait this `TIME` for a response, such as 5s; 0: the provider's limit, or 10s")
			f.DurationVar(&s.staleBy, "stale-by", time.Hour, "a `TIME` such as 2h: how far back the stale fault dates a delivery")
			f.StringVar(&s.wrong, "wrong-secret", "wrong-key-made-for-tests", "`TEXT` that the wrong-key fault signs under; it is no secret")
			f.StringVar(&s.id, "id", "", "the message `ID` where the scheme signs one; empty: a new one")
			f.BoolVar(&s.json, "json", false, "print JSON, one line an attempt")
			s.keyFlags.add(f)
			return s.run
		},
	}
}

const sendHelp = `PAYLOAD is a file, or - for standard input. URL is where to deliver, such as
http://127.0.0.1:3000/webhooks; with -n it only serves what is signed of it.

faults: unsigned, empty-signature, malformed-signature, tampered-signature, tampered-body,
tampered-layout, wrong-key, stale, duplicate, concurrent-duplicate, timeout, reset-before, reset-after

examples:
  truhook send -provider truv -secrets secrets.txt order.json http://127.0.0.1:3000/webhooks
  truhook send -provider stripe -secrets secrets.txt -n curl event.json http://127.0.0.1:3000/
  truhook send -provider truval -secrets secrets.txt -fault duplicate,timeout job.json http://127.0.0.1:3000/
  truhook send -provider truv -secrets secrets.txt -disorder 1.json 2.json http://127.0.0.1:3000/
Exit code 0: each event was taken as delivered. 1: one was not.
`

type send struct {
	*tool
	keyFlags
	provider, print, faults, wrong, id string
	headers                            headerFlag
	copies                             int
	disorder, json                     bool
	scale                              float64
	staleBy, timeout                   time.Duration
}

// headerFlag collects -header flags.
type headerFlag http.Header

func (h *headerFlag) String() string { return "" }

func (h *headerFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, ":")
	if !ok || strings.TrimSpace(name) == "" {
		return errors.New("it is not NAME:VALUE")
	}
	if *h == nil {
		*h = headerFlag{}
	}
	http.Header(*h).Add(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}

func (s *send) run(ctx context.Context, args []string) (int, error) {
	name, id, err := parseProvider(s.provider)
	if err != nil {
		return exitUsage, err
	}
	if name == "" {
		return exitUsage, usagef("name the provider with -provider; \"truhook providers\" lists them")
	}
	p, err := findProvider(name)
	if err != nil {
		return exitUsage, err
	}
	target, payloads, err := s.arguments(args)
	if err != nil {
		return exitUsage, err
	}
	faults, err := parseFaults(s.faults)
	if err != nil {
		return exitUsage, err
	}
	var ring keyring
	warnings, err := s.keyFlags.open(s.tool, &ring)
	if err != nil {
		return exitUsage, err
	}
	for _, w := range warnings {
		fmt.Fprintf(s.stderr, "warning: %s\n", printable(w))
	}
	ring.url = target
	if s.print == "" || payloads[0] != "-" {
		s.prompt(&ring, s.provider)
	}
	sign, err := ring.signer(p, id)
	if err != nil {
		if errors.Is(err, errNoKey) {
			return exitUnjudged, err
		}
		return exitUsage, err
	}
	if held := ring.names(p.name); id == "" && len(held) > 1 {
		fmt.Fprintf(s.stderr, "signed with %s/%s, the first of %d keys; -provider %s/ID names another\n", p.name, held[0], len(held), p.name)
	}
	events, err := s.events(p, payloads, faults)
	if err != nil {
		return exitUsage, err
	}
	if s.print != "" {
		return s.show(p, ring, id, sign, target, events[0])
	}
	var wrong truhooktest.Signer
	if faults&truhooktest.WrongKey != 0 {
		if wrong, err = ring.wrongSigner(p, s.wrong); err != nil {
			return exitUsage, err
		}
	}
	return s.deliver(ctx, p.policy, sign, wrong, target, events)
}

// arguments returns the URL and the payloads.
func (s *send) arguments(args []string) (target string, payloads []string, err error) {
	payloads = args
	if n := len(args); n > 0 && strings.Contains(args[n-1], "://") {
		target, payloads = args[n-1], args[:n-1]
	}
	switch {
	case len(payloads) == 0:
		return "", nil, usagef("name a payload: a file, or - for standard input")
	case s.print != "" && s.print != "headers" && s.print != "curl" && s.print != "file":
		return "", nil, usagef("-n takes headers, curl or file")
	case s.print != "" && len(payloads) > 1:
		return "", nil, usagef("-n takes one payload")
	case s.print == "" && target == "":
		return "", nil, usagef("name the URL to deliver to, behind the payloads and with http:// or https://, or print the request with -n")
	case s.scale < 0, s.copies < 1:
		return "", nil, usagef("-scale is 0 or more, and -copies is 1 or more")
	}
	if target == "" {
		target = "http://127.0.0.1:3000/webhooks"
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", nil, usagef("the URL is not one of http or https, such as http://127.0.0.1:3000/webhooks")
	}
	return target, payloads, nil
}

func (s *send) events(p provider, payloads []string, faults truhooktest.Fault) ([]truhooktest.Event, error) {
	var events []truhooktest.Event
	for i, name := range payloads {
		body, err := s.payload(name)
		if err != nil {
			return nil, err
		}
		if len(body) == 0 {
			if name == "-" {
				name = "standard input"
			}
			fmt.Fprintf(s.stderr, "warning: %s is empty: the delivery has no body\n", printable(name))
		}
		e := truhooktest.Event{ID: s.id, Body: body, Header: http.Header(s.headers).Clone(), Copies: s.copies}
		if e.ID == "" {
			e.ID = p.newMessageID()
		}
		if faults != 0 {
			e.Faults = []truhooktest.Fault{faults}
		}
		if s.disorder && i == 0 && len(payloads) > 1 {
			e.Delay = time.Second
		}
		events = append(events, e)
	}
	return events, nil
}

func (s *send) payload(name string) ([]byte, error) {
	if name == "-" {
		data, err := io.ReadAll(io.LimitReader(s.stdin, maxInputBytes+1))
		if err == nil && len(data) > maxInputBytes {
			err = fmt.Errorf("standard input has more than %d bytes", maxInputBytes)
		}
		return data, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxInputBytes {
		return nil, fmt.Errorf("%s is %s", name, notAFile(info, maxInputBytes))
	}
	return os.ReadFile(name)
}

// allFaults are the faults that a sender from outside can make.
var allFaults = []truhooktest.Fault{
	truhooktest.Unsigned, truhooktest.EmptySignature, truhooktest.MalformedSignature, truhooktest.TamperedSignature,
	truhooktest.TamperedBody, truhooktest.TamperedLayout, truhooktest.WrongKey, truhooktest.Stale, truhooktest.Duplicate,
	truhooktest.ConcurrentDuplicate, truhooktest.Timeout, truhooktest.ResetBefore, truhooktest.ResetAfter,
}

func faultNames() []string {
	names := make([]string, 0, len(allFaults))
	for _, f := range allFaults {
		names = append(names, faultText(f))
	}
	return names
}

func parseFaults(list string) (truhooktest.Fault, error) {
	var all truhooktest.Fault
	for word := range strings.SplitSeq(list, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		found := false
		for _, f := range allFaults {
			if strings.ReplaceAll(f.String(), " ", "-") == word {
				all, found = all|f, true
			}
		}
		if !found {
			return 0, usagef("no fault is called %s; the faults are %s", printable(word), strings.Join(faultNames(), ", "))
		}
	}
	return all, nil
}

// show prints the signed request.
func (s *send) show(p provider, ring keyring, id string, sign truhooktest.Signer, target string, e truhooktest.Event) (int, error) {
	r, err := http.NewRequest(http.MethodPost, target, nil)
	if err != nil {
		return exitUsage, err
	}
	for name, values := range e.Header {
		r.Header[name] = values
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	now := time.Now()
	body, err := sign(r, e, now)
	if err != nil {
		return exitUsage, err
	}
	switch s.print {
	case "headers":
		for _, name := range sortedNames(r.Header) {
			for _, value := range r.Header[name] {
				fmt.Fprintf(s.stdout, "%s: %s\n", name, value)
			}
		}
	case "curl":
		fmt.Fprintln(s.stdout, curlLine(r.Method, target, r.Header, body))
	case "file":
		file := &recorded.File{
			Provider: p.name, About: "made by truhook send", Now: now.UTC().Truncate(time.Second), MadeBy: version(),
			Entity: ring.entity, Wire: wire(r.Method, r.URL.RequestURI(), r.URL.Host, r.Header, body),
		}
		return exitVerified, recorded.Write(s.stdout, file)
	}
	return exitVerified, nil
}

// wire returns a request as it goes over the wire.
func wire(method, requestURI, host string, header http.Header, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, requestURI, host)
	h := header.Clone()
	h.Del("Host")
	h.Del("Transfer-Encoding")
	h.Set("Content-Length", fmt.Sprint(len(body)))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
