package mtls_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// TLSConfig asks for the time in the handshake, where nobody else recovers.
func TestConfig_AClockThatPanicsIsTheRealOne(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{Now: func() time.Time { panic("x") }})
	require.NoError(t, err)
	cfg, err := v.TLSConfig(nil)
	require.NoError(t, err)
	assert.NotPanics(t, func() {
		_, err := v.Verify(t.Context(), &truhook.Delivery{Header: http.Header{}})
		require.ErrorIs(t, err, truhook.NoClientCertificate)
		require.NoError(t, cfg.VerifyConnection(*over(root.issue(t, false, named(productionName()))).TLS))
	})
}
