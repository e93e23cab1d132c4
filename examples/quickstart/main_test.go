package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStory_TellsEightDeliveries(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, options{addr: "127.0.0.1:0"}))
	text := out.String()
	for _, line := range strings.Split(text, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 100, line)
	}
	assert.NotContains(t, text, "\x1b", "no colours where nobody looks")
	for _, told := range []string{
		"1  a genuine delivery       200      accepted  signed and handled; proof: truv\n",
		"2  one byte changed         401      refused   signature-mismatch\n",
		"3  a wrong secret           401      refused   signature-mismatch; proven: key-of-other-environment\n",
		"4  a replay                 401      refused   expired",
		"5  a duplicate              200      known ",
		"6  failed, then redelivered 503, 200 accepted",
		"7  an expired key           401      refused   key-expired",
		"8  a client certificate     403, 200 accepted  first a stranger's; Truv's proves: mtls, truv\n",
	} {
		assert.Contains(t, text, told)
	}
	assert.Less(t, strings.Index(text, "get eight deliveries"), strings.Index(text, " 1  "), "it says first what it is doing")
	assert.Regexp(t, `-serve -addr 127\.0\.0\.1:8080[\s\S]*curl -i http://127\.0\.0\.1:8080/[\s\S]*'\n$`, text)
}

func TestStory_IsColouredOnATerminalOnly(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	assert.False(t, isTerminal(&out))
	file, err := os.Create(filepath.Join(t.TempDir(), "pipe"))
	require.NoError(t, err)
	defer file.Close()
	assert.False(t, isTerminal(file))
	assert.Equal(t, "\x1b[31mno\x1b[0m", (&story{colour: true}).paint(red, "no"))
	assert.Equal(t, "no", (&story{}).paint(red, "no"))
}

func TestStory_AnUnexpectedVerdictIsAnError(t *testing.T) {
	t.Parallel()
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now) // handles no event once
	require.NoError(t, err)
	var out bytes.Buffer
	err = serve(handler, nil, "127.0.0.1:0", func(addr string) error {
		s := &story{out: &out, witness: w, all: dialer(addr), once: dialer(addr), mtls: dialer(addr)}
		return s.run(t.Context())
	})
	require.Error(t, err)
	assert.Contains(t, out.String(), "NOT AS EXPECTED: 200 duplicate")
}

func TestTable_EveryVerdictIsTheExpectedOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, options{addr: "127.0.0.1:0", all: true}))
	text := out.String()
	for _, line := range strings.Split(text, "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 100, line)
	}
	assert.Regexp(t, `(?m)^69 deliveries: 31 accepted, 38 refused, 0 not as expected$`, text)
	assert.Equal(t, 6, strings.Count(text, "delivery                           changed                               got  expected\n"))
	for _, provider := range []string{"truv", "trulioo", "truval", "transunion"} {
		assert.Contains(t, text, "\n"+provider+"\n")
	}
	for _, row := range []string{
		`event-order-created +nothing +200  accepted`, `body-tampered +one digit changed after signing +401  signature-mismatch`,
		`event-order-created +nothing: it came before +200  duplicate`, `event-task-status-updated +the handler fails +503  failed`,
		`event-order-created +no certificate +403  no-client-certificate`,
	} {
		assert.Regexp(t, `(?m)^`+row+`$`, text)
	}
}

func TestAnUnexpectedVerdictIsAnError(t *testing.T) {
	t.Parallel()
	// This receiver holds no secret called next, so a delivery that expects to be early is a mismatch.
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now)
	require.NoError(t, err)
	sendTo := func(handler http.Handler, rows []row) (string, error) {
		var out bytes.Buffer
		table := newTable(&out, w)
		err := serve(handler, nil, "127.0.0.1:0", func(addr string) error { return table.send("", rows, dialer(addr)) })
		err = errors.Join(err, table.close())
		return out.String(), err
	}
	out, err := sendTo(handler, []row{
		{provider: "truv", delivery: "event-order-created"}, {provider: "truv", delivery: "secret-not-yet-valid"},
	})
	require.Error(t, err)
	assert.Contains(t, out, "401  key-not-yet-valid, NOT signature-mismatch")
	assert.Contains(t, out, "2 deliveries: 1 accepted, 1 refused, 1 not as expected")

	_, err = sendTo(handler, []row{{provider: "truv", delivery: "absent"}})
	require.Error(t, err)
	_, err = sendTo(http.NotFoundHandler(), rows[:1])
	require.Error(t, err)
}

func TestTheCurlLineIsAccepted(t *testing.T) {
	t.Parallel()
	w := &witness{}
	handler, err := newReceiver(w.observe, w.now)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, invite(&out, "", "127.0.0.1:1"))
	parts := regexp.MustCompile(`-H '(X-WEBHOOK-SIGN): ([^']*)' \\\s+--data-binary '([^']*)'`).FindStringSubmatch(out.String())
	require.NotNil(t, parts, out.String())

	for signature, want := range map[string]int{parts[2]: http.StatusOK, parts[2] + "0": http.StatusUnauthorized} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(parts[3]))
		r.Header.Set(parts[1], signature)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, r)
		assert.Equal(t, want, answer.Code)
	}
}

func TestServingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	require.NoError(t, run(ctx, out, options{addr: "127.0.0.1:0", stay: true}))
}

func TestATakenAddressIsAnError(t *testing.T) {
	t.Parallel()
	assert.Error(t, run(t.Context(), io.Discard, options{addr: "127.0.0.1:-1"}))
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
