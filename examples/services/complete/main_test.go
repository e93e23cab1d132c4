package main

import (
	"bufio"
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

// A service runs until its test ends, or stop is called.
type running struct {
	hooks, admin string
	lines        *bufio.Scanner
	stop         func() error
	settings     settings
	platform     *rsa.PrivateKey
	private      *rsa.PrivateKey
}

func startService(t *testing.T, dir string) *running {
	t.Helper()
	s := settings{
		addr: "127.0.0.1:0", admin: "127.0.0.1:0", file: filepath.Join(dir, "hooks.db"),
		truvSecret: demoSecret, transunionEntity: demoEntity,
		transunionPlatform: filepath.Join(dir, "platform"), transunionPrivate: filepath.Join(dir, "private"),
	}
	r := &running{settings: s}
	if _, err := os.Stat(s.transunionPlatform); err != nil {
		r.platform, err = writeKey(s.transunionPlatform, false)
		require.NoError(t, err)
		r.private, err = writeKey(s.transunionPrivate, true)
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, s, writer)
		_ = writer.Close()
		done <- err
	}()
	r.lines = bufio.NewScanner(reader)
	parts := regexp.MustCompile(`webhooks on (\S+), operators on (\S+)`).FindStringSubmatch(r.line(t, "webhooks on "))
	require.Len(t, parts, 3)
	r.hooks, r.admin = "http://"+parts[1], "http://"+parts[2]
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		go func() { _, _ = io.Copy(io.Discard, reader) }()
		return <-done
	}
	t.Cleanup(func() { assert.NoError(t, r.stop()) })
	return r
}

func (r *running) line(t *testing.T, prefix string) string {
	t.Helper()
	for r.lines.Scan() {
		if strings.HasPrefix(r.lines.Text(), prefix) {
			return r.lines.Text()
		}
	}
	t.Fatalf("the service ended before it said %q", prefix)
	return ""
}

func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get(r.admin + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func (r *running) deliver(t *testing.T, sign truhooktest.Signer, path, id, body string) int {
	t.Helper()
	request := truhooktest.NewRequest(t, sign, r.hooks+path, truhooktest.Event{ID: id, Body: []byte(body)})
	request.RequestURI = ""
	resp, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func order(id string) string {
	return fmt.Sprintf(`{"webhook_id":%q,"event_type":"order-status-updated","order_id":"1","status":"completed","event_created_at":%q}`,
		id, time.Now().UTC().Format(time.RFC3339))
}

func truvSigner(t *testing.T, secret string) truhooktest.Signer {
	t.Helper()
	key, err := hmacsig.NewKey("test", secret)
	require.NoError(t, err)
	return truhooktest.HMAC(truv.Scheme(), key)
}

func TestService_AcceptsWhatIsGenuineAndHandlesItOnce(t *testing.T) {
	t.Parallel()
	r := startService(t, t.TempDir())
	genuine := truvSigner(t, demoSecret)
	for range 3 {
		assert.Equal(t, 200, r.deliver(t, genuine, "/webhooks/truv", "1", order("a")))
	}
	assert.Equal(t, "handled truv/prod: order completed", r.line(t, "handled"))
	assert.Equal(t, 401, r.deliver(t, truvSigner(t, strings.Replace(demoSecret, "7", "8", 1)), "/webhooks/truv", "2", order("b")))

	platformID, err := transunion.Fingerprint(&r.platform.PublicKey)
	require.NoError(t, err)
	privateID, err := transunion.Fingerprint(&r.private.PublicKey)
	require.NoError(t, err)
	config := truhooktest.TransUnionConfig{
		Entity: demoEntity, Platform: jose.PrivateKey{ID: platformID, Key: r.platform}, Service: jose.PublicKey{ID: privateID, Key: &r.private.PublicKey},
	}
	linked := `{"type":"DEVICE_LINK_COMPLETION","device_id":"d1","device_public_key":"x","device_public_key_id":"y"}`
	for range 2 {
		assert.Equal(t, 200, r.deliver(t, truhooktest.TransUnion(config), "/webhooks/transunion", "3", linked))
	}
	assert.Equal(t, "handled transunion/prod: device linked", r.line(t, "handled"))
	config.Entity = strings.Replace(demoEntity, "f8", "f9", 1)
	assert.Equal(t, 401, r.deliver(t, truhooktest.TransUnion(config), "/webhooks/transunion", "4", linked), "for another service")

	status, text := r.get(t, "/metrics")
	assert.Equal(t, 200, status)
	assert.Regexp(t, `(?m)^truhook_deliveries_total\{.*truhook_provider="truv/prod",truhook_verdict="verified".*\} 3$`, text)
	assert.Regexp(t, `(?m)^truhook_deliveries_total\{.*error_type="signature-mismatch".*truhook_provider="truv/prod".*\} 1$`, text)
	assert.NotContains(t, text, "completed")
	for _, path := range []string{"/healthz", "/readyz"} {
		status, _ = r.get(t, path)
		assert.Equal(t, 204, status, path)
	}
	require.NoError(t, r.stop())

	db, err := openDatabase(t.Context(), r.settings.file)
	require.NoError(t, err)
	defer db.Close()
	var effects int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM effect").Scan(&effects))
	assert.Equal(t, 2, effects)
}

func TestService_WhatWasAcceptedOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := startService(t, dir)
	assert.Equal(t, 200, r.deliver(t, truvSigner(t, demoSecret), "/webhooks/truv", "1", order("a")))
	require.NoError(t, r.stop())
	effects := func() (n int) {
		db, err := openDatabase(t.Context(), r.settings.file)
		require.NoError(t, err)
		defer db.Close()
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM effect").Scan(&n))
		return n
	}
	before := effects() // the work may have begun before the end, and then has ended too
	r = startService(t, dir)
	assert.Equal(t, 200, r.deliver(t, truvSigner(t, demoSecret), "/webhooks/truv", "1", order("a")), "a duplicate")
	if before == 0 {
		r.line(t, "handled")
	}
	require.NoError(t, r.stop())
	assert.Equal(t, 1, effects())
}

func TestService_DoesNotStartWithoutWhatItNeeds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none := settings{addr: "127.0.0.1:0", admin: "127.0.0.1:0", file: filepath.Join(dir, "hooks.db")}.withEnvironment(func(string) string { return "" })
	require.Error(t, run(t.Context(), none, io.Discard), "no secret")
	half := none
	half.truvSecret, half.transunionEntity = demoSecret, demoEntity
	require.ErrorContains(t, run(t.Context(), half, io.Discard), "TRANSUNION_PLATFORM_KEYS")
	newline := none
	newline.truvSecret = "changeme"
	require.Error(t, run(t.Context(), newline, io.Discard), "a placeholder is no secret")
}

func TestService_TheDemoRuns(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	ran := false
	require.NoError(t, withDemo(settings{addr: "127.0.0.1:8080", admin: "127.0.0.1:9090"}, &said, func(s settings) error {
		ran = true
		_, err := s.transunion()
		return err
	}))
	assert.True(t, ran)
	assert.Contains(t, said.String(), "curl -i http://127.0.0.1:8080/webhooks/truv")
}
