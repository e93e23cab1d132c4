package truhooktest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

// A signature that were left would be a genuine one, and a correct receiver would fail for it.
func TestEmptySignature_LeavesNoSignatureAndAllElse(t *testing.T) {
	t.Parallel()
	const id = "event_0123456789abcdef"
	hex := strings.Repeat("0a", 32)
	signed := map[string][2]string{ // as signed, and as sent
		"X-Sign-1": {"sha1=" + hex[:40], "sha1="},
		"X-Sign-2": {"t=1767323045,v1=" + hex + ",v1=" + hex, "t=1767323045,v1=,v1="},
		"X-Sign-3": {"v1,6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI= v1,AAAAAAAAAAAAAAAAAAAAAA==", "v1, v1,"},
		"X-Token":  {"Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4eHgifQ.c2lnbmF0dXJlX29mX2E", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4eHgifQ."},
		"X-Id":     {id, id},
		"X-Time":   {"2026-11-28T09:30:00Z", "2026-11-28T09:30:00Z"},
	}
	synctest.Test(t, func(t *testing.T) {
		sign := func(r *http.Request, e truhooktest.Event, _ time.Time) ([]byte, error) {
			for name, value := range signed {
				r.Header.Set(name, value[0])
			}
			return e.Body, nil
		}
		got := map[string][2]string{}
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for name, value := range signed {
				got[name] = [2]string{value[0], r.Header.Get(name)}
			}
		})
		policy := retry.Policy{Provider: "acme", Attempts: 2, Delays: []retry.Delay{{Base: time.Second}}}
		p := truhooktest.NewProvider(policy, sign, h, truhooktest.Config{})
		defer p.Close()
		attempts := p.Deliver(t.Context(), truhooktest.Event{
			ID: id, Body: []byte("{}"), Header: http.Header{"X-Other": {hex}}, Faults: []truhooktest.Fault{truhooktest.EmptySignature},
		})
		require.NoError(t, attempts[0].Err)
		assert.Equal(t, signed, got)
	})
}

// A correct receiver accepts any signature that is right: of several none may be left, at whichever place they change.
func TestACorrectReceiverPassesWithSeveralSignatures(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func(at, signature string) string{
		"three of one key":   func(at, s string) string { return at + ",v1=" + s + ",v1=" + s + ",v1=" + s },
		"of a later version": func(at, s string) string { return at + ",v1=" + s + ",v2=" + strings.Repeat("0a", 64) },
		"of an older one":    func(at, s string) string { return at + ",v0=" + strings.Repeat("0a", 64) + ",v1=" + s },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			several := func(sign truhooktest.Signer) truhooktest.Signer {
				return func(r *http.Request, e truhooktest.Event, now time.Time) ([]byte, error) {
					body, err := sign(r, e, now)
					at, signature, _ := strings.Cut(r.Header.Get("Acme-Signature"), ",v1=")
					r.Header.Set("Acme-Signature", header(at, signature))
					return body, err
				}
			}
			truhooktest.TestReceiver(t, func(t testing.TB) truhooktest.Receiver {
				r := receiver(none, retry.Policy{Provider: "unknown"})(t)
				r.Sign, r.WrongKey, r.Tenant.Sign = several(r.Sign), several(r.WrongKey), several(r.Tenant.Sign)
				return r
			})
		})
	}
}
