package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/truhook/truhook/integration/crash"
)

// breakStores makes the way to one of the stores bad, in all ways in turn.
func (d *driver) breakStores(context.Context) {
	proxies := []*crash.Proxy{d.Redis, d.Postgres}
	for i := 0; d.pause(d.Pause); i++ {
		toxic := crash.Toxics[i%len(crash.Toxics)]
		cure, err := proxies[rand.IntN(2)].Poison(toxic) //nolint:gosec // nothing to guess
		if err != nil {
			d.odd("%v", err)
			return
		}
		d.outages.Add(1)
		d.away.Add(1)
		d.pause(d.Pause / 2)
		if err := cure(); err != nil {
			d.odd("%v", err)
			return
		}
		d.away.Add(-1)
	}
}

// rotateKeys makes new keys known, then lets both providers sign with them, then takes the old ones away.
func (d *driver) rotateKeys(ctx context.Context) {
	for d.pause(d.Pause) {
		retire, err := d.truv.add()
		if err != nil {
			d.odd("%v", err)
			return
		}
		next, err := d.platform.add()
		if err == nil {
			err = d.announce(ctx, next.id)
		}
		if err != nil {
			d.odd("%v", err)
			return
		}
		if !d.pause(2500 * time.Millisecond) { // a file counts once it has stood still for a second
			return
		}
		d.truv.use()
		d.platform.use(next)
		d.rotations.Add(1)
		if !d.pause(2 * d.client.Timeout) { // nothing that was signed before is on its way any more
			return
		}
		if err := retire(); err != nil {
			d.odd("%v", err)
			return
		}
	}
}

// announce tells the receiver a key id, as an operator does before the provider uses it.
func (d *driver) announce(ctx context.Context, id string) error {
	return d.control(ctx, http.MethodPost, query("control/key", "id", id), nil)
}

// stepClock sets the receiver's clock forward and back.
func (d *driver) stepClock(ctx context.Context) {
	for i := 0; d.pause(d.Pause / 2); i++ {
		step := []time.Duration{d.Step, 0, -d.Step, d.Step, -d.Step, 0}[i%6]
		if err := d.control(ctx, http.MethodPost, query("control/clock", "step", step.String()), nil); err != nil {
			d.odd("%v", err)
			return
		}
		d.steps.Add(1)
	}
	_ = d.control(ctx, http.MethodPost, query("control/clock", "step", "0s"), nil)
}

// watch notes what the receiver holds.
func (d *driver) watch(ctx context.Context) {
	for d.pause(max(200*time.Millisecond, d.For/120)) {
		if err := d.sample(ctx); err != nil {
			d.odd("%v", err)
			return
		}
	}
}

func (d *driver) sample(ctx context.Context) error {
	var u use
	if err := d.control(ctx, http.MethodGet, "control/use", &u); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.samples = append(d.samples, u)
	return nil
}

func (d *driver) control(ctx context.Context, method, path string, to any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.url+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return fmt.Errorf("soak: %s: %s: %s", path, resp.Status, text)
	}
	if to == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(to)
}
