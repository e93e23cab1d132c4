package payload_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

// A documented event, of which every member in turn comes in another type.
type drift struct {
	name     string
	verifier truhook.Verifier
	sign     truhooktest.Signer
	key      idempotency.KeyFunc
	version  idempotency.VersionFunc
	parse    func(v *truhook.Verified) error
	event    map[string]any
	// own are the members that the id is made of; they may change it.
	own []string
	// inner is the device response of an authorization, which is refused for every value that legal does not name.
	inner map[string]any
	legal map[string]string
}

func (d drift) body(t *testing.T, key jose.PublicKey, path, value string) []byte {
	t.Helper()
	event, inner := clone(t, d.event), clone(t, d.inner)
	if name, isInner := strings.CutPrefix(path, "inner."); isInner {
		set(inner, name, value)
	} else if path != "" {
		set(event, path, value)
	}
	if d.inner != nil && path != "auth_jwe" {
		content, err := json.Marshal(inner)
		require.NoError(t, err)
		event["auth_jwe"], err = truhooktest.TransUnionJWE(key, content)
		require.NoError(t, err)
	}
	body, err := json.Marshal(event)
	require.NoError(t, err)
	return body
}

func clone(t *testing.T, m map[string]any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &out))
	return out
}

func set(m map[string]any, path, value string) {
	if first, rest, nested := strings.Cut(path, "."); nested {
		set(m[first].(map[string]any), rest, value)
		return
	}
	m[path] = json.RawMessage(value)
}

// paths returns the names of all members, those of nested objects as "event.ts".
func paths(m map[string]any, prefix string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, prefix+name)
		if nested, ok := m[name].(map[string]any); ok {
			all = append(all, paths(nested, prefix+name+".")...)
		}
	}
	return all
}

type queue struct{ messages []inbox.Message }

func (q *queue) Enqueue(_ context.Context, m inbox.Message) (bool, error) {
	q.messages = append(q.messages, m)
	return false, nil
}

func TestDrift_AMemberOfAnotherTypeLosesNoEventAndAuthorizesNothing(t *testing.T) {
	t.Parallel()
	platform, service := rsaKeys(t)
	for _, d := range drifts(t, platform, service) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			public := jose.PublicKey{ID: service.ID, Key: publicOf(service)}
			_, want := d.try(t, d.body(t, public, "", ""))
			require.NotEmpty(t, want, "the event as documented")
			members := paths(d.event, "")
			for _, name := range slices.Sorted(maps.Keys(d.inner)) {
				members = append(members, "inner."+name)
			}
			for _, member := range members {
				for _, value := range []string{"null", "true", "17", "1.5", `"x"`, "[]", "{}"} {
					body := d.body(t, public, member, value)
					accepted, id := d.try(t, body)
					if d.inner != nil && !strings.Contains(d.legal[member], value) {
						assert.False(t, accepted, "%s %s: what cannot be read authorizes nothing", member, value)
						continue
					}
					assert.True(t, accepted, "%s %s: the event is lost", member, value)
					assert.NotEmpty(t, id, "%s %s", member, value)
					if !slices.Contains(d.own, member) {
						assert.Equal(t, want, id, "%s %s: the id is not made of it", member, value)
					}
					_, again := d.try(t, body)
					assert.Equal(t, id, again, "%s %s: equal bytes", member, value)
				}
			}
		})
	}
}

var errNotParsed = errors.New("the handler cannot read the event")

// try delivers a body twice to a handler and once to an inbox, and reports whether both took it once, and its id.
func (d drift) try(t *testing.T, body []byte) (accepted bool, id string) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	verify := truhook.NewMiddleware(d.verifier, truhook.Config{Logger: quiet})
	store := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 64})
	once, err := idempotency.NewMiddleware(store, "test", d.key, idempotency.Config{Version: d.version, Logger: quiet})
	require.NoError(t, err)
	q, handled := &queue{}, 0
	accept, err := inbox.NewHandler(q, "test", d.key, inbox.Config{Version: d.version, Logger: quiet})
	require.NoError(t, err)
	event := truhooktest.Event{Body: body}
	handler := verify.Wrap(once.Handle(func(_ context.Context, v *truhook.Verified) error {
		if d.parse(v) != nil {
			return errNotParsed
		}
		handled++
		return nil
	}))
	var statuses []int
	for range 2 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, truhooktest.NewRequest(t, d.sign, "/hook", event))
		statuses = append(statuses, w.Code)
	}
	w := httptest.NewRecorder()
	verify.Wrap(accept).ServeHTTP(w, truhooktest.NewRequest(t, d.sign, "/hook", event))
	if handled != 1 || statuses[0] != 200 || statuses[1] != 200 || w.Code != 200 || len(q.messages) != 1 {
		return false, ""
	}
	return true, q.messages[0].Key.ID
}

func drifts(t *testing.T, platform, service jose.PrivateKey) []drift {
	t.Helper()
	const secret, entity = "sandbox-0123456789abcdef0123456789abcdef01234567", "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
	key, err := hmacsig.NewKey("current", secret)
	require.NoError(t, err)
	now := time.Now().UTC()
	at := now.Format(time.RFC3339)
	truvVerifier, err := truv.New(secret)
	require.NoError(t, err)
	truvalVerifier, err := truval.New(secret)
	require.NoError(t, err)
	truliooVerifier, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
	require.NoError(t, err)
	transunionVerifier, err := transunion.New(transunion.Config{
		Entity: entity, Keys: jose.StaticKeys{{ID: platform.ID, Key: publicOf(platform)}}, PrivateKeys: jose.StaticPrivateKeys{service},
	})
	require.NoError(t, err)

	truvEvent := drift{
		verifier: truvVerifier, sign: truhooktest.HMAC(truv.Scheme(), key), key: truv.EventID, version: truv.EventVersion,
		parse: func(v *truhook.Verified) error { _, err := truv.Parse(v); return err }, own: []string{"webhook_id", "event_type"},
	}
	truliooEvent := drift{
		verifier: truliooVerifier, sign: truhooktest.HMAC(trulioo.Scheme(), key), key: trulioo.EventID, version: trulioo.EventVersion,
		parse: func(v *truhook.Verified) error { _, err := trulioo.Parse(v); return err },
		own:   []string{"id", "event", "event.type", "event.ts", "nodeId", "serviceType"},
	}
	truvalEvent := drift{
		verifier: truvalVerifier, sign: truhooktest.HMAC(truval.Scheme(), key), key: truval.EventID, own: []string{"job_id"},
		parse: func(v *truhook.Verified) error { _, err := truval.Parse(v); return err },
	}
	transunionEvent := drift{
		verifier: transunionVerifier, key: transunion.EventID,
		sign: truhooktest.TransUnion(truhooktest.TransUnionConfig{
			Entity: entity, Platform: platform, Service: jose.PublicKey{ID: service.ID, Key: publicOf(service)},
		}),
		parse: func(v *truhook.Verified) error { _, err := transunion.Parse(v); return err },
	}
	named := func(d drift, name string, event map[string]any) drift {
		d.name, d.event = name, event
		return d
	}
	var all []drift
	for _, kind := range []truv.EventType{
		truv.TaskStatusUpdated, truv.EmploymentUpdated, truv.StatementsCreated, truv.LinkConnected, truv.OrderStatusUpdated,
	} {
		all = append(all, named(truvEvent, "truv/"+string(kind), map[string]any{
			"webhook_id": "661f063e", "event_type": string(kind), "event_created_at": at, "updated_at": at, "user_id": "u", "product": "income",
			"data_source": "payroll", "status": "done", "task_id": "t", "link_id": "l", "object_id": "o", "employment_id": "e",
			"objects_count": 3, "order_id": "r", "order_number": "n", "employer_id": "m", "template_id": "p", "tracking_info": map[string]any{"a": 1},
		}))
	}
	all = append(all,
		named(truliooEvent, "trulioo/workflow", map[string]any{
			"id": "i", "token": "s", "type": "EVENT_CALLBACK", "event": map[string]any{"type": "FLOW_END", "ts": fmt.Sprint(now.Unix()), "user": "u"},
			"flowId": "f", "nodeId": "n", "userId": "c", "serviceType": "DocV", "test": true, "retry": 2,
			"serviceData": map[string]any{
				"timestamp": now.Unix(), "serviceStatus": "COMPLETED", "match": true,
				"transactionInfo": map[string]any{
					"accountName": "a", "accountIdentifier": "b", "countryCode": "CA", "date": at, "transactionId": "t", "transactionRecordId": "r", "userName": "n",
				},
			},
		}),
		named(truvalEvent, "truval", map[string]any{
			"job_id": "j", "email": "a@b.example", "valid": true, "status": "deliverable", "confidence": 0.93, "failed_check": "smtp", "disposable": true,
			"role": false, "free_provider": true, "catch_all": false, "smtp_blocked": true, "mx_found": true, "mx_host": "mx.b.example",
			"suggestion": "a@c.example", "latency_ms": 12.5,
		}),
	)
	transaction := named(truliooEvent, "trulioo/transaction", map[string]any{
		"id": "i", "transactionId": "t", "clientId": "c", "event": map[string]any{"status": "done"}, "error": map[string]any{"code": 17, "message": "m"},
	})
	transaction.own = []string{"id", "transactionId", "event", "event.status"}

	link := named(transunionEvent, "transunion/device-link", map[string]any{
		"type": "DEVICE_LINK_COMPLETION", "device_id": "d", "device_public_key": "k", "device_public_key_id": "i",
	})
	// A type of its own makes it an event that is not known, which has the id of its token: each delivery is another.
	link.own = []string{"device_id"}
	link.event = map[string]any{"device_id": "d", "device_public_key": "k", "device_public_key_id": "i"}
	ended := named(transunionEvent, "transunion/session-end", map[string]any{"service_user_hash": "h", "api_time": at})
	ended.own = []string{"service_user_hash", "api_time"}
	ended.sign = truhooktest.TransUnion(truhooktest.TransUnionConfig{Entity: entity, Platform: platform, Plain: true})

	response := named(transunionEvent, "transunion/authorization", map[string]any{
		"type": "AUTHORIZATION_RESPONSE", "auth": "YQ==", "auth_jwe": "", "service_user_hash": "h", "org_user_hash": "o", "user_push_id": "p",
		"public_key_id": service.ID,
	})
	response.inner = map[string]any{
		"type": "AUTHORIZED", "reason": "APPROVED", "denial_reason": "D", "auth_request": "r", "device_id": "d", "service_pins": []string{"1"},
		"auth_policy": map[string]any{"requirement": "types"}, "auth_methods": []any{map[string]any{"method": "pin"}},
	}
	const text, optional = `"x"`, `"x" null`
	response.legal = map[string]string{
		"type": "null", "auth": optional, "service_user_hash": text, "org_user_hash": optional, "user_push_id": text, "public_key_id": optional,
		"inner.type": text, "inner.reason": text, "inner.denial_reason": optional, "inner.auth_request": text, "inner.device_id": text,
		"inner.service_pins": "[] null", "inner.auth_policy": "{} null", "inner.auth_methods": "[] null",
	}
	response.own = []string{"inner.auth_request"}
	// Another reading of "refused": whatever the handler is given, it does not say yes.
	response.parse = func(v *truhook.Verified) error {
		event, err := transunion.Parse(v)
		if r, ok := event.(transunion.AuthorizationResponse); err == nil && (!ok || r.Type != "x" && r.Reason != "x" && !r.Authorized()) {
			return errNotParsed
		}
		return err
	}
	return append(all, transaction, link, ended, response)
}

func rsaKeys(t *testing.T) (platform, service jose.PrivateKey) {
	t.Helper()
	read := func(name string) jose.PrivateKey {
		pem, err := os.ReadFile("../../recorded/deliveries/transunion/" + name + ".pem")
		require.NoError(t, err)
		key, err := jose.ParsePrivateKey(pem)
		require.NoError(t, err)
		id, err := transunion.Fingerprint(key)
		require.NoError(t, err)
		return jose.PrivateKey{ID: id, Key: key}
	}
	return read("stranger"), read("service-current")
}

func publicOf(key jose.PrivateKey) any {
	return key.Key.(interface{ Public() crypto.PublicKey }).Public()
}
