package trulioo_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

func TestFingerprint_LeavesTheRetryCounterOut(t *testing.T) {
	t.Parallel()
	print := func(payload string) string {
		return string(trulioo.Fingerprint(&truhook.Verified{Payload: []byte(payload)}))
	}
	first := print(`{"id":"1","retry":0,"event":{"type":"FLOW_END","retry":7}}`)
	assert.Equal(t, first, print(`{"id":"1","retry":1,"event":{"type":"FLOW_END","retry":7}}`))
	assert.Equal(t, first, print(`{"retry":2,"event":{"type":"FLOW_END","retry":7},"id":"1"}`), "whatever the order")
	for name, other := range map[string]string{
		"another id":         `{"id":"2","retry":0,"event":{"type":"FLOW_END","retry":7}}`,
		"another event":      `{"id":"1","retry":0,"event":{"type":"FLOW_START","retry":7}}`,
		"an inner counter":   `{"id":"1","retry":0,"event":{"type":"FLOW_END","retry":8}}`,
		"another name":       `{"id":"1","Retry":0,"event":{"type":"FLOW_END","retry":7}}`,
		"a member more":      `{"id":"1","retry":0,"event":{"type":"FLOW_END","retry":7},"test":true}`,
		"not JSON":           `{"id":"1","retry":0`,
		"an array":           `[{"id":"1","retry":0}]`,
		"null":               `null`,
		"nothing but spaces": ` `,
	} {
		assert.NotEqual(t, first, print(other), name)
	}
	assert.Equal(t, "null", print("null"))
	assert.Nil(t, trulioo.Fingerprint(nil))
}
