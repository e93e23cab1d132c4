package recorded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
)

// RefusedConfig adjusts [Refused]. The zero value is fine.
type RefusedConfig struct {
	_ [0]func()

	// MaxFiles is how many captured deliveries the directory holds at most, those of earlier runs included. A new one
	// takes the place of the oldest of the reason that has the most, so that a flood of forgeries does not push out the
	// one delivery that was refused for another reason. As many are written in a minute at most. Zero and below mean 100.
	MaxFiles int

	// MaxBytes is the size of the largest body that is kept, in bytes. Zero and below mean 256 KiB. The head may have 64
	// KiB beside it.
	MaxBytes int64

	// MaxAge is how long a captured delivery is kept. An older one is removed by the running process, and by the next one.
	// Zero and below mean 7 days.
	MaxAge time.Duration

	// OnError is told why a delivery was not kept or not removed. It must be safe for concurrent use and must not wait.
	// Its panic is dropped. Nil: nobody is told.
	OnError func(err error)

	// Now replaces time.Now. A panic of it is reported to OnError, and the real time counts.
	Now func() time.Time
}

const maxHeadBytes = 64 << 10

// A Capture keeps refused deliveries as files, as they came. It is made by [Refused] and safe for concurrent use. A nil
// or zero Capture keeps nothing.
type Capture struct {
	dir     string
	cfg     RefusedConfig
	now     func() time.Time // does not panic
	pending chan struct{}

	rate  sync.Mutex // of what follows; a request takes it, so it is never held while a disk may hang
	begun time.Time  // the minute whose files are counted
	count int

	mu     sync.Mutex // of the directory, and of what follows
	serial int
	timer  *time.Timer // the next removal
}

// Refused returns a [Capture] that keeps refused deliveries in dir, which must exist, each as a file with mode 0600
// that [Read] takes:
//
//	refused, err := recorded.Refused("/var/lib/receiver/refused", recorded.RefusedConfig{})
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{Capture: refused.Capture})
//
// Nothing is kept unless you ask for it in this way. The files hold what was sent: the payload with its personal data,
// the signature or token, every header, the address of the peer and its certificate. Nobody has vouched for any of it.
// They hold no secret of yours. Give the directory to those only who may read such data, and delete the files when the
// cause is found; MaxAge deletes what was forgotten. An error is returned if dir is not a directory.
func Refused(dir string, cfg RefusedConfig) (*Capture, error) {
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
		cfg.MaxBytes = 256 << 10
	}
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = 7 * 24 * time.Hour
	}
	c := &Capture{dir: dir, cfg: cfg, pending: make(chan struct{}, pendingMax)}
	c.now = clock.Guard("recorded", cfg.Now, c.report)
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.prune(now)
	return c, err
}

// Capture is for truhook.Config.Capture. It copies the delivery and writes the file beside the request. It keeps
// nothing of a delivery that was accepted, is larger than the bounds, or comes while too many wait to be written.
func (c *Capture) Capture(_ context.Context, o truhook.Observation) {
	if c == nil || c.dir == "" || o.Err == nil || o.Delivery == nil {
		return
	}
	if int64(len(o.Delivery.Body)) > c.cfg.MaxBytes {
		c.report(errTooLarge)
		return
	}
	now := c.now()
	if !c.mayWrite(now) {
		return
	}
	select {
	case c.pending <- struct{}{}:
	default:
		c.report(errBusy)
		return
	}
	begun := false
	defer func() {
		if !begun { // also where an error's methods panic
			<-c.pending
		}
	}()
	f, err := refusedFile(o, now)
	if err != nil {
		c.report(err)
		return
	}
	begun = true
	go func() {
		defer func() { <-c.pending }()
		c.guarded(func() error { return c.write(f) })
	}()
}

// guarded calls f, which runs beside the requests: a panic there would end the program.
func (c *Capture) guarded(f func() error) {
	defer func() {
		if value := recover(); value != nil { // without the value, which can hold anything
			c.report(fmt.Errorf("recorded: keeping a delivery panicked: %T", value))
		}
	}()
	if err := f(); err != nil {
		c.report(err)
	}
}

// Wait returns when all that was captured is written, or with the error of ctx. Call it after Server.Shutdown.
func (c *Capture) Wait(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return drain(ctx, c.pending)
}

// report gives err to the hook, whose panic is nobody else's business.
func (c *Capture) report(err error) {
	if c.cfg.OnError != nil {
		defer func() { _ = recover() }()
		c.cfg.OnError(err)
	}
}

// mayWrite counts the files of a minute, so that a flood of forgeries costs no more than a file to write each.
func (c *Capture) mayWrite(now time.Time) bool {
	c.rate.Lock()
	defer c.rate.Unlock()
	if since := now.Sub(c.begun); since < 0 || since >= time.Minute {
		c.begun, c.count = now, 0
	}
	c.count++
	return c.count <= c.cfg.MaxFiles
}

// refusedFile copies what is needed of the request, which ends.
func refusedFile(o truhook.Observation, now time.Time) (*File, error) {
	reason, d := truhook.ReasonOf(o.Err), o.Delivery
	provider := "unknown"
	var refusal *truhook.Error
	if errors.As(o.Err, &refusal) && refusal.Scheme != "" {
		provider = strings.Clone(refusal.Scheme)
	}
	received := d.Received
	if received.IsZero() {
		received = now
	}
	f := &File{Provider: provider, About: "captured as it was refused", Expect: reason, Now: received.UTC(), Peer: strings.Clone(d.RemoteAddr)}
	if d.Body == nil {
		f.About += "; its body was not read"
	}
	if d.TLS != nil && d.TLS.HandshakeComplete {
		for _, certificate := range d.TLS.PeerCertificates {
			f.Certificates = append(f.Certificates, bytes.Clone(certificate.Raw))
		}
	}
	headBytes := len(d.RequestURI) + len(d.Host)
	for name, lines := range d.Header {
		for _, line := range lines {
			headBytes += len(name) + len(line)
		}
	}
	for _, certificate := range f.Certificates {
		headBytes += len(certificate)
	}
	if headBytes > maxHeadBytes {
		return nil, errTooLarge
	}
	clean := *d
	clean.Header = d.CanonicalHeader().Clone() // Capture may be called with names in any spelling
	for _, framed := range []string{"Content-Length", "Transfer-Encoding", "Trailer", "Host"} {
		clean.Header.Del(framed) // of the wire, not of the delivery
	}
	f.Wire = wire(&clean)
	if strings.ContainsAny(d.Method+d.RequestURI+d.Host, "\r\n") {
		return nil, errors.New("recorded: the head of the request holds a line break")
	}
	return f, nil
}

func (c *Capture) write(f *File) error {
	data, err := format(f)
	if err != nil {
		return fmt.Errorf("recorded: %w", err)
	}
	now := c.now() // before the lock, as OnError may be told of the clock
	c.mu.Lock()
	defer c.mu.Unlock()
	kept, err := c.prune(now)
	if err != nil {
		return err
	}
	if len(kept) >= c.cfg.MaxFiles {
		if err := os.Remove(filepath.Join(c.dir, leastMissed(kept).name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("recorded: %w", err)
		}
	}
	c.serial++
	name := capturedName(now, c.serial, string(f.Expect))
	temporary, err := os.CreateTemp(c.dir, "."+capturedPrefix) // with mode 0600
	if err != nil {
		return fmt.Errorf("recorded: %w", err)
	}
	_, err = temporary.Write(data)
	if err = errors.Join(err, temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), filepath.Join(c.dir, name)) // whole, or not there
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("recorded: %w", err)
	}
	c.removeLater(c.cfg.MaxAge)
	return nil
}

// prune removes what is too old, also what a process left behind that ended while it wrote, and returns what is left,
// the oldest first. What is not ours is left alone.
func (c *Capture) prune(now time.Time) (kept []captured, err error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("recorded: %w", err)
	}
	for _, e := range entries {
		file, ours := parseCaptured(e.Name())
		if !ours && strings.HasPrefix(e.Name(), "."+capturedPrefix) {
			if info, err := e.Info(); err == nil {
				file, ours = captured{name: e.Name(), at: info.ModTime()}, true
			}
		}
		switch {
		case !ours || !e.Type().IsRegular():
		case now.Sub(file.at) >= c.cfg.MaxAge:
			if err := os.Remove(filepath.Join(c.dir, file.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("recorded: %w", err)
			}
		case file.reason != "":
			kept = append(kept, file)
		}
	}
	slices.SortFunc(kept, func(a, b captured) int { return a.at.Compare(b.at) })
	if len(kept) > 0 {
		c.removeLater(kept[0].at.Add(c.cfg.MaxAge).Sub(now))
	}
	return kept, nil
}

// removeLater prunes again when the oldest file is too old, without a goroutine that waits for it.
func (c *Capture) removeLater(after time.Duration) {
	if c.timer != nil {
		return
	}
	c.timer = time.AfterFunc(max(after, time.Second), func() {
		c.guarded(func() error {
			now := c.now()
			c.mu.Lock()
			defer c.mu.Unlock()
			c.timer = nil
			_, err := c.prune(now)
			return err
		})
	})
}

// drain waits until everybody has left pending.
func drain(ctx context.Context, pending chan struct{}) error {
	for range cap(pending) {
		select {
		case pending <- struct{}{}:
			defer func() { <-pending }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
