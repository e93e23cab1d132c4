// Package sqlstore is a store for package idempotency in PostgreSQL (12 or later) or SQLite (3.35 or later), through
// database/sql and whichever driver you use. It imports none itself.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // github.com/jackc/pgx/v5/stdlib
//	...
//	store, err := sqlstore.NewPostgres(db, sqlstore.Config{})
//	...
//	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{Policy: truv.RetryPolicy()})
//
// The tables are yours to create: put [PostgresSchema] or [SQLiteSchema] into a migration. They grow until you call
// [Store.Prune], every minute say. [Store.Audit] looks at tables and settings once at start.
//
// # What is promised
//
// A call that has returned nil is as durable as the database makes a commit. PostgreSQL with synchronous_commit at its
// default, and SQLite with synchronous=FULL, lose nothing in a crash of the process or the machine. A standby that is
// promoted has what it was sent: nothing is missing only where replication is synchronous. Every call but a take-over
// is one statement, and may be repeated under the same token.
//
// Leases and retention are measured by the clock of the PostgreSQL server. SQLite has no server: there it is the clock
// of the process, so all processes must be on one machine, which SQLite asks for anyhow. A step of that clock moves
// every lease and every retention.
//
// # Connections
//
// A sql.DB keeps two idle connections and opens as many as are asked for. Under a burst of deliveries most calls then
// open a connection and close it again, which costs PostgreSQL a process each and the call its StoreTimeout. Give both
// limits the same number, for all processes together less than max_connections:
//
//	db.SetMaxOpenConns(16)
//	db.SetMaxIdleConns(16)
//
// # One effect, exactly
//
// A handler that only writes to this very database needs no lease at all. [Store.Once] claims the event within the
// handler's own transaction: one commit makes the effect and the claim, or neither. It stands instead of the
// middleware, not under it.
//
// # PgBouncer
//
// A pooler in transaction mode gives the statements of one connection to several servers. A driver that prepares
// statements, or sends one in two steps, then meets statements of others: most calls fail, and one may run with
// parameters that are meant for another. With pgx set default_query_exec_mode to exec, cache_describe or
// simple_protocol, with lib/pq binary_parameters to yes. [Store.Audit] finds the modes that do not work.
//
// # SQLite
//
// Open it with a write-ahead log, full synchronisation and a time-out for locks, and one connection for everything that
// writes; for the driver modernc.org/sqlite:
//
//	db, err := sql.Open("sqlite", "file:hooks.db?_txlock=immediate&_pragma=busy_timeout(1000)"+
//		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
//	db.SetMaxOpenConns(1)
package sqlstore
