package recorded_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
)

const realSecret = "sandbox-REALSECRETOFTHESERVICE"

// hooks collects what OnError is told.
type hooks struct {
	mu   sync.Mutex
	errs []error
}

func (h *hooks) add(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
}

func (h *hooks) texts() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errText(errors.Join(h.errs...))
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// receive sends body to a route that is verified with the real secret, and gives the status.
func receive(t *testing.T, h http.Handler, body string, change func(r *http.Request)) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/hooks/SECRETPATH?token=SECRETQUERY", strings.NewReader(body))
	key, err := hmacsig.NewKey("real", realSecret)
	require.NoError(t, err)
	require.NoError(t, truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)}))
	r.Header.Set("Authorization", "Bearer SECRETBEARER")
	r.Header.Set("Cookie", "session=SECRETCOOKIE")
	r.Header.Set("X-Forwarded-For", "SECRETADDRESS")
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func verifying(t *testing.T) *truhook.Middleware {
	t.Helper()
	v, err := truv.New(realSecret)
	require.NoError(t, err)
	return truhook.NewMiddleware(v, truhook.Config{})
}

var reading = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
})

func files(t *testing.T, dir string) []*recorded.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	all := make([]*recorded.File, 0, len(names))
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.NotContains(t, string(data), "SECRET", name)
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		f, err := recorded.ReadFile(name)
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

const personal = `{"event_type":"order-created","user_id":"SECRETUSER","who":{"name":"SECRETNAME","ssn":123}}`

func TestVerifiedDeliveriesAreRecordedInsideAndOutside(t *testing.T) {
	t.Parallel()
	ignoring := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	panicking := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, wrap := range map[string]func(m *recorded.Middleware) http.Handler{
		"inside":                        func(m *recorded.Middleware) http.Handler { return verifying(t).Wrap(m.Wrap(reading)) },
		"inside, the body is not read":  func(m *recorded.Middleware) http.Handler { return verifying(t).Wrap(m.Wrap(ignoring)) },
		"inside, the handler panics":    func(m *recorded.Middleware) http.Handler { return verifying(t).Wrap(m.Wrap(panicking)) },
		"outside":                       func(m *recorded.Middleware) http.Handler { return m.Wrap(verifying(t).Wrap(ignoring)) },
		"outside, the handler panics":   func(m *recorded.Middleware) http.Handler { return m.Wrap(verifying(t).Wrap(panicking)) },
		"outside, and nothing verifies": func(m *recorded.Middleware) http.Handler { return m.Wrap(reading) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, errs := t.TempDir(), &hooks{}
			now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
			m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{Keep: []string{"event_type"}}),
				recorded.Config{Unverified: true, OnError: errs.add, Now: func() time.Time { return now }})
			require.NoError(t, err)
			func() {
				defer func() { _ = recover() }()
				assert.Equal(t, http.StatusOK, receive(t, wrap(m), personal, nil))
			}()
			require.NoError(t, m.Wait(t.Context()))
			require.Empty(t, errs.texts())
			all := files(t, dir)
			require.Len(t, all, 1)
			assert.Equal(t, `{"event_type":"order-created","user_id":"redacted","who":{"name":"redacted","ssn":0}}`,
				string(assertAccepted(t, all[0]).Body))
			assert.Equal(t, now, all[0].Now)
			assert.Equal(t, "truv", all[0].Provider)
		})
	}
}

func TestWhatIsNotRecordedIsAnsweredAllTheSame(t *testing.T) {
	t.Parallel()
	fail := func(*truhook.Delivery) error { return errors.New("no signature today") }
	burst := func(*truhook.Delivery) error { panic("SECRETPANIC") }
	forged := func(r *http.Request) { r.Header.Set("X-Webhook-Sign", "v1="+strings.Repeat("0", 64)) }
	for name, c := range map[string]struct {
		sign    recorded.SignFunc
		cfg     recorded.Config
		outside bool
		body    string
		change  func(r *http.Request)
		status  int
		err     string
	}{
		"unverified, which was not asked for": {outside: true, status: 200},
		"refused, inside":                     {change: forged, status: 401},
		"refused by its head, outside": {cfg: recorded.Config{Unverified: true}, outside: true, status: 401,
			change: func(r *http.Request) { r.Header.Del("X-Webhook-Sign") }, err: "not read to its end"},
		"too large":          {cfg: recorded.Config{MaxBytes: 10}, status: 200, err: "MaxBytes"},
		"too large, outside": {cfg: recorded.Config{MaxBytes: 10, Unverified: true}, outside: true, status: 200, err: "MaxBytes"},
		"not JSON":           {body: "email=SECRET", status: 200, err: "not JSON"},
		"a value is left":    {body: `{"a":"SECRETVALUE","SECRETVALUE":""}`, status: 200, err: "member a"},
		"sign fails":         {sign: fail, status: 200, err: "no signature today"},
		"sign panics":        {sign: burst, status: 200, err: "panic"},
		"the hook panics":    {sign: fail, cfg: recorded.Config{OnError: func(error) { panic("hook") }}, status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, errs := t.TempDir(), &hooks{}
			if c.sign == nil {
				c.sign = signTruv
			}
			if c.cfg.OnError == nil {
				c.cfg.OnError = errs.add
			}
			if c.body == "" {
				c.body = personal
			}
			r, err := recorded.NewRedactor(testKey, c.sign, recorded.RedactorConfig{})
			require.NoError(t, err)
			m, err := recorded.NewMiddleware(dir, "truv", r, c.cfg)
			require.NoError(t, err)
			h := verifying(t).Wrap(m.Wrap(reading))
			if c.outside {
				h = m.Wrap(verifying(t).Wrap(reading))
			}
			assert.Equal(t, c.status, receive(t, h, c.body, c.change))
			require.NoError(t, m.Wait(t.Context()))
			assert.Empty(t, files(t, dir))
			if c.err == "" {
				assert.Empty(t, errs.texts())
			}
			assert.Contains(t, errs.texts(), c.err)
			assert.NotContains(t, errs.texts(), "SECRET")
		})
	}
}

func TestTheDirectoryIsBoundedAcrossRuns(t *testing.T) {
	t.Parallel()
	dir, errs := t.TempDir(), &hooks{}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "truv-002.http"), []byte("minimal, of a run before"), 0o600))
	for range 2 {
		m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{}),
			recorded.Config{MaxFiles: 3, OnError: errs.add})
		require.NoError(t, err)
		h := verifying(t).Wrap(m.Wrap(reading))
		for range 5 {
			assert.Equal(t, http.StatusOK, receive(t, h, personal, nil))
			require.NoError(t, m.Wait(t.Context()))
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Len(t, names, 3)
	data, err := os.ReadFile(filepath.Join(dir, "truv-002.http"))
	require.NoError(t, err)
	assert.Equal(t, "minimal, of a run before", string(data))
	assert.Equal(t, "recorded: Config.MaxFiles is reached", errs.texts(), "said once, in the second run")
}

func TestASignerThatHangsHoldsUpNothing(t *testing.T) {
	t.Parallel()
	dir, errs, gate := t.TempDir(), &hooks{}, make(chan struct{})
	r, err := recorded.NewRedactor(testKey, func(d *truhook.Delivery) error { <-gate; return signTruv(d) },
		recorded.RedactorConfig{})
	require.NoError(t, err)
	m, err := recorded.NewMiddleware(dir, "truv", r, recorded.Config{OnError: errs.add})
	require.NoError(t, err)
	h := verifying(t).Wrap(m.Wrap(reading))
	for range 20 {
		assert.Equal(t, http.StatusOK, receive(t, h, personal, nil))
	}
	assert.Equal(t, 12, strings.Count(errs.texts(), "wait to be written"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, m.Wait(ctx), context.Canceled)
	close(gate)
	require.NoError(t, m.Wait(t.Context()))
	assert.Len(t, files(t, dir), 8)
}

func TestConcurrentDeliveriesGetAFileEach(t *testing.T) {
	t.Parallel()
	dir, errs := t.TempDir(), &hooks{}
	m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{}),
		recorded.Config{OnError: errs.add})
	require.NoError(t, err)
	h := verifying(t).Wrap(m.Wrap(reading))
	var all sync.WaitGroup
	for range 30 {
		all.Add(1)
		go func() {
			defer all.Done()
			assert.Equal(t, http.StatusOK, receive(t, h, personal, nil))
		}()
	}
	all.Wait()
	require.NoError(t, m.Wait(t.Context()))
	assert.Equal(t, 30, len(files(t, dir))+strings.Count(errs.texts(), "wait to be written"))
}

func TestTheDirectoryMayVanish(t *testing.T) {
	t.Parallel()
	dir, errs := filepath.Join(t.TempDir(), "gone"), &hooks{}
	require.NoError(t, os.Mkdir(dir, 0o700))
	m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{}),
		recorded.Config{OnError: errs.add})
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
	assert.Equal(t, http.StatusOK, receive(t, verifying(t).Wrap(m.Wrap(reading)), personal, nil))
	require.NoError(t, m.Wait(t.Context()))
	assert.Contains(t, errs.texts(), "no such file")
}

func TestABadMiddlewareIsNotMade(t *testing.T) {
	t.Parallel()
	r := redactor(t, recorded.RedactorConfig{})
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct{ dir, provider string }{
		"no directory": {"", "truv"}, "an absent one": {file + "x", "truv"}, "a file": {file, "truv"},
		"no provider": {t.TempDir(), ""}, "a path": {t.TempDir(), "../truv"}, "capitals": {t.TempDir(), "Truv"},
	} {
		m, err := recorded.NewMiddleware(c.dir, c.provider, r, recorded.Config{})
		assert.Error(t, err, name)
		assert.Nil(t, m, name)
	}
	assert.Panics(t, func() { _, _ = recorded.NewMiddleware(t.TempDir(), "truv", nil, recorded.Config{}) })
	m, err := recorded.NewMiddleware(t.TempDir(), "truv", r, recorded.Config{})
	require.NoError(t, err)
	assert.Panics(t, func() { m.Wrap(nil) })

	for _, m := range []*recorded.Middleware{nil, {}} {
		assert.Equal(t, http.StatusOK, receive(t, verifying(t).Wrap(m.Wrap(reading)), personal, nil))
		assert.NoError(t, m.Wait(t.Context()))
	}
}

func TestWhatTheHandlerDoesToTheRequestIsNotRecorded(t *testing.T) {
	t.Parallel()
	meddling := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reading(w, r)
		r.Header.Set("Content-Type", "changed")
		r.Method = "CHANGED"
		if v, ok := truhook.FromContext(r.Context()); ok {
			clear(v.Payload) // as one that uses the buffer again would
		}
	})
	for name, wrap := range map[string]func(m *recorded.Middleware) http.Handler{
		"inside":  func(m *recorded.Middleware) http.Handler { return verifying(t).Wrap(m.Wrap(meddling)) },
		"outside": func(m *recorded.Middleware) http.Handler { return m.Wrap(meddling) },
	} {
		dir := t.TempDir()
		m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{}),
			recorded.Config{Unverified: true})
		require.NoError(t, err)
		receive(t, wrap(m), personal, nil)
		require.NoError(t, m.Wait(t.Context()))
		all := files(t, dir)
		require.Len(t, all, 1, name)
		d := assertAccepted(t, all[0])
		assert.Equal(t, "application/json", d.Header.Get("Content-Type"), name)
		assert.Equal(t, "POST", d.Method, name)
	}
}
