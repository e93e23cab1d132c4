package soak

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/truhook/truhook/truhooktest"
)

// payload is an event of the provider behind a path, with a place for the driver's id.
func payload(path, id string) []byte {
	if path == "/transunion" {
		return fmt.Appendf(nil, `{"type":"DEVICE_LINK_COMPLETION","device_id":%q,"device_public_key":"k","device_public_key_id":"1"}`, id)
	}
	at := time.Now().UTC().Format(time.RFC3339Nano)
	return fmt.Appendf(nil, `{"webhook_id":%q,"event_type":"task-status-updated","event_created_at":%q,"task_id":%q,`+
		`"status":"done","updated_at":%q}`, id, at, id, at)
}

// signer is that of the provider behind a path, as it signs now.
func (d *driver) signer(path string) truhooktest.Signer {
	if path == "/transunion" {
		return d.platform.signer(nil)
	}
	return d.truv.signer()
}

// request signs an event for a path.
func (d *driver) request(ctx context.Context, path string, sign truhooktest.Signer, body []byte, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+path[1:], nil)
	if err != nil {
		return nil, err
	}
	if body, err = sign(req, truhooktest.Event{Body: body}, at); err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req, nil
}

// send makes one attempt. Zero is no answer.
func (d *driver) send(ctx context.Context, path, id string, body []byte) int {
	req, err := d.request(ctx, path, d.signer(path), body, time.Now())
	if err != nil {
		d.odd("%s: %v", id, err)
		return 0
	}
	began, away := time.Now(), d.away.Load()
	resp, err := d.client.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	d.genuine(path, id, resp.StatusCode)
	if resp.StatusCode == http.StatusOK && away+d.away.Load() == 0 {
		d.took(time.Since(began))
	}
	return resp.StatusCode
}

// deliverEvent delivers a new event until it is acknowledged: at times twice at once, after a client that was
// cancelled, or once more after it was acknowledged.
func (d *driver) deliverEvent(ctx context.Context, path string) {
	id := fmt.Sprintf("%s-%d", path[1:], d.next.Add(1))
	body := payload(path, id)
	var twin sync.WaitGroup
	switch rand.IntN(5) { //nolint:gosec // nothing to guess
	case 0:
		twin.Go(func() { d.send(ctx, path, id, body) })
	case 1:
		soon, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(4000))*time.Microsecond) //nolint:gosec // nothing to guess
		if d.send(soon, path, id, body) == 0 {
			d.cancelled.Add(1)
		}
		cancel()
	case 2:
		if status, ok := d.sendHalfClosed(ctx, path, body); ok {
			d.halfClosed.Add(1)
			d.genuine(path, id, status)
		}
	}
	if !d.untilAcknowledged(ctx, path, id, body) {
		d.refused(id, "was never acknowledged")
		twin.Wait()
		return
	}
	twin.Wait()
	d.acknowledge(id)
	if rand.IntN(2) == 0 { //nolint:gosec // nothing to guess
		d.send(ctx, path, id, body)
	}
	time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond) //nolint:gosec // nothing to guess
}

// untilAcknowledged comes again until the event is acknowledged, or long after nothing is in the way any more.
func (d *driver) untilAcknowledged(ctx context.Context, path, id string, body []byte) bool {
	var end time.Time
	for pause := 20 * time.Millisecond; d.send(ctx, path, id, body) != http.StatusOK; pause = min(2*pause, time.Second) {
		select {
		case <-d.stop:
			if end.IsZero() {
				end = time.Now().Add(settling)
			}
			if time.Now().After(end) {
				return false
			}
		default:
		}
		time.Sleep(pause)
	}
	return true
}
