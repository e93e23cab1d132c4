package sqlstore_test

import (
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
)

var errRolledBack = errors.New("rolled back on purpose")

// handleOnce is a handler whose effect is a row: it may fail before its commit.
func handleOnce(db *sql.DB, s *sqlstore.Store, k idempotency.Key, fails bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after a commit
	fresh, err := s.Once(ctx, tx, k)
	if err != nil || !fresh {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO effects (event) VALUES ('"+k.ID+"')"); err != nil {
		return err
	}
	if fails {
		return errRolledBack
	}
	return tx.Commit()
}

func withEffects(t *testing.T, db *sql.DB, d dialect) *sql.DB {
	t.Helper()
	if d == postgres {
		db = ownSchema(t)
	}
	_, err := db.Exec(`CREATE TABLE effects (event TEXT NOT NULL)`)
	require.NoError(t, err)
	return db
}

func effects(t *testing.T, db *sql.DB, event string) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow("SELECT count(*) FROM effects WHERE event = '"+event+"'").Scan(&n))
	return n
}

func TestOnceHasOneEffectWhateverFails(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		db = withEffects(t, db, d)
		s := newStore(t, db, d, sqlstore.Config{})
		const events, deliveries = 20, 6
		var wg sync.WaitGroup
		for e := range events {
			for n := range deliveries {
				wg.Add(1)
				go func() {
					defer wg.Done()
					fails := n%2 == 0
					err := handleOnce(db, s, key(t, fmt.Sprint(e)), fails)
					assert.True(t, err == nil || fails && errors.Is(err, errRolledBack), "%v", err)
				}()
			}
		}
		wg.Wait()
		for e := range events {
			require.NoError(t, handleOnce(db, s, key(t, fmt.Sprint(e)), false))
			assert.Equal(t, 1, effects(t, db, fmt.Sprint(e)))
		}
	})
}

func TestOnceBeginsAnewAfterItsRetention(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		db = withEffects(t, db, d)
		s := newStore(t, db, d, sqlstore.Config{Retention: 50 * time.Millisecond})
		for n := 1; n <= 3; n++ {
			require.Eventually(t, func() bool {
				require.NoError(t, handleOnce(db, s, key(t, "a"), false))
				return effects(t, db, "a") == n
			}, 20*time.Second, 10*time.Millisecond)
		}
		long := newStore(t, db, d, sqlstore.Config{})
		require.NoError(t, handleOnce(db, long, key(t, "b"), false))
		require.NoError(t, handleOnce(db, long, key(t, "b"), false))
		require.Equal(t, 1, effects(t, db, "b"))
	})
}

func TestOnceAndClaimDoNotMeet(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		db = withEffects(t, db, d)
		s := newStore(t, db, d, sqlstore.Config{})
		owned(t, s, claim(key(t, "a")))
		require.NoError(t, handleOnce(db, s, key(t, "a"), false))
		require.Equal(t, 1, effects(t, db, "a"))
		require.NoError(t, handleOnce(db, s, key(t, "b"), false))
		owned(t, s, claim(key(t, "b")))
	})
}

func TestATwinInATransactionWaitsAndDecidesByItsEnd(t *testing.T) {
	t.Parallel()
	db := withEffects(t, nil, postgres)
	s := newStore(t, db, postgres, sqlstore.Config{})
	for _, commits := range []bool{true, false} {
		k := key(t, fmt.Sprint(commits))
		first, err := db.Begin()
		require.NoError(t, err)
		fresh, err := s.Once(ctx, first, k)
		require.NoError(t, err)
		require.True(t, fresh)

		impatient, err := db.Begin()
		require.NoError(t, err)
		_, err = impatient.Exec(`SET LOCAL lock_timeout = '20ms'`)
		require.NoError(t, err)
		_, err = s.Once(ctx, impatient, k)
		var e *pgconn.PgError
		require.ErrorAs(t, err, &e)
		require.Equal(t, "55P03", e.Code)
		require.NoError(t, impatient.Rollback())

		second, err := db.Begin()
		require.NoError(t, err)
		answer := make(chan bool, 1)
		go func() {
			fresh, err := s.Once(ctx, second, k)
			assert.NoError(t, err)
			answer <- fresh
		}()
		require.Eventually(t, func() bool { // until it stands in line
			var n int
			require.NoError(t, db.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
				AND query LIKE '%truhook_once%' AND datname = current_database() AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)`).Scan(&n))
			return n > 0
		}, 20*time.Second, 5*time.Millisecond)
		if commits {
			require.NoError(t, first.Commit())
		} else {
			require.NoError(t, first.Rollback())
		}
		require.Equal(t, !commits, <-answer)
		require.NoError(t, second.Rollback())
	}
}
