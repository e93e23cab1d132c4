package trulioo_test

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// Argo CD's server ended over a payload that lacked a member.
func TestAdvisory_CVE_2025_59537_MissingMembersEndNothing(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(deliveries.FS(), "trulioo/event-*.http")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		file, err := recorded.ReadFS(deliveries.FS(), name)
		require.NoError(t, err)
		d, err := file.Delivery()
		require.NoError(t, err)
		var whole map[string]any
		require.NoError(t, json.Unmarshal(d.Body, &whole))
		for _, payload := range without(t, whole) {
			v := &truhook.Verified{Payload: payload}
			require.NotPanics(t, func() {
				_, _ = trulioo.Parse(v)
				id, err := trulioo.EventID(v)
				require.NoError(t, err, "an event is never lost for a member that is missing")
				assert.NotEmpty(t, id)
				_, _, _ = trulioo.EventVersion(v)
			}, "%s", payload)
		}
	}
}

// without returns object once for each of its members, at any depth, without that member or with null in its place.
func without(t *testing.T, object map[string]any) (all [][]byte) {
	t.Helper()
	var walk func(o map[string]any)
	walk = func(o map[string]any) {
		for name, value := range o {
			delete(o, name)
			gone, err := json.Marshal(object)
			require.NoError(t, err)
			o[name] = nil
			null, err := json.Marshal(object)
			require.NoError(t, err)
			all = append(all, gone, null)
			o[name] = value
			if inner, ok := value.(map[string]any); ok {
				walk(inner)
			}
		}
	}
	walk(object)
	return all
}
