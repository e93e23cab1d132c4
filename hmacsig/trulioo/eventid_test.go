package trulioo_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

func TestEventID_ARetryIsTheSameEvent(t *testing.T) {
	t.Parallel()
	first, err := trulioo.EventID(verified(flowEnd))
	require.NoError(t, err)
	again, err := trulioo.EventID(verified(strings.Replace(flowEnd, `"retry":2`, `"retry":3`, 1)))
	require.NoError(t, err)
	require.Equal(t, first, again)
	for _, change := range [][2]string{
		{`"id":"i"`, `"id":"i2"`}, {"FLOW_END", "FLOW_START"}, {"1713533400", "1713533401"}, {`"nodeId":"n"`, `"nodeId":"m"`}, {"DocV", "KYC"},
		{`"id":"i"`, `"id":"i\",\"FLOW_END"`},
	} {
		other, err := trulioo.EventID(verified(strings.Replace(flowEnd, change[0], change[1], 1)))
		require.NoError(t, err)
		require.NotEqual(t, first, other, change)
	}
}

func TestEventID_TheHandshakeHasNone(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"URL_VERIFICATION", "url_verification", "Url_Verification"} {
		v := verified(`{"type":"` + typ + `","challenge":"c","token":"t"}`)
		e, err := trulioo.Parse(v)
		require.NoError(t, err)
		require.Equal(t, trulioo.URLVerification, e.Type)
		id, err := trulioo.EventID(v)
		require.NoError(t, err)
		require.Empty(t, id)
	}
}

func TestEventID_OfABodyThatCannotBeIdentifiedLeavesTheRetryCounterOut(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, change := range [][2]string{
		{`"id":"i"`, `"id":null`}, {`"id":"i"`, `"id":true`}, {`"id":"i"`, `"id":[]`}, {`"id":"i"`, `"id":""`}, {`"ts":"1713533400"`, `"ts":null`},
		{`"type":"FLOW_END"`, `"type":null`}, {`"event":{`, `"event":null,"other":{`}, {`"event":{`, `"event":{},"other":{`}, {`"event":{`, `"event":17,"other":{`},
	} {
		text := strings.Replace(flowEnd, change[0], change[1], 1)
		first, err := trulioo.EventID(verified(text))
		require.NoError(t, err)
		require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, first, change)
		again, err := trulioo.EventID(verified(strings.Replace(text, `"retry":2`, `"retry":3`, 1)))
		require.NoError(t, err)
		require.Equal(t, first, again)
		seen[first] = true
	}
	require.Len(t, seen, 9)
}

func TestEventID_DoesNotLoseWhatTellsEventsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, value := range []string{`"n"`, `null`, `17`, `true`, `[]`, `{}`, `"a\ud800"`, `"a\udfff"`, "\"\xff\"", "\"\xfe\""} {
		id, err := trulioo.EventID(verified(strings.Replace(flowEnd, `"nodeId":"n"`, `"nodeId":`+value, 1)))
		require.NoError(t, err)
		require.Regexp(t, `^\["i","FLOW_END","1713533400",`, id)
		seen[id] = true
	}
	require.Len(t, seen, 10)
	quoted, err := trulioo.EventID(verified(strings.Replace(flowEnd, `"id":"i"`, `"id":"17"`, 1)))
	require.NoError(t, err)
	number, err := trulioo.EventID(verified(strings.Replace(flowEnd, `"id":"i"`, `"id":17`, 1)))
	require.NoError(t, err)
	require.Equal(t, quoted, number)
}

func TestEventVersion_IsUnknownWhereTheTimeIsImplausible(t *testing.T) {
	t.Parallel()
	for _, ts := range []string{`0`, `"0"`, `17`, `null`, `true`, `"x"`, `1388534400`, `253402300800`, `-1`} {
		resource, at, err := trulioo.EventVersion(verified(strings.Replace(flowEnd, `"1713533400"`, ts, 1)))
		require.NoError(t, err)
		require.Empty(t, resource, ts)
		require.Zero(t, at)
	}
	for _, change := range [][2]string{
		{`"userId":"c"`, `"userId":null`}, {`"userId":"c"`, `"userId":{}`}, {`"flowId":"f"`, `"flowId":true`}, {`"flowId":"f"`, `"flow":"f"`},
		{`"EVENT_CALLBACK"`, `"url_verification"`},
	} {
		resource, _, err := trulioo.EventVersion(verified(strings.Replace(flowEnd, change[0], change[1], 1)))
		require.NoError(t, err)
		require.Empty(t, resource, change)
	}
	for _, ts := range []string{`1713533400`, `1713533400000`, `"2024-04-19T13:30:00Z"`, `"2024-04-19 13:30:00"`} {
		_, at, err := trulioo.EventVersion(verified(strings.Replace(flowEnd, `"1713533400"`, ts, 1)))
		require.NoError(t, err)
		require.Equal(t, int64(1713533400), at.Unix(), ts)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(flowEnd))
	f.Add([]byte(`{"type":"url_verification","challenge":"c"}`))
	f.Add([]byte(`{"id":"i","transactionId":"t","event":{},"error":{"code":1}}`))
	f.Add([]byte(`{"id":17,"event":{"type":{},"ts":1e9},"retry":1,"retry":2}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := trulioo.Parse(v)
		id, idErr := trulioo.EventID(v)
		resource, at, versionErr := trulioo.EventVersion(v)
		require.NoError(t, idErr)
		require.True(t, utf8.ValidString(id) && !strings.Contains(id, "\x00"))
		clone := &truhook.Verified{Payload: bytes.Clone(payload)}
		again, _ := trulioo.EventID(clone)
		require.Equal(t, id, again)
		require.Equal(t, trulioo.Fingerprint(v), trulioo.Fingerprint(clone))
		require.NoError(t, versionErr)
		require.Equal(t, resource == "", at.IsZero())
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			require.NotEmpty(t, id)
			return
		}
		require.Equal(t, e.Type == trulioo.URLVerification && id == "", id == "")
	})
}
