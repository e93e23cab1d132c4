package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/truhook/truhook/idempotency"
)

const (
	commitTimeout = 5 * time.Second // one commit, or one other call to the database
	mostInCommit  = 256             // operations

	mostLinger = 200 * time.Microsecond // about one wait for a fast disk
	mostYields = 64                     // that bring nobody
)

// An operation is one change that waits for a commit. Those that come while a commit is under way share the next one:
// the writer of SQLite is one at a time, and each commit waits for the disk.
type operation struct {
	ctx context.Context

	insert *insertion
	settle *settlement
	take   *taking
	order  *ordering

	err  error
	done chan struct{}
}

type insertion struct {
	key                  idempotency.Key
	fingerprint, message []byte

	inserted bool // the row is new, or was dead
}

type settlement struct {
	seq, attempt int64
	state        int
	due          int64
	reason       any // nil: as it was
}

type taking struct {
	most  func() int    // asked when the commit begins
	own   func() string // as well: the rows that are not taken again
	lease time.Duration

	asked int
	rows  []*row
}

type ordering struct {
	resource idempotency.Key
	version  int64
	retain   time.Duration

	order idempotency.Order
}

// A writer makes the commits. Who comes alone makes his own; a goroutine makes the others', while there are any.
type writer struct {
	db    *sql.DB
	stmts prepared
	now   func() int64 // microseconds since 1970

	mu      sync.Mutex
	waiting []*operation
	active  bool
}

// do returns when o is committed, or has failed, or ctx has ended: then o may be committed or not.
func (w *writer) do(ctx context.Context, o *operation) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	o.ctx, o.done = ctx, make(chan struct{})
	w.mu.Lock()
	alone := !w.active
	w.active = true
	if !alone {
		w.waiting = append(w.waiting, o)
	}
	w.mu.Unlock()
	if alone {
		w.alone(ctx, o)
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		select {
		case <-o.done:
		default:
			return fmt.Errorf("sqliteinbox: %w", ctx.Err())
		}
	}
	if o.err != nil && !errors.Is(o.err, idempotency.ErrLost) {
		return fmt.Errorf("sqliteinbox: %w", o.err)
	}
	return o.err
}

// alone commits one operation, and leaves those that came meanwhile to a goroutine, whatever the driver does.
func (w *writer) alone(ctx context.Context, o *operation) {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.active = len(w.waiting) > 0; w.active {
			go w.work()
		}
	}()
	w.commit(ctx, []*operation{o})
}

// work ends when nothing waits.
func (w *writer) work() {
	for {
		w.mu.Lock()
		batch := w.next()
		if len(batch) == 0 {
			w.waiting, w.active = nil, false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		inserts := 0
		for _, o := range batch {
			if o.insert != nil {
				inserts++
			}
		}
		w.commit(context.Background(), batch)
		w.linger(inserts)
	}
}

// linger lets those whose deliveries were just accepted bring the next ones. Otherwise they meet a commit under way,
// and go on as two halves, each with a wait for the disk of its own. Workers bring nothing at once: they take rows
// first.
func (w *writer) linger(accepted int) {
	if accepted < 2 {
		return
	}
	start, waiting := time.Now(), 0
	for idle := 0; idle < mostYields && time.Since(start) < mostLinger; idle++ {
		w.mu.Lock()
		n := len(w.waiting)
		w.mu.Unlock()
		if n >= accepted {
			return
		}
		if n > waiting {
			idle, waiting = 0, n
		}
		runtime.Gosched()
	}
}

// next returns what is committed next: the first of those that wait, but only one operation on each row.
func (w *writer) next() []*operation {
	n, settled := 0, map[int64]bool{}
	for _, o := range w.waiting[:min(len(w.waiting), mostInCommit)] {
		if o.settle != nil {
			if settled[o.settle.seq] {
				break
			}
			settled[o.settle.seq] = true
		}
		n++
	}
	batch := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	return batch
}

// commit commits the operations at once, or each by itself where one of them has failed: none fails for another's sake.
func (w *writer) commit(ctx context.Context, batch []*operation) {
	alive := batch[:0]
	for _, o := range batch {
		if o.err = o.ctx.Err(); o.err != nil {
			close(o.done) // nobody waits for it
			continue
		}
		alive = append(alive, o)
	}
	if len(alive) == 0 {
		return
	}
	again, err := w.within(ctx, alive)
	if err != nil && again && len(alive) > 1 {
		w.apart(alive)
		return
	}
	for _, o := range alive {
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// apart commits each operation by itself, all of them within the time for one.
func (w *writer) apart(batch []*operation) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	for _, o := range batch {
		err := ctx.Err()
		if err == nil {
			_, err = w.together(ctx, []*operation{o})
		}
		if err != nil {
			o.err = err
		}
		close(o.done)
	}
}

// within bounds one commit.
func (w *writer) within(ctx context.Context, batch []*operation) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	again, err = w.together(ctx, batch)
	return again && ctx.Err() == nil, err
}

// together makes one commit. It reports whether another attempt may fare better, in smaller parts.
func (w *writer) together(ctx context.Context, batch []*operation) (again bool, err error) {
	if o := batch[0]; len(batch) == 1 && o.insert != nil {
		o.insert.inserted, err = w.insertOne(ctx, o.insert)
		return false, err
	}
	c := &commitment{ctx: ctx, now: w.now()}
	for _, o := range batch {
		switch {
		case o.insert != nil:
			c.inserts = append(c.inserts, o.insert)
		case o.settle != nil:
			c.settles = append(c.settles, o)
		case o.order != nil:
			c.orders = append(c.orders, o.order)
		case o.take != nil:
			c.takes = append(c.takes, o.take)
		}
	}
	// Statements are prepared first: a database with one connection has none left once the transaction has begun.
	if err := c.prepare(w); err != nil {
		return false, err
	}
	c.tx, err = w.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer c.tx.Rollback() //nolint:errcheck // does nothing after a commit
	// What is settled makes room, and what is inserted can be taken at once.
	if err := errors.Join(c.settle(), c.insert(), c.order(), c.take()); err != nil {
		return true, err
	}
	// Constraints may fail at the end. What was committed nevertheless is found by the next attempt.
	return true, c.tx.Commit()
}

// insertOne needs no transaction around its only statement.
func (w *writer) insertOne(ctx context.Context, i *insertion) (inserted bool, err error) {
	s, err := w.stmts.get(ctx, w.db, insertOne)
	if err != nil {
		return false, err
	}
	now := w.now()
	res, err := s.ExecContext(ctx, i.key.Scope, i.key.ID, now, now, i.fingerprint, i.message)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
