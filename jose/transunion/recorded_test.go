package transunion_test

import (
	"crypto/rsa"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

const (
	entity  = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
	keysDir = "../../recorded/deliveries/transunion"
)

// privateKey reads a key of recorded/deliveries/transunion, made for tests.
func privateKey(t testing.TB, name string) jose.PrivateKey {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(keysDir, name+".pem"))
	require.NoError(t, err)
	key, err := jose.ParsePrivateKey(pem)
	require.NoError(t, err)
	id, err := transunion.Fingerprint(key)
	require.NoError(t, err)
	return jose.PrivateKey{ID: id, Key: key}
}

func platformKey(t testing.TB) jose.PublicKey {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(keysDir, "platform-public.pem"))
	require.NoError(t, err)
	key, err := jose.ParsePublicKey(pem)
	require.NoError(t, err)
	id, err := transunion.Fingerprint(key)
	require.NoError(t, err)
	return jose.PublicKey{ID: id, Key: key}
}

func config(t testing.TB) transunion.Config {
	t.Helper()
	return transunion.Config{
		Entity:      entity,
		Keys:        jose.StaticKeys{platformKey(t)},
		PrivateKeys: jose.StaticPrivateKeys{privateKey(t, "service-current"), privateKey(t, "service-retired")},
	}
}

func verifier(t testing.TB) *transunion.Verifier {
	t.Helper()
	v, err := transunion.New(config(t))
	require.NoError(t, err)
	return v
}

func delivery(t testing.TB, name string) *truhook.Delivery {
	t.Helper()
	file, err := recorded.ReadFS(deliveries.FS(), "transunion/"+name+".http")
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	return d
}

func TestVerify_RecordedDeliveriesGetTheVerdictTheyExpect(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	names, err := fs.Glob(deliveries.FS(), "transunion/*.http")
	require.NoError(t, err)
	require.Greater(t, len(names), 90)
	for _, name := range names {
		t.Run(strings.TrimSuffix(path.Base(name), ".http"), func(t *testing.T) {
			t.Parallel()
			file, err := recorded.ReadFS(deliveries.FS(), name)
			require.NoError(t, err)
			d, err := file.Delivery()
			require.NoError(t, err)

			verified, err := v.Verify(t.Context(), d)
			require.Equal(t, file.Expect, truhook.ReasonOf(err), "%v", err)
			if err != nil {
				assert.Nil(t, verified)
				assertClean(t, err, d)
				return
			}
			head := *d
			head.Body = nil
			require.NoError(t, v.Precheck(t.Context(), &head))
			_, err = transunion.Parse(verified)
			require.NoError(t, err)
			id, err := transunion.EventID(verified)
			require.NoError(t, err)
			assert.NotEmpty(t, id)
		})
	}
}

// assertClean holds an error to naming its scheme once and to repeating nothing of what came.
func assertClean(t testing.TB, err error, d *truhook.Delivery) {
	t.Helper()
	var refusal *truhook.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "transunion", refusal.Scheme)
	assert.Equal(t, 1, strings.Count(err.Error(), "transunion"), "%v", err)
	for _, line := range append(d.Header["X-Iov-Jwt"], string(d.Body)) {
		for i := 0; i+12 <= len(line); i += 12 {
			require.NotContains(t, err.Error(), line[i:i+12])
		}
	}
}

func TestParse_WhatARecordedDeliveryReports(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	parse := func(name string) (*truhook.Verified, transunion.Event, string) {
		verified, err := v.Verify(t.Context(), delivery(t, name))
		require.NoError(t, err)
		event, err := transunion.Parse(verified)
		require.NoError(t, err)
		id, err := transunion.EventID(verified)
		require.NoError(t, err)
		return verified, event, id
	}

	verified, event, id := parse("event-authorization-response")
	r, ok := event.(transunion.AuthorizationResponse)
	require.True(t, ok)
	assert.True(t, r.Authorized())
	assert.False(t, r.Fraudulent())
	assert.Equal(t, "62e09ff8-f9a9-11e8-bbe2-0242ac130008", r.AuthRequest)
	assert.Equal(t, []string{"2648", "2046"}, r.ServicePins)
	assert.JSONEq(t, `{"requirement":"amount","amount":2,"geofences":[]}`, string(r.AuthPolicy))
	assert.Equal(t, "authorization:62e09ff8-f9a9-11e8-bbe2-0242ac130008", id)
	assert.Contains(t, string(verified.Inner), `"AUTHORIZED"`)
	claims, ok := truhook.Detail[jose.Claims](verified)
	require.True(t, ok)
	assert.Equal(t, "lka", claims.Issuer)
	assert.Equal(t, []string{entity}, claims.Audience)
	assert.Equal(t, platformKey(t).ID, verified.Proofs[0].KeyID)
	token, err := transunion.TokenID(verified)
	require.NoError(t, err)
	assert.Equal(t, claims.ID, token)

	_, event, _ = parse("event-authorization-denied")
	r, ok = event.(transunion.AuthorizationResponse)
	require.True(t, ok)
	assert.False(t, r.Authorized())
	assert.True(t, r.Fraudulent())
	assert.Equal(t, "D1", r.DenialReason)

	_, event, legacy := parse("event-authorization-legacy")
	r, ok = event.(transunion.AuthorizationResponse)
	require.True(t, ok)
	assert.True(t, r.Authorized())
	assert.Equal(t, id, legacy, "the same authorization request, the same id")

	verified, event, id = parse("event-device-link")
	linked, ok := event.(transunion.DeviceLinked)
	require.True(t, ok)
	assert.Contains(t, linked.PublicKey, "BEGIN PUBLIC KEY")
	assert.Equal(t, "device:31ba7a2e-8ecf-11e7-8d3a-0800200c9a66", id)
	assert.Nil(t, verified.Inner)

	d := delivery(t, "event-session-end")
	verified, err = v.Verify(t.Context(), d)
	require.NoError(t, err)
	assert.Same(t, &d.Body[0], &verified.Payload[0], "the payload is the body itself")
	event, err = transunion.Parse(verified)
	require.NoError(t, err)
	ended, ok := event.(transunion.SessionEnded)
	require.True(t, ok)
	assert.Equal(t, "2026-03-02T09:29:59Z", ended.At.Format("2006-01-02T15:04:05Z07:00"))

	_, event, id = parse("event-a-type-of-next-year")
	assert.Equal(t, transunion.Unknown{Type: "SOMETHING_NEW"}, event)
	assert.Equal(t, "token:"+token, id)
}

func TestVerify_ARetiredPrivateKeyServesUntilItsEnd(t *testing.T) {
	t.Parallel()
	d := delivery(t, "key-retired-in-grace")
	retired := privateKey(t, "service-retired")
	retired.NotAfter = d.Received
	for name, c := range map[string]struct {
		later int64
		want  truhook.Reason
	}{
		"at its end":         {0, ""},
		"one nanosecond on":  {1, truhook.UnknownDecryptionKey},
		"one nanosecond ago": {-1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.PrivateKeys = jose.StaticPrivateKeys{privateKey(t, "service-current"), retired}
			cfg.Now = clock(d.Received.UnixNano() + c.later)
			v, err := transunion.New(cfg)
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), d)
			assert.Equal(t, c.want, truhook.ReasonOf(err))
		})
	}
}

func TestVerify_AKeyThatIsNotHereIsOursToMend(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.PrivateKeys = jose.StaticPrivateKeys{privateKey(t, "service-retired")}
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), delivery(t, "event-authorization-response"))
	require.ErrorIs(t, err, truhook.UnknownDecryptionKey)
	assert.Equal(t, 503, truhook.ReasonOf(err).Status())
	assert.IsType(t, &rsa.PrivateKey{}, privateKey(t, "service-current").Key)
}
