package truhooktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
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
	acceptsMalformed    flaw = "accepts what is no signature"
	acceptsTampered     flaw = "does not look at the signature"
	acceptsAnyKey       flaw = "accepts any key"
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
)

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
	stored  map[string]bool
	inbox   []payload
}

func newDatabase() *database {
	return &database{seen: map[string]bool{}, stored: map[string]bool{}, leased: map[string]time.Time{}, effects: map[string]int{}}
}

type service struct {
	flaw     flaw
	policy   retry.Policy
	db       *database
	instance *truhooktest.Instance
	log      *log.Logger
	verifier *hmacsig.Verifier
}

var (
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
			ExactlyOnce: f != atLeastOnce && f != leaseTooLong,
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
	v, err := hmacsig.New(s, keys, hmacsig.Config{})
	if err != nil {
		panic(err)
	}
	srv := &service{f, policy, db, i, log.New(i.Log(), "", 0), v}
	if f == works || f == worksLost {
		go srv.work()
	}
	return srv
}

func (s *service) recordsApart() bool {
	return s.flaw == effectThenRecord || s.flaw == atLeastOnce || s.flaw == leaseTooLong
}

func accepted(f flaw, db *database) func(id string) bool {
	if f != works && f != worksLost {
		return nil
	}
	return func(id string) bool {
		db.mu.Lock()
		defer db.mu.Unlock()
		return db.seen[id]
	}
}

// accept stores the event; the worker has the rest.
func (s *service) accept(p payload) error {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	if !s.db.stored[p.ID] {
		s.db.stored[p.ID] = true
		s.db.inbox = append(s.db.inbox, p)
	}
	if s.flaw == works {
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
		inbox := append([]payload(nil), s.db.inbox...)
		s.db.mu.Unlock()
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
		if s.known(p.ID) {
			return
		}
		if s.flaw == dedupeBeforeVerify {
			s.record(p.ID)
		}
	}
	if err := s.verify(r, body); err != nil {
		s.log.Println("refused:", truhook.ReasonOf(err))
		w.WriteHeader(truhook.ReasonOf(err).Status())
		return
	}
	s.respond(w, s.handle(body))
}

func (s *service) verify(r *http.Request, body []byte) error {
	header := r.Header
	signature := header.Get("Acme-Signature")
	switch {
	case s.flaw == acceptsUnsigned && signature == "":
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
	case s.flaw == parsedJSON:
		var parsed map[string]any
		if json.Unmarshal(body, &parsed) == nil {
			body, _ = json.Marshal(parsed)
		}
	}
	_, err := s.verifier.Verify(context.Background(), &truhook.Delivery{Header: header, Body: body})
	return err
}

func (s *service) handle(body []byte) error {
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
	if s.flaw == logsOneValue {
		s.log.Println("for", p.Person)
	}
	switch s.flaw {
	case works, worksLost:
		return s.accept(p)
	case noRecord:
		return s.effect(p)
	case dedupeBeforeVerify:
		return s.effect(p)
	case checkThenInsert:
		if s.known(p.ID) {
			return nil
		}
		time.Sleep(time.Millisecond) // the way to the database and back
		if err := s.effect(p); err != nil {
			return err
		}
		s.record(p.ID)
		return nil
	case burnsTheID:
		if s.known(p.ID) {
			return nil
		}
		s.record(p.ID)
		return s.effect(p)
	case acknowledgesBeforeCommit:
		go func() {
			time.Sleep(10 * time.Millisecond)
			_ = s.leaseAndRun(p)
		}()
		return nil
	}
	return s.leaseAndRun(p)
}

// leaseAndRun is the right way, and the flaws that are next to it.
func (s *service) leaseAndRun(p payload) error {
	s.db.mu.Lock()
	if s.db.seen[p.ID] {
		s.db.mu.Unlock()
		if s.flaw == duplicateIsConflict {
			return errBusy
		}
		return nil
	}
	if time.Now().Before(s.db.leased[p.ID]) {
		s.db.mu.Unlock()
		return errBusy
	}
	lease := 2 * time.Second
	switch s.flaw {
	case leaseTooLong:
		lease = time.Hour
	case inRealTime:
		lease = 100 * time.Millisecond
	}
	s.db.leased[p.ID] = time.Now().Add(lease)
	s.db.mu.Unlock()

	time.Sleep(time.Millisecond) // some work, so that copies meet
	err := s.effect(p)
	if err == nil && s.recordsApart() {
		s.record(p.ID)
	}
	s.db.mu.Lock()
	delete(s.db.leased, p.ID)
	s.db.mu.Unlock()
	return err
}

// effect commits the effect and the record of it at once.
func (s *service) effect(p payload) error {
	apply := func() error {
		s.db.mu.Lock()
		defer s.db.mu.Unlock()
		if s.flaw == inRealTime && s.db.seen[p.ID] {
			return nil // taken over on a machine that stood still
		}
		s.db.effects[p.ID]++
		if p.Version > s.db.version || s.flaw == assumesOrder {
			s.db.version = p.Version
		}
		if s.flaw != noRecord && s.flaw != checkThenInsert && !s.recordsApart() {
			s.db.seen[p.ID] = true
		}
		return nil
	}
	if s.flaw == noHook {
		return apply()
	}
	return s.instance.Effect(p.ID, apply)
}

func (s *service) known(id string) bool {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	return s.db.seen[id]
}

func (s *service) record(id string) {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	s.db.seen[id] = true
}

func (s *service) respond(w http.ResponseWriter, err error) {
	switch {
	case err == nil || retry.IsPermanent(err):
		s.policy.Respond(w, retry.Delivered)
	case errors.Is(err, errBusy) && (s.flaw == conflictIsFinal || s.flaw == duplicateIsConflict):
		w.WriteHeader(http.StatusConflict)
	case s.flaw == failureIsFinal:
		w.WriteHeader(http.StatusBadRequest)
	case s.flaw == failureIsSuccess:
		w.WriteHeader(http.StatusOK)
	default:
		s.log.Println("failed:", fmt.Sprintf("%T", err))
		s.policy.Respond(w, retry.Retried)
	}
}
