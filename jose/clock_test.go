package jose_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfig_AClockThatPanicsIsTheRealOne(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Now = func() time.Time { panic("x") }
	d := delivery(token(t, nil))
	d.Received = time.Time{}
	_, err := newVerifier(t, cfg).Verify(t.Context(), d)
	require.Error(t, err, "the token is of another day")
	require.NotContains(t, err.Error(), "panicked")
}
