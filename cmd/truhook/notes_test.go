package main_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	main "github.com/truhook/truhook/cmd/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// The program says 413 of the sizes that the middleware answers 413, and of no others.
func TestNote_BodyOverTheDefaultLimitOfTheMiddleware(t *testing.T) {
	t.Parallel()
	const secret = "sandbox-truhook-test-only-secret"
	v, err := truv.New(secret)
	require.NoError(t, err)
	h := truhook.NewMiddleware(v, truhook.Config{}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	key, err := hmacsig.NewKey("k", secret)
	require.NoError(t, err)
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets.txt")
	require.NoError(t, os.WriteFile(secrets, []byte("truv/prod="+secret+"\n"), 0o600))
	for name, row := range map[string]struct{ size, status int }{
		"at the limit":     {main.MaxDefaultBody, http.StatusOK},
		"a byte over":      {main.MaxDefaultBody + 1, http.StatusRequestEntityTooLarge},
		"far over":         {3 * main.MaxDefaultBody, http.StatusRequestEntityTooLarge},
		"the usual size":   {400, http.StatusOK},
		"no body at all":   {0, http.StatusOK},
		"a byte below":     {main.MaxDefaultBody - 1, http.StatusOK},
		"twice as much":    {2 * main.MaxDefaultBody, http.StatusRequestEntityTooLarge},
		"an odd size over": {main.MaxDefaultBody + 4097, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := bytes.Repeat([]byte("x"), row.size)
			r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", bytes.NewReader(body))
			require.NoError(t, truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: body}))
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			require.Equal(t, row.status, w.Code)

			var wire bytes.Buffer
			fmt.Fprintf(&wire, "POST /webhooks/truv HTTP/1.1\r\nHost: receiver.example\r\nContent-Length: %d\r\nX-Webhook-Sign: %s\r\n\r\n%s",
				row.size, r.Header.Get("X-Webhook-Sign"), body)
			file := filepath.Join(t.TempDir(), "request.http")
			require.NoError(t, os.WriteFile(file, wire.Bytes(), 0o600))
			code, out := main.Run(t.Context(), "verify", "-provider", "truv", "-secrets", secrets, file)
			require.Zero(t, code, out)
			assert.Equal(t, row.status == http.StatusRequestEntityTooLarge, strings.Contains(out, "1 MiB answers 413"), out)
		})
	}
}

// listen says it too, where the delivery comes.
func TestNote_ListenSaysWhichBodyIsTooLarge(t *testing.T) {
	t.Parallel()
	for _, size := range []int{main.MaxDefaultBody, main.MaxDefaultBody + 1} {
		var lines bytes.Buffer
		r, err := main.NewReceiverTo(&lines, "truhook-test-only-secret")
		require.NoError(t, err)
		req := httptest.NewRequest(http.MethodPost, "/webhooks/truv", bytes.NewReader(make([]byte, size)))
		r.Receive(httptest.NewRecorder(), req)
		assert.Equal(t, size > main.MaxDefaultBody, strings.Contains(lines.String(), "413 by the default Config.MaxBodyBytes"), "%s", lines.String())
	}
}

func TestFindings_EqualOnesAreOneCause(t *testing.T) {
	t.Parallel()
	one := truhook.Finding{Name: "body-text-changed", Subject: "whitespace", Problem: "p", Remedy: "r", Proven: true, Offset: 7}
	var others []truhook.Finding
	for _, change := range []func(f *truhook.Finding){
		func(f *truhook.Finding) { f.Name = "body-reserialized" },
		func(f *truhook.Finding) { f.Subject = "line ends" },
		func(f *truhook.Finding) { f.Problem = "q" },
		func(f *truhook.Finding) { f.Remedy = "s" },
		func(f *truhook.Finding) { f.Proven = false },
		func(f *truhook.Finding) { f.Offset = 8 },
		func(f *truhook.Finding) { f.Severity = truhook.SeverityError },
	} {
		other := one
		change(&other)
		others = append(others, other)
	}
	for _, other := range others {
		out := main.PrintFindings(one, other)
		assert.Equal(t, 2, strings.Count(out, "\ncause "), out)
		assert.NotContains(t, out, "times")
	}
	out := main.PrintFindings(one, others[0], one, one)
	assert.Equal(t, 2, strings.Count(out, "\ncause "), out)
	assert.Contains(t, out, "body-text-changed (whitespace), proven, found 3 times\n")
	assert.NotContains(t, main.PrintFindings(one), "times")
}
