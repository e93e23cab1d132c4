package main_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/truhook/truhook/cmd/truhook"
)

// A log shows the head as it came and the body as it was decoded.
func TestInput_ChunkedHeadWithADecodedBody(t *testing.T) {
	t.Parallel()
	const secret, body = "truhook-test-only-0123456789abcdef", `{"webhook_id":"w1","event_type":"order-created"}`
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(body))
	head := "POST /h HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: v1=" + hex.EncodeToString(m.Sum(nil)) + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	dir := t.TempDir()
	secrets := filepath.Join(dir, "secrets.txt")
	require.NoError(t, os.WriteFile(secrets, []byte("truv/x="+secret+"\n"), 0o600))
	for name, test := range map[string]struct {
		wire string
		code int
		want string
	}{
		"in chunks":              {head + "30\r\n" + body + "\r\n0\r\n\r\n", 0, "verified"},
		"decoded":                {head + body, 0, "as in a log: all 48 bytes"},
		"with line feeds alone":  {strings.ReplaceAll(head, "\r\n", "\n") + body, 0, "as in a log"},
		"with an editor's break": {head + body + "\n", 1, "as in a log"},
		"in a chunk that is cut": {head + "30\r\n" + body[:20], 1, "the body is cut"},
		"no chunk at all":        {head, 1, "all 0 bytes"},
		"bad further chunks":     {head + "30\r\n" + body + "\r\nxx\r\n", 2, "its chunks are not well formed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "r.http")
			require.NoError(t, os.WriteFile(file, []byte(test.wire), 0o600))
			code, out := main.Run(t.Context(), "verify", "-provider", "truv", "-secrets", secrets, file)
			assert.Equal(t, test.code, code, out)
			assert.Contains(t, out, test.want)
		})
	}
}
