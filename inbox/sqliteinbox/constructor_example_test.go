package sqliteinbox_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

// notYours stands for your driver, as this module imports none: it never connects.
type notYours struct{}

func (notYours) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no database") }
func (notYours) Driver() driver.Driver                        { return nil }

// A queue in one SQLite file, without a server. The table is Schema's; queue.Run works behind it.
func ExampleNew() {
	// "file:hooks.db?_txlock=immediate&_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	db := sql.OpenDB(notYours{}) // sql.Open("sqlite", that name), and import _ "modernc.org/sqlite"
	defer db.Close()
	db.SetMaxOpenConns(1)
	queue, err := sqliteinbox.New(db, sqliteinbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	fmt.Println(err)
	_, err = sqliteinbox.New(nil, sqliteinbox.Config{})
	fmt.Println(err)
	// Output:
	// <nil>
	// sqliteinbox: the database is nil
}
