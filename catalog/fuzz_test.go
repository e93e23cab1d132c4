package catalog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
)

// FuzzEventID gives every row with a signed id any body: no panic, no error, equal bytes have equal ids.
func FuzzEventID(f *testing.F) {
	for _, body := range []string{`{"id":"evt_1"}`, `{"event":{"id":1}}`, `{"events":[{"id":"a"},{"id":"b"}]}`, `[{"sg_event_id":"x"}]`, `{"data":[{}]}`, "\xff"} {
		f.Add([]byte(body))
	}
	var rows []catalog.Provider
	for p := range catalog.All() {
		if p.EventIDAt.Signed {
			rows = append(rows, p)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, p := range rows {
			id, err := p.EventID(&truhook.Verified{Payload: body})
			require.NoError(t, err)
			require.NotEmpty(t, id)
			again, err := p.EventID(&truhook.Verified{Payload: bytes.Clone(body)})
			require.NoError(t, err)
			require.Equal(t, id, again)
		}
	})
}

// FuzzNew gives names and secrets: no panic, and no error that repeats a secret.
func FuzzNew(f *testing.F) {
	f.Add("github", "a-secret-of-this-test")
	f.Add("svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f.Add("wise", "-----BEGIN PUBLIC KEY-----")
	f.Add("strpie", "x")
	f.Fuzz(func(t *testing.T, name, secret string) {
		v, err := catalog.New(name, secret)
		require.Equal(t, err != nil, v == nil)
		if err != nil && len(secret) > 12 && !strings.Contains(name, secret) {
			require.NotContains(t, err.Error(), secret)
		}
	})
}
