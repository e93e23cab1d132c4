package trulioo_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
)

// hmacsig.CacheConfig.Now promises it of every source.
func TestCredentialSource_WhereNowPanicsTheRealTimeCounts(t *testing.T) {
	for name, bad := range map[string]func(call int) bool{
		"every call": func(int) bool { return true }, "every second call": func(n int) bool { return n%2 == 0 },
		"the others": func(n int) bool { return n%2 == 1 },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, p *platform) {
				var calls atomic.Int64
				told := make(chan error, 10)
				s := p.source(t, hmacsig.CacheConfig{
					Now: func() time.Time {
						if bad(int(calls.Add(1))) {
							panic("truhook-test-only-secret")
						}
						return time.Now()
					},
					OnError: func(err error) { told <- err },
				})
				require.Empty(t, reason(t, verifier(t, s, hmacsig.Config{}), secretOne))
				require.NoError(t, s.Refresh(t.Context()))
				assert.Empty(t, s.Audit(t.Context()), "the clock of the endpoint is not far away")
				require.NotEmpty(t, told)
				require.EqualError(t, <-told, "trulioo: Now panicked: string")
				assert.Empty(t, told, "once a minute")
			})
		})
	}
}
