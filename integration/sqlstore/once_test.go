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

// session begins a transaction and tells the process that serves it.
func session(t *testing.T, db *sql.DB) (tx *sql.Tx, pid int) {
	t.Helper()
	tx, err := db.Begin()
	require.NoError(t, err)
	require.NoError(t, tx.QueryRow("SELECT pg_backend_pid()").Scan(&pid))
	return tx, pid
}

// inLine reports whether a session waits for a lock of another one.
func inLine(t *testing.T, db *sql.DB, pid int) func() bool {
	return func() (waits bool) {
		require.NoError(t, db.QueryRow("SELECT cardinality(pg_blocking_pids($1)) > 0", pid).Scan(&waits))
		return waits
	}
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

		second, pid := session(t, db)
		answer := make(chan bool, 1)
		go func() {
			fresh, err := s.Once(ctx, second, k)
			assert.NoError(t, err)
			answer <- fresh
		}()
		require.Eventually(t, inLine(t, db, pid), 20*time.Second, 5*time.Millisecond)
		if commits {
			require.NoError(t, first.Commit())
		} else {
			require.NoError(t, first.Rollback())
		}
		require.Equal(t, !commits, <-answer)
		require.NoError(t, second.Rollback())
	}
}

func TestOnce_WhatIsForgottenIsNoDuplicateWhoeverHoldsItsRow(t *testing.T) {
	t.Parallel()
	db := withEffects(t, nil, postgres)
	s := newStore(t, db, postgres, sqlstore.Config{})
	for name, c := range map[string]struct {
		then  string // what another transaction does with the row that it holds, before it commits
		fresh bool
	}{
		"Prune deletes it": {then: `DELETE FROM truhook_once WHERE id = $1`, fresh: true},
		"a twin claims it": {then: `UPDATE truhook_once SET expires_at = now() + interval '1 hour' WHERE id = $1`},
		"nothing is done":  {then: `SELECT 1 FROM truhook_once WHERE id = $1`, fresh: true},
	} {
		k := key(t, name)
		_, err := db.Exec(`INSERT INTO truhook_once (scope, id, expires_at) VALUES ($1, $2, now() - interval '1 hour')`, k.Scope, k.ID)
		require.NoError(t, err)
		holder, err := db.Begin()
		require.NoError(t, err)
		_, err = holder.Exec(`SELECT 1 FROM truhook_once WHERE id = $1 FOR UPDATE`, k.ID) // as Prune does first
		require.NoError(t, err)

		tx, pid := session(t, db)
		answer := make(chan bool, 1)
		go func() {
			fresh, err := s.Once(ctx, tx, k)
			assert.NoError(t, err, name)
			answer <- fresh
		}()
		require.Eventually(t, inLine(t, db, pid), 20*time.Second, 5*time.Millisecond, name)
		_, err = holder.Exec(c.then, k.ID)
		require.NoError(t, err)
		require.NoError(t, holder.Commit())
		assert.Equal(t, c.fresh, <-answer, name)
		require.NoError(t, tx.Commit())
		var n int
		require.NoError(t, db.QueryRow(`SELECT count(*) FROM truhook_once WHERE id = $1 AND expires_at > now()`, k.ID).Scan(&n))
		assert.Equal(t, 1, n, "%s: it is remembered", name)
	}
}
