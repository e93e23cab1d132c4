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

func TestEveryDocumentedType(t *testing.T) {
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

func TestEveryField(t *testing.T) {
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

func TestARetryIsTheSameDelivery(t *testing.T) {
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

func TestTransactionWebhooks(t *testing.T) {
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

func TestTheHandshakeHasNothingToDeduplicate(t *testing.T) {
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

func TestAnEventOfAnotherFormPassesThrough(t *testing.T) {
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

func TestNullsAreZero(t *testing.T) {
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

func TestMalformedPayloads(t *testing.T) {
	t.Parallel()
	malformed := []string{"", "null", "[]", "{", "{}{}", `"secret-value"`, "\x00", `{"token":"secret-value"`, "\xff{}"}
	for field, values := range map[string][]string{
		"id": {"1", "{}"}, "type": {"1"}, "flowId": {"true"}, "test": {`"secret-value"`}, "retry": {`"secret-value"`, "1.5"}, "error": {`"secret-value"`},
		"serviceData": {`"secret-value"`, `{"timestamp":"secret-value"}`, `{"timestamp":1.5}`, `{"transactionInfo":"secret-value"}`}, "transactionId": {"7"},
	} {
		for _, value := range values {
			malformed = append(malformed, fmt.Sprintf(`{%q:%s}`, field, value))
		}
	}
	for _, text := range malformed {
		_, err := trulioo.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
		_, err = trulioo.EventID(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
		_, _, err = trulioo.EventVersion(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
	}
}

func TestWhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := trulioo.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = trulioo.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, _, err = trulioo.EventVersion(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(flowEnd))
	f.Add([]byte(`{"type":"url_verification","challenge":"c"}`))
	f.Add([]byte(`{"id":"i","transactionId":"t","event":{},"error":{"code":1}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := trulioo.Parse(v)
		id, idErr := trulioo.EventID(v)
		resource, at, sequenceErr := trulioo.EventVersion(v)
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			require.Error(t, idErr)
			require.Error(t, sequenceErr)
			return
		}
		require.NoError(t, idErr)
		require.Equal(t, e.Type == trulioo.URLVerification, id == "")
		require.NoError(t, sequenceErr)
		require.Equal(t, resource == "", at.IsZero())
	})
}
