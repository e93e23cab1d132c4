// Package sqlaudit looks at a database for the packages that keep their promises in one: whether it is the one they
// speak to, what its settings lose in a crash, and whether what stands in between breaks its statements.
package sqlaudit

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// timeout bounds one audit: it runs at start, and must not keep a service from starting.
const timeout = 5 * time.Second

// A report collects findings about one subject, the package that is audited.
type report struct {
	subject  string
	findings []truhook.Finding
}

func (r *report) add(severity truhook.Severity, name, subject, problem, remedy string) {
	r.findings = append(r.findings, truhook.Finding{
		Severity: severity, Name: name, Subject: subject, Problem: problem, Remedy: remedy, Offset: -1,
	})
}

// Unmade is the finding of a value that no constructor has made.
func Unmade(subject string) []truhook.Finding {
	r := report{}
	r.add(truhook.SeverityError, "zero-store", subject, "It was not made by its constructor.",
		"Give the result of the constructor whose error was looked at.")
	return r.findings
}

func (r *report) unreachable() {
	// Without the error's text: a driver may put the address of the database and its user into it.
	r.add(truhook.SeverityError, "store-unreachable", r.subject, "The database cannot be reached.",
		"Look at its address, its credentials and the network.")
}

// look runs an audit and returns when it has ended, or its time is over: not every driver heeds a context.
func look(ctx context.Context, subject string, f func(ctx context.Context, r *report)) []truhook.Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found := make(chan []truhook.Finding, 1)
	go func() {
		r := &report{subject: subject}
		f(ctx, r)
		found <- r.findings
	}()
	select {
	case findings := <-found:
		return findings
	case <-ctx.Done():
	}
	select {
	case findings := <-found:
		return findings
	case <-time.After(timeout / 10): // one that heeds its context says more
		r := &report{subject: subject}
		r.unreachable()
		return r.findings
	}
}

// tables reports the tables that cannot be read.
func (r *report) tables(ctx context.Context, db *sql.DB, remedy string, names ...string) {
	for _, name := range names {
		rows, err := db.QueryContext(ctx, "SELECT 1 FROM "+name+" WHERE 1 = 0")
		if err == nil {
			for rows.Next() { //nolint:revive // the error is told at the end
			}
			err = rows.Err()
			_ = rows.Close()
		}
		if ctx.Err() != nil {
			r.unreachable()
			return
		}
		if err != nil {
			r.add(truhook.SeverityError, "table-missing", name, "The table cannot be read.", remedy)
		}
	}
}

// ask returns what a query answers in one row and one column.
func ask(ctx context.Context, on querier, query string) (value string, err error) {
	err = on.QueryRowContext(ctx, query).Scan(&value)
	return strings.ToLower(value), err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A setting is one that a promise depends on.
type setting struct {
	name, query      string
	bad              string // values, divided by blanks
	severity         truhook.Severity
	finding, problem string // the problem holds the value once
	remedy           string
}

func (r *report) settings(ctx context.Context, on querier, all []setting) {
	for _, s := range all {
		value, err := ask(ctx, on, s.query)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.add(truhook.SeverityNote, "setting-unknown", s.name, "The setting cannot be read.", "Look at it yourself.")
			continue
		}
		for _, bad := range strings.Fields(s.bad) {
			if value == bad {
				r.add(s.severity, s.finding, s.name, fmt.Sprintf(s.problem, value), s.remedy)
			}
		}
	}
}

// older reports whether a version, in numbers with dots between them, is before another one.
func older(version, than string) bool {
	have, want := strings.Split(version, "."), strings.Split(than, ".")
	for i := range want {
		n := 0
		if i < len(have) {
			n, _ = strconv.Atoi(have[i])
		}
		if w, _ := strconv.Atoi(want[i]); n != w {
			return n < w
		}
	}
	return false
}
