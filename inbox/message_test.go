package inbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
)

func TestMessage_AMessageComesOutOfJSONAsItWentIn(t *testing.T) {
	t.Parallel()
	small := inbox.Message{Key: idempotency.Key{Scope: "s", ID: "i"}}
	binary := message("b")
	binary.Payload = []byte{0, 0xff, '"', '<', 0x80}
	empty := message("e")
	empty.Payload = []byte{}
	for _, m := range []inbox.Message{message("a"), small, binary, empty} {
		data, err := json.Marshal(m)
		require.NoError(t, err)
		var got inbox.Message
		require.NoError(t, json.Unmarshal(data, &got))
		assert.Equal(t, m, got)
	}
}

func TestMessage_TheEncodingIsTheOneThatIsInQueuesAlready(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(message("a"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"v":1,"scope":"truv/test","id":"a","fingerprint":"ca978112ca1bbdcafac231b39a23dc4d",
		"received":"2026-01-02T03:04:05.000006789Z","payload":"MTIzLTQ1LTY3ODk=","inner":"aW5uZXIgMTIzLTQ1LTY3ODk=",
		"proofs":[{"scheme":"truv","key_id":"current"},{"scheme":"mtls"}],"resource":"order/1",
		"at":"2026-01-02T03:04:05Z","header":{"Traceparent":["00-1"]}}`, string(data))
}

func TestMessage_WhatCannotBeKeptExactlyIsNotEncoded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *inbox.Message){
		"no scope":            func(m *inbox.Message) { m.Key.Scope = "" },
		"no id":               func(m *inbox.Message) { m.Key.ID = "" },
		"a NUL":               func(m *inbox.Message) { m.Key.ID = "a\x00" },
		"a long id":           func(m *inbox.Message) { m.Key.ID = strings.Repeat("x", 256) },
		"an id of bytes":      func(m *inbox.Message) { m.Key.ID = "\xff" },
		"a resource of bytes": func(m *inbox.Message) { m.Resource = "\xff" },
		"a header of bytes":   func(m *inbox.Message) { m.Header.Set("X", "\xff") },
		"a header's name":     func(m *inbox.Message) { m.Header["\xff"] = nil },
		"a scheme of bytes":   func(m *inbox.Message) { m.Proofs[0].Scheme = "\xff" },
		"a key id of bytes":   func(m *inbox.Message) { m.Proofs[0].KeyID = "\xff" },
		"everything is zero":  func(m *inbox.Message) { *m = inbox.Message{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := message("a")
			change(&m)
			_, err := json.Marshal(m)
			assert.Error(t, err)
		})
	}
}

func TestMessage_WhatIsNoMessageIsRefusedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		``, `null`, `[]`, `{}`, `{"v":1}`, `{"v":2,"scope":"s","id":"` + secretText + `","payload":""}`,
		`{"v":1,"scope":"s","id":"i","payload":"` + secretText + `"}`,
		`{"v":1,"scope":"s","id":"i","received":"` + secretText + `"}`,
		`{"v":1,"scope":"s","id":"i","payload":"","fingerprint":"00"}`,
		`{"v":1,"scope":"s","id":"i","payload":"","fingerprint":"` + secretText + `"}`,
		`{"v":1,"scope":"","id":"i","payload":""}`, `{"v":1,"scope":"s","id":"","payload":""}`,
		`{"v":"1","scope":"s","id":"i","payload":""}`, `{"v":1,"scope":"s","id":"i","payload":""} x`,
	} {
		var m inbox.Message
		err := m.UnmarshalJSON([]byte(data))
		require.Error(t, err, data)
		assert.NotContains(t, err.Error(), "6789")
		assert.Equal(t, inbox.Message{}, m)
	}
	var m inbox.Message
	assert.NoError(t, m.UnmarshalJSON([]byte(`{"v":1,"scope":"s","id":"i","payload":"","later":{"x":1}}`)), "unknown members pass")
}

func TestMessage_NoVerbAndNoLoggerShowsThePayload(t *testing.T) {
	t.Parallel()
	m := message("a")
	nested := struct{ M inbox.Message }{m}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%t"} {
		for _, value := range []any{m, &m, nested, []inbox.Message{m}} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "m", m, "p", &m, "n", nested)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "m", m, "p", &m)
	text := out.String()
	for _, form := range []string{
		secretText, fmt.Sprintf("%x", secretText), fmt.Sprintf("%X", secretText), "MTIzLTQ1", "49 50 51", "0x31, 0x32", "110001 110010",
	} {
		assert.NotContains(t, text, form)
	}
	assert.Contains(t, text, "truv/test")
	assert.Equal(t, `truv/test "a" (truv+mtls, 11+17 bytes)`, m.String())
}

func TestMessage_VerifiedIsWhatWasVerifiedWithoutDetail(t *testing.T) {
	t.Parallel()
	m := message("a")
	v := m.Verified()
	assert.Equal(t, m.Payload, v.Payload)
	assert.Equal(t, m.Inner, v.Inner)
	assert.Equal(t, []truhook.Proof{{Scheme: "truv", KeyID: "current"}, {Scheme: "mtls"}}, v.Proofs)
}

func FuzzMessage(f *testing.F) {
	for _, m := range []inbox.Message{message("a"), {Key: idempotency.Key{Scope: "s", ID: "i"}}} {
		data, err := json.Marshal(m)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(`{"v":1,"scope":"s","id":"i","payload":"","at":"2026-01-02T03:04:05+23:59","header":{"a":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again inbox.Message
		if m.UnmarshalJSON(data) != nil {
			assert.Equal(t, inbox.Message{}, m)
			return
		}
		out, err := json.Marshal(m)
		if err != nil { // a time that can be read and not written
			return
		}
		require.NoError(t, json.Unmarshal(out, &again))
		assert.Equal(t, m, again)
		if len(m.Payload) > 12 && !bytes.Contains([]byte(m.Key.Scope+m.Key.ID+m.String()), m.Payload) {
			assert.NotContains(t, fmt.Sprintf("%+v", m), string(m.Payload))
		}
	})
}

func TestMessage_ATimeThatJSONCannotHoldIsUnknown(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Date(10001, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<55, 0),
		time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -12*3600)),
	} {
		m := message("a")
		m.At, m.Received = at, at
		data, err := json.Marshal(m)
		require.NoError(t, err)
		var back inbox.Message
		require.NoError(t, json.Unmarshal(data, &back))
		assert.True(t, back.At.IsZero())
		assert.True(t, back.Received.IsZero())
		assert.Equal(t, m.Payload, back.Payload)
	}
}
