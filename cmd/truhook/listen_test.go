package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

const listenSecret = "truhook-test-only-secret"

// A listening is a running "truhook listen".
type listening struct {
	t              *testing.T
	receiver, page string
	token          string
	lines          *bufio.Scanner
}

func startListen(t *testing.T, args ...string) *listening {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(self, append([]string{"listen", "-addr", "127.0.0.1:0"}, args...)...)
	c.Env = append(os.Environ(), "TRUHOOK_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "TRUHOOK_SECRET="+listenSecret)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	stdout, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	l := &listening{t: t, lines: bufio.NewScanner(stdout)}
	for said := bufio.NewScanner(stderr); l.page == "" && said.Scan(); {
		if m := regexp.MustCompile(`receiving at (http://\S+)`).FindStringSubmatch(said.Text()); m != nil {
			l.receiver = m[1]
		}
		if m := regexp.MustCompile(`page is at (http://[^/]+)/#(\S+)`).FindStringSubmatch(said.Text()); m != nil {
			l.page, l.token = m[1], m[2]
		}
	}
	require.NotEmpty(t, l.receiver)
	require.NotEmpty(t, l.page)
	return l
}

func (l *listening) line() string {
	require.True(l.t, l.lines.Scan())
	return l.lines.Text()
}

func (l *listening) api(method, path string, change func(r *http.Request)) (int, []byte) {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.page+path, nil)
	require.NoError(l.t, err)
	r.Header.Set("X-Truhook-Token", l.token)
	if change != nil {
		change(r)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(l.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(l.t, err)
	return response.StatusCode, body
}

func (l *listening) send(fault truhooktest.Fault, body string) {
	l.t.Helper()
	key, err := hmacsig.NewKey("test", listenSecret)
	require.NoError(l.t, err)
	wrong, err := hmacsig.NewKey("wrong", "truhook-test-only-wrong")
	require.NoError(l.t, err)
	p, err := truhooktest.NewRemoteProvider(retry.Policy{}, truhooktest.HMAC(truv.Scheme(), key), l.receiver+"/hooks?x=1",
		truhooktest.Config{WrongKey: truhooktest.HMAC(truv.Scheme(), wrong)})
	require.NoError(l.t, err)
	attempts := p.Deliver(l.t.Context(), truhooktest.Event{ID: "e", Body: []byte(body), Faults: []truhooktest.Fault{fault}})
	require.Len(l.t, attempts, 1)
	require.NoError(l.t, attempts[0].Err)
}

// A service counts what was forwarded to it.
type service struct {
	mu     sync.Mutex
	bodies []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(body))
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

func TestListen_ForwardsWhatIsVerifiedAndShowsTheRest(t *testing.T) {
	t.Parallel()
	var backend service
	server := httptest.NewServer(&backend)
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "kept")
	l := startListen(t, "-provider", "truv", "-forward", server.URL+"/webhooks", "-dir", dir)

	l.send(0, `{"webhook_id":"1"}`)
	assert.Regexp(t, `truv +verified  service 202  .*-> 202`, l.line())
	l.send(truhooktest.TamperedBody, `{"webhook_id":"2"}`)
	assert.Regexp(t, `truv +refused  signature-mismatch  not forwarded .*-> 401`, l.line())
	assert.Equal(t, []string{`{"webhook_id":"1"}`}, backend.seen(), "a refused delivery is not forwarded")

	code, body := l.api(http.MethodGet, "/api/deliveries", nil)
	require.Equal(t, http.StatusOK, code)
	var list struct {
		Deliveries []struct {
			ID       int    `json:"id"`
			Verified bool   `json:"verified"`
			Reason   string `json:"reason"`
		} `json:"deliveries"`
	}
	require.NoError(t, json.Unmarshal(body, &list))
	require.Len(t, list.Deliveries, 2)
	assert.Equal(t, 2, list.Deliveries[0].ID, "the newest comes first")
	assert.Equal(t, "signature-mismatch", list.Deliveries[0].Reason)

	code, body = l.api(http.MethodPost, "/api/deliveries/1/replay", nil)
	require.Equal(t, http.StatusOK, code, "%s", body)
	assert.Contains(t, string(body), `"replay_of":1`)
	assert.Equal(t, []string{`{"webhook_id":"1"}`, `{"webhook_id":"1"}`}, backend.seen())

	code, body = l.api(http.MethodPost, "/api/deliveries/2/replay", nil)
	assert.Equal(t, http.StatusConflict, code)
	assert.Contains(t, string(body), "refused is not forwarded")
	assert.Len(t, backend.seen(), 2, "nor is what the page sends again")

	kept, err := filepath.Glob(dir + "/*.http")
	require.NoError(t, err)
	require.Len(t, kept, 3)
	for _, name := range kept {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestListen_PageAnswersNobodyElse(t *testing.T) {
	t.Parallel()
	l := startListen(t, "-provider", "truv")
	l.send(0, `{"webhook_id":"1"}`)
	l.line()
	forbidden := map[string]func(r *http.Request){
		"no token":      func(r *http.Request) { r.Header.Del("X-Truhook-Token") },
		"another token": func(r *http.Request) { r.Header.Set("X-Truhook-Token", strings.Repeat("A", len(l.token))) },
		"rebound host":  func(r *http.Request) { r.Host = "evil.example" },
		"bare host":     func(r *http.Request) { r.Host = "127.0.0.1" },
		"cross-site":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"same-site":     func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"origin":        func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"null origin":   func(r *http.Request) { r.Header.Set("Origin", "null") },
	}
	for name, change := range forbidden {
		for _, path := range []string{"/api/deliveries", "/api/deliveries/1", "/api/deliveries/1/curl", "/api/events"} {
			code, body := l.api(http.MethodGet, path, change)
			assert.Equal(t, http.StatusForbidden, code, "%s: %s", name, path)
			assert.NotContains(t, string(body), "webhook_id")
		}
		code, _ := l.api(http.MethodPost, "/api/deliveries/1/replay", change)
		assert.Equal(t, http.StatusForbidden, code, name)
	}
	code, _ := l.api(http.MethodGet, "/api/deliveries/999", nil)
	assert.Equal(t, http.StatusNotFound, code)
	code, _ = l.api(http.MethodGet, "/api/deliveries/x", nil)
	assert.Equal(t, http.StatusNotFound, code)
	code, _ = l.api(http.MethodGet, "/api/deliveries/1/pdf", nil)
	assert.Equal(t, http.StatusNotFound, code)
	code, body := l.api(http.MethodPost, "/api/deliveries/1/replay", nil)
	assert.Equal(t, http.StatusConflict, code, "%s", body)

	r, err := http.Get(l.page + "/")
	require.NoError(t, err)
	defer r.Body.Close()
	policy := r.Header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.Contains(t, policy, "require-trusted-types-for 'script'")
	assert.Equal(t, "no-store", r.Header.Get("Cache-Control"))
	receiver, err := http.Get(l.receiver + "/api/deliveries")
	require.NoError(t, err)
	defer receiver.Body.Close()
	assert.NotEqual(t, http.StatusOK, receiver.StatusCode, "the receiver's address publishes nothing of the page")
}

func TestListen_EventsStreamEachDelivery(t *testing.T) {
	t.Parallel()
	l := startListen(t, "-provider", "truv")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.page+"/api/events", nil)
	require.NoError(t, err)
	r.Header.Set("X-Truhook-Token", l.token)
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	require.True(t, lines.Scan())
	require.Equal(t, ": open", lines.Text())
	l.send(truhooktest.WrongKey, `{"webhook_id":"1"}`)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			assert.Contains(t, data, `"reason":"signature-mismatch"`)
			return
		}
	}
	t.Fatal("the stream ended")
}

// A row that signs the URL of the endpoint is tested with the URL that the page was started with.
func TestListen_CopiedGoTestKnowsTheURL(t *testing.T) {
	t.Parallel()
	const url = "https://example.com/hook"
	l := startListen(t, "-provider", "square", "-url", url)
	l.send(0, `{"event_id":"1"}`)
	code, source := l.api(http.MethodGet, "/api/deliveries/1/go", nil)
	require.Equal(t, http.StatusOK, code)
	assert.Contains(t, string(source), `p.New(catalog.Config{URL: "`+url+`"}, secret)`)
	row, ok := catalog.Lookup("square")
	require.True(t, ok)
	_, err := row.New(catalog.Config{URL: url}, listenSecret)
	require.NoError(t, err)
	_, err = catalog.New("square", listenSecret)
	require.Error(t, err, "what it said before")
}

// What the page copies as a test compiles, and fails for the reason that the page shows.
func TestListen_CopiedGoTestFailsForTheSameReason(t *testing.T) {
	t.Parallel()
	l := startListen(t, "-provider", "truv")
	l.send(truhooktest.TamperedBody, "{\"webhook_id\":\"1\", \"note\":\"`\\u0000 \"}")
	l.send(0, `{"webhook_id":"1"}`)
	repo, err := filepath.Abs("../..")
	require.NoError(t, err)
	for id, want := range map[int]string{1: "refused: signature-mismatch", 2: "ok"} {
		code, source := l.api(http.MethodGet, fmt.Sprintf("/api/deliveries/%d/go", id), nil)
		require.Equal(t, http.StatusOK, code)
		assert.NotContains(t, string(source), listenSecret)
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "copied_test.go"), source, 0o600))
		sums, err := os.ReadFile(filepath.Join(repo, "go.sum"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module copied\n\ngo 1.25\n\n"+
			"require github.com/truhook/truhook v0.1.0\n\nreplace github.com/truhook/truhook => "+repo+"\n"), 0o600))
		c := exec.Command("go", "test", "-mod=mod", "-vet=all", ".")
		c.Dir = dir
		c.Env = append(os.Environ(), "TRUHOOK_SECRET="+listenSecret, "GOWORK=off")
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		err = c.Run()
		assert.Equal(t, id == 2, err == nil, "%s", out.String())
		assert.Contains(t, out.String(), want)
	}
}
