package truv_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

func verified(payload string) *truhook.Verified { return &truhook.Verified{Payload: []byte(payload)} }

const (
	created = "2022-08-24T13:55:12.845645Z"
	updated = "2022-08-24T13:55:12.845666+00:00"
)

// documented is every event type with fields of its own, and the resource and time by which it is put in order.
var documented = map[truv.EventType]struct{ fields, resource, at string }{
	truv.TaskStatusUpdated:      {`"task_id":"t","link_id":"l","status":"done","updated_at":"` + updated + `","template_id":null`, "task-status/t", updated},
	truv.EmploymentCreated:      {`"task_id":"t","object_id":"o","link_id":"l"`, "employment/o", created},
	truv.EmploymentUpdated:      {`"task_id":"t","object_id":"o"`, "employment/o", created},
	truv.ProfileCreated:         {`"task_id":"t","object_id":null`, "profile/t", created},
	truv.ProfileUpdated:         {`"task_id":"t","object_id":"o"`, "profile/o", created},
	truv.StatementsCreated:      {`"task_id":"t","employment_id":"e","objects_count":3`, "statements/e", created},
	truv.StatementsUpdated:      {`"task_id":"t","employment_id":null`, "statements/t", created},
	truv.ShiftsCreated:          {`"employment_id":"e"`, "shifts/e", created},
	truv.ShiftsUpdated:          {`"employment_id":"e"`, "shifts/e", created},
	truv.BankAccountsCreated:    {`"employment_id":"e"`, "bank-accounts/e", created},
	truv.BankAccountsUpdated:    {`"employment_id":"e"`, "bank-accounts/e", created},
	truv.LinkConnected:          {`"link_id":"l"`, "link/l", created},
	truv.LinkDisconnected:       {`"link_id":"l","updated_at":"` + updated + `"`, "link/l", updated},
	truv.LinkDeleted:            {`"link_id":"l"`, "link/l", created},
	truv.OrderCreated:           {`"order_id":"o","order_number":null,"employer_id":null,"link_id":null,"updated_at":"` + updated + `"`, "order/o", updated},
	truv.OrderStatusUpdated:     {`"order_id":"o","status":"completed"`, "order/o", created},
	truv.OrderRefreshFailed:     {`"order_id":"o"`, "order/o", created},
	truv.OrderFinalized:         {`"order_id":"o","order_number":"n"`, "order/o", created},
	truv.CertificationCompleted: {`"order_id":"o"`, "order/o", created},
}

func TestEveryDocumentedType(t *testing.T) {
	t.Parallel()
	require.Len(t, documented, 19)
	for typ, tt := range documented {
		text := fmt.Sprintf(`{"webhook_id":"w","event_type":%q,"event_created_at":%q,"user_id":null,"tracking_info":{"a":1},%s}`, typ, created, tt.fields)
		e, err := truv.Parse(verified(text))
		require.NoError(t, err, typ)
		require.Equal(t, typ, e.Type)
		require.Equal(t, "w", e.WebhookID)
		require.Empty(t, e.UserID)
		require.JSONEq(t, `{"a":1}`, string(e.TrackingInfo))
		require.Equal(t, text, string(e.Raw))
		require.Equal(t, time.UTC, e.CreatedAt.Location())
		resource, at, err := truv.EventVersion(verified(text))
		require.NoError(t, err)
		require.Equal(t, tt.resource, resource, typ)
		want, err := time.Parse(time.RFC3339Nano, tt.at)
		require.NoError(t, err)
		require.True(t, want.Equal(at), typ)
		id, err := truv.EventID(verified(text))
		require.NoError(t, err)
		require.Equal(t, "w/"+string(typ), id)
	}
}

func TestEveryField(t *testing.T) {
	t.Parallel()
	e, err := truv.Parse(verified(`{"webhook_id":"w","event_type":"x","event_created_at":"2022-08-24T13:55:12.5Z","updated_at":"2022-08-24T15:55:12+02:00",
		"user_id":"u","product":"income","data_source":"payroll","status":"done","task_id":"t","link_id":"l","object_id":"o","employment_id":"e",
		"objects_count":3,"order_id":"r","order_number":"n","employer_id":"m","template_id":"p","tracking_info":"mine","new_field":{"x":[1]}}`))
	require.NoError(t, err)
	e.Raw = nil
	require.Equal(t, &truv.Event{
		WebhookID: "w", Type: "x", CreatedAt: time.Date(2022, 8, 24, 13, 55, 12, 5e8, time.UTC), UpdatedAt: time.Date(2022, 8, 24, 13, 55, 12, 0, time.UTC),
		UserID: "u", Product: "income", DataSource: "payroll", Status: "done", TaskID: "t", LinkID: "l", ObjectID: "o", EmploymentID: "e",
		ObjectsCount: 3, OrderID: "r", OrderNumber: "n", EmployerID: "m", TemplateID: "p", TrackingInfo: json.RawMessage(`"mine"`),
	}, e)
}

func TestUnknownTypesAndFieldsPassThroughUnordered(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{`"suborder_completed"`, `"TASK-STATUS-UPDATED"`, `""`, `null`} {
		text := `{"webhook_id":"w","event_type":` + typ + `,"event_created_at":"` + created + `","order_id":"o","brand_new":[{}]}`
		e, err := truv.Parse(verified(text))
		require.NoError(t, err)
		require.Equal(t, text, string(e.Raw))
		resource, at, err := truv.EventVersion(verified(text))
		require.NoError(t, err)
		require.Empty(t, resource)
		require.Zero(t, at)
	}
}

func TestEveryFieldMayBeNullOrAbsent(t *testing.T) {
	t.Parallel()
	nulls := `{"webhook_id":null,"event_type":null,"event_created_at":null,"updated_at":null,"user_id":null,"product":null,"data_source":null,"status":null,
		"task_id":null,"link_id":null,"object_id":null,"employment_id":null,"objects_count":null,"order_id":null,"order_number":null,"employer_id":null,
		"template_id":null,"tracking_info":null}`
	for _, text := range []string{nulls, `{}`, "\xef\xbb\xbf{}", " \r\n{}\n"} {
		e, err := truv.Parse(verified(text))
		require.NoError(t, err)
		e.Raw = nil
		require.Equal(t, &truv.Event{}, e)
	}
}

func TestWithoutATimeOrAnIDThereIsNoOrder(t *testing.T) {
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

func TestADeliveryWithoutAWebhookIDIsToldByItsBytes(t *testing.T) {
	t.Parallel()
	a, err := truv.EventID(verified(`{"n":1}`))
	require.NoError(t, err)
	require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, a)
	b, err := truv.EventID(verified(`{"n":1} `))
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestMalformedPayloads(t *testing.T) {
	t.Parallel()
	malformed := []string{
		"", " ", "null", "[]", `"x"`, "1", "{", "{}x", "{}{}", `{"webhook_id":}`, "\x00{}", "\xff\xfe{}", `{"a":1,}`, "{'a':1}",
		`{"webhook_id":"secret-value"`, strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	}
	for _, field := range []string{"webhook_id", "event_type", "event_created_at", "updated_at", "user_id", "status", "task_id", "order_id", "product"} {
		for _, value := range []string{`17`, `true`, `["secret-value"]`, `{"secret-value":1}`} {
			malformed = append(malformed, fmt.Sprintf(`{%q:%s}`, field, value))
		}
	}
	for _, value := range []string{`"secret-value"`, `"2022-13-01T00:00:00Z"`, `"2022-08-24"`, `"1661349312"`, `"2022-08-24T13:55:12Zsecret-value"`} {
		malformed = append(malformed, `{"event_created_at":`+value+`}`)
	}
	for _, value := range []string{`"secret-value"`, `1.5`, `1e400`, `99999999999999999999`} {
		malformed = append(malformed, `{"objects_count":`+value+`}`)
	}
	for _, text := range malformed {
		_, err := truv.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
		assert.NotContains(t, err.Error(), "2022")
		assert.NotContains(t, err.Error(), "9999")
		_, err = truv.EventID(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
		_, _, err = truv.EventVersion(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload)
	}
}

func TestWhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := truv.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = truv.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, _, err = truv.EventVersion(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"webhook_id":"w","event_type":"order-created","event_created_at":"` + created + `","order_id":"o"}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Add([]byte(`{"event_created_at":"0001-01-01T00:00:00"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		v := &truhook.Verified{Payload: payload}
		e, err := truv.Parse(v)
		id, idErr := truv.EventID(v)
		resource, at, sequenceErr := truv.EventVersion(v)
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			require.Error(t, idErr)
			require.Error(t, sequenceErr)
			return
		}
		require.NoError(t, idErr)
		require.NotEmpty(t, id)
		require.NoError(t, sequenceErr)
		require.Equal(t, resource == "", at.IsZero())
		require.Equal(t, payload, []byte(e.Raw))
	})
}

func TestAnEventAboutSomethingOldIsNotOldItself(t *testing.T) {
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
