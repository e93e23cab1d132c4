package recorded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
)

// Config holds what a [Middleware] may leave out. The zero value is the strict default.
type Config struct {
	_ [0]func()

	// MaxFiles is how many files of this provider the directory holds at most, those of earlier runs included; what
	// comes later is not recorded. <= 0: 100.
	MaxFiles int

	// MaxBytes is the size of the largest body that is recorded. <= 0: 64 KiB.
	MaxBytes int64

	// Unverified records what nobody vouched for as well, where the middleware stands outside of verification. What a
	// stranger sent is then signed under the test key and expects to be accepted, as all recordings do.
	Unverified bool

	// OnError is told why a delivery was not recorded. It must be safe for concurrent use and must not wait, as the
	// request's goroutine may call it. A panic of it is dropped. Nil: nobody is told.
	OnError func(err error)

	// Now is the clock for deliveries. Nil: time.Now. A panic of it is reported to OnError, and the real time counts.
	Now func() time.Time
}

// A Middleware records deliveries that pass through to files, redacted and signed anew. It never changes, refuses or
// holds up a request: the files are written beside the handler, and what does not fit its bounds is not recorded.
//
// It is a tool for finding test data, on a route and for a time of your choice. It is safe for concurrent use. The
// zero Middleware records nothing.
type Middleware struct {
	dir, provider string
	redactor      *Redactor
	cfg           Config
	now           func() time.Time // does not panic
	pending       chan struct{}
	next          atomic.Int64 // number of the file that was tried last
}

// pendingMax bounds the deliveries that wait to be written, for a disk that hangs.
const pendingMax = 8

// NewMiddleware returns a [Middleware] that writes into dir, which must exist, as <provider>-001.http and so on, with
// mode 0600. It fails if dir is not a directory or if provider has anything but lower-case letters, digits and dashes;
// a nil redactor panics.
func NewMiddleware(dir, provider string, redactor *Redactor, cfg Config) (*Middleware, error) {
	if redactor == nil {
		panic("recorded: NewMiddleware: the Redactor is nil")
	}
	if !isName(provider) {
		return nil, fmt.Errorf("recorded: %w", errProvider)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("recorded: %s is not a directory", dir)
	}
	if cfg.MaxFiles <= 0 {
		cfg.MaxFiles = 100
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 64 << 10
	}
	m := &Middleware{
		dir: dir, provider: provider, redactor: redactor, cfg: cfg, pending: make(chan struct{}, pendingMax),
	}
	m.now = clock.Guard("recorded", cfg.Now, m.report)
	return m, nil
}

// Wrap returns a handler that records what h is given. Put it inside of verification, where it records what was
// verified (the decrypted content, where there is one) and reads nothing itself:
//
//	mux.Handle("POST /webhooks/truv", verify.Wrap(record.Wrap(handler)))
//
// Outside of it, and with Config.Unverified, it records a body that h read to its end. It panics if h is nil.
func (m *Middleware) Wrap(h http.Handler) http.Handler {
	if h == nil {
		panic("recorded: Wrap: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m == nil || m.redactor == nil || m.next.Load() >= int64(m.cfg.MaxFiles) {
			h.ServeHTTP(w, r)
			return
		}
		v, verified := truhook.FromContext(r.Context())
		switch {
		case verified && int64(len(v.Payload)) > m.cfg.MaxBytes:
			m.report(errTooLarge)
		case verified:
			m.save(m.delivery(r, bytes.Clone(v.Payload)))
		case m.cfg.Unverified:
			d, body := m.delivery(r, nil), &tee{ReadCloser: r.Body, max: m.cfg.MaxBytes}
			if r.Body == nil {
				body.ReadCloser = http.NoBody
			}
			again := *r
			again.Body, r = body, &again
			defer func() { m.saveRead(d, body) }() // a delivery that made the handler panic is worth having
		}
		h.ServeHTTP(w, r)
	})
}

// Wait returns when all that has been recorded is written, or with the error of ctx. Call it after Server.Shutdown.
func (m *Middleware) Wait(ctx context.Context) error {
	if m == nil {
		return nil
	}
	return drain(ctx, m.pending)
}

var (
	errTooLarge = errors.New("recorded: the body is over Config.MaxBytes")
	errBusy     = errors.New("recorded: too many deliveries wait to be written")
	errPartial  = errors.New("recorded: the body was not read to its end")
	errFull     = errors.New("recorded: Config.MaxFiles is reached")
)

// delivery copies what is needed of r, whose memory a host may use again once the handler has ended. body is ours
// already.
func (m *Middleware) delivery(r *http.Request, body []byte) *truhook.Delivery {
	d := truhook.NewDelivery(truhook.Delivery{
		Method: r.Method, RequestURI: r.RequestURI, Header: r.Header, Received: m.now().UTC(),
	})
	d.Body = body
	return d
}

func (m *Middleware) saveRead(d *truhook.Delivery, body *tee) {
	body.mu.Lock()
	defer body.mu.Unlock()
	switch {
	case body.over:
		m.report(errTooLarge)
	case !body.ended:
		m.report(errPartial)
	default:
		d.Body, body.read = body.read, nil
		m.save(d)
	}
}

// save writes d beside the request, if there is room for one more.
func (m *Middleware) save(d *truhook.Delivery) {
	select {
	case m.pending <- struct{}{}:
		go func() {
			defer func() { <-m.pending }()
			defer func() {
				if p := recover(); p != nil {
					m.report(errors.New("recorded: a panic while signing or writing"))
				}
			}()
			if err := m.write(d); err != nil {
				m.report(err)
			}
		}()
	default:
		m.report(errBusy)
	}
}

// report gives err to the hook, whose panic is nobody else's business.
func (m *Middleware) report(err error) {
	if m.cfg.OnError != nil {
		defer func() { _ = recover() }()
		m.cfg.OnError(err)
	}
}

func (m *Middleware) write(d *truhook.Delivery) error {
	f, err := m.redactor.redact(m.provider, d)
	if err != nil {
		return fmt.Errorf("recorded: redact: %w", err)
	}
	f.About = "captured"
	data, err := format(f)
	if err != nil {
		return fmt.Errorf("recorded: %w", err)
	}
	for {
		n := m.next.Add(1)
		if n > int64(m.cfg.MaxFiles) {
			return errFull
		}
		name := filepath.Join(m.dir, fmt.Sprintf("%s-%03d.http", m.provider, n))
		file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recorded: %w", err)
		}
		_, err = file.Write(data)
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(name)
			return fmt.Errorf("recorded: %w", err)
		}
		return nil
	}
}

// tee keeps what is read through it, up to max bytes. A handler may leave a goroutine behind that still reads.
type tee struct {
	io.ReadCloser
	max int64

	mu          sync.Mutex
	read        []byte
	ended, over bool
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over = t.over || int64(len(t.read)+n) > t.max; t.over {
		t.read = nil
	} else {
		t.read = append(t.read, p[:n]...)
	}
	t.ended = t.ended || err == io.EOF
	return n, err
}
