package stores

import (
	"context"
	"log/slog"
	"time"

	"github.com/truhook/truhook/idempotency/sqlstore"
)

// Prune deletes what is over, each minute until ctx ends: go stores.Prune(ctx, store).
func Prune(ctx context.Context, store *sqlstore.Store) {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		n, err := store.Prune(ctx, 1000)
		for err == nil && n == 1000 { // there may be more
			n, err = store.Prune(ctx, 1000)
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "the store of webhook events is not pruned", "error", err)
		}
		select {
		case <-minute.C:
		case <-ctx.Done():
			return
		}
	}
}
