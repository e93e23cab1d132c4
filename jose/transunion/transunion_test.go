package transunion_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

func TestNew_RejectsWhatIsNoReceiver(t *testing.T) {
	t.Parallel()
	const uuid = "f8329e0e-dd7a-11e7-98b4-469158467b1a"
	for name, change := range map[string]func(c *transunion.Config){
		"no entity":          func(c *transunion.Config) { c.Entity = "" },
		"an organization":    func(c *transunion.Config) { c.Entity = "org:" + uuid },
		"a bare UUID":        func(c *transunion.Config) { c.Entity = uuid },
		"a UUID in capitals": func(c *transunion.Config) { c.Entity = "svc:" + strings.ToUpper(uuid) },
		"a short UUID":       func(c *transunion.Config) { c.Entity = "svc:" + uuid[:35] },
		"no hyphens":         func(c *transunion.Config) { c.Entity = "svc:" + strings.ReplaceAll(uuid, "-", "0") },
		"lka as audience":    func(c *transunion.Config) { c.Audience = "lka" },
		"no keys":            func(c *transunion.Config) { c.Keys = nil },
		"no private keys":    func(c *transunion.Config) { c.PrivateKeys = nil },
		"empty keys":         func(c *transunion.Config) { c.Keys = jose.StaticKeys{} },
		"empty private keys": func(c *transunion.Config) { c.PrivateKeys = jose.StaticPrivateKeys{} },
		"a relative path":    func(c *transunion.Config) { c.Path = "webhooks" },
		"a negative leeway":  func(c *transunion.Config) { c.Leeway = -1 },
	} {
		cfg := config(t)
		change(&cfg)
		v, err := transunion.New(cfg)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
	for _, audience := range []string{"org:" + uuid, "dir:" + uuid, "svc:" + uuid} {
		cfg := config(t)
		cfg.Entity, cfg.Audience = "dir:"+uuid, audience
		_, err := transunion.New(cfg)
		require.NoError(t, err)
	}
}

func TestVerifier_NilAndZeroRejectEverything(t *testing.T) {
	t.Parallel()
	d := delivery(t, "event-authorization-response")
	for _, v := range []*transunion.Verifier{nil, {}} {
		verified, err := v.Verify(t.Context(), d)
		assert.Nil(t, verified)
		require.ErrorIs(t, err, truhook.NoKey)
		require.ErrorIs(t, v.Precheck(t.Context(), d), truhook.NoKey)
	}
	_, err := verifier(t).Verify(t.Context(), &truhook.Delivery{})
	require.ErrorIs(t, err, truhook.MissingToken)
}

// counted counts the questions to key sets.

type counted struct {
	public, private atomic.Int64
	cfg             transunion.Config
}

func (c *counted) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	c.public.Add(1)
	return c.cfg.Keys.PublicKeys(ctx, q)
}

func (c *counted) PrivateKeys(ctx context.Context, id string) ([]jose.PrivateKey, error) {
	c.private.Add(1)
	return c.cfg.PrivateKeys.PrivateKeys(ctx, id)
}

func TestVerify_TouchesNoPrivateKeyForWhatTheTokenDoesNotVouchFor(t *testing.T) {
	t.Parallel()
	c := &counted{cfg: config(t)}
	cfg := c.cfg
	cfg.Keys, cfg.PrivateKeys = c, c
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	for _, name := range []string{
		"token-forged", "token-of-a-stranger", "token-none", "token-hs256-public-key", "claim-exp-past", "claim-aud-wrong",
		"request-body-swapped", "claim-hash-missing", "request-path-of-another", "header-both-unequal",
	} {
		_, err := v.Verify(t.Context(), delivery(t, name))
		require.Error(t, err)
		require.Equal(t, 401, truhook.ReasonOf(err).Status())
	}
	assert.Zero(t, c.private.Load())
	before := c.public.Load()
	_, err = v.Verify(t.Context(), delivery(t, "token-none"))
	require.Error(t, err)
	assert.Equal(t, before, c.public.Load(), "nor a public one for a bad form")
	_, err = v.Verify(t.Context(), delivery(t, "event-authorization-response"))
	require.NoError(t, err)
	assert.EqualValues(t, 2, c.private.Load(), "the body's and the device response's")
}

func TestVerify_ATokenThatWaitedIsJudgedAtTheTimeItCame(t *testing.T) {
	t.Parallel()
	d := *delivery(t, "event-session-end")
	cfg := config(t)
	cfg.Now = clock(d.Received.Add(time.Hour).UnixNano())
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.NoError(t, err)
	d.Received = time.Time{}
	_, err = v.Verify(t.Context(), &d)
	require.ErrorIs(t, err, truhook.Expired)
}

func TestVerify_BehindAProxyThePathIsTheRegisteredOne(t *testing.T) {
	t.Parallel()
	d := *delivery(t, "event-session-end")
	d.RequestURI = "/internal"
	cfg := config(t)
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.ErrorIs(t, err, truhook.WrongPath)
	cfg.Path = "/webhooks/transunion"
	v, err = transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.NoError(t, err)
}

// rotating is how a service swaps keys: one pointer to a set that never changes.

type rotating struct {
	public  atomic.Pointer[jose.StaticKeys]
	private atomic.Pointer[jose.StaticPrivateKeys]
}

func (r *rotating) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	return r.public.Load().PublicKeys(ctx, q)
}

func (r *rotating) PrivateKeys(ctx context.Context, id string) ([]jose.PrivateKey, error) {
	return r.private.Load().PrivateKeys(ctx, id)
}

func TestVerify_KeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	d := []*truhook.Delivery{
		delivery(t, "event-authorization-response"), delivery(t, "event-device-link"), delivery(t, "event-session-end"),
	}
	forged := delivery(t, "token-forged")
	platform, current, retired := platformKey(t), privateKey(t, "service-current"), privateKey(t, "service-retired")
	other := jose.PublicKey{ID: "other", Key: platform.Key}
	publics := []*jose.StaticKeys{{platform}, {other, platform}, {platform, other}}
	privates := []*jose.StaticPrivateKeys{{current}, {retired, current}, {current, retired}}
	keys := &rotating{}
	keys.public.Store(publics[0])
	keys.private.Store(privates[0])
	cfg := config(t)
	cfg.Keys, cfg.PrivateKeys = keys, keys
	v, err := transunion.New(cfg)
	require.NoError(t, err)

	done := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				keys.public.Store(publics[i%3])
				keys.private.Store(privates[(i/3)%3])
			}
		}
	})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for i := range 60 {
				_, err := v.Verify(t.Context(), d[i%len(d)])
				assert.NoError(t, err)
				_, err = v.Verify(t.Context(), forged)
				assert.ErrorIs(t, err, truhook.SignatureMismatch)
			}
		})
	}
	load.Wait()
	close(done)
	swaps.Wait()
}

func TestVerifier_PrintsNoPrivateKey(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	verified, err := v.Verify(t.Context(), delivery(t, "event-session-end"))
	require.NoError(t, err)
	var out bytes.Buffer
	for _, held := range []any{v, *v, cfg, &cfg, verified} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&out, verb, held)
		}
	}
	d := cfg.PrivateKeys.(jose.StaticPrivateKeys)[0].Key.(*rsa.PrivateKey).D
	assert.NotContains(t, out.String(), d.String()[:20])
	assert.NotContains(t, out.String(), fmt.Sprint(d.Bits()[0]))
}

// FuzzEvent reads any payload and any device response as an event.
