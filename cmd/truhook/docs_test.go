package main_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	main "github.com/truhook/truhook/cmd/truhook"
)

// The commands that the pages show are understood, with files of the names that they speak of.
func TestDocs_CommandsAreUnderstood(t *testing.T) {
	repo, err := filepath.Abs("../..")
	require.NoError(t, err)
	script := &script{t: t, dir: t.TempDir(), repo: repo}
	text, err := os.ReadFile("testdata/script/verify.txt")
	require.NoError(t, err)
	script.unpack(string(text)) // secrets.txt, apigateway2.json
	delivery, err := os.ReadFile("../../recorded/deliveries/truv/event-order-created.http")
	require.NoError(t, err)
	for name, content := range map[string]string{
		"request.http": string(delivery), "refused/20260302T093000-000001.http": string(delivery), "recorded/a.http": string(delivery),
		"order.json": `{"webhook_id":"1","event_type":"order-created"}`,
	} {
		path := filepath.Join(script.dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	ended, end := context.WithCancel(t.Context()) // a listener would run until it is stopped
	end()

	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	var commands []string
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^    (?:\$ )?truhook (.*)$`).FindAllStringSubmatch(string(text), -1) {
			commands = append(commands, m[1])
		}
	}
	require.Greater(t, len(commands), 7)
	t.Chdir(script.dir)
	for _, line := range commands {
		args := words(strings.ReplaceAll(line, "http://127.0.0.1:3000", receiver.URL))
		ctx := t.Context()
		if args[0] == "listen" {
			ctx, args = ended, append(args, "-addr", "127.0.0.1:0", "-page", "off")
		}
		code, out := main.Run(ctx, args...)
		assert.Contains(t, []int{0, 1}, code, "%s: %s", line, out)
		assert.NotContains(t, out, "no such file", line)
	}
}
