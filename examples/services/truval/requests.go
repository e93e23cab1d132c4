package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
)

// The statements are SQLite's. PostgreSQL takes them with $1, $2, $3, and an id that is BIGINT GENERATED ALWAYS AS
// IDENTITY.
const (
	schema = `
CREATE TABLE IF NOT EXISTS truval_requests (
	id      INTEGER PRIMARY KEY,
	token   TEXT NOT NULL UNIQUE,  -- stands in the callback's URL
	secret  TEXT NOT NULL,         -- webhook_secret of the verify request
	made_at INTEGER NOT NULL       -- Unix seconds
);
`
	insertRequest = `
INSERT INTO truval_requests (token, secret, made_at) VALUES (?, ?, ?);
`
	selectSecret = `
SELECT id, secret FROM truval_requests WHERE token = ?;
`
	deleteOld = `
DELETE FROM truval_requests WHERE made_at < ?;
`
)

// requests keeps the secret of each verify request.
type requests struct{ db *sql.DB }

// add makes a token and a secret for one verify request. It commits before the request is made, so a callback cannot
// come for a token that is not stored yet.
func (r requests) add(ctx context.Context, now time.Time) (token, secret string, err error) {
	token, secret = rand.Text(), truval.NewSecret()
	_, err = r.db.ExecContext(ctx, insertRequest, token, secret, now.Unix())
	return token, secret, err
}

// Keys implements [hmacsig.KeySource]: the last element of the path chooses the secret. It is a claim until the
// signature fits, and one that nobody was given fits none.
func (r requests) Keys(ctx context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
	address, err := url.ParseRequestURI(q.Delivery.RequestURI)
	if err != nil {
		return nil, truhook.UnknownKey
	}
	var id int64
	var secret string
	switch err := r.db.QueryRowContext(ctx, selectSecret, path.Base(address.Path)).Scan(&id, &secret); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, truhook.UnknownKey // 401
	case err != nil:
		return nil, err // 503: Truval comes again
	}
	key, err := hmacsig.NewKey(fmt.Sprintf("request-%d", id), secret)
	return []hmacsig.Key{key}, err
}

// prune forgets what no callback can come for any more: Truval's dashboard delivers again for up to 30 days.
func (r requests) prune(ctx context.Context, now time.Time) error {
	_, err := r.db.ExecContext(ctx, deleteOld, now.Add(-truval.RetryPolicy().Horizon()-24*time.Hour).Unix())
	return err
}
