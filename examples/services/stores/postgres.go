// Package stores opens each store of package idempotency as a service does: with the settings that it wants, its
// tables, and its audit; and it makes room in those of SQL while the service runs.
package stores

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/truhook/truhook/idempotency/sqlstore"
)

// OpenPostgres returns claims in PostgreSQL, for any number of processes. Close db when the last handler has ended.
func OpenPostgres(ctx context.Context, url string) (db *sql.DB, store *sqlstore.Store, err error) {
	db, err = sql.Open("pgx", url)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(16)                                  // for all processes together less than max_connections
	db.SetMaxIdleConns(16)                                  // the same number
	_, err = db.ExecContext(ctx, sqlstore.PostgresSchema()) // or put it into your migrations
	if err == nil {
		store, err = sqlstore.NewPostgres(db, sqlstore.Config{})
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	for _, f := range store.Audit(ctx) {
		slog.WarnContext(ctx, "the store of webhook events", "finding", f)
	}
	return db, store, nil
}
