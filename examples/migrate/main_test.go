package main

import (
	"bytes"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded/deliveries"
)

func TestRun_TellsWhatBecameOfEachDelivery(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, strings.TrimPrefix(`
observe  event-order-created               200
observe  body-tampered                     401
observe  secret-rotated                    401  differ: old refused, new accepts
observe  header-conflicting-genuine-first  200  differ: old accepts, new duplicate-header
agree    event-order-created               200
agree    body-tampered                     401
agree    secret-rotated                    503  differ: old refused, new accepts
agree    header-conflicting-genuine-first  503  differ: old accepts, new duplicate-header
enforce  event-order-created               200
enforce  body-tampered                     401
enforce  secret-rotated                    200
enforce  header-conflicting-genuine-first  401
`, "\n"), out.String())
}

// Over every recorded delivery of Truv: the service behaves as before while it observes, and from then on nothing that
// one of the two accepts is refused for good, and nothing that one of the two refuses is handled.
func TestStages_LoseNoEventAndLetNoForgeryIn(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(deliveries.FS(), "truv/*.http")
	require.NoError(t, err)
	require.Greater(t, len(names), 50)
	disagreements := 0
	for _, name := range names {
		name = strings.TrimSuffix(path.Base(name), ".http")
		answer := map[string]int{}
		handled := map[string]bool{}
		differs := map[string]bool{}
		for _, in := range []string{"observe", "agree", "enforce"} {
			h, err := stage(in, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { handled[in] = true }),
				func(_ *truhook.Delivery, _, _ error) { differs[in] = true })
			require.NoError(t, err)
			answer[in], err = deliver(h, name)
			if err != nil { // a request that cannot be parsed
				break
			}
		}
		if answer["enforce"] == 0 {
			continue
		}
		assert.Equal(t, differs["observe"], differs["agree"], name)
		if !differs["agree"] {
			assert.Equal(t, answer["enforce"], answer["observe"], name)
			assert.Equal(t, answer["enforce"], answer["agree"], name)
			assert.Equal(t, handled["enforce"], handled["agree"], name)
			continue
		}
		disagreements++
		assert.Equal(t, 503, answer["agree"], name)
		assert.False(t, handled["agree"], name)
		assert.NotEqual(t, handled["observe"], handled["enforce"], name+": the old check decides while it observes")
	}
	assert.Greater(t, disagreements, 3)
}
