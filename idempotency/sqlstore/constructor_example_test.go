package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
)

// notYours stands for your driver, as this module imports none: it never connects.
type notYours struct{}

func (notYours) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no database") }
func (notYours) Driver() driver.Driver                        { return nil }

// Claims in PostgreSQL. Nothing is asked of the database before the first claim.
func ExampleNewPostgres() {
	db := sql.OpenDB(notYours{}) // sql.Open("pgx", os.Getenv("DATABASE_URL")), and import _ "github.com/jackc/pgx/v5/stdlib"
	defer db.Close()
	store, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = idempotency.NewMiddleware(store, "truv/prod", truv.EventID,
		idempotency.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	fmt.Println(err)
	_, err = sqlstore.NewPostgres(nil, sqlstore.Config{})
	fmt.Println(err)
	// Output:
	// <nil>
	// sqlstore: the database is nil
}

// Claims in one SQLite file of one machine.
func ExampleNewSQLite() {
	// "file:claims.db?_txlock=immediate&_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db := sql.OpenDB(notYours{}) // sql.Open("sqlite", name), and import _ "modernc.org/sqlite"
	defer db.Close()
	db.SetMaxOpenConns(1)
	store, err := sqlstore.NewSQLite(db, sqlstore.Config{})
	fmt.Println(store != nil, err)
	// Output: true <nil>
}
