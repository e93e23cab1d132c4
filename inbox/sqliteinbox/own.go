package sqliteinbox

import (
	"strconv"
	"sync"
)

// own are the rows that this Queue handles, in any of its Runs. Their leases may seem to be over where the clock has
// gone forward, and they must not be taken beside the functions that still run.
type own struct {
	mu   sync.Mutex
	rows map[*row]struct{}
}

func (o *own) add(rows ...*row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.rows == nil {
		o.rows = map[*row]struct{}{}
	}
	for _, r := range rows {
		o.rows[r] = struct{}{}
	}
}

func (o *own) remove(r *row) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.rows, r)
}

// list names the rows as the statement takeRows expects it. The attempt is part of it: a row that another process took
// over since is not ours any more, and comes back to us where that process dies.
func (o *own) list() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.rows) == 0 {
		return ""
	}
	list := []byte(",")
	for r := range o.rows {
		list = strconv.AppendInt(list, r.seq, 10)
		list = append(list, ':')
		list = strconv.AppendInt(list, r.attempt, 10)
		list = append(list, ',')
	}
	return string(list)
}
