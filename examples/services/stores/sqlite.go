package stores

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"

	_ "modernc.org/sqlite"

	"github.com/truhook/truhook/idempotency/sqlstore"
)

// OpenSQLite returns claims in a file, for the processes of one machine. Close db when the last handler has ended.
func OpenSQLite(ctx context.Context, file string) (db *sql.DB, store *sqlstore.Store, err error) {
	db, err = sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(1000)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, sqlstore.SQLiteSchema()) // or put it into your migrations
	if err == nil {
		store, err = sqlstore.NewSQLite(db, sqlstore.Config{})
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	for _, f := range store.Audit(ctx) {
		slog.WarnContext(ctx, "the store of webhook events", "finding", f)
	}
	return db, store, nil
}
