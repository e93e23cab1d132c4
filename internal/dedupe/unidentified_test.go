package dedupe_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/dedupe"
)

func TestDigestID_IsToldFromOtherIDs(t *testing.T) {
	t.Parallel()
	id := dedupe.DigestID([]byte("x"))
	assert.Equal(t, id, dedupe.DigestID([]byte("x")))
	assert.NotEqual(t, id, dedupe.DigestID([]byte("y")))
	assert.NotEqual(t, id, dedupe.DigestID(nil))
	for _, yes := range []string{id, "tenant-7/" + id, dedupe.DigestID(nil), "body-sha256/" + id} {
		assert.True(t, dedupe.IsDigestID(yes), yes)
	}
	for _, no := range []string{
		"", "body-sha256/", "488f1a/order-created", id[:len(id)-1], id + "0", id + "/order-created", strings.ToUpper(id),
		"body-sha256/" + strings.Repeat("g", 64), strings.Repeat("0", 64),
	} {
		assert.False(t, dedupe.IsDigestID(no), no)
	}
}
