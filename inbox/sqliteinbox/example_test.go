package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

// A function that writes to the queue's own database has exactly one effect for each event.
func ExampleQueue_Complete() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	db, err := sql.Open("sqlite", ":memory:") // a file, and the settings of the package comment, in a service
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, sqliteinbox.Schema()+"CREATE TABLE orders (id TEXT, status TEXT)"); err != nil {
		fmt.Println(err)
		return
	}
	queue, err := sqliteinbox.New(db, sqliteinbox.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 { // inbox.Handler does this
		duplicate, err := queue.Enqueue(ctx, inbox.Message{Key: idempotency.Key{Scope: "truv/prod", ID: "1"}, Payload: []byte("completed")})
		fmt.Println(duplicate, err)
	}
	err = queue.Run(ctx, func(ctx context.Context, v *truhook.Verified) error {
		defer stop() // only here
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?, ?)", "7", string(v.Payload)); err != nil {
			return err
		}
		if err := queue.Complete(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	})
	fmt.Println(err)
	var orders int
	_ = db.QueryRow("SELECT count(*) FROM orders").Scan(&orders)
	fmt.Println(orders)
}
