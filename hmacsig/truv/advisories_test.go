package truv_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
)

// Argo CD's server ended over a payload in which a member had another type than expected.
func TestAdvisory_CVE_2025_59531_MembersOfOtherTypesEndNothing(t *testing.T) {
	t.Parallel()
	good := `{"webhook_id":"w","event_type":"order-created","event_created_at":"` + created + `","order_id":"o","updated_at":"` + updated + `"}`
	_, err := truv.Parse(verified(good))
	require.NoError(t, err)
	for _, member := range []string{`"w"`, `"order-created"`, `"` + created + `"`, `"o"`, `"` + updated + `"`} {
		for _, other := range []string{"null", "0", "-1e400", "true", "[]", "{}", `[[]]`, `{"clone":{"href":1}}`, `"\u0000"`, strings.Repeat("[", 20) + strings.Repeat("]", 20)} {
			v := verified(strings.Replace(good, member, other, 1))
			require.NotPanics(t, func() {
				_, _ = truv.Parse(v)
				id, err := truv.EventID(v)
				require.NoError(t, err, "an event is never lost for a member's type")
				assert.NotEmpty(t, id)
				_, _, _ = truv.EventVersion(v)
			}, "%s for %s", other, member)
		}
	}
}
