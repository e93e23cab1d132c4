package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/idempotency/storetest"
)

// A clock that moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestPostgresKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		return newStore(t, databases[postgres](t), postgres, sqlstore.Config{})
	}, slowly)
}

func TestSQLiteKeepsTheContract(t *testing.T) {
	t.Parallel()
	c := &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		return newStore(t, databases[sqlite](t), sqlite, sqlstore.Config{Now: c.Now})
	}, storetest.Config{Advance: c.Advance})
}

// A claim in SQLite looks before it asks to be the one writer. What it then writes decides, not what it saw.
func TestClaim_OfManyAtOnceOneOwnsTheEvent(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "hooks.db")
	var stores []*sqlstore.Store
	for range 4 { // as many processes
		db := open(t, "sqlite", sqliteURL(path)+"&_pragma=busy_timeout(20000)")
		db.SetMaxOpenConns(4)
		_, err := db.Exec(sqlstore.SQLiteSchema())
		require.NoError(t, err)
		stores = append(stores, newStore(t, db, sqlite, sqlstore.Config{}))
	}
	for round := range 40 {
		var owners atomic.Int32
		var group sync.WaitGroup
		begin := make(chan struct{})
		for i := range 16 {
			group.Go(func() {
				c := claim(key(t, fmt.Sprint("at once ", round)))
				<-begin
				r, err := stores[i%len(stores)].Claim(ctx, c)
				assert.NoError(t, err)
				if r.State == idempotency.Owned {
					owners.Add(1)
				}
			})
		}
		close(begin)
		group.Wait()
		require.EqualValues(t, 1, owners.Load(), "round %d", round)
	}
}

func TestWhatIsForgottenHasNoOwner(t *testing.T) {
	t.Parallel()
	now := &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	s := newStore(t, databases[sqlite](t), sqlite, sqlstore.Config{Now: now.Now})
	c := claim(key(t, "a"))
	owned(t, s, c)
	now.Advance(c.Retain + time.Second)
	for name, err := range map[string]error{
		"Extend": s.Extend(ctx, c.Key, c.Token, time.Minute), "Complete": s.Complete(ctx, c.Key, c.Token), "Release": s.Release(ctx, c.Key, c.Token),
	} {
		require.ErrorIs(t, err, idempotency.ErrLost, name)
	}
	// What outlasts its retention can still be completed, and the reply to that may be lost.
	late := claim(key(t, "b"))
	owned(t, s, late)
	require.NoError(t, s.Extend(ctx, late.Key, late.Token, 2*late.Retain))
	now.Advance(late.Retain + time.Second)
	require.NoError(t, s.Complete(ctx, late.Key, late.Token))
	require.NoError(t, s.Complete(ctx, late.Key, late.Token))
}

// Isolation levels above the default make PostgreSQL roll back what would otherwise wait.
func TestPostgresKeepsTheContractAtEveryIsolation(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) idempotency.Store {
				db := open(t, "pgx", server.URL()+"&default_transaction_isolation="+urlSpace(level))
				db.SetMaxOpenConns(8)
				return newStore(t, db, postgres, sqlstore.Config{})
			}, slowly)
		})
	}
}

func claim(k idempotency.Key) idempotency.ClaimRequest {
	return idempotency.ClaimRequest{Key: k, Token: idempotency.NewToken(), Lease: time.Minute, Retain: time.Hour}
}

func owned(t *testing.T, s *sqlstore.Store, c idempotency.ClaimRequest) {
	t.Helper()
	r, err := s.Claim(ctx, c)
	require.NoError(t, err)
	require.Equal(t, idempotency.Owned, r.State)
}

func TestPruneDeletesWhatIsForgottenAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		if d == postgres { // a schema of its own: others prune too
			db = ownSchema(t)
		}
		s := newStore(t, db, d, sqlstore.Config{Retention: time.Millisecond})
		const short = 2 * time.Second
		hold := func(id string, retain time.Duration) idempotency.ClaimRequest {
			c := claim(key(t, id))
			c.Lease, c.Retain = time.Millisecond, retain
			owned(t, s, c)
			return c
		}
		running := hold("running", short) // to stay: its retention is over, its lease is not
		require.NoError(t, s.Extend(ctx, running.Key, running.Token, time.Hour))
		for i := range 7 { // to go: abandoned, released, done
			c := hold(fmt.Sprint("over ", i), short)
			switch i % 3 {
			case 0:
				require.NoError(t, s.Complete(ctx, c.Key, c.Token))
			case 1:
				require.NoError(t, s.Release(ctx, c.Key, c.Token))
			}
			_, err := s.Order(ctx, key(t, fmt.Sprint("over ", i)), time.Now(), short)
			require.NoError(t, err)
		}
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = s.Once(ctx, tx, key(t, "once"))
		require.NoError(t, err)
		require.NoError(t, tx.Commit())

		finished := hold("done", time.Hour)
		require.NoError(t, s.Complete(ctx, finished.Key, finished.Token))
		_, err = s.Order(ctx, key(t, "resource"), time.Now(), time.Hour)
		require.NoError(t, err)

		total, want := 0, 15
		// All are over before the first call: one that meets a few deletes no more than it was told by luck.
		now := map[dialect]string{postgres: "clock_timestamp()", sqlite: "(julianday('now') - 2440587.5) * 86400000000"}[d]
		require.Eventually(t, func() (over bool) {
			err := db.QueryRow(`SELECT count(*) > $1 FROM (SELECT expires_at FROM truhook_claim UNION ALL
				SELECT expires_at FROM truhook_resource UNION ALL SELECT expires_at FROM truhook_once) AS tables
				WHERE expires_at <= `+now, want).Scan(&over) // and the running one
			require.NoError(t, err)
			return over
		}, 20*time.Second, 10*time.Millisecond)
		require.Eventually(t, func() bool {
			n, err := s.Prune(ctx, 4)
			require.NoError(t, err)
			require.LessOrEqual(t, n, 4)
			total += n
			return total == want
		}, 20*time.Second, 10*time.Millisecond)
		n, err := s.Prune(ctx, 1000)
		require.NoError(t, err)
		require.Zero(t, n)

		require.NoError(t, s.Complete(ctx, running.Key, running.Token))
		r, err := s.Claim(ctx, claim(finished.Key))
		require.NoError(t, err)
		require.Equal(t, idempotency.Done, r.State)
		o, err := s.Order(ctx, key(t, "resource"), time.Now().Add(-time.Hour), time.Hour)
		require.NoError(t, err)
		require.Equal(t, idempotency.Older, o)

		_, err = s.Prune(ctx, 0)
		require.Error(t, err)
	})
}

func TestPruneAndTakeOverAtTheSameTimeLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		if d == postgres {
			db = ownSchema(t)
		}
		s := newStore(t, db, d, sqlstore.Config{})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := s.Prune(ctx, 10); !errors.Is(err, sqlstore.ErrLocked) { // the other one holds them
							assert.NoError(t, err)
						}
					}
				}
			}()
		}
		k := key(t, "k")
		for range 150 { // each claim finds a record that is just being forgotten, and must not be swept away with it
			short := claim(k)
			short.Lease, short.Retain = time.Millisecond, time.Millisecond
			if r, err := s.Claim(ctx, short); assert.NoError(t, err) && r.State == idempotency.Owned {
				long := claim(k)
				for {
					r, err := s.Claim(ctx, long)
					require.NoError(t, err)
					if r.State == idempotency.Owned {
						break
					}
				}
				require.NoError(t, s.Extend(ctx, k, long.Token, time.Minute))
				require.NoError(t, s.Complete(ctx, k, long.Token))
				r, err := s.Claim(ctx, claim(k))
				require.NoError(t, err)
				require.Contains(t, []idempotency.State{idempotency.Done, idempotency.Owned}, r.State)
				k.ID += "."
				if len(k.ID) > 200 {
					k.ID = "k" + fmt.Sprint(time.Now().UnixNano())
				}
			}
		}
		close(stop)
		wg.Wait()
	})
}

func TestADuplicateWritesNothing(t *testing.T) {
	t.Parallel()
	db := databases[postgres](t)
	s := newStore(t, db, postgres, sqlstore.Config{})
	busy, finished := claim(key(t, "busy")), claim(key(t, "done"))
	owned(t, s, busy)
	owned(t, s, finished)
	require.NoError(t, s.Complete(ctx, finished.Key, finished.Token))
	// xmax would tell a row lock, xmin and ctid a new version.
	version := func() (v string) {
		require.NoError(t, db.QueryRow(`SELECT string_agg(concat(ctid, xmin, '/', xmax), ',' ORDER BY id) FROM truhook_claim WHERE scope = $1`,
			busy.Key.Scope).Scan(&v))
		return v
	}
	before := version()
	for range 10 {
		for _, k := range []idempotency.Key{busy.Key, finished.Key} {
			r, err := s.Claim(ctx, claim(k))
			require.NoError(t, err)
			require.NotEqual(t, idempotency.Owned, r.State)
		}
	}
	assert.Equal(t, before, version())
}

func TestCompleteTouchesNoIndex(t *testing.T) {
	t.Parallel()
	db := ownSchema(t)
	s := newStore(t, db, postgres, sqlstore.Config{})
	const rows = 200
	for i := range rows {
		c := claim(key(t, fmt.Sprint(i)))
		owned(t, s, c)
		require.NoError(t, s.Complete(ctx, c.Key, c.Token))
	}
	require.Eventually(t, func() bool { // statistics arrive late
		var updated, hot int
		_, err := db.Exec(`SELECT pg_stat_force_next_flush()`)
		require.NoError(t, err)
		require.NoError(t, db.QueryRow(`SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
			WHERE relid = 'truhook_claim'::regclass`).Scan(&updated, &hot))
		return updated == rows && hot >= rows*9/10
	}, 20*time.Second, 50*time.Millisecond)
}

func TestAFullDiskIsErrFull(t *testing.T) {
	t.Parallel()
	db := databases[sqlite](t)
	s := newStore(t, db, sqlite, sqlstore.Config{})
	_, err := db.Exec(`PRAGMA max_page_count = 30`)
	require.NoError(t, err)
	err = nil
	var last idempotency.ClaimRequest
	for i := 0; i < 20_000 && err == nil; i++ {
		c := claim(key(t, fmt.Sprintf("%0200d", i)))
		if _, err = s.Claim(ctx, c); err == nil {
			last = c
		}
	}
	require.ErrorIs(t, err, idempotency.ErrFull)
	require.NoError(t, s.Complete(ctx, last.Key, last.Token))
	r, err := s.Claim(ctx, claim(last.Key))
	require.NoError(t, err)
	require.Equal(t, idempotency.Done, r.State)
}

func TestMistakesAreErrors(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite", "file::memory:")
	for _, constructor := range constructors {
		_, err := constructor(nil, sqlstore.Config{})
		require.Error(t, err)
	}
	for _, s := range []*sqlstore.Store{nil, {}, newStore(t, db, sqlite, sqlstore.Config{})} { // no tables in the last
		c := claim(key(t, "a"))
		r, err := s.Claim(ctx, c)
		require.Error(t, err)
		require.Zero(t, r)
		for _, err := range []error{
			s.Extend(ctx, c.Key, c.Token, time.Second), s.Complete(ctx, c.Key, c.Token), s.Release(ctx, c.Key, c.Token),
		} {
			require.Error(t, err)
			require.NotErrorIs(t, err, idempotency.ErrLost)
		}
		o, err := s.Order(ctx, c.Key, time.Now(), time.Hour)
		require.Error(t, err)
		require.Zero(t, o)
		_, err = s.Prune(ctx, 1)
		require.Error(t, err)
		_, err = s.Once(ctx, nil, c.Key)
		require.Error(t, err)
	}
	s := newStore(t, db, sqlite, sqlstore.Config{})
	for _, bad := range []idempotency.ClaimRequest{
		{Key: key(t, "a"), Lease: time.Second, Retain: time.Hour},
		{Key: key(t, "a"), Token: idempotency.NewToken(), Retain: time.Hour},
		{Key: key(t, "a"), Token: idempotency.NewToken(), Lease: time.Second},
	} {
		_, err := s.Claim(ctx, bad)
		require.ErrorContains(t, err, "a claim needs")
	}
}

func TestLengthsThatNoDatabaseCanAddAreCut(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		s := newStore(t, db, d, sqlstore.Config{})
		c := claim(key(t, "long"))
		c.Lease, c.Retain = 1<<63-1, 1<<63-1
		owned(t, s, c)
		require.NoError(t, s.Extend(ctx, c.Key, c.Token, 1<<63-1))
		r, err := s.Claim(ctx, claim(c.Key))
		require.NoError(t, err)
		require.Equal(t, idempotency.Busy, r.State)
		assert.Greater(t, r.LeaseLeft, 99*365*24*time.Hour)
	})
}

func TestACallEndsWithItsContextAlthoughSomebodyHoldsALock(t *testing.T) {
	t.Parallel()
	db := databases[postgres](t)
	s := newStore(t, db, postgres, sqlstore.Config{})
	c := claim(key(t, "locked"))
	owned(t, s, c)
	tx, err := db.Begin()
	require.NoError(t, err)
	defer tx.Rollback() //nolint:errcheck // only to end it
	_, err = tx.Exec(`SELECT 1 FROM truhook_claim WHERE scope = $1 FOR UPDATE`, c.Key.Scope)
	require.NoError(t, err)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Complete(short, c.Key, c.Token), context.DeadlineExceeded)
	r, err := s.Claim(ctx, claim(c.Key)) // a duplicate does not wait for the lock
	require.NoError(t, err)
	require.Equal(t, idempotency.Busy, r.State)
}

func TestPrune_PassesOverWhatIsLockedAndSaysSo(t *testing.T) {
	t.Parallel()
	db := ownSchema(t)
	s := newStore(t, db, postgres, sqlstore.Config{})
	for i := range 5 {
		c := claim(key(t, fmt.Sprint(i)))
		owned(t, s, c)
		require.NoError(t, s.Complete(ctx, c.Key, c.Token))
		_, err := s.Order(ctx, c.Key, time.Now(), time.Hour)
		require.NoError(t, err)
	}
	_, err := db.Exec(`UPDATE truhook_claim SET expires_at = now() - interval '1 hour'; UPDATE truhook_resource SET expires_at = now() - interval '1 hour'`)
	require.NoError(t, err)
	session, err := db.Begin() // an operator's, forgotten
	require.NoError(t, err)
	defer session.Rollback() //nolint:errcheck // only to end it
	_, err = session.Exec(`SELECT 1 FROM truhook_claim WHERE id = '2' FOR UPDATE`)
	require.NoError(t, err)

	n, err := s.Prune(ctx, 100)
	require.ErrorIs(t, err, sqlstore.ErrLocked)
	assert.Equal(t, 9, n, "all others are gone, those of the tables that come after it too")
	again := claim(key(t, "2"))
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = s.Claim(short, again)
	require.Error(t, err, "only the event whose row is held has to wait")
	require.NoError(t, session.Rollback())
	for err = sqlstore.ErrLocked; errors.Is(err, sqlstore.ErrLocked); { // the server takes its time to end the claim above
		_, err = s.Prune(ctx, 100)
	}
	require.NoError(t, err, "nothing is locked any more")
}

func TestSchema_ManyProcessesMayRunItAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		name := fmt.Sprintf("many_%x", idempotency.NewToken())
		_, err := open(t, "pgx", server.URL()).Exec("CREATE SCHEMA " + name)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "hooks.db")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for driver, url := range map[string]string{
					"pgx": server.URL() + "&search_path=" + name, "postgres": server.URL() + "&search_path=" + name, "sqlite": sqliteURL(file),
				} {
					schema := sqlstore.PostgresSchema()
					if driver == "sqlite" {
						schema = sqlstore.SQLiteSchema()
					}
					db, err := sql.Open(driver, url)
					assert.NoError(t, err)
					_, err = db.Exec(schema)
					assert.NoError(t, err, driver)
					assert.NoError(t, db.Close())
				}
			})
		}
		wg.Wait()
	}
}

// A commit can fail at its end, after the statement has answered: what was answered then counts for nothing.
func TestStore_ACommitThatFailsAtItsEndIsAnError(t *testing.T) {
	t.Parallel()
	db := ownSchema(t)
	s := newStore(t, db, postgres, sqlstore.Config{})
	before := claim(key(t, "before"))
	owned(t, s, before)
	_, err := db.Exec(`
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused at the end'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON truhook_claim DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON truhook_resource DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	r, err := s.Claim(ctx, claim(key(t, "a")))
	require.ErrorContains(t, err, "refused at the end")
	assert.Zero(t, r)
	require.ErrorContains(t, s.Complete(ctx, before.Key, before.Token), "refused at the end")
	require.ErrorContains(t, s.Extend(ctx, before.Key, before.Token, time.Minute), "refused at the end")
	o, err := s.Order(ctx, key(t, "r"), time.Now(), time.Hour)
	require.ErrorContains(t, err, "refused at the end")
	assert.Zero(t, o)
	_, err = db.Exec(`DROP TRIGGER refuse ON truhook_claim; DROP TRIGGER refuse ON truhook_resource`)
	require.NoError(t, err)
	owned(t, s, claim(key(t, "a")))
	require.NoError(t, s.Complete(ctx, before.Key, before.Token))
}

func TestSQLite_WhereNowPanicsTheRealTimeCounts(t *testing.T) {
	t.Parallel()
	s, err := sqlstore.NewSQLite(databases[sqlite](t), sqlstore.Config{Now: func() time.Time { panic("clock") }})
	require.NoError(t, err)
	c := idempotency.ClaimRequest{
		Key: idempotency.Key{Scope: "truv/test", ID: "a"}, Token: idempotency.NewToken(), Lease: time.Minute, Retain: time.Hour,
	}
	for _, want := range []idempotency.State{idempotency.Owned, idempotency.Done} {
		require.NotPanics(t, func() {
			r, err := s.Claim(t.Context(), c)
			require.NoError(t, err)
			assert.Equal(t, want, r.State)
			if want == idempotency.Owned {
				require.NoError(t, s.Complete(t.Context(), c.Key, c.Token))
			}
			_, err = s.Prune(t.Context(), 10)
			require.NoError(t, err)
		})
	}
}
