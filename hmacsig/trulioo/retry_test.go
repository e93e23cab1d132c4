package trulioo_test

import (
	"testing"

	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/internal/policytest"
)

func TestRetryPolicy_InventsNothing(t *testing.T) {
	t.Parallel()
	policytest.Unpublished(t, trulioo.RetryPolicy, policytest.Page(t))
}
