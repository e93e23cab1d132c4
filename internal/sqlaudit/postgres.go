package sqlaudit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/truhook/truhook"
)

var postgresSettings = []setting{
	{"pg_is_in_recovery", "SELECT pg_is_in_recovery()::text", "true", truhook.SeverityError, "store-read-only",
		"This is a standby (%s), which takes no writes.", "Connect to the primary, for example with target_session_attrs=read-write."},
	{"default_transaction_read_only", "SHOW default_transaction_read_only", "on", truhook.SeverityError, "store-read-only",
		"default_transaction_read_only is %s, so nothing can be written.", "Set it to off for this user."},
	{"fsync", "SHOW fsync", "off", truhook.SeverityError, "commit-not-durable",
		"fsync is %s, so a crash of the machine may destroy the whole database.", "Set fsync to on."},
	{"synchronous_commit", "SHOW synchronous_commit", "off", truhook.SeverityWarning, "commit-not-durable",
		"synchronous_commit is %s, so a crash loses what was committed last.",
		"Set synchronous_commit to on for this user or database."},
}

// Postgres looks at a database that package subject takes for a PostgreSQL, at its tables, and at what stands before
// it.
func Postgres(ctx context.Context, db *sql.DB, subject, remedy string, tables ...string) []truhook.Finding {
	return look(ctx, subject, func(ctx context.Context, r *report) { r.postgres(ctx, db, remedy, tables) })
}

func (r *report) postgres(ctx context.Context, db *sql.DB, remedy string, tables []string) {
	if err := db.PingContext(ctx); err != nil {
		r.unreachable()
		return
	}
	version, err := ask(ctx, db, "SELECT version()")
	number, errNumber := ask(ctx, db, "SHOW server_version")
	switch {
	case ctx.Err() != nil || sqlState(err) == "" && broken(err):
		r.unreachable()
		return
	case err == nil && statementLost(errNumber), statementLost(err):
		// What stands in between has broken the very question.
	case err != nil || !strings.HasPrefix(version, "postgresql ") || strings.Contains(version, "redshift"):
		r.add(truhook.SeverityError, "database-unknown", r.subject, "The database is not PostgreSQL.",
			"Use the constructor for SQLite, or a PostgreSQL. Databases that only speak its protocol are not supported.")
		return
	case errNumber == nil && older(number, "12"):
		r.add(truhook.SeverityError, "database-too-old", "server_version", "This is PostgreSQL "+number+".", "Use PostgreSQL 12 or later.")
	}
	r.pooler(ctx, db)
	r.tables(ctx, db, remedy, tables...)
	r.settings(ctx, db, postgresSettings)
}

// broken reports whether an error without a SQLSTATE is that of the connection. An error of a driver for another
// database has none either: there the question itself was refused, and another one is answered.
func broken(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone)
}

// pooler asks the same thing over two connections, and over several at once: that shows whether a pooler gives the
// statements of one connection to several servers, as PgBouncer does in transaction mode, and whether the driver's
// prepared statements are lost on the way.
func (r *report) pooler(ctx context.Context, db *sql.DB) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if db.Stats().MaxOpenConnections == 1 {
		return // nobody to ask beside
	}
	if err := together(ctx, db); err != nil {
		r.add(truhook.SeverityError, "pooler-loses-statements", r.subject,
			fmt.Sprintf("A pooler in transaction mode loses the driver's prepared statements (SQLSTATE %s), so calls fail under load.", sqlState(err)),
			"Let the driver prepare none: default_query_exec_mode=exec with pgx, binary_parameters=yes with lib/pq. "+
				"Or PgBouncer 1.21 or later with max_prepared_statements above 0, or pool_mode=session.")
	}
}

// together asks two questions on several connections in turn, then at once, and returns the first error about a
// statement.
func together(ctx context.Context, db *sql.DB) error {
	const clients = 4
	conns := make([]*sql.Conn, 0, clients)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	for range clients {
		wait, stop := context.WithTimeout(ctx, 500*time.Millisecond) // the pool may be in use
		c, err := db.Conn(wait)
		stop()
		if err != nil {
			break
		}
		conns = append(conns, c)
	}
	if len(conns) < 2 {
		return nil
	}
	for i := range 2 * len(conns) {
		if err := question(ctx, conns[i%len(conns)], i/len(conns)); statementLost(err) {
			return err
		}
	}
	questions := 8
	if shared(ctx, conns[0], conns[1]) { // two steps of one call meet two servers by chance, so many are asked
		questions = 200
	}
	errs := make([]error, len(conns))
	var wg sync.WaitGroup
	for n, c := range conns {
		wg.Go(func() {
			for i := range questions {
				if err := question(ctx, c, n+i); statementLost(err) {
					errs[n] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func question(ctx context.Context, c *sql.Conn, i int) error {
	var n int
	if i%2 == 0 {
		return c.QueryRowContext(ctx, "SELECT $1::int /* truhook audit */", i).Scan(&n)
	}
	return c.QueryRowContext(ctx, "SELECT $1::int + $2::int /* truhook audit */", i, i).Scan(&n)
}

// shared reports whether a pooler gives the servers of one connection to another one: while the other holds in a
// transaction the server that answered first, the first connection is answered by a second server, or by none.
func shared(ctx context.Context, one, other *sql.Conn) bool {
	pid := func(on querier) (string, error) { return ask(ctx, on, "SELECT pg_backend_pid()::text") }
	before, err := pid(one)
	if err != nil {
		return statementLost(err)
	}
	tx, err := other.BeginTx(ctx, nil)
	if err != nil {
		return false
	}
	defer tx.Rollback() //nolint:errcheck // it has only read
	held, err := pid(tx)
	if err != nil {
		return statementLost(err)
	}
	return held == before // of two connections without a pooler, no two have one server
}

// statementLost reports whether an error is one of a statement that is not where the driver has left it: duplicate or
// unknown prepared statement, or parameters that are meant for another one.
func statementLost(err error) bool {
	switch sqlState(err) {
	case "42P05", "26000", "08P01", "34000", "22P03":
		return true
	}
	return false
}

// sqlState returns the SQLSTATE that the PostgreSQL drivers give by a method.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}
