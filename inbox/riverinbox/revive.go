package riverinbox

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/truhook/truhook/inbox"
)

const (
	// hold lets one delivery of an event at a time bring its job back.
	hold = `SELECT 1 FROM truhook_once WHERE scope = $1 AND id = $2 FOR UPDATE`

	// River's index over the arguments finds the job. A LIMIT would tempt the planner to look at all jobs in order.
	findDead = ` WHERE args @> $1::jsonb AND kind = $2 AND state IN ('cancelled', 'discarded')`
)

// revive brings the job of an event back that was cancelled or discarded, and reports whether it has.
func (q *Queue) revive(ctx context.Context, m inbox.Message) (revived bool, err error) {
	dead, err := q.dead(ctx, q.pool, m) // a storm of duplicates only reads
	if err != nil || len(dead) == 0 {
		return false, err
	}
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, hold, m.Key.Scope, m.Key.ID); err != nil {
			return err
		}
		dead, err := q.dead(ctx, tx, m)
		if err != nil || len(dead) == 0 { // another delivery was faster
			return err
		}
		revived = true
		_, err = q.client.JobRetryTx(ctx, tx, dead[0])
		return err
	})
	return revived && err == nil, err
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// dead returns the dead jobs of an event: one, unless somebody has inserted others.
func (q *Queue) dead(ctx context.Context, db querier, m inbox.Message) ([]int64, error) {
	type event struct {
		Scope string `json:"scope"`
		ID    string `json:"id"`
	}
	args, err := json.Marshal(map[string]event{"message": {m.Key.Scope, m.Key.ID}})
	if err != nil {
		return nil, err
	}
	table := pgx.Identifier{"river_job"}
	if schema := q.client.Schema(); schema != "" {
		table = pgx.Identifier{schema, "river_job"}
	}
	rows, err := db.Query(ctx, "SELECT id FROM "+table.Sanitize()+findDead, string(args), Args{}.Kind())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}
