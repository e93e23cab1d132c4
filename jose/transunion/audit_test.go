package transunion_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	n.t.Error("an audit must not ask for ids that nobody sent")
	return nil, http.ErrNotSupported
}

func TestAudit_LooksAtThePlatformsKeys(t *testing.T) {
	t.Parallel()
	for _, v := range []*transunion.Verifier{nil, {}} {
		found := truhook.Audit(t.Context(), v)
		require.Len(t, found, 1)
		assert.Equal(t, "no-verifier", found[0].Name)
	}
	keys, err := transunion.NewPlatformKeys("https://platform.example", &http.Client{Transport: noNetwork{t}}, jose.CacheConfig{})
	require.NoError(t, err)
	assert.Empty(t, keys.Audit(t.Context()))
}
