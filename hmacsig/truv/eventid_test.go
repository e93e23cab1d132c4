package truv_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

func TestEventVersion_WithoutATimeOrAnIDThereIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"event_type":"order-created","order_id":"o"}`, `{"event_type":"order-created","event_created_at":"` + created + `"}`,
		`{"event_type":"order-created","event_created_at":"` + created + `","task_id":"t"}`, `{"event_type":"order-created","order_id":"o","event_created_at":""}`,
	} {
		resource, at, err := truv.EventVersion(verified(text))
		require.NoError(t, err)
		require.Empty(t, resource)
		require.Zero(t, at)
	}
}

func TestEventID_WithoutAWebhookIDIsThatOfTheBytes(t *testing.T) {
	t.Parallel()
	a, err := truv.EventID(verified(`{"n":1}`))
	require.NoError(t, err)
	require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, a)
	b, err := truv.EventID(verified(`{"n":1} `))
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestEventID_ReadsItsOwnMembersOnly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"webhook_id":"w","event_type":"x"}`:                                           "w/x",
		`{"webhook_id":17,"event_type":"x"}`:                                            "17/x",
		`{"webhook_id":"17","event_type":"x"}`:                                          "17/x",
		`{"webhook_id":"a","event_type":"y","webhook_id":"w","event_type":"x"}`:         "w/x",
		`{"webhook_id":"w","event_type":"x","updated_at":{},"order_number":[],"u":17}`:  "w/x",
		`{"webhook_id":"w","event_type":"x","webhook_id":null}`:                         "w/x",
		`{"webhook_id":"\u0077","event_type":null}`:                                     "w/",
		`{"webhook_id":"w","event_type":17}`:                                            "w/17",
		`{"WEBHOOK_ID":"w","event_type":"x"}`:                                           "w/x",
		"\xef\xbb\xbf" + `{"other":"webhook_id","webhook_id":"w","event_type":"a/b"}`:   "w/a/b",
		`{"a":{"webhook_id":"no"},"b":["webhook_id","no"],"webhook_id":"w","c":"\"}{"}`: "w/",
	} {
		id, err := truv.EventID(verified(text))
		require.NoError(t, err)
		require.Equal(t, want, id, text)
	}
}

func TestEventID_NoTwoIDsBecomeOne(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, value := range []string{
		"\"a\xff\"", "\"a\xfe\"", "\"a\xef\xbf\xbd\"", `"a\ud800"`, `"a\udc00"`, `"a\ud800\u0041"`, `"a\ud83d\ude00"`, `"a\u0000"`, `"a\u0000\u0000"`,
		`"a"`, `"a/order-created"`, `"a/"`, `17`, `17.0`, `-17`, `1e3`, `true`, `false`, `null`, `[]`, `{}`, `""`, `[1]`, `"sha256:x"`, `"body-sha256/"`,
	} {
		text := `{"webhook_id":` + value + `,"event_type":"order-created"}`
		id, err := truv.EventID(verified(text))
		require.NoError(t, err)
		require.True(t, utf8.ValidString(id) && !strings.Contains(id, "\x00"), value)
		require.Empty(t, seen[id], value)
		seen[id] = value
		again, err := truv.EventID(verified(text))
		require.NoError(t, err)
		require.Equal(t, id, again)
	}
	slashed, _ := truv.EventID(verified(`{"webhook_id":"w/a","event_type":"b"}`))
	other, _ := truv.EventID(verified(`{"webhook_id":"w","event_type":"a/b"}`))
	require.NotEqual(t, slashed, other)
	// An event type that cannot be read still tells two events of one webhook_id apart.
	one, _ := truv.EventID(verified(`{"webhook_id":"w","event_type":{"name":"a"}}`))
	two, _ := truv.EventID(verified(`{"webhook_id":"w","event_type":{"name":"b"}}`))
	require.NotEqual(t, one, two)
}

func TestEventVersion_IsUnknownWhereATimeCannotBeReadOrIsImplausible(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"updated_at", "event_created_at"} {
		other := "event_created_at"
		if member == other {
			other = "updated_at"
		}
		for _, value := range []string{
			`0`, `17`, `true`, `[]`, `{}`, `"x"`, `"0001-01-01T00:00:00Z"`, `"1970-01-01T00:00:00Z"`, `"2014-12-31T23:59:59Z"`, `"10000-01-01T00:00:00Z"`,
			`253402300800`, `1e300`, `-1`,
		} {
			resource, at, err := truv.EventVersion(verified(
				fmt.Sprintf(`{"event_type":"order-created","order_id":"o",%q:%s,%q:%q}`, member, value, other, updated)))
			require.NoError(t, err)
			require.Empty(t, resource, value)
			require.Zero(t, at)
		}
	}
	for _, text := range []string{`1795608712`, `"1795608712"`, `1795608712000`, `"2026-11-25 12:11:52"`, `"2026-11-25T12:11:52+0000"`} {
		_, at, err := truv.EventVersion(verified(`{"event_type":"order-created","order_id":17,"updated_at":` + text + `}`))
		require.NoError(t, err)
		require.Equal(t, time.Date(2026, 11, 25, 12, 11, 52, 0, time.UTC), at, text)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"webhook_id":"w","event_type":"order-created","event_created_at":"` + created + `","order_id":"o"}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Add([]byte(`{"event_created_at":"0001-01-01T00:00:00"}`))
	f.Add([]byte(`{"webhook_id":"a\ud800\\","event_type":{"x":[1,"}"]},"updated_at":1795608712.5e0}`))
	f.Add([]byte("{\"webhook_id\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := truv.Parse(v)
		id, idErr := truv.EventID(v)
		resource, at, versionErr := truv.EventVersion(v)
		require.NoError(t, idErr)
		require.NotEmpty(t, id)
		require.True(t, utf8.ValidString(id) && !strings.Contains(id, "\x00"))
		again, _ := truv.EventID(&truhook.Verified{Payload: bytes.Clone(payload)})
		require.Equal(t, id, again)
		require.NoError(t, versionErr)
		require.Equal(t, resource == "", at.IsZero())
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			require.Regexp(t, "^body-sha256/", id)
			return
		}
		require.Equal(t, payload, []byte(e.Raw))
	})
}

func TestEventVersion_AnEventAboutSomethingOldIsNotOldItself(t *testing.T) {
	t.Parallel()
	for created, want := range map[string]string{
		"2026-03-02T09:29:58.2Z":      "2026-03-02T09:29:58.1Z", // the lag between an update and its event
		"2026-03-02T10:29:58.1Z":      "2026-03-02T09:29:58.1Z",
		"2026-03-02T10:29:58.100001Z": "2026-03-02T10:29:58.100001Z",
		"2026-09-02T09:29:58Z":        "2026-09-02T09:29:58Z",
		"2026-03-02T09:00:00Z":        "2026-03-02T09:29:58.1Z",
		"2026-09-02T09:29:58.5+02:00": "2026-09-02T07:29:58.5Z",
	} {
		_, at, err := truv.EventVersion(verified(`{"event_type":"order-refresh-failed","order_id":"17",` +
			`"updated_at":"2026-03-02T09:29:58.1Z","event_created_at":"` + created + `"}`))
		require.NoError(t, err)
		require.Equal(t, want, at.Format(time.RFC3339Nano), created)
	}
}
