package truhook

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// reject responds to a refused request: by OnReject, else with the status of the Reason.
func (m *Middleware) reject(w http.ResponseWriter, r *http.Request, err error) {
	reason := ReasonOf(err)
	switch reason {
	case BodyTooLarge, BodyIncomplete, BodyTimedOut, Overloaded:
		if r.ProtoMajor < 2 { // HTTP/2 would end the connection of every other request for it
			w.Header().Set("Connection", "close") // what is left of the body must not be read as the next request
		}
	}
	status := reason.Status()
	if m != nil && m.config.OnReject != nil {
		watched := &watchedWriter{ResponseWriter: w, status: status}
		m.onReject(watched, r, err)
		if watched.wrote {
			return
		}
	}
	tellToComeAgain(w, status)
	refuse(w, status)
}

// onReject calls Config.OnReject, whose panic must not keep the status of the Reason from the sender.
func (m *Middleware) onReject(w http.ResponseWriter, r *http.Request, err error) {
	defer func() {
		value := recover()
		if value == http.ErrAbortHandler { //nolint:errorlint // it is compared as net/http does
			panic(value)
		}
		if value != nil {
			logPanic(m.config.Logger, "truhook: Config.OnReject panicked", value)
		}
	}()
	m.config.OnReject(w, r, err)
}

// refuse is http.Error with the text of the status, less what that allocates.
func refuse(w http.ResponseWriter, status int) {
	h := w.Header()
	delete(h, "Content-Length")
	delete(h, "Content-Encoding")
	values := []string{"text/plain; charset=utf-8", "nosniff"}
	h["Content-Type"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2]
	w.WriteHeader(status)
	_, _ = io.WriteString(w, textOf(status))
}

// textOf is http.StatusText and a newline, for the statuses that a Reason can have.
func textOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Unauthorized\n"
	case http.StatusForbidden:
		return "Forbidden\n"
	case http.StatusRequestEntityTooLarge:
		return "Request Entity Too Large\n"
	case http.StatusServiceUnavailable:
		return "Service Unavailable\n"
	}
	return "Internal Server Error\n"
}

// tellToComeAgain sets Retry-After (RFC 9110, section 10.2.3) where the status asks the sender to come again.
func tellToComeAgain(w http.ResponseWriter, status int) {
	if h := w.Header(); status == http.StatusServiceUnavailable && len(h["Retry-After"]) == 0 {
		h["Retry-After"] = []string{retryAfter}
	}
}

// retryAfter is in seconds: longer than a body may take by default, shorter than the retries of any provider.
const retryAfter = "10"

// watchedWriter notices whether OnReject answered. It is used on the refusal path only. net/http takes a body or a
// flush without a status for 200, which would tell the sender that its delivery arrived: here it is the status of the
// Reason.
type watchedWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watchedWriter) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols { // other 1xx are not the answer
		w.wrote = true
		tellToComeAgain(w.ResponseWriter, status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) begin() {
	if !w.wrote {
		w.WriteHeader(w.status)
	}
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

// FlushError and Hijack are found by http.ResponseController before it unwraps: both decide the answer too.
func (w *watchedWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *watchedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.wrote = w.wrote || err == nil
	return conn, buffered, err
}
