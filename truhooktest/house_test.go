package truhooktest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

// The receivers of the README, made of this module's own parts, have to pass the suite.

const madeForTests = "a secret made for these tests only"

// house is a service that a provider's parts are put together to. Its state survives a restart.
type house struct {
	policy      retry.Policy
	verifier    truhook.Verifier
	sign, wrong truhooktest.Signer
	maxAge      time.Duration
	event       func(id string, version int) []byte
	id          idempotency.KeyFunc
	parse       func(v *truhook.Verified) error
	sequence    idempotency.VersionFunc
	version     func(v *truhook.Verified) int // nil: no order
	forgetful   bool                          // its store ends with the process
}

// signed gives the house the scheme of a provider of package hmacsig.
func (h house) signed(t testing.TB, s hmacsig.Scheme) house {
	k, err := hmacsig.NewKey("test", madeForTests)
	require.NoError(t, err)
	h.verifier, err = hmacsig.New(s, hmacsig.StaticKeys(k), hmacsig.Config{})
	require.NoError(t, err)
	h.sign, h.wrong = truhooktest.HMAC(s, k), truhooktest.HMAC(s, wrongKey)
	return h
}

func (h house) receiver(t testing.TB) truhooktest.Receiver {
	store := idempotency.NewMemory(idempotency.MemoryConfig{})
	var mu sync.Mutex
	var held int
	r := truhooktest.Receiver{
		Policy: h.policy, Sign: h.sign, WrongKey: h.wrong, MaxAge: h.maxAge,
		Event: h.event, Sensitive: []string{"Ada Q. Sample"},
		Start: func(i *truhooktest.Instance) http.Handler {
			if h.forgetful {
				store = idempotency.NewMemory(idempotency.MemoryConfig{})
			}
			logger := slog.New(slog.NewJSONHandler(i.Log(), nil))
			verify := truhook.NewMiddleware(h.verifier, truhook.Config{Logger: logger, Observe: func(ctx context.Context, o truhook.Observation) {
				logger.InfoContext(ctx, "webhook", "delivery", o)
			}})
			once, err := idempotency.NewMiddleware(i.Store(store), "house/test", h.id,
				idempotency.Config{Policy: h.policy, Logger: logger, Version: h.sequence, SkipStale: h.sequence != nil})
			require.NoError(t, err)
			return verify.Wrap(once.Handle(func(_ context.Context, v *truhook.Verified) error {
				if err := h.parse(v); err != nil {
					return retry.Permanent(err)
				}
				id, err := h.id(v)
				if err != nil {
					return err
				}
				return i.Effect(id, func() error {
					mu.Lock()
					defer mu.Unlock()
					if h.version != nil {
						held = h.version(v)
					}
					return nil
				})
			}))
		},
	}
	if h.version != nil {
		r.Version = func() int { mu.Lock(); defer mu.Unlock(); return held }
	}
	return r
}

func truvalHouse(t testing.TB) house {
	return house{
		policy: truval.RetryPolicy(), id: truval.EventID,
		parse: func(v *truhook.Verified) error { _, err := truval.Parse(v); return err },
		event: func(id string, _ int) []byte {
			return fmt.Appendf(nil, `{"job_id":%q,"email":"Ada Q. Sample","valid":true,"status":"deliverable","confidence":1}`, id)
		},
	}.signed(t, truval.Scheme())
}

func truvHouse(t testing.TB) house {
	began := time.Now().UTC().Truncate(time.Second) // of every bubble
	return house{
		policy: truv.RetryPolicy(), sequence: truv.EventVersion,
		parse: func(v *truhook.Verified) error { _, err := truv.Parse(v); return err },
		id: func(v *truhook.Verified) (string, error) {
			e, err := truv.Parse(v)
			if err != nil {
				return "", err
			}
			return e.WebhookID, nil
		},
		event: func(id string, version int) []byte {
			at := began.Add(time.Duration(version) * time.Second).Format(time.RFC3339Nano)
			return fmt.Appendf(nil, `{"webhook_id":%q,"event_type":"task-status-updated","event_created_at":%q,`+
				`"task_id":"5214","status":"done","updated_at":%q,"tracking_info":"Ada Q. Sample"}`, id, at, at)
		},
		version: func(v *truhook.Verified) int {
			_, updated, err := truv.EventVersion(v)
			if err != nil {
				return -1
			}
			return int(updated.Sub(began) / time.Second)
		},
	}.signed(t, truv.Scheme())
}

func transUnionHouse(t testing.TB) house {
	newKey := func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(t, err)
		return k
	}
	const entity = "svc:7f2f6e3c-6f3e-4b6c-9d8a-1a2b3c4d5e6f"
	platform, other, service := newKey(), newKey(), newKey()
	v, err := transunion.New(transunion.Config{
		Entity: entity, Path: "/",
		Keys:        jose.StaticKeys{{ID: "platform", Key: &platform.PublicKey}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: "service", Key: service}},
	})
	require.NoError(t, err)
	signer := func(k *rsa.PrivateKey) truhooktest.Signer {
		return truhooktest.TransUnion(truhooktest.TransUnionConfig{
			Entity:   entity,
			Platform: jose.PrivateKey{ID: "platform", Key: k},
			Service:  jose.PublicKey{ID: "service", Key: &service.PublicKey},
		})
	}
	return house{
		policy: transunion.RetryPolicy(), verifier: v, sign: signer(platform), wrong: signer(other), maxAge: 35 * time.Second,
		parse: func(v *truhook.Verified) error { _, err := transunion.Parse(v); return err },
		id: func(v *truhook.Verified) (string, error) {
			id, err := transunion.EventID(v)
			return strings.TrimPrefix(id, "device:"), err
		},
		event: func(id string, _ int) []byte {
			return fmt.Appendf(nil, `{"type":"DEVICE_LINK_COMPLETION","device_id":%q,`+
				`"device_public_key":"Ada Q. Sample","device_public_key_id":"1"}`, id)
		},
	}
}

func TestTheReceiversOfThisModulePass(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]house{"truv": truvHouse(t), "truval": truvalHouse(t), "transunion": transUnionHouse(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			truhooktest.TestReceiver(t, h.receiver)
		})
	}
}

func TestTheReceiversOfThisModuleFailWhereTheyAreMisused(t *testing.T) {
	t.Parallel()
	forgetful := truvalHouse(t)
	forgetful.forgetful = true
	assert.Equal(t, []string{"dedupe-not-durable"}, sorted(truhooktest.Reasons(t, forgetful.receiver)))

	unordered := truvHouse(t)
	unordered.sequence = nil
	assert.Equal(t, []string{"order-assumed"}, sorted(truhooktest.Reasons(t, unordered.receiver)))
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
