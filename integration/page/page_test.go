package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
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
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

var screenshots = flag.String("screenshots", "", "write the pictures of the page to this folder")

const secret = "sandbox-7e577e577e577e577e577e577e577e57" // made for tests

// listening is a running "truhook listen".
type listening struct{ receiver, page string }

func listen(t *testing.T, forward string) *listening {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "truhook")
	build := exec.Command("go", "build", "-o", program, "github.com/truhook/truhook/cmd/truhook")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	secrets := filepath.Join(dir, "secrets.txt")
	require.NoError(t, os.WriteFile(secrets, []byte("truv/current="+secret+"\ntruv/sandbox=sandbox-0e570e570e570e570e570e570e570e57\n"), 0o600))
	c := exec.Command(program, "listen", "-provider", "truv/current", "-secrets", secrets, "-addr", "127.0.0.1:0", "-forward", forward)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	c.Stdout = io.Discard
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	})
	l := &listening{}
	for said := bufio.NewScanner(stderr); l.page == "" && said.Scan(); {
		if m := regexp.MustCompile(`receiving at (http://\S+)`).FindStringSubmatch(said.Text()); m != nil {
			l.receiver = m[1]
		}
		if m := regexp.MustCompile(`page is at (http://\S+)`).FindStringSubmatch(said.Text()); m != nil {
			l.page = m[1]
		}
	}
	require.NotEmpty(t, l.page)
	return l
}

// deliver sends one delivery, which change alters after it was signed.
func (l *listening) deliver(t *testing.T, key, body string, change func(r *http.Request, body string) string) {
	t.Helper()
	k, err := hmacsig.NewKey("k", key)
	require.NoError(t, err)
	sign := truhooktest.HMAC(truv.Scheme(), k)
	p, err := truhooktest.NewRemoteProvider(retry.Policy{}, func(r *http.Request, e truhooktest.Event, at time.Time) ([]byte, error) {
		signed, err := sign(r, e, at)
		if change != nil {
			signed = []byte(change(r, string(signed)))
		}
		return signed, err
	}, l.receiver+"/webhooks/truv", truhooktest.Config{})
	require.NoError(t, err)
	attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "e", Body: []byte(body)})
	require.NoError(t, attempts[0].Err)
}

// A console collects what a page complains about.
type console struct {
	mu   sync.Mutex
	said []string
}

func (c *console) listen(event any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			c.said = append(c.said, fmt.Sprint(e.Type))
		}
	case *runtime.EventExceptionThrown:
		c.said = append(c.said, e.ExceptionDetails.Text)
	}
}

func chromium(t *testing.T) (context.Context, *console) {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	require.NoError(t, err, "run .ci/install-servers")
	options := append(append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.WSURLReadTimeout(2*time.Minute))
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() { // the command is a script: its end alone leaves the browser behind
		assert.NoError(t, chromedp.Cancel(ctx))
	})
	c := &console{}
	chromedp.ListenTarget(ctx, c.listen)
	return ctx, c
}

const order = `{"webhook_id":"9f3c1d0b6f1a4a3d","event_type":"order-created","updated_at":"2026-03-02T09:30:00Z",` +
	`"order_id":"o-2281","user_name":"Test Person","email":"person@example.com","amounts":[1200,14.5]}`

func TestPage_InChromium(t *testing.T) {
	var forwarded sync.Map
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		n, _ := forwarded.LoadOrStore(string(body), new(int))
		*n.(*int)++
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"stored":true}`)
	}))
	defer service.Close()
	l := listen(t, service.URL+"/webhooks/truv")
	l.deliver(t, secret, order, nil)
	l.deliver(t, secret, order, func(_ *http.Request, body string) string { // as a proxy that parses and writes anew
		return strings.NewReplacer(`":`, `": `, `,"`, `, "`).Replace(body)
	})
	l.deliver(t, "sandbox-0e570e570e570e570e570e570e570e57", order, nil)
	l.deliver(t, secret, order, func(r *http.Request, body string) string {
		r.Header.Del("X-WEBHOOK-SIGN")
		return body
	})

	ctx, said := chromium(t)
	run := func(actions ...chromedp.Action) {
		t.Helper()
		require.NoError(t, chromedp.Run(ctx, actions...))
	}
	text := func(selector string) (s string) {
		t.Helper()
		run(chromedp.Text(selector, &s, chromedp.ByQuery))
		return s
	}
	visible := func(selector string) chromedp.Action { return chromedp.WaitVisible(selector, chromedp.ByQuery) }

	// The list.
	run(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(l.page), visible(".row"))
	run(chromedp.Poll(`document.querySelectorAll('.row').length === 4`, nil))
	list := text("#deliveries")
	for _, one := range []string{"verified", "refused", "signature-mismatch", "missing-signature", "service 200"} {
		assert.Contains(t, list, one)
	}
	run(chromedp.Evaluate(`document.querySelector('#verdict').value = 'verified'; document.querySelector('#filters').dispatchEvent(new Event('change'))`, nil),
		chromedp.Poll(`document.querySelectorAll('.row').length === 1`, nil),
		chromedp.Evaluate(`document.querySelector('#verdict').value = ''; document.querySelector('#filters').dispatchEvent(new Event('change'))`, nil),
		chromedp.Poll(`document.querySelectorAll('.row').length === 4`, nil))

	// One explained failure, masked until it is asked for.
	run(chromedp.Click("li:nth-child(3) .row", chromedp.ByQuery), visible("#content"))
	content := text("#content")
	assert.Contains(t, content, "signature-mismatch")
	assert.Contains(t, content, "body-")
	assert.NotContains(t, content, "Test Person")
	assert.NotContains(t, content, "person@example.com")
	assert.NotRegexp(t, `v1=[0-9a-f]{64}`, content)
	run(chromedp.Click("#reveal", chromedp.ByQuery), visible("mark"))
	content = text("#content")
	assert.Contains(t, content, "Test Person")
	assert.NotContains(t, content, secret)

	// Replay.
	run(chromedp.Click("li:nth-child(4) .row", chromedp.ByQuery),
		chromedp.Poll(`document.querySelector('#detail-title').textContent.startsWith('Delivery 1,')`, nil),
		chromedp.Click("#replay", chromedp.ByQuery),
		chromedp.Poll(`document.querySelectorAll('.row').length === 5`, nil))
	assert.Contains(t, text("#said"), "responded 200")
	n, _ := forwarded.Load(order)
	assert.Equal(t, 2, *n.(*int), "the same bytes")

	// Copy as a test of Go. That it compiles and fails for the same reason is a test of cmd/truhook.
	var copied string
	run(browser.SetPermission(&browser.PermissionDescriptor{Name: "clipboard-write"}, browser.PermissionSettingGranted),
		browser.SetPermission(&browser.PermissionDescriptor{Name: "clipboard-read"}, browser.PermissionSettingGranted),
		chromedp.Click(`[data-copy="go"]`, chromedp.ByQuery),
		chromedp.Poll(`document.querySelector('#said').textContent !== '' && !document.querySelector('#said').textContent.startsWith('Replayed')`, nil),
		chromedp.Evaluate(`navigator.clipboard.readText().catch(() => document.querySelector('#content pre').textContent)`, &copied,
			func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	assert.Contains(t, copied, "func TestDelivery_IsAccepted(t *testing.T)")
	assert.NotContains(t, copied, secret)

	axe, err := os.ReadFile("testdata/axe.min.js")
	require.NoError(t, err)
	for _, width := range []int64{1440, 390} {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(fmt.Sprint(width, " ", scheme), func(t *testing.T) {
				run(chromedp.EmulateViewport(width, 900),
					emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
					chromedp.Click("li:nth-child(4) .row", chromedp.ByQuery), visible("#content"))
				var overflowing []string
				run(chromedp.Evaluate(`[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 &&
					!e.closest('pre') && getComputedStyle(e).position !== 'absolute').map(e => e.tagName + ' ' + e.className)`, &overflowing))
				assert.Empty(t, overflowing)
				var scrolls bool
				run(chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &scrolls))
				assert.False(t, scrolls, "the page scrolls sideways")
				assert.Empty(t, violations(t, ctx, string(axe)))
				if *screenshots != "" {
					var picture []byte
					run(chromedp.CaptureScreenshot(&picture))
					name := filepath.Join(*screenshots, fmt.Sprintf("listen-%d-%s.png", width, scheme))
					require.NoError(t, os.WriteFile(name, picture, 0o644)) //nolint:gosec // a picture for everybody
				}
			})
		}
	}
	said.mu.Lock()
	defer said.mu.Unlock()
	assert.Empty(t, said.said, "the console")
}

// violations returns what axe-core finds serious or critical.
func violations(t *testing.T, ctx context.Context, axe string) []string {
	t.Helper()
	var result []struct {
		ID     string `json:"id"`
		Impact string `json:"impact"`
		Nodes  []struct {
			HTML string `json:"html"`
		} `json:"nodes"`
	}
	var raw string
	err := chromedp.Run(ctx, chromedp.Evaluate(axe+";0", nil), chromedp.Evaluate(`axe.run().then(r => JSON.stringify(r.violations))`, &raw,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(raw), &result))
	var bad []string
	for _, v := range result {
		if v.Impact == "serious" || v.Impact == "critical" {
			bad = append(bad, v.ID+": "+v.Nodes[0].HTML)
		}
	}
	return bad
}
