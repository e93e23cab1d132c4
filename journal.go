package truhook

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A journal counts verdicts and writes the lines of Config.Logger.
type journal struct {
	latest   atomic.Pointer[tally] // of the key that fitted last: as long as it fits, no delivery takes the lock
	mu       sync.Mutex
	accepted []*tally
	refused  []refusals
	sinces   []*since
	first    bool // the line about the first verified delivery was written
}

// tally is what was accepted by one key.
type tally struct {
	scheme, key string
	since       *since // of the scheme
	count       atomic.Int64
	last        atomic.Int64 // in Unix milliseconds
}

func (t *tally) add(now time.Time) {
	t.count.Add(1)
	if ms := now.UnixMilli(); ms != t.last.Load() { // a write takes it from another processor's cache
		t.last.Store(ms)
	}
}

// since is what was refused in the name of one scheme since it last accepted a delivery.
type since struct {
	scheme string
	count  atomic.Int64
}

func (s *since) reset() {
	if s.count.Load() != 0 {
		s.count.Store(0)
	}
}

// refusals are those of one Reason and scheme.
type refusals struct {
	reason  Reason
	scheme  string
	pending int64 // since the last line
	last    time.Time
}

const (
	logInterval   = time.Minute
	maxTallies    = 32  // further keys of a scheme are counted together
	maxRefusals   = 256 // as schemes of verifiers that are not ours could be of any number
	maxLoggedKeys = 16
)

// accept counts what v proves, and writes the line about the first.
func (j *journal) accept(ctx context.Context, logger *slog.Logger, d *Delivery, v *Verified, now time.Time) {
	if j.count(v, now) {
		writeFirst(ctx, loggerOf(logger), d, v)
	}
}

// count counts what v proves, and reports whether it is the first.
func (j *journal) count(v *Verified, now time.Time) (first bool) {
	if t := j.latest.Load(); t != nil && len(v.Proofs) == 1 && t.counts(&v.Proofs[0]) {
		t.add(now)
		t.since.reset()
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	first = !j.first
	j.first = true
	for i := range v.Proofs {
		p := &v.Proofs[i]
		t := j.tally(p.Scheme, p.KeyID)
		t.add(now)
		for _, s := range j.sinces {
			if s.scheme == p.Scheme {
				s.reset()
			}
		}
		if t.counts(p) {
			j.latest.Store(t)
		}
	}
	return first
}

func (t *tally) counts(p *Proof) bool { return t.key == p.KeyID && t.scheme == p.Scheme }

func (j *journal) tally(scheme, key string) *tally {
	for _, t := range j.accepted {
		if t.key == key && t.scheme == scheme {
			return t
		}
	}
	if len(j.accepted) >= maxTallies {
		if key != "" {
			return j.tally(scheme, "")
		}
		if scheme != "" {
			return j.tally("", "")
		}
	}
	scheme = strings.Clone(scheme)
	t := &tally{scheme: scheme, key: strings.Clone(key), since: j.since(scheme)}
	j.accepted = append(j.accepted, t)
	return t
}

// refuse counts a refusal. count is how many the line stands for that is due now, or 0.
func (j *journal) refuse(reason Reason, scheme string, now time.Time) (count, refusedSince int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.refusals(reason, scheme)
	s := j.since(r.scheme)
	s.count.Add(1)
	r.pending++
	// A request that began before the last line is not a clock that goes back.
	if passed := now.Sub(r.last).Abs(); !r.last.IsZero() && passed < logInterval {
		return 0, 0
	}
	count = r.pending
	r.pending, r.last = 0, now
	return count, s.count.Load()
}

func (j *journal) refusals(reason Reason, scheme string) *refusals {
	for i := range j.refused {
		if r := &j.refused[i]; r.reason == reason && r.scheme == scheme {
			return r
		}
	}
	if len(j.refused) >= maxRefusals && scheme != "" {
		return j.refusals(reason, "")
	}
	j.refused = append(j.refused, refusals{reason: reason, scheme: strings.Clone(scheme)})
	return &j.refused[len(j.refused)-1]
}

func (j *journal) since(scheme string) *since {
	for _, s := range j.sinces {
		if s.scheme == scheme {
			return s
		}
	}
	s := &since{scheme: scheme}
	j.sinces = append(j.sinces, s)
	return s
}

// history returns what was accepted in the name of scheme, or of every scheme if it is empty.
func (j *journal) history(scheme string) (count int64, last time.Time, keys []slog.Attr) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, t := range j.accepted {
		if scheme != "" && t.scheme != scheme {
			continue
		}
		n := t.count.Load()
		count += n
		if at := time.UnixMilli(t.last.Load()); at.After(last) {
			last = at
		}
		if t.key != "" && len(keys) < maxLoggedKeys {
			keys = append(keys, slog.Int64(t.key, n))
		}
	}
	return count, last, keys
}

const (
	helpLine = "truhook verify says why: https://github.com/truhook/truhook/blob/main/docs/troubleshooting.md"
	helpOurs = "it is not the sender's fault: https://github.com/truhook/truhook/blob/main/docs/reasons.md; Config.Observe gets the error"
)

// write counts a verdict of v, and writes its line to logger if one is due. Nothing in it is what was sent.
func (j *journal) write(ctx context.Context, logger *slog.Logger, v Verifier, o Observation, now time.Time) {
	if o.Verified != nil {
		j.accept(ctx, logger, o.Delivery, o.Verified, now)
		return
	}
	reason, scheme := refusal(o.Err)
	if count, refusedSince := j.refuse(reason, scheme, now); count > 0 {
		j.writeRefusal(ctx, loggerOf(logger), v, o, reason, scheme, count, refusedSince)
	}
}

func loggerOf(logger *slog.Logger) *slog.Logger {
	if logger != nil {
		return logger
	}
	return slog.Default()
}

// levelOf is Info for what the sender may have caused and Warn for what is ours.
func levelOf(reason Reason) slog.Level {
	if isOurs(reason) {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func writeFirst(ctx context.Context, logger *slog.Logger, d *Delivery, v *Verified) {
	defer func() { _ = recover() }() // a log handler must not turn a verdict around
	attrs := v.appendAttrs(make([]slog.Attr, 0, 4))
	if d != nil {
		attrs = append(attrs, slog.Int("body_bytes", len(d.Body)))
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "truhook: the first delivery since the start is verified", attrs...)
}

func (j *journal) writeRefusal(
	ctx context.Context, logger *slog.Logger, v Verifier, o Observation,
	reason Reason, scheme string, count, refusedSince int64,
) {
	defer func() { _ = recover() }() // as in writeFirst
	level := levelOf(reason)
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	if scheme != "" {
		attrs = append(attrs, slog.String("provider", scheme))
	}
	attrs = append(attrs,
		slog.String("reason", string(reason)), slog.Int("status", reason.Status()), slog.Int64("count", count))
	if o.Delivery != nil {
		attrs = append(attrs, slog.Int("headers", len(o.Delivery.Header)), slog.Int("body_bytes", len(o.Delivery.Body)))
	}
	if ids := triedKeys(o.Err); len(ids) > 0 {
		attrs = append(attrs, slog.Any("key_ids", ids))
	}
	var by *checkError
	if reason == CheckFailed && errors.As(o.Err, &by) {
		attrs = append(attrs, slog.String("check", by.name))
	}
	help := helpLine
	if isOurs(reason) {
		help = helpOurs
	}
	if text, kind := cause(o.Err, reason); text != "" {
		attrs = append(attrs, slog.String("error", text))
	} else if kind != "" {
		attrs = append(attrs, slog.String("error_type", kind))
	}
	attrs = append(attrs, form(ctx, v, o.Delivery, reason)...)
	accepted, last, keys := j.history(scheme)
	attrs = append(attrs, slog.Int64("accepted", accepted))
	if accepted > 0 {
		attrs = append(attrs, slog.Time("last_accepted", last))
	}
	if len(keys) > 0 {
		attrs = append(attrs, slog.Attr{Key: "accepted_by_key", Value: slog.GroupValue(keys...)})
	}
	attrs = append(attrs, slog.Int64("refused_since", refusedSince), slog.String("help", help))
	logger.LogAttrs(ctx, level, "truhook: a delivery is refused", attrs...)
}

// triedKeys returns the ids of the keys that the errors in err name, without repetition.
func triedKeys(err error) (ids []string) {
	add := func(more []string) {
		for _, id := range more {
			if len(ids) < maxLoggedKeys && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	var walk func(err error)
	walk = func(err error) {
		if e, ok := err.(*Error); ok && e != nil { //nolint:errorlint // the walk goes through the whole tree
			add(e.KeyIDs)
		}
		switch u := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			if inner := u.Unwrap(); inner != nil {
				walk(inner)
			}
		case interface{ Unwrap() []error }:
			for _, inner := range u.Unwrap() {
				walk(inner)
			}
		}
	}
	walk(err)
	return ids
}

// formTimeout bounds what a line costs beside the writing.
const formTimeout = 5 * time.Millisecond

// form says in which form a refused signature or token came, by asking the Explainer without a budget to hash.
func form(ctx context.Context, v Verifier, d *Delivery, reason Reason) []slog.Attr {
	switch reason {
	case MissingSignature, MalformedSignature, MissingTimestamp, MalformedTimestamp, MissingMessageID,
		MalformedMessageID, MissingToken, MalformedToken, DuplicateHeader, HeaderTooLong:
	default:
		return nil
	}
	if d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), formTimeout)
	defer cancel()
	e, _ := explain(ctx, v, ExplainQuery{Delivery: d})
	for _, f := range e.Findings {
		if f.Name != noCauseFound && !strings.HasPrefix(f.Name, "body-") { // the body was not read
			return []slog.Attr{slog.String("cause", f.Name), slog.String("found", f.Problem)}
		}
	}
	return nil
}
