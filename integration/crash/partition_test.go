package crash_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/integration/crash"
	"github.com/truhook/truhook/internal/servertest"
)

// A backend opens a store at the server, or at what stands before it.
type backend struct {
	server *servertest.Server
	open   func(url string) (idempotency.Store, error)
}

// through returns the server's URL with the address of a new proxy.
func (b backend) through(tb testing.TB) (*crash.Proxy, string) {
	tb.Helper()
	p := crash.NewProxy(tb, b.server.Addr())
	u, err := url.Parse(b.server.URL())
	require.NoError(tb, err)
	u.Host = p.Addr()
	return p, u.String()
}

func backends(t *testing.T) map[string]backend {
	t.Helper()
	pg, _ := startPostgres(t, "max_connections=300")
	return map[string]backend{
		"redis":    {server: startRedis(t), open: openRedis},
		"postgres": {server: pg, open: openPostgres},
	}
}

var ctx = context.Background()

// A probe is one call of a store: what must be there before it, the call, and what must be there after it was repeated.
type probe struct {
	name   string
	before func(s idempotency.Store, c idempotency.ClaimRequest) error
	call   func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error
	after  func(s idempotency.Store, c idempotency.ClaimRequest) error
}

var (
	errWrong = errors.New("wrong answer")
	version  = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
)

func granted(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
	r, err := s.Claim(ctx, c)
	if err == nil && (r.State != idempotency.Owned || r.Attempt != 1) {
		err = errWrong
	}
	return err
}

// answers claims for somebody else.
func answers(state idempotency.State, attempt uint32) func(idempotency.Store, idempotency.ClaimRequest) error {
	return func(s idempotency.Store, c idempotency.ClaimRequest) error {
		c.Token = idempotency.NewToken()
		r, err := s.Claim(ctx, c)
		if err == nil && (r.State != state || r.Attempt != attempt) {
			err = errWrong
		}
		return err
	}
}

func completed(s idempotency.Store, c idempotency.ClaimRequest) error {
	return errors.Join(claimed(s, c), s.Complete(ctx, c.Key, c.Token))
}

func claimed(s idempotency.Store, c idempotency.ClaimRequest) error { return granted(ctx, s, c) }

var probes = []probe{
	{"Claim", func(idempotency.Store, idempotency.ClaimRequest) error { return nil }, granted, answers(idempotency.Busy, 1)},
	{"Extend", claimed, func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
		return s.Extend(ctx, c.Key, c.Token, time.Hour)
	}, answers(idempotency.Busy, 1)},
	{"Complete", claimed, func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
		return s.Complete(ctx, c.Key, c.Token)
	}, answers(idempotency.Done, 1)},
	{"Release", claimed, func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
		return s.Release(ctx, c.Key, c.Token)
	}, answers(idempotency.Owned, 2)},
	{"Forget", completed, func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
		return s.Forget(ctx, c.Key)
	}, answers(idempotency.Owned, 1)},
	{"Order", func(idempotency.Store, idempotency.ClaimRequest) error { return nil }, func(ctx context.Context, s idempotency.Store, c idempotency.ClaimRequest) error {
		o, err := s.Order(ctx, c.Key, version, time.Hour)
		if err == nil && o != idempotency.Newer && o != idempotency.Same {
			err = errWrong
		}
		return err
	}, func(s idempotency.Store, c idempotency.ClaimRequest) error {
		o, err := s.Order(ctx, c.Key, version.Add(-1*time.Microsecond), time.Hour)
		if err == nil && o != idempotency.Older {
			err = errWrong
		}
		return err
	}},
}

// try makes a call through a bad connection, then the same call through a good one.
func try(t *testing.T, b backend, toxic crash.Toxic, pr probe) error {
	t.Helper()
	open := func(url string) idempotency.Store {
		s, err := b.open(url)
		require.NoError(t, err)
		return s
	}
	proxy, url := b.through(t)
	good, bad := open(b.server.URL()), open(url)
	c := idempotency.ClaimRequest{
		Key: idempotency.Key{Scope: t.Name(), ID: "event"}, Token: idempotency.NewToken(), Lease: time.Hour, Retain: 24 * time.Hour,
	}
	warm := c
	warm.Key.ID = "another"
	require.NoError(t, claimed(bad, warm)) // the connection is there before it goes bad, or the call would not even begin
	require.NoError(t, pr.before(bad, c))
	cure, err := proxy.Poison(toxic)
	require.NoError(t, err)
	call := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return pr.call(ctx, bad, c)
	}
	err = call(150 * time.Millisecond)
	require.NoError(t, cure())
	if errors.Is(err, errWrong) || errors.Is(err, idempotency.ErrLost) || errors.Is(err, idempotency.ErrFull) ||
		errors.Is(err, idempotency.ErrInFlight) {
		return err // a decision that nothing has made
	}
	require.Eventually(t, func() bool {
		err = call(5 * time.Second)
		return err == nil || errors.Is(err, errWrong) || errors.Is(err, idempotency.ErrLost)
	}, 2*time.Minute, 10*time.Millisecond)
	if err != nil {
		return err
	}
	return pr.after(good, c)
}

func TestPartitionAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, b := range backends(t) {
		for _, toxic := range crash.Toxics {
			for _, pr := range probes {
				t.Run(name+"/"+toxic.Name+"/"+pr.name, func(t *testing.T) {
					t.Parallel()
					require.NoError(t, try(t, b, toxic, pr))
				})
			}
		}
	}
}

// A reply that is cut off makes the client send SET NX again, which takes its own claim for that of somebody else.
func TestPartitionMakesTheUsualRecipeLoseItsOwnClaim(t *testing.T) {
	t.Parallel()
	b := backend{server: startRedis(t), open: func(url string) (idempotency.Store, error) {
		c, err := client(url)
		return naive{c: c}, err
	}}
	var failed []string
	for _, toxic := range crash.Toxics {
		if try(t, b, toxic, probes[0]) != nil {
			failed = append(failed, toxic.Name)
		}
		require.NoError(t, b.server.Kill()) // an empty one next
		require.NoError(t, b.server.Restart())
	}
	t.Log("SET NX fails with:", failed)
	assert.Contains(t, failed, "reply lost")
	assert.Contains(t, failed, "reply cut off")
}

func TestPartitionOnceHasExactlyOneEffect(t *testing.T) {
	t.Parallel()
	pg, admin := startPostgres(t)
	b := backend{server: pg}
	for _, toxic := range crash.Toxics {
		for _, step := range []string{"Once", "write", "commit"} {
			t.Run(toxic.Name+"/"+step, func(t *testing.T) {
				t.Parallel()
				proxy, url := b.through(t)
				db, err := sql.Open("pgx", url)
				require.NoError(t, err)
				defer db.Close()
				require.NoError(t, db.Ping())
				s, err := sqlstore.NewPostgres(db, sqlstore.Config{})
				require.NoError(t, err)
				handle := func(ctx context.Context, at func(step string)) error {
					tx, err := db.BeginTx(ctx, nil)
					if err != nil {
						return err
					}
					defer tx.Rollback() //nolint:errcheck // does nothing after a commit
					if at("Once"); ctx.Err() != nil {
						return ctx.Err()
					}
					fresh, err := s.Once(ctx, tx, idempotency.Key{Scope: t.Name(), ID: "event"})
					if err != nil || !fresh {
						return err
					}
					at("write")
					if _, err := tx.ExecContext(ctx, `INSERT INTO effects (event) VALUES ($1)`, t.Name()); err != nil {
						return err
					}
					at("commit")
					return tx.Commit()
				}
				cure := func() error { return nil }
				short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
				_ = handle(short, func(now string) {
					if now == step {
						cure, err = proxy.Poison(toxic)
						assert.NoError(t, err)
					}
				})
				cancel()
				require.NoError(t, cure())
				require.Eventually(t, func() bool {
					again, cancel := context.WithTimeout(ctx, 5*time.Second)
					defer cancel()
					return handle(again, func(string) {}) == nil
				}, 2*time.Minute, 10*time.Millisecond)
				var n int
				require.NoError(t, admin.QueryRow(`SELECT count(*) FROM effects WHERE event = $1`, t.Name()).Scan(&n))
				require.Equal(t, 1, n)
			})
		}
	}
}

func TestPartitionUnderLoad(t *testing.T) {
	t.Parallel()
	for name, b := range backends(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, url := b.through(t)
			var faults []crash.Fault
			for _, toxic := range crash.Toxics {
				faults = append(faults, proxy.Fault(toxic, 250*time.Millisecond))
			}
			held(t, crash.Run(t, crash.Config{
				Receiver: name, Target: url, Times: *crashes, Faults: faults, Spare: true,
			}))
		})
	}
}
