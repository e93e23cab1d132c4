package truhooktest_test

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

// A service that expects a token in the query has it in the URL of every request, and errors are printed.
func TestAttempt_ErrorHasNoURL(t *testing.T) {
	t.Parallel()
	const token = "made-for-this-test"
	tests := map[string]struct {
		path string
		stop bool // the receiver does not listen
		want string
	}{
		"not a URL":      {"/%zz?token=" + token, false, "invalid URL escape"},
		"a control byte": {"/?token=" + token + "\x7f", false, "invalid control character in URL"},
		"no answer":      {"/?token=" + token, true, "connection refused"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				policy := retry.Policy{Provider: "acme", Attempts: 2, Delays: []retry.Delay{{Base: time.Second}}}
				p := truhooktest.NewProvider(policy, sign, answering(200), truhooktest.Config{})
				if tt.stop {
					p.Close()
				} else {
					defer p.Close()
				}
				got := p.Deliver(context.Background(), truhooktest.Event{ID: "1", Path: tt.path, Body: event("1", 1)})
				require.NotEmpty(t, got)
				require.ErrorContains(t, got[0].Err, tt.want)
				assert.NotContains(t, got[0].Err.Error(), token)
				var u *url.Error
				assert.NotErrorAs(t, got[0].Err, &u)
			})
		})
	}
}
