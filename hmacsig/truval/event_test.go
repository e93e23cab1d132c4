package truval_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
)

func verified(payload string) *truhook.Verified { return &truhook.Verified{Payload: []byte(payload)} }

func TestParse_EveryStatusAndField(t *testing.T) {
	t.Parallel()
	for _, status := range []truval.Status{truval.Deliverable, truval.Undeliverable, truval.Unknown, truval.CatchAll, truval.Invalid, "of next year"} {
		text := fmt.Sprintf(`{"job_id":"j","email":"a@b.example","valid":true,"status":%q,"confidence":0.93,"failed_check":"smtp","disposable":true,"role":true,
			"free_provider":true,"catch_all":true,"smtp_blocked":true,"mx_found":true,"mx_host":"mx.b.example","suggestion":"a@c.example","latency_ms":12.5,"new":{}}`, status)
		e, err := truval.Parse(verified(text))
		require.NoError(t, err)
		require.Equal(t, text, string(e.Raw))
		e.Raw = nil
		require.Equal(t, &truval.Event{
			JobID: "j", Email: "a@b.example", Valid: true, Status: status, Confidence: 0.93, FailedCheck: "smtp", Disposable: true, Role: true,
			FreeProvider: true, CatchAll: true, SMTPBlocked: true, MXFound: true, MXHost: "mx.b.example", Suggestion: "a@c.example", LatencyMS: 12.5,
		}, e)
		id, err := truval.EventID(verified(text))
		require.NoError(t, err)
		require.Equal(t, "j", id)
	}
}

func TestParse_NullAndWholeNumbersAreRead(t *testing.T) {
	t.Parallel()
	e, err := truval.Parse(verified(`{"job_id":"j","valid":null,"status":null,"confidence":1,"failed_check":null,"mx_host":null,"suggestion":null,"latency_ms":null}`))
	require.NoError(t, err)
	e.Raw = nil
	require.Equal(t, &truval.Event{JobID: "j", Confidence: 1}, e)
}

func TestEventID_IsTheJobOrTheDigestOfTheBody(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"job_id":"j"}`: "j", `{"job_id":17,"valid":"yes"}`: "17", `{"job_id":"17","status":[]}`: "17", `{"job_id":"a","job_id":"j"}`: "j",
		`{"job_id":"a/b"}`: "a/b",
	} {
		id, err := truval.EventID(verified(text))
		require.NoError(t, err)
		require.Equal(t, want, id)
	}
	seen := map[string]bool{}
	for _, text := range []string{
		`{}`, `{"job_id":null}`, `{"job_id":""}`, `{"job_id":true}`, `{"job_id":[]}`, `{"job_id":{}}`, "", "null", "[]", "{", "{}{}", "\x00",
	} {
		id, err := truval.EventID(verified(text))
		require.NoError(t, err)
		require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, id)
		seen[id] = true
	}
	require.Len(t, seen, 12)
	one, _ := truval.EventID(verified("{\"job_id\":\"a\xff\"}"))
	two, _ := truval.EventID(verified("{\"job_id\":\"a\xfe\"}"))
	require.NotEqual(t, one, two)
}

func TestParse_ErrsForWhatIsNoJSONObjectOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "[]", "{", "{}{}", `"secret-value"`, "\x00", `{"email":"secret-value"`} {
		_, err := truval.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
	}
}

func TestParse_NamesTheMembersOfAnotherType(t *testing.T) {
	t.Parallel()
	for member, values := range map[string][]string{
		"job_id": {"1", "true", "{}", "[]"}, "email": {"1", `["x"]`}, "valid": {`"true"`, "1"}, "status": {"1", "{}"}, "mx_host": {"false"},
		"confidence": {`"0.5"`, "1e400"}, "mx_found": {`"x"`, "0"}, "latency_ms": {`"x"`, "-1e999"}, "suggestion": {"1"}, "failed_check": {"[]"},
		"disposable": {"1"}, "role": {"{}"}, "free_provider": {"1"}, "catch_all": {"[]"}, "smtp_blocked": {`""`},
	} {
		for _, value := range values {
			e, err := truval.Parse(verified(fmt.Sprintf(`{%q:%s}`, member, value)))
			require.NoError(t, err)
			require.Equal(t, []string{member}, e.Unread, value)
			e.Unread, e.Raw = nil, nil
			require.Equal(t, &truval.Event{}, e)
		}
	}
}

func TestParse_WhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := truval.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = truval.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"job_id":"j","confidence":0.5,"status":"deliverable"}`))
	f.Add([]byte(`{"job_id":""}`))
	f.Add([]byte(`{"job_id":"\udc00\"","valid":"x"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := truval.Parse(v)
		id, idErr := truval.EventID(v)
		require.NoError(t, idErr)
		require.NotEmpty(t, id)
		require.True(t, utf8.ValidString(id) && !strings.Contains(id, "\x00"))
		again, _ := truval.EventID(&truhook.Verified{Payload: bytes.Clone(payload)})
		require.Equal(t, id, again)
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			return
		}
		require.Equal(t, payload, []byte(e.Raw))
	})
}
