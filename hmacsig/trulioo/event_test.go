package trulioo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

func verified(payload string) *truhook.Verified { return &truhook.Verified{Payload: []byte(payload)} }

const flowEnd = `{"id":"i","token":"static","type":"EVENT_CALLBACK","event":{"type":"FLOW_END","ts":"1713533400","user":"u"},"flowId":"f","nodeId":"n",` +
	`"userId":"c","serviceType":"DocV","test":true,"retry":2,"serviceData":{"timestamp":1713533399,"serviceStatus":"COMPLETED","match":{"x":1},` +
	`"transactionInfo":{"accountName":"a","accountIdentifier":"b","countryCode":"CA","date":"d","transactionId":"t","transactionRecordId":"r","userName":"un"}},"new":[]}`

func TestParse_EveryDocumentedType(t *testing.T) {
	t.Parallel()
	types := []trulioo.EventType{
		trulioo.FlowStart, trulioo.StepInit, trulioo.StepSubmit, trulioo.ServiceInit, trulioo.IntermediateEventReceived, trulioo.ServiceSubmit,
		trulioo.InstantServiceSubmit, trulioo.ServiceTimeout, trulioo.FlowEnd, trulioo.Abandoned, trulioo.ManuallyAccepted, trulioo.ManuallyRejected,
		trulioo.ManuallyPendingReview, trulioo.ManuallyAbandoned, trulioo.NoteAdded, trulioo.TaskAdded, trulioo.TaskDone, trulioo.TaskUndone, "OF_NEXT_YEAR",
	}
	seen := map[string]bool{}
	for _, typ := range types {
		for _, text := range []string{string(typ), strings.ReplaceAll(string(typ), "_", " ")} {
			payload := strings.Replace(flowEnd, "FLOW_END", text, 1)
			e, err := trulioo.Parse(verified(payload))
			require.NoError(t, err)
			require.Equal(t, typ, e.Type)
			id, err := trulioo.EventID(verified(payload))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf(`["i",%q,"1713533400","n","DocV"]`, typ), id)
			seen[id] = true
		}
	}
	require.Len(t, seen, len(types))
}

func TestParse_EveryField(t *testing.T) {
	t.Parallel()
	e, err := trulioo.Parse(verified(flowEnd))
	require.NoError(t, err)
	require.Equal(t, flowEnd, string(e.Raw))
	at := time.Unix(1713533400, 0).UTC()
	require.Equal(t, []any{"i", trulioo.FlowEnd, at, "u", "f", "n", "c", "DocV", true, 2},
		[]any{e.ID, e.Type, e.Time, e.User, e.FlowID, e.NodeID, e.UserID, e.ServiceType, e.Test, e.Retry})
	require.Equal(t, at.Add(-time.Second), e.ServiceData.Time)
	require.Equal(t, "COMPLETED", e.ServiceData.ServiceStatus)
	require.JSONEq(t, `{"x":1}`, string(e.ServiceData.Match))
	require.Equal(t, trulioo.TransactionInfo{
		AccountName: "a", AccountIdentifier: "b", CountryCode: "CA", Date: "d", TransactionID: "t", TransactionRecordID: "r", UserName: "un",
	}, e.ServiceData.TransactionInfo)
	require.Nil(t, e.Error)
	resource, got, err := trulioo.EventVersion(verified(flowEnd))
	require.NoError(t, err)
	require.Equal(t, `flow/["f","c"]`, resource)
	require.Equal(t, at, got)
}

func TestParse_TransactionWebhooks(t *testing.T) {
	t.Parallel()
	const text = `{"id":"i","transactionId":"t","clientId":"c","event":{"status":"done"},"error":{"code":17,"message":"m"}}`
	e, err := trulioo.Parse(verified(text))
	require.NoError(t, err)
	require.Empty(t, e.Type)
	require.Equal(t, "t", e.TransactionID)
	require.Equal(t, "c", e.ClientID)
	require.Equal(t, "17", string(e.Error.Code))
	require.Equal(t, "m", e.Error.Message)
	first, err := trulioo.EventID(verified(text))
	require.NoError(t, err)
	other, err := trulioo.EventID(verified(strings.Replace(text, "done", "open", 1)))
	require.NoError(t, err)
	require.NotEqual(t, first, other)
	resource, at, err := trulioo.EventVersion(verified(text))
	require.NoError(t, err)
	require.Empty(t, resource)
	require.Zero(t, at)
	for _, code := range []string{`"E17"`, `null`, `{}`} {
		_, err := trulioo.Parse(verified(strings.Replace(text, "17", code, 1)))
		require.NoError(t, err)
	}
}

func TestParse_AnEventOfAnotherFormPassesThrough(t *testing.T) {
	t.Parallel()
	for _, event := range []string{`"text"`, `[1]`, `17`, `null`, `{"type":17}`} {
		text := `{"id":"i","event":` + event + `}`
		e, err := trulioo.Parse(verified(text))
		require.NoError(t, err, event)
		require.Equal(t, text, string(e.Raw))
		id, err := trulioo.EventID(verified(text))
		require.NoError(t, err)
		require.NotEmpty(t, id)
	}
}

func TestParse_NullsAreZero(t *testing.T) {
	t.Parallel()
	e, err := trulioo.Parse(verified(`{"id":null,"type":null,"event":{"type":null,"ts":null,"user":null},"flowId":null,"test":null,"retry":null,"serviceData":null,"error":null}`))
	require.NoError(t, err)
	require.Empty(t, e.Type)
	require.Zero(t, e.Time)
	require.Nil(t, e.Error)
	id, err := trulioo.EventID(verified(`{}`))
	require.NoError(t, err)
	require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, id)
}

func TestParse_ErrsForWhatIsNoJSONObjectOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "null", "[]", "{", "{}{}", `"secret-value"`, "\x00", `{"token":"secret-value"`, "\xff{}"} {
		_, err := trulioo.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
		id, err := trulioo.EventID(verified(text))
		require.NoError(t, err)
		require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, id)
		resource, _, err := trulioo.EventVersion(verified(text))
		require.NoError(t, err)
		require.Empty(t, resource)
	}
}

func TestParse_NamesTheMembersOfAnotherType(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`{"id":1}`: {"id"}, `{"id":{}}`: {"id"}, `{"type":1}`: {"type"}, `{"flowId":true}`: {"flowId"}, `{"nodeId":[]}`: {"nodeId"},
		`{"userId":1}`: {"userId"}, `{"serviceType":1}`: {"serviceType"}, `{"test":"x"}`: {"test"}, `{"retry":"x"}`: {"retry"}, `{"retry":1.5}`: {"retry"},
		`{"error":"x"}`: {"error"}, `{"error":{"message":1}}`: {"error.message"}, `{"transactionId":7}`: {"transactionId"}, `{"clientId":7}`: {"clientId"},
		`{"event":"text"}`: {"event"}, `{"event":{"type":17,"ts":"x","user":[]}}`: {"event.type", "event.ts", "event.user"},
		`{"serviceData":"x"}`: {"serviceData"}, `{"serviceData":{"timestamp":"x"}}`: {"serviceData.timestamp"},
		`{"serviceData":{"serviceStatus":1,"transactionInfo":[]}}`:           {"serviceData.transactionInfo", "serviceData.serviceStatus"},
		`{"serviceData":{"transactionInfo":{"accountName":1,"userName":2}}}`: {"serviceData.transactionInfo.accountName", "serviceData.transactionInfo.userName"},
	} {
		e, err := trulioo.Parse(verified(text))
		require.NoError(t, err)
		require.Equal(t, want, e.Unread, text)
	}
	e, err := trulioo.Parse(verified(flowEnd))
	require.NoError(t, err)
	require.Nil(t, e.Unread)
}

func TestParse_WhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := trulioo.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = trulioo.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, _, err = trulioo.EventVersion(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}
