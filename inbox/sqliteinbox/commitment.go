package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"

	"github.com/truhook/truhook/idempotency"
)

// A commitment is what is committed at once.
type commitment struct {
	ctx context.Context
	now int64
	tx  *sql.Tx

	inserts []*insertion
	settles []*operation
	orders  []*ordering
	takes   []*taking

	stmts map[string]*sql.Stmt
}

// prepare fetches the statements that this commit needs.
func (c *commitment) prepare(w *writer) (err error) {
	c.stmts = map[string]*sql.Stmt{}
	need := func(text string) {
		if err == nil && c.stmts[text] == nil {
			c.stmts[text], err = w.stmts.get(c.ctx, w.db, text)
		}
	}
	for n := len(c.inserts); n > 0; n -= mostRows {
		text, _ := insertRows.fitting(min(n, mostRows))
		need(text)
	}
	for n := len(c.settles); n > 0; n -= mostRows {
		text, _ := settleRows.fitting(min(n, mostRows))
		need(text)
	}
	if len(c.orders) > 0 {
		need(storeVersion)
		need(readVersion)
	}
	if len(c.takes) > 0 {
		need(takeRows)
	}
	return err
}

// query calls scan for each row of the answer.
func (c *commitment) query(text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := c.tx.StmtContext(c.ctx, c.stmts[text]).QueryContext(c.ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, scan)
}

// each calls scan for each row and closes rows.
func each(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// chunks calls f for the rows of each statement: as many as it is prepared for, the last one repeated, which changes
// nothing, where there are fewer.
func chunks[T any](all []T, of *bulk, width int, tuple func(T) []any, f func(text string, args []any) error) error {
	for len(all) > 0 {
		part := all[:min(len(all), mostRows)]
		all = all[len(part):]
		text, size := of.fitting(len(part))
		args := make([]any, 0, size*width)
		for i := range size {
			args = append(args, tuple(part[min(i, len(part)-1)])...)
		}
		if err := f(text, args); err != nil {
			return err
		}
	}
	return nil
}

func (c *commitment) insert() error {
	inserted := map[idempotency.Key]bool{}
	err := chunks(c.inserts, &insertRows, 6, func(i *insertion) []any {
		return []any{i.key.Scope, i.key.ID, c.now, c.now, i.fingerprint, i.message}
	}, func(text string, args []any) error {
		return c.query(text, args, func(r *sql.Rows) error {
			var k idempotency.Key
			err := r.Scan(&k.Scope, &k.ID)
			inserted[k] = true
			return err
		})
	})
	for _, i := range c.inserts {
		i.inserted = inserted[i.key]
		delete(inserted, i.key) // copies of one event in one commit: one is the first
	}
	return err
}

func (c *commitment) settle() error {
	settled := map[int64]bool{}
	err := chunks(c.settles, &settleRows, 5, func(o *operation) []any {
		s := o.settle
		return []any{s.seq, s.attempt, s.state, s.due, s.reason}
	}, func(text string, args []any) error {
		return c.query(text, args, func(r *sql.Rows) error {
			var seq int64
			err := r.Scan(&seq)
			settled[seq] = true
			return err
		})
	})
	for _, o := range c.settles {
		if o.err = nil; !settled[o.settle.seq] {
			o.err = idempotency.ErrLost
		}
	}
	return err
}

// order compares each version with the newest one of its resource.
func (c *commitment) order() error {
	for _, o := range c.orders {
		store := c.tx.StmtContext(c.ctx, c.stmts[storeVersion])
		res, err := store.ExecContext(c.ctx, o.resource.Scope, o.resource.ID, o.version, micros(o.retain), c.now)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n > 0 {
			o.order = idempotency.Newer
			continue
		}
		newest := o.version
		err = c.query(readVersion, []any{o.resource.Scope, o.resource.ID}, func(r *sql.Rows) error { return r.Scan(&newest) })
		if err != nil {
			return err
		}
		if o.order = idempotency.Older; newest == o.version {
			o.order = idempotency.Same
		}
	}
	return nil
}

// take leases rows to this process.
func (c *commitment) take() error {
	for _, t := range c.takes {
		t.rows = nil
		if t.asked = t.most(); t.asked < 1 {
			continue
		}
		err := c.query(takeRows, []any{c.now, c.now + micros(t.lease), t.asked, t.own()}, func(rows *sql.Rows) error {
			r := &row{}
			t.rows = append(t.rows, r)
			return rows.Scan(&r.seq, &r.key.Scope, &r.key.ID, &r.attempt, &r.base, &r.accepted, &r.message)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
