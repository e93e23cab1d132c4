package soak

import (
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/integration/crash"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

// A setup is what the receiver's process is told. The keys are made for one run.
type setup struct {
	Run                     string // begins the scopes, as runs share their stores
	Redis, Postgres, SQLite string
	Secrets                 string // the folder of Truv's
	Platform                string // where TransUnion's keys are asked for
	Entity                  string
	PrivateKey              []byte // PEM
	Fault                   Fault
}

// A Fault is a mistake that is made on purpose, so that the judge can be seen to find it.
type Fault string

// The faults, and what each must be found as.
const (
	AcceptsAll  Fault = "the verifier accepts everything" // false accepts
	RefusesSome Fault = "the verifier refuses some"       // false refusals
	Forgets     Fault = "the store forgets"               // doubled
	Loses       Fault = "the handler does nothing"        // lost
	Leaks       Fault = "each delivery leaves a goroutine and its body"
)

// maxBody is the largest body that the receiver reads.
const maxBody = 64 << 10

// Receiver is the receiver of [crash.Main]. Its target is what [Run] gives it.
func Receiver(target string, effect crash.Effect) (http.Handler, error) {
	var s setup
	if err := json.Unmarshal([]byte(target), &s); err != nil {
		return nil, err
	}
	r := &receiver{setup: s, effect: effect, logger: slog.New(slog.DiscardHandler)}
	return r.mux()
}

type receiver struct {
	setup
	effect crash.Effect
	logger *slog.Logger
	step   atomic.Int64 // of the clock
	keys   *transunion.PlatformKeys
}

// now is a clock that is set forward and back.
func (r *receiver) now() time.Time { return time.Now().Add(time.Duration(r.step.Load())) }

func (r *receiver) mux() (http.Handler, error) {
	redisStore, err := r.redis()
	if err != nil {
		return nil, err
	}
	postgresStore, err := r.postgres()
	if err != nil {
		return nil, err
	}
	secrets, err := hmacsig.NewFileKeys(r.Secrets, hmacsig.FileConfig{
		KeyText: truv.Scheme().KeyText, Interval: 200 * time.Millisecond, Logger: r.logger, Now: r.now,
	})
	if err != nil {
		return nil, err
	}
	byTruv, err := hmacsig.New(truv.Scheme(), secrets, hmacsig.Config{})
	if err != nil {
		return nil, err
	}
	byTransUnion, err := r.transUnion()
	if err != nil {
		return nil, err
	}
	queue, err := r.queue()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, store := range map[string]idempotency.Store{"/redis": redisStore, "/postgres": postgresStore} {
		once, err := idempotency.NewMiddleware(r.spoilt(store), r.Run+path, truv.EventID, idempotency.Config{
			Policy: truv.RetryPolicy(), Version: truv.EventVersion, Logger: r.logger, Now: r.now,
		})
		if err != nil {
			return nil, err
		}
		mux.Handle("POST "+path, r.verified(byTruv, once.Handle(r.handle)))
	}
	accept, err := inbox.NewHandler(queue, r.Run+"/transunion", transunion.EventID, inbox.Config{
		Policy: transunion.RetryPolicy(), Logger: r.logger, Now: r.now,
	})
	if err != nil {
		return nil, err
	}
	mux.Handle("POST /transunion", r.verified(byTransUnion, accept))
	mux.HandleFunc("POST /control/clock", func(_ http.ResponseWriter, q *http.Request) {
		step, _ := time.ParseDuration(q.FormValue("step"))
		r.step.Store(int64(step))
	})
	mux.HandleFunc("POST /control/key", func(w http.ResponseWriter, q *http.Request) {
		if err := r.keys.Prefetch(q.Context(), q.FormValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("GET /control/use", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(useNow())
	})
	return mux, nil
}

func (r *receiver) redis() (idempotency.Store, error) {
	options, err := redis.ParseURL(r.Redis)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled = true
	return redisstore.New(redis.NewClient(options), redisstore.Config{})
}

func (r *receiver) postgres() (idempotency.Store, error) {
	db, err := sql.Open("pgx", r.Postgres)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return sqlstore.NewPostgres(db, sqlstore.Config{})
}

func (r *receiver) transUnion() (truhook.Verifier, error) {
	keys, err := transunion.NewPlatformKeys(r.Platform, nil, jose.CacheConfig{
		TTL: 20 * time.Second, MinInterval: time.Second, Logger: r.logger, Now: r.now,
	})
	if err != nil {
		return nil, err
	}
	r.keys = keys
	block, _ := pem.Decode(r.PrivateKey)
	if block == nil {
		return nil, errors.New("soak: no private key")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return transunion.New(transunion.Config{
		Entity: r.Entity, Keys: keys, PrivateKeys: jose.StaticPrivateKeys{{ID: serviceKey, Key: private}}, Now: r.now,
	})
}

const serviceKey = "service"

func (r *receiver) queue() (*sqliteinbox.Queue, error) {
	db, err := sql.Open("sqlite", "file:"+r.SQLite+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(sqliteinbox.Schema()); err != nil {
		return nil, err
	}
	queue, err := sqliteinbox.New(db, sqliteinbox.Config{
		Logger: r.logger, Now: r.now, MaxAttempts: -1, Backoff: func(int) time.Duration { return 50 * time.Millisecond },
	})
	if err != nil {
		return nil, err
	}
	go queue.Run(context.Background(), r.handle) //nolint:errcheck // it ends with the process
	return queue, nil
}

// verified puts the middleware that verifies in front of next.
func (r *receiver) verified(v truhook.Verifier, next http.Handler) http.Handler {
	return truhook.NewMiddleware(faulty{v, r.Fault}, truhook.Config{
		MaxBodyBytes: maxBody, BodyTimeout: bodyTimeout, Logger: r.logger, Now: r.now,
	}).Wrap(next)
}

// bodyTimeout is how long a body may take.
const bodyTimeout = 2 * time.Second

var (
	errFailed = errors.New("soak: failed on purpose")
	leaked    = make(chan []byte) // nobody receives
)

// handle is the function of the service: it mostly works, and at times takes long, fails or panics, before or after its
// effect.
func (r *receiver) handle(ctx context.Context, v *truhook.Verified) error {
	id, err := eventOf(v.Payload)
	if err != nil {
		return err
	}
	claim, _ := idempotency.FromContext(ctx)
	switch chance := rand.IntN(1000); { //nolint:gosec // nothing to guess
	case chance < 10:
		return errFailed
	case chance < 12:
		panic(http.ErrAbortHandler)
	case chance < 20:
		time.Sleep(200 * time.Millisecond)
	case chance < 300 && r.Fault == Loses:
		return nil
	}
	if r.Fault == Leaks {
		go func() { leaked <- make([]byte, 64<<10) }()
	}
	if err := r.effect(id, claim.Attempt); err != nil {
		return err
	}
	if rand.IntN(200) == 0 { //nolint:gosec // nothing to guess
		return errFailed
	}
	return nil
}

// eventOf reads the id that the driver has given the event, for which the payloads of both providers have a place.
func eventOf(payload []byte) (string, error) {
	var p struct {
		Truv       string `json:"webhook_id"`
		TransUnion string `json:"device_id"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return "", fmt.Errorf("soak: %w", err)
	}
	if p.Truv+p.TransUnion == "" {
		return "", errors.New("soak: an event without an id")
	}
	return p.Truv + p.TransUnion, nil
}

func query(path, name, value string) string { return path + "?" + name + "=" + value }
