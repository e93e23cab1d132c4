package truhooktest_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

// A small service, right by default, that can be made wrong in one way at a time.

type flaw string

const (
	acknowledgesBeforeCommit flaw = "acknowledges before commit"
	checkThenInsert          flaw = "check-then-insert race"
	noRecord                 flaw = "no idempotency record"
	dedupeBeforeVerify       flaw = "dedupe before verify"
	parsedJSON               flaw = "signature over parsed JSON"
	burnsTheID               flaw = "burns the id before the handler"
	assumesOrder             flaw = "assumes order"
	logsPayload              flaw = "logs the payload"
	acceptsStale             flaw = "accepts stale"

	asksBeforeVerify    flaw = "acknowledges what it knows before it verifies"
	recordInMemory      flaw = "keeps its record in memory"
	acceptsUnsigned     flaw = "accepts unsigned"
	acceptsEmpty        flaw = "accepts nothing where the signature stands"
	verifiesJSONOnly    flaw = "verifies JSON only"
	verifiesPOSTOnly    flaw = "verifies POST only"
	acceptsMalformed    flaw = "accepts what is no signature"
	acceptsTampered     flaw = "does not look at the signature"
	acceptsAnyKey       flaw = "accepts any key"
	comparesBegin       flaw = "compares the first digits of the signature"
	comparesEnd         flaw = "compares the last digits of the signature"
	ignoresBody         flaw = "signature without the body"
	conflictIsFinal     flaw = "answers 409 while a twin runs"
	duplicateIsConflict flaw = "answers 409 to a duplicate"
	failureIsFinal      flaw = "answers 400 to its own failure"
	failureIsSuccess    flaw = "answers 200 to its own failure"
	panicsOnMalformed   flaw = "panics on a malformed body"
	processesMalformed  flaw = "processes a malformed body"
	logsSignature       flaw = "logs the signature"
	logsOneValue        flaw = "logs a personal value"
	logsQuoted          flaw = "logs the payload, quoted"
	logsBytes           flaw = "logs the payload as numbers"
	logsPart            flaw = "logs a part from the middle of the payload"
	refusesEverything   flaw = "refuses everything"
	losesEverything     flaw = "acknowledges and does nothing"
	noHook              flaw = "does not call Effect"
	leaseTooLong        flaw = "leases an event for longer than the provider comes"
	effectThenRecord    flaw = "promises exactly once and records the effect apart from it"

	bodyHash         flaw = "dedupes on the hash of the body"
	panicBurns       flaw = "a claim in memory that a panic does not give back"
	panicKeepsLease  flaw = "a lease that a panic does not give back"
	panicIsFinal     flaw = "answers 400 to its own panic"
	storeAway        flaw = "answers 200 while its store is away"
	storeAwayIsFinal flaw = "answers 400 while its store is away"
	outageKeepsLease flaw = "a lease that an outage does not give back"
	foreignLease     flaw = "frees another owner's lease"
	ackInProgress    flaw = "answers 200 while a twin runs"
	countsAttempts   flaw = "gives up after ten attempts"
	firstWins        flaw = "the first version wins"
	versionBurned    flaw = "records the version before the effect"
	forgetsSoon      flaw = "forgets what it has done after half an hour"
	evicts           flaw = "remembers the last hundred events"
	truncatesID      flaw = "cuts ids to 32 characters"
	foldsCase        flaw = "takes no notice of case in ids"
	cutsFront        flaw = "takes the last forty characters of ids"
	sharedVariable   flaw = "keeps the current event in a shared variable"
	mixesTenants     flaw = "takes no notice of the tenant in ids"
	anyTenantsKey    flaw = "accepts the key of any tenant"
	cutsBody         flaw = "keeps 64 KiB of a body"
	parsesFirst      flaw = "parses before it verifies"

	dropsCommit     flaw = "answers 200 where its commit fails"
	commitIsFinal   flaw = "answers 400 where its commit fails"
	givesUp         flaw = "answers 200 to the second failure of an event"
	headOfLine      flaw = "works later, and repeats one event until it succeeds"
	diesOfOutage    flaw = "works later, until its database is away"
	forgetsInADay   flaw = "forgets what it has done after a day"
	endsWithRequest flaw = "ends its effect with the request"
	holdsMutex      flaw = "holds a mutex over the effect"

	none        flaw = "none: the effect and the record of it are one commit"
	inRealTime  flaw = "none: with a lease that does not keep a test waiting"
	atLeastOnce flaw = "none: records the effect apart from it, and promises nothing more"
	works       flaw = "none: stores the event and works later"
	worksLost   flaw = "works later, and stores nothing"
)

func scheme() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "acme", Header: "Acme-Signature", Prefix: "v1=", Separator: ",",
		Content: "{timestamp}.{body}", Timestamp: "Acme-Signature#t", Tolerance: 5 * time.Minute,
	}
}

// The secrets were made for these tests and sign nothing else.
func key(id, secret string) hmacsig.Key {
	k, err := hmacsig.NewKey(id, secret)
	if err != nil {
		panic(err)
	}
	return k
}

var (
	rightKey = key("right", "a key made for these tests only")
	wrongKey = key("wrong", "another key made for these tests")
	theirKey = key("their", "a second tenant's key made for these tests")
)

const theirPath = "/their?tenant=2"

const person = `Ada "Q." Sample, 12 Nowhere Lane` // its quotes are escaped in JSON

type payload struct {
	ID      string `json:"id"`
	Person  string `json:"person"` // in the order of the alphabet, as parsedJSON writes it again
	Version int    `json:"version"`
}

func event(id string, version int) []byte {
	b, err := json.Marshal(payload{id, person, version})
	if err != nil {
		panic(err)
	}
	return b
}

// database is what survives a restart. One lock stands for its transactions.
type database struct {
	mu      sync.Mutex
	seen    map[string]bool
	leased  map[string]time.Time
	effects map[string]int
	version int
	burned  int
	stored  map[string]bool
	inbox   []payload
	down    bool
	doneAt  map[string]time.Time
	order   []string       // of what is done
	failed  map[string]int // the claims

	failures map[string]int
}

func newDatabase() *database {
	return &database{
		seen: map[string]bool{}, stored: map[string]bool{}, leased: map[string]time.Time{}, effects: map[string]int{},
		doneAt: map[string]time.Time{}, failed: map[string]int{}, failures: map[string]int{},
	}
}

type service struct {
	flaw     flaw
	policy   retry.Policy
	db       *database
	instance *truhooktest.Instance
	log      *log.Logger
	verifier *hmacsig.Verifier
	theirs   *hmacsig.Verifier

	mu      sync.Mutex
	running map[string]bool // in memory
	current payload         // of sharedVariable
}

var (
	errDown      = errors.New("the database is away")
	errCommit    = errors.New("the commit failed")
	errBusy      = errors.New("a twin is running")
	errMalformed = errors.New("not of the documented form")
)

func receiver(f flaw, policy retry.Policy) func(t testing.TB) truhooktest.Receiver {
	return func(testing.TB) truhooktest.Receiver {
		db := newDatabase()
		return truhooktest.Receiver{
			Policy:      policy,
			Sign:        truhooktest.HMAC(scheme(), rightKey),
			WrongKey:    truhooktest.HMAC(scheme(), wrongKey),
			Event:       event,
			MaxAge:      5 * time.Minute,
			Sensitive:   []string{person},
			ExactlyOnce: f != atLeastOnce && f != leaseTooLong && f != outageKeepsLease && f != foreignLease,
			StoreDown:   func(down bool) { db.mu.Lock(); defer db.mu.Unlock(); db.down = down },
			Tenant:      &truhooktest.Tenant{Path: theirPath, Sign: truhooktest.HMAC(scheme(), theirKey)},
			Version:     func() int { db.mu.Lock(); defer db.mu.Unlock(); return db.version },
			Effects:     func(id string) int { db.mu.Lock(); defer db.mu.Unlock(); return db.effects[id] },
			Accepted:    accepted(f, db),
			Start: func(i *truhooktest.Instance) http.Handler {
				if f == recordInMemory {
					db.mu.Lock()
					db.seen = map[string]bool{}
					db.mu.Unlock()
				}
				if f == worksLost {
					db.mu.Lock()
					db.inbox = nil
					db.mu.Unlock()
				}
				return newService(f, policy, db, i)
			},
		}
	}
}

func newService(f flaw, policy retry.Policy, db *database, i *truhooktest.Instance) *service {
	s := scheme()
	keys := hmacsig.StaticKeys(rightKey)
	switch f {
	case acceptsStale:
		s.Tolerance = 100 * 365 * 24 * time.Hour
	case acceptsAnyKey:
		keys = hmacsig.StaticKeys(rightKey, wrongKey)
	}
	their := hmacsig.StaticKeys(theirKey)
	if f == anyTenantsKey {
		keys = hmacsig.StaticKeys(rightKey, theirKey)
		their = keys
	}
	verifier := func(keys hmacsig.KeySource) *hmacsig.Verifier {
		v, err := hmacsig.New(s, keys, hmacsig.Config{})
		if err != nil {
			panic(err)
		}
		return v
	}
	srv := &service{
		flaw: f, policy: policy, db: db, instance: i, log: log.New(i.Log(), "", 0),
		verifier: verifier(keys), theirs: verifier(their), running: map[string]bool{},
	}
	if f.later() {
		go srv.work()
	}
	return srv
}

// later reports whether the service stores an event before it answers, and works later.
func (f flaw) later() bool {
	switch f {
	case works, worksLost, headOfLine, diesOfOutage:
		return true
	}
	return false
}

func (s *service) recordsApart() bool {
	switch s.flaw {
	case effectThenRecord, atLeastOnce, leaseTooLong, outageKeepsLease, foreignLease:
		return true
	}
	return false
}

func accepted(f flaw, db *database) func(id string) bool {
	if !f.later() {
		return nil
	}
	return func(id string) bool {
		db.mu.Lock()
		defer db.mu.Unlock()
		return db.seen[id]
	}
}

// accept stores the event; the worker has the rest.
func (s *service) accept(key string, p payload) error {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if s.db.down {
		return errDown
	}
	if !s.db.stored[key] {
		s.db.stored[key] = true
		s.db.inbox = append(s.db.inbox, p)
	}
	if s.flaw != worksLost {
		s.db.seen[p.ID] = true
	}
	return nil
}

// work does what is in the inbox, every 100 ms, until the process ends.
func (s *service) work() {
	for range time.Tick(100 * time.Millisecond) {
		if s.instance.Err() != nil {
			return
		}
		s.db.mu.Lock()
		inbox, down := append([]payload(nil), s.db.inbox...), s.db.down
		s.db.mu.Unlock()
		if down {
			if s.flaw == diesOfOutage {
				return
			}
			continue
		}
		for _, p := range inbox {
			err := s.instance.Effect(p.ID, func() error {
				s.db.mu.Lock()
				defer s.db.mu.Unlock()
				s.db.effects[p.ID]++
				s.db.version = max(s.db.version, p.Version)
				s.db.inbox = slices.DeleteFunc(s.db.inbox, func(q payload) bool { return q.ID == p.ID })
				return nil
			})
			if err != nil {
				s.log.Printf("failed: %T", err)
				if s.flaw == headOfLine {
					break
				}
			}
		}
	}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.policy.Respond(w, retry.Retried)
		return
	}
	if s.flaw == parsesFirst && !json.Valid(body) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch s.flaw {
	case logsPayload:
		s.log.Printf("received %s", body)
	case logsQuoted:
		s.log.Printf("received %q", body)
	case logsBytes:
		s.log.Println("received", body)
	case logsPart:
		s.log.Printf("received %s", body[min(3, len(body)):min(48, len(body))])
	case logsSignature:
		s.log.Printf("received %v", r.Header)
	case refusesEverything:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case losesEverything:
		w.WriteHeader(http.StatusOK)
		return
	case dedupeBeforeVerify, asksBeforeVerify:
		var p payload
		_ = json.Unmarshal(body, &p)
		key := s.key(r.URL.Path, p, body)
		if s.known(key) {
			return
		}
		if s.flaw == dedupeBeforeVerify {
			_ = s.record(key)
		}
	}
	if err := s.verify(r, body); err != nil {
		s.log.Println("refused:", truhook.ReasonOf(err))
		w.WriteHeader(truhook.ReasonOf(err).Status())
		return
	}
	if s.flaw == panicIsFinal {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		}()
	}
	ctx := context.WithoutCancel(r.Context())
	if s.flaw == endsWithRequest {
		ctx = r.Context()
	}
	s.respond(w, s.handle(ctx, r.URL.Path, body))
}

func (s *service) verify(r *http.Request, body []byte) error {
	header := r.Header
	signature := header.Get("Acme-Signature")
	switch {
	case s.flaw == acceptsUnsigned && signature == "":
		return nil
	case s.flaw == acceptsEmpty && strings.HasSuffix(signature, "v1="),
		s.flaw == verifiesJSONOnly && header.Get("Content-Type") != "application/json",
		s.flaw == verifiesPOSTOnly && r.Method != http.MethodPost:
		return nil
	case s.flaw == acceptsMalformed && signature != "" && len(signature) < 60:
		return nil
	case s.flaw == acceptsTampered && len(signature) > 60:
		return nil
	case s.flaw == ignoresBody && len(signature) > 60:
		var p payload
		if json.Unmarshal(body, &p) != nil || p.Person != person {
			return nil
		}
	case (s.flaw == comparesBegin || s.flaw == comparesEnd) && len(signature) == 80 && r.URL.RequestURI() != theirPath:
		if s.comparesPart(signature, body) {
			return nil
		}
	case s.flaw == parsedJSON:
		var parsed map[string]any
		if json.Unmarshal(body, &parsed) == nil {
			body, _ = json.Marshal(parsed)
		}
	}
	verifier := s.verifier
	if r.URL.RequestURI() == theirPath {
		verifier = s.theirs
	}
	_, err := verifier.Verify(context.Background(), &truhook.Delivery{Header: header, Body: body})
	return err
}

// comparesPart compares 48 of the 64 digits.
func (s *service) comparesPart(signature string, body []byte) bool {
	var unix int64
	if _, err := fmt.Sscanf(signature, "t=%d,", &unix); err != nil || time.Since(time.Unix(unix, 0)).Abs() > 5*time.Minute {
		return false
	}
	want := http.Header{}
	if scheme().Sign(want, rightKey, hmacsig.Message{Time: time.Unix(unix, 0), Body: body}) != nil {
		return false
	}
	right := want.Get("Acme-Signature")
	if s.flaw == comparesBegin {
		return signature[:64] == right[:64]
	}
	return signature[32:] == right[32:]
}

// key returns what the event of a tenant is known by.
func (s *service) key(path string, p payload, body []byte) string {
	id := p.ID
	switch s.flaw {
	case bodyHash:
		sum := sha256.Sum256(body)
		id = string(sum[:])
	case truncatesID:
		id = id[:min(32, len(id))]
	case cutsFront:
		id = id[max(0, len(id)-40):]
	case foldsCase:
		id = strings.ToLower(id)
	case mixesTenants:
		return id
	}
	return path + " " + id
}

func (s *service) handle(ctx context.Context, path string, body []byte) error {
	if s.flaw == cutsBody {
		body = body[:min(64<<10, len(body))]
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil || p.ID == "" {
		switch s.flaw {
		case panicsOnMalformed:
			panic("malformed")
		case processesMalformed:
			return s.instance.Effect("?", func() error { return nil })
		}
		return retry.Permanent(errMalformed)
	}
	key := s.key(path, p, body)
	switch s.flaw {
	case logsOneValue:
		s.log.Println("for", p.Person)
	case sharedVariable:
		s.mu.Lock()
		s.current = p
		s.mu.Unlock()
	case works, worksLost, headOfLine, diesOfOutage:
		return s.accept(key, p)
	case holdsMutex:
		s.mu.Lock()
		defer s.mu.Unlock()
	case noRecord:
		return s.effect(ctx, key, p)
	case dedupeBeforeVerify:
		return s.effect(ctx, key, p)
	case checkThenInsert:
		if s.known(key) {
			return nil
		}
		time.Sleep(time.Millisecond) // the way to the database and back
		if err := s.effect(ctx, key, p); err != nil {
			return err
		}
		return s.record(key)
	case burnsTheID:
		if s.known(key) {
			return nil
		}
		if err := s.record(key); err != nil {
			return err
		}
		return s.effect(ctx, key, p)
	case panicBurns:
		s.mu.Lock()
		running := s.running[key]
		s.running[key] = true
		s.mu.Unlock()
		if running {
			return nil
		}
		err := s.leaseAndRun(ctx, key, p)
		s.mu.Lock()
		delete(s.running, key) // not deferred, so a panic keeps it
		s.mu.Unlock()
		return err
	case acknowledgesBeforeCommit:
		go func() {
			time.Sleep(10 * time.Millisecond)
			_ = s.leaseAndRun(ctx, key, p)
		}()
		return nil
	}
	return s.leaseAndRun(ctx, key, p)
}

// done reports whether the event is known to be done. The caller holds the lock.
func (s *service) done(key string) bool {
	switch {
	case s.flaw == forgetsInADay && time.Since(s.db.doneAt[key]) > 24*time.Hour,
		s.flaw == forgetsSoon && time.Since(s.db.doneAt[key]) > 30*time.Minute,
		s.flaw == evicts && !slices.Contains(s.db.order[max(0, len(s.db.order)-100):], key):
		return false
	}
	return s.db.seen[key]
}

// claim reports whether the event is done, and takes a lease on it if it is not.
func (s *service) claim(key string, lease time.Duration) (done bool, owned time.Time, err error) {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	switch {
	case s.db.down && s.flaw == storeAway:
		return true, owned, nil
	case s.db.down:
		return false, owned, errDown
	case s.done(key) && s.flaw == duplicateIsConflict:
		return false, owned, errBusy
	case s.done(key):
		return true, owned, nil
	}
	if s.db.failed[key]++; s.flaw == countsAttempts && s.db.failed[key] > 10 {
		return true, owned, nil
	}
	if time.Now().Before(s.db.leased[key]) {
		return s.flaw == ackInProgress, owned, errBusy
	}
	owned = time.Now().Add(lease)
	s.db.leased[key] = owned
	return false, owned, nil
}

// leaseAndRun is the right way, and the flaws that are next to it.
func (s *service) leaseAndRun(ctx context.Context, key string, p payload) error {
	lease := 2 * time.Second
	switch s.flaw {
	case leaseTooLong, outageKeepsLease, panicKeepsLease:
		lease = time.Hour
	case inRealTime:
		lease = 100 * time.Millisecond
	}
	done, owned, err := s.claim(key, lease)
	if done {
		return nil
	}
	if err != nil {
		return err
	}
	release := func() {
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		if s.db.leased[key].Equal(owned) || s.flaw == foreignLease {
			delete(s.db.leased, key)
		}
	}
	if s.flaw != panicKeepsLease {
		defer func() {
			if recovered := recover(); recovered != nil {
				release()
				panic(recovered)
			}
		}()
	}
	if s.flaw == atLeastOnce || s.flaw == ackInProgress || s.flaw == outageKeepsLease || s.flaw == leaseTooLong || s.flaw == effectThenRecord {
		ended := make(chan struct{})
		defer close(ended)
		go s.renew(key, lease, &owned, ended)
	}
	time.Sleep(time.Millisecond) // some work, so that copies meet
	if s.flaw == sharedVariable {
		s.mu.Lock()
		p = s.current
		s.mu.Unlock()
	}
	if s.flaw == versionBurned {
		s.db.mu.Lock()
		stale := p.Version <= s.db.burned
		s.db.burned = max(s.db.burned, p.Version)
		s.db.mu.Unlock()
		if stale && p.Version > 1 { // version 1 is every event's
			return nil
		}
	}
	err = s.effect(ctx, key, p)
	if err != nil && s.flaw == givesUp && s.failedTwice(key) {
		err = nil
	}
	if err == nil && s.recordsApart() {
		if err = s.record(key); err != nil && s.flaw == outageKeepsLease {
			return err
		}
	}
	release()
	return err
}

// renew keeps the lease until ended.
func (s *service) renew(key string, lease time.Duration, owned *time.Time, ended chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-s.instance.Context().Done():
			return
		case <-time.After(lease / 2):
			s.db.mu.Lock()
			if s.db.leased[key].Equal(*owned) {
				*owned = time.Now().Add(lease)
				s.db.leased[key] = *owned
			}
			s.db.mu.Unlock()
		}
	}
}

// failedTwice counts a failure of the event, and reports whether there was one before.
func (s *service) failedTwice(key string) bool {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	s.db.failures[key]++
	return s.db.failures[key] > 1
}

// effect commits the effect and the record of it at once.
func (s *service) effect(ctx context.Context, key string, p payload) error {
	apart := s.flaw == noRecord || s.flaw == checkThenInsert || s.recordsApart()
	apply := func() error {
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		switch {
		case s.db.down:
			return errDown
		case ctx.Err() != nil:
			return ctx.Err()
		case s.done(key) && !apart && s.flaw != burnsTheID && s.flaw != dedupeBeforeVerify:
			return nil // a twin was faster
		}
		s.db.effects[p.ID]++
		switch {
		case s.flaw == firstWins && s.db.version > 0:
		case p.Version > s.db.version || s.flaw == assumesOrder:
			s.db.version = p.Version
		}
		if !apart {
			s.db.seen[key] = true
			s.db.doneAt[key] = time.Now()
			s.db.order = append(s.db.order, key)
		}
		return nil
	}
	switch s.flaw {
	case noHook:
		return apply()
	case dropsCommit, commitIsFinal: // apply is the commit
		if err := s.instance.Effect(p.ID, func() error { return nil }); err != nil {
			return err
		}
		if err := apply(); err != nil && s.flaw == commitIsFinal {
			return errCommit
		}
		return nil
	}
	return s.instance.Effect(p.ID, apply)
}

func (s *service) known(id string) bool {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	return s.db.seen[id]
}

func (s *service) record(id string) error {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if s.db.down {
		return errDown
	}
	s.db.seen[id] = true
	return nil
}

func (s *service) respond(w http.ResponseWriter, err error) {
	switch {
	case err == nil || retry.IsPermanent(err):
		s.policy.Respond(w, retry.Delivered)
	case errors.Is(err, errBusy) && (s.flaw == conflictIsFinal || s.flaw == duplicateIsConflict):
		w.WriteHeader(http.StatusConflict)
	case errors.Is(err, errDown) && s.flaw == storeAwayIsFinal:
		w.WriteHeader(http.StatusBadRequest)
	case errors.Is(err, errCommit):
		w.WriteHeader(http.StatusBadRequest)
	case s.flaw == failureIsFinal:
		w.WriteHeader(http.StatusBadRequest)
	case s.flaw == failureIsSuccess:
		w.WriteHeader(http.StatusOK)
	default:
		s.log.Println("failed:", fmt.Sprintf("%T", err))
		s.policy.Respond(w, retry.Retried)
	}
}
