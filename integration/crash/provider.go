package crash

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A provider delivers events until each is acknowledged. It redelivers as providers do, but faster and without giving
// up: what is tested is the receiver.
type provider struct {
	url    func() string
	client *http.Client
	next   atomic.Int64

	mu           sync.Mutex
	acknowledged []string
	attempts     int
}

func newProvider(url func() string) *provider {
	return &provider{url: url, client: &http.Client{
		Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2 * senders},
	}}
}

// post is one attempt.
func (p *provider) post(ctx context.Context, event string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(), strings.NewReader(event))
	if err != nil {
		return false
	}
	p.mu.Lock()
	p.attempts++
	p.mu.Unlock()
	resp, err := p.client.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode/100 == 2
}

// deliver tries until the event is acknowledged, ever more seldom: what is slow must not be made slower.
func (p *provider) deliver(ctx context.Context, event string) error {
	for pause := 20 * time.Millisecond; !p.post(ctx, event); pause = min(2*pause, 500*time.Millisecond) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("crash: %s is not acknowledged: %w", event, ctx.Err())
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // nothing to guess
		}
	}
	return nil
}

// send delivers new events, one after the other, until stop is closed. A third is delivered twice at once, and a third
// again when it was acknowledged.
func (p *provider) send(ctx context.Context, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		event := fmt.Sprintf("event-%06d", p.next.Add(1))
		var twin sync.WaitGroup
		if rand.IntN(3) == 0 { //nolint:gosec // nothing to guess
			twin.Add(1)
			go func() {
				defer twin.Done()
				p.post(ctx, event)
			}()
		}
		err := p.deliver(ctx, event)
		twin.Wait()
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.acknowledged = append(p.acknowledged, event)
		p.mu.Unlock()
		if rand.IntN(3) == 0 { //nolint:gosec // nothing to guess
			if err := p.deliver(ctx, event); err != nil {
				return err
			}
		}
	}
}
