package transunion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/mtls"
)

func TestSubjects_AreThoseOfTheGuide(t *testing.T) {
	t.Parallel()
	for constant, guide := range map[string]string{
		transunion.ProductionSubject: "CN=webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=US",
		transunion.CISubject:         "CN=ci-webhooks.launchkey.com,O=iovation, Inc.,L=Portland,ST=Oregon,C=US",
	} {
		want, err := mtls.ParseSubject(guide)
		require.NoError(t, err)
		got, err := mtls.ParseSubject(constant)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}
