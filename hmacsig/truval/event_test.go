package truval_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
)

func verified(payload string) *truhook.Verified { return &truhook.Verified{Payload: []byte(payload)} }

func TestEveryStatusAndField(t *testing.T) {
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

func TestNullAndWholeNumbersAreRead(t *testing.T) {
	t.Parallel()
	e, err := truval.Parse(verified(`{"job_id":"j","valid":null,"status":null,"confidence":1,"failed_check":null,"mx_host":null,"suggestion":null,"latency_ms":null}`))
	require.NoError(t, err)
	e.Raw = nil
	require.Equal(t, &truval.Event{JobID: "j", Confidence: 1}, e)
}

func TestAJobWithoutAnIDIsMalformed(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{}`, `{"job_id":null}`, `{"job_id":""}`} {
		_, err := truval.Parse(verified(text))
		require.NoError(t, err)
		_, err = truval.EventID(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
		require.ErrorContains(t, err, "job_id")
	}
}

func TestMalformedPayloads(t *testing.T) {
	t.Parallel()
	malformed := []string{"", "null", "[]", "{", "{}{}", `"secret-value"`, "\x00", `{"email":"secret-value"`}
	for field, values := range map[string][]string{
		"job_id": {"1", "true", "{}", "[]"}, "email": {"1", `["secret-value"]`}, "valid": {`"secret-value"`, "1"}, "status": {"1", "{}"},
		"confidence": {`"secret-value"`, "1e400"}, "mx_found": {`"secret-value"`, "0"}, "latency_ms": {`"secret-value"`, "-1e999"}, "suggestion": {"1"},
	} {
		for _, value := range values {
			malformed = append(malformed, fmt.Sprintf(`{"job_id":"j",%q:%s}`, field, value))
		}
	}
	for _, text := range malformed {
		_, err := truval.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
		assert.NotContains(t, err.Error(), "e400")
		_, err = truval.EventID(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
	}
}

func TestWhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := truval.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = truval.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}

func TestNewSecretIs32RandomBytesAsHex(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		secret := truval.NewSecret()
		require.Regexp(t, `^[0-9a-f]{64}$`, secret)
		require.False(t, seen[secret])
		seen[secret] = true
		_, err := truval.New(secret)
		require.NoError(t, err)
	}
}

func TestTheLengthOfASecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "x", "1234567", strings.Repeat(" ", 7)} {
		_, err := truval.New(secret)
		require.Error(t, err)
		_, err = truval.New("12345678", secret)
		require.Error(t, err)
	}
	_, err := truval.New("12345678", "whsec_12")
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"job_id":"j","confidence":0.5,"status":"deliverable"}`))
	f.Add([]byte(`{"job_id":""}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := truval.Parse(v)
		id, idErr := truval.EventID(v)
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			require.Error(t, idErr)
			return
		}
		require.Equal(t, e.JobID == "", idErr != nil)
		require.Equal(t, e.JobID, id)
	})
}
