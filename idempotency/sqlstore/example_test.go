package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
)

// One commit makes both the claim of an event and its effect. No middleware of package idempotency is needed.
func ExampleStore_Once() {
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		panic(err)
	}
	defer db.Close()
	store, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		panic(err)
	}

	handle := func(ctx context.Context, event, order, status string) (fresh bool, err error) {
		key, err := idempotency.NewKey("truv/prod", event)
		if err != nil {
			return false, err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return false, err
		}
		defer tx.Rollback() //nolint:errcheck // does nothing after Commit
		if fresh, err = store.Once(ctx, tx, key); err != nil || !fresh {
			return false, err // an error: answer 503. Not fresh: it was handled, answer 200
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO payrolls VALUES ($1, $2)`, order, status); err != nil {
			return false, err
		}
		return true, tx.Commit()
	}

	for range 3 { // the provider delivers it again
		fresh, err := handle(context.Background(), "webhook-1", "order-1", "completed")
		fmt.Println(fresh, err) // true, then false
	}
}

// What a process does beside serving: look at the database once, and make room now and then.
func ExampleStore_Prune() {
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	defer db.Close()
	store, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	for _, finding := range store.Audit(ctx) {
		fmt.Println(finding)
	}
	go func() {
		minute := time.NewTicker(time.Minute)
		defer minute.Stop()
		for {
			n, err := store.Prune(ctx, 1000)
			for err == nil && n == 1000 { // there may be more
				n, err = store.Prune(ctx, 1000)
			}
			if err != nil && ctx.Err() == nil {
				fmt.Println(err) // the next minute comes
			}
			select {
			case <-ctx.Done():
				return
			case <-minute.C:
			}
		}
	}()
	cancel()
}
