package crash_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/integration/crash"
)

// counted holds the attempts of the effects that each event had, in whichever replica.
type counted struct {
	mu      sync.Mutex
	effects map[string][]uint32
	excuses map[string]bool // events of which a completion, or a renewal, did not reach the store in time
}

// observe notes what lets an event have a second effect, which its attempt tells. A slow machine makes it happen.
func (c *counted) observe(_ context.Context, o idempotency.Observation) {
	switch o.Outcome {
	case idempotency.CompleteFailed, idempotency.Fenced, idempotency.LeaseLost, idempotency.TimedOut:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.excuses[o.Key.ID] = true
	}
}

func (c *counted) add(event string, attempt uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.effects[event] = append(c.effects[event], attempt)
}

// A replica is one receiver with a store and connections of its own.
type replica struct {
	server *httptest.Server
	once   *idempotency.Middleware
	url    *url.URL
}

func newReplica(open func() (idempotency.Store, error), c *counted) (*replica, error) {
	s, err := open()
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(s, "replicas", crash.EventOf, idempotency.Config{
		Policy: truv.RetryPolicy(), Observe: c.observe, Logger: discard,
	})
	if err != nil {
		return nil, err
	}
	server := httptest.NewServer(crash.Verified(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		claim, _ := idempotency.FromContext(ctx)
		c.add(string(v.Payload), claim.Attempt)
		return crash.Moment(ctx)
	})))
	u, err := url.Parse(server.URL)
	return &replica{server, once, u}, err
}

// stop is what a service does at the end: no new requests, then the end of those that run.
func (r *replica) stop() error {
	r.server.Close()
	return r.once.Wait(ctx)
}

// A balancer gives each request to the next replica.
type balancer struct {
	mu       sync.RWMutex
	replicas []*replica
	next     atomic.Int64
}

func (b *balancer) pick() *replica {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.replicas[int(b.next.Add(1))%len(b.replicas)]
}

// replace takes a replica out, stops it, and puts another one in.
func (b *balancer) replace(i int, with *replica) error {
	b.mu.Lock()
	old := b.replicas[i]
	b.replicas[i] = with
	b.mu.Unlock()
	return old.stop()
}

func TestReplicasBehindABalancerHaveOneEffectForEachEvent(t *testing.T) {
	t.Parallel()
	stores := map[string]func() (idempotency.Store, error){}
	for name, b := range backends(t) {
		stores[name] = func() (idempotency.Store, error) { return b.open(b.server.URL()) }
	}
	file := filepath.Join(t.TempDir(), "hooks.db") // on one machine, in one file
	stores["sqlite"] = func() (idempotency.Store, error) { return openSQLite(file) }
	for name, open := range stores {
		for _, n := range []int{2, 4} {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				t.Parallel()
				replicas(t, open, n)
			})
		}
	}
}

func replicas(t *testing.T, open func() (idempotency.Store, error), n int) {
	c := &counted{effects: map[string][]uint32{}, excuses: map[string]bool{}}
	b := &balancer{}
	for range n {
		r, err := newReplica(open, c)
		require.NoError(t, err)
		b.replicas = append(b.replicas, r)
	}
	const senders = 6
	keep := &http.Transport{MaxIdleConnsPerHost: 3 * senders}
	defer keep.CloseIdleConnections()
	front := httptest.NewServer(&httputil.ReverseProxy{
		Transport:    keep,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(b.pick().url) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	defer front.Close()

	stop := make(chan struct{})
	client := &http.Client{Transport: keep}
	var sent, refused atomic.Int64
	post := func(event string) bool {
		resp, err := client.Post(front.URL, "application/json", strings.NewReader(event)) //nolint:noctx // on the loopback interface
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			refused.Add(1)
		}
		return resp.StatusCode == http.StatusOK
	}
	var sending sync.WaitGroup
	for range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				event := fmt.Sprintf("%s/%d/%d", t.Name(), n, sent.Add(1))
				var twins sync.WaitGroup
				for range 3 { // at once, to different replicas
					twins.Add(1)
					go func() {
						defer twins.Done()
						for !post(event) {
							if !assert.Less(t, refused.Load(), int64(10_000)) {
								return
							}
							time.Sleep(5 * time.Millisecond)
						}
					}()
				}
				twins.Wait()
			}
		}()
	}
	for round := range 3 { // rolling restarts
		for i := range n {
			time.Sleep(50 * time.Millisecond)
			fresh, err := newReplica(open, c)
			require.NoError(t, err)
			require.NoError(t, b.replace(i, fresh), "round %d", round)
		}
	}
	close(stop)
	sending.Wait()
	for _, r := range b.replicas {
		require.NoError(t, r.stop())
	}
	require.NotZero(t, sent.Load())
	require.Len(t, c.effects, int(sent.Load()))
	for event, attempts := range c.effects {
		if c.excuses[event] {
			assert.IsIncreasing(t, attempts, "%s: attempts %v", event, attempts)
			continue
		}
		assert.Len(t, attempts, 1, "%s: attempts %v", event, attempts)
	}
	t.Logf("%d replicas, %d restarts: %d events, each delivered at least 3 times, %d answers that were not 200",
		n, 3*n, sent.Load(), refused.Load())
}

// Two processes on one store, of which one is killed at a time: what one has begun the other finds, or takes over.
func TestCrash_ProcessesBehindABalancer(t *testing.T) {
	t.Parallel()
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			held(t, crash.Run(t, crash.Config{Receiver: name, Target: b.server.URL(), Times: *crashes, Replicas: 2}))
		})
	}
}
