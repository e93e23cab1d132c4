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

func TestParse_EveryDocumentedType(t *testing.T) {
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

func TestParse_EveryField(t *testing.T) {
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

func TestParse_UnknownTypesAndFieldsPassThroughUnordered(t *testing.T) {
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

func TestParse_EveryFieldMayBeNullOrAbsent(t *testing.T) {
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

func TestParse_ErrsForWhatIsNoJSONObjectOnly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "null", "[]", `"x"`, "1", "{", "{}x", "{}{}", `{"webhook_id":}`, "\x00{}", "\xff\xfe{}", `{"a":1,}`, "{'a':1}",
		`{"webhook_id":"secret-value"`, strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	} {
		_, err := truv.Parse(verified(text))
		require.ErrorIs(t, err, truhook.MalformedPayload, text)
		assert.NotContains(t, err.Error(), "secret-value")
		id, err := truv.EventID(verified(text))
		require.NoError(t, err)
		require.Regexp(t, `^body-sha256/[0-9a-f]{64}$`, id)
		resource, at, err := truv.EventVersion(verified(text))
		require.NoError(t, err)
		require.Empty(t, resource)
		require.Zero(t, at)
	}
}

func TestParse_NamesTheMembersOfAnotherType(t *testing.T) {
	t.Parallel()
	texts := []string{
		"webhook_id", "event_type", "user_id", "product", "data_source", "status", "task_id", "link_id", "object_id", "employment_id",
		"order_id", "order_number", "employer_id", "template_id",
	}
	for _, member := range texts {
		for _, value := range []string{`17`, `true`, `["x"]`, `{"x":1}`} {
			e, err := truv.Parse(verified(fmt.Sprintf(`{"updated_at":%q,%q:%s,"tracking_info":17}`, updated, member, value)))
			require.NoError(t, err)
			require.Equal(t, []string{member}, e.Unread)
			require.False(t, e.UpdatedAt.IsZero(), "the others are read")
			e.Unread, e.Raw, e.UpdatedAt = nil, nil, time.Time{}
			require.Equal(t, &truv.Event{TrackingInfo: json.RawMessage("17")}, e)
		}
	}
	for _, value := range []string{`"x"`, `1.5`, `1e400`, `99999999999999999999`, `[]`} {
		e, err := truv.Parse(verified(`{"objects_count":` + value + `}`))
		require.NoError(t, err)
		require.Equal(t, []string{"objects_count"}, e.Unread, value)
	}
	e, err := truv.Parse(verified(`{"objects_count":3.0}`))
	require.NoError(t, err)
	require.Equal(t, 3, e.ObjectsCount)
	require.Nil(t, e.Unread)
}

func TestParse_ReadsTimesInOtherSpellings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`"2026-11-25T12:11:52Z"`, `"2026-11-25 12:11:52"`, `"2026-11-25T12:11:52"`, `"2026-11-25T12:11:52+0000"`, `"2026-11-25T13:11:52.0+01:00"`,
		`1795608712`, `"1795608712"`, `1795608712000`, `1795608712.0`,
	} {
		e, err := truv.Parse(verified(`{"updated_at":` + text + `}`))
		require.NoError(t, err)
		require.Nil(t, e.Unread, text)
		require.Equal(t, time.Date(2026, 11, 25, 12, 11, 52, 0, time.UTC), e.UpdatedAt, text)
	}
	for _, text := range []string{`"x"`, `"2022-13-01T00:00:00Z"`, `"2022-08-24"`, `"2022-08-24T13:55:12Zx"`, `17`, `0`, `true`, `{}`, `1e999`} {
		e, err := truv.Parse(verified(`{"updated_at":` + text + `}`))
		require.NoError(t, err)
		require.Equal(t, []string{"updated_at"}, e.Unread, text)
		require.Zero(t, e.UpdatedAt)
	}
}

func TestParse_WhatWasNotVerifiedIsNotRead(t *testing.T) {
	t.Parallel()
	_, err := truv.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = truv.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, _, err = truv.EventVersion(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
}
