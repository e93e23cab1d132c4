package soak

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/truhook/truhook/integration/crash"
)

// A Config says what to run.
type Config struct {
	For   time.Duration // at least this long
	Least int           // acknowledged events, at least

	Redis, Postgres *crash.Proxy // before the servers
	RedisURL        string       // through the proxy
	PostgresURL     string

	Step  time.Duration // of the clock, either way
	Pause time.Duration // between two disturbances
	Fault Fault         // of the receiver; empty: none
}

// A driver is one run, seen from outside of the receiver.
type driver struct {
	Config
	tally

	url      string // of the receiver
	client   *http.Client
	truv     *truvKeys
	platform *platform

	calm  chan struct{}  // closed at the end of the disturbances
	stop  chan struct{}  // closed when nothing new is begun
	busy  sync.WaitGroup // the clients
	began time.Time
}

// settling is how long after the end the last deliveries may be refused, and effects may come.
const settling = 90 * time.Second

// Run starts the receiver, sends, disturbs and counts.
func Run(tb testing.TB, cfg Config) Summary {
	tb.Helper()
	dir := tb.TempDir()
	d, s, err := newDriver(cfg, dir)
	if err != nil {
		tb.Fatal(err)
	}
	defer d.platform.close()
	target, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	effects := filepath.Join(dir, "effects")
	if err := os.WriteFile(effects, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	p := crash.NewProcess("soak", string(target), effects)
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = p.Kill() }()
	d.url = p.URL()
	sum, err := d.run(effects)
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

func newDriver(cfg Config, dir string) (*driver, setup, error) {
	platform, err := newPlatform()
	if err != nil {
		return nil, setup{}, err
	}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, setup{}, err
	}
	platform.service = &private.PublicKey
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, setup{}, err
	}
	secrets := filepath.Join(dir, "secrets")
	truv, err := newTruvKeys(secrets)
	if err != nil {
		return nil, setup{}, err
	}
	d := &driver{
		Config: cfg, truv: truv, platform: platform, calm: make(chan struct{}), stop: make(chan struct{}),
		client: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	return d, setup{
		Run: rand.Text(), Redis: cfg.RedisURL, Postgres: cfg.PostgresURL, SQLite: filepath.Join(dir, "inbox.db"), Secrets: secrets,
		Platform: platform.url, Entity: entity, Fault: cfg.Fault,
		PrivateKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}

// run lets everything happen until the time is over and enough was sent, then lets what was begun come to its end.
func (d *driver) run(effects string) (Summary, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d.began = time.Now()
	if err := d.announce(ctx, d.platform.current().id); err != nil {
		return Summary{}, err
	}
	if err := d.sample(ctx); err != nil {
		return Summary{}, err
	}
	var disturbing sync.WaitGroup
	for _, f := range []func(context.Context){d.breakStores, d.rotateKeys, d.stepClock, d.watch} {
		disturbing.Go(func() { f(ctx) })
	}
	for range 6 {
		d.begin(ctx, func(ctx context.Context) { d.deliverEvent(ctx, "/redis") })
		d.begin(ctx, func(ctx context.Context) { d.deliverEvent(ctx, "/postgres") })
	}
	for range 3 {
		d.begin(ctx, func(ctx context.Context) { d.deliverEvent(ctx, "/transunion") })
		d.begin(ctx, d.forge)
	}
	for _, mode := range d.modes() {
		for range 3 {
			d.begin(ctx, mode)
		}
	}
	for time.Since(d.began) < d.For || !d.enough() {
		time.Sleep(50 * time.Millisecond)
		if time.Since(d.began) > d.For+5*time.Minute {
			return Summary{}, errors.New("soak: too little was sent in five minutes more than the time")
		}
	}
	close(d.calm)
	disturbing.Wait()
	close(d.stop)
	d.busy.Wait()
	d.client.CloseIdleConnections()
	sum := Summary{Config: d.Config, Took: time.Since(d.began)}
	for end := time.Now().Add(settling); ; time.Sleep(100 * time.Millisecond) {
		found, err := crash.ReadEffects(effects)
		if err != nil {
			return sum, err
		}
		d.judge(&sum, found)
		if len(sum.Lost) == 0 || d.Fault == Loses || time.Now().After(end) {
			break
		}
	}
	return sum, d.awaitRest(ctx, &sum)
}

// awaitRest waits until the receiver holds no more goroutines than at the start, but for those of pools.
func (d *driver) awaitRest(ctx context.Context, sum *Summary) error {
	first := d.samples[0].Goroutines
	for end := time.Now().Add(settling / 3); ; time.Sleep(200 * time.Millisecond) {
		if err := d.sample(ctx); err != nil {
			return err
		}
		last := d.samples[len(d.samples)-1]
		sum.Left = last.Goroutines - first
		if sum.Left <= spareGoroutines || d.Fault == Leaks || time.Now().After(end) {
			sum.use(d.samples)
			return nil
		}
	}
}

// begin calls f again and again in a goroutine, until the end.
func (d *driver) begin(ctx context.Context, f func(ctx context.Context)) {
	d.busy.Go(func() {
		for {
			select {
			case <-d.stop:
				return
			default:
				f(ctx)
			}
		}
	})
}

// pause reports false if the disturbances are over.
func (d *driver) pause(after time.Duration) bool {
	select {
	case <-time.After(after):
		return true
	case <-d.calm:
		return false
	}
}
