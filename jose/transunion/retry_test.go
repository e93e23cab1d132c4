package transunion_test

import (
	"testing"

	"github.com/truhook/truhook/internal/policytest"
	"github.com/truhook/truhook/jose/transunion"
)

func TestRetryPolicy_InventsNothing(t *testing.T) {
	t.Parallel()
	policytest.Unpublished(t, transunion.RetryPolicy, policytest.Page(t))
}
