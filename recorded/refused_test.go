package recorded_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/recorded"
)

// refusing returns a middleware over v that captures into dir, and what waits for the files.
func refusing(t testing.TB, v truhook.Verifier, dir string, cfg recorded.RefusedConfig) (http.Handler, func()) {
	t.Helper()
	c, err := recorded.Refused(dir, cfg)
	require.NoError(t, err)
	m := truhook.NewMiddleware(v, truhook.Config{Capture: c.Capture, Logger: slog.New(slog.DiscardHandler)})
	return m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), func() { require.NoError(t, c.Wait(t.Context())) }
}

func captured(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	require.NoError(t, err)
	return names
}

func TestRefused_IsKeptAsItCame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v, err := truv.New(clockSecret)
	require.NoError(t, err)
	h, wait := refusing(t, v, dir, recorded.RefusedConfig{})
	body := "{\"a\": 1}\r\n\x00é"
	r := httptest.NewRequest(http.MethodPost, "/hook%2Fa?b=%20c", strings.NewReader(body))
	r.Header["X-Webhook-Sign"] = []string{"v1=" + strings.Repeat("ab", 32)}
	r.Header["X-Two"] = []string{"one", "two"}
	r.Host, r.RemoteAddr = "hooks.example:8443", "[2001:db8::7]:4711"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	wait()
	assert.Equal(t, 401, w.Code)

	names := captured(t, dir)
	require.Len(t, names, 1)
	assert.Contains(t, names[0], "signature-mismatch")
	info, err := os.Stat(names[0])
	require.NoError(t, err)
	if runtime.GOOS != "windows" { // which has no such modes
		assert.Equal(t, os.FileMode(0o600), info.Mode())
	}
	f, err := recorded.ReadFile(names[0])
	require.NoError(t, err)
	assert.Equal(t, "truv", f.Provider)
	assert.Equal(t, truhook.SignatureMismatch, f.Expect)
	assert.Empty(t, f.Secrets)
	d, err := f.Delivery()
	require.NoError(t, err)
	assert.Equal(t, body, string(d.Body))
	assert.Equal(t, "POST /hook%2Fa?b=%20c hooks.example:8443 [2001:db8::7]:4711", strings.Join([]string{d.Method, d.RequestURI, d.Host, d.RemoteAddr}, " "))
	assert.Equal(t, r.Header["X-Webhook-Sign"], d.Header["X-Webhook-Sign"])
	assert.Equal(t, []string{"one", "two"}, d.Header["X-Two"])
	_, err = v.Verify(t.Context(), d)
	assert.Equal(t, f.Expect, truhook.ReasonOf(err), "at the desk as it was then")
}

func TestRefused_KeepsNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: d.Body}, nil
	})
	h, wait := refusing(t, v, dir, recorded.RefusedConfig{})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	wait()
	assert.Empty(t, captured(t, dir), "of what was accepted")

	var none *recorded.Capture
	for _, c := range []*recorded.Capture{none, {}} {
		c.Capture(t.Context(), truhook.Observation{Err: truhook.SignatureMismatch, Delivery: &truhook.Delivery{}})
		require.NoError(t, c.Wait(t.Context()))
	}
	_, err := recorded.Refused(filepath.Join(dir, "absent"), recorded.RefusedConfig{})
	require.Error(t, err)
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = recorded.Refused(file, recorded.RefusedConfig{})
	require.Error(t, err)
}

// clock is a Now that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

func observed(reason truhook.Reason, body string) truhook.Observation {
	return truhook.Observation{
		Err:      &truhook.Error{Scheme: "truv", Reason: reason},
		Delivery: &truhook.Delivery{Method: http.MethodPost, RequestURI: "/", Host: "x", Header: http.Header{}, Body: []byte(body)},
	}
}

func TestRefused_IsBoundedInNumber(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), &clock{at: time.Now()}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "refused-by-somebody.http"), []byte("not ours"), 0o600))
	c, err := recorded.Refused(dir, recorded.RefusedConfig{MaxFiles: 5, Now: now.now, MaxAge: time.Hour})
	require.NoError(t, err)
	keep := func(o truhook.Observation) {
		now.add(20 * time.Second) // three a minute
		c.Capture(t.Context(), o)
		require.NoError(t, c.Wait(t.Context()))
	}
	keep(observed(truhook.UntrustedProxy, "the one that matters"))
	for n := range 20 {
		keep(observed(truhook.SignatureMismatch, fmt.Sprint("flood ", n)))
	}
	var bodies []string
	for _, name := range captured(t, dir) {
		if strings.HasSuffix(name, "somebody.http") {
			continue
		}
		f, err := recorded.ReadFile(name)
		require.NoError(t, err)
		d, err := f.Delivery()
		require.NoError(t, err)
		bodies = append(bodies, string(d.Body))
	}
	assert.ElementsMatch(t, []string{"the one that matters", "flood 16", "flood 17", "flood 18", "flood 19"}, bodies)
	again, err := recorded.Refused(dir, recorded.RefusedConfig{MaxFiles: 5, Now: now.now, MaxAge: time.Hour})
	require.NoError(t, err)
	again.Capture(t.Context(), observed(truhook.MissingSignature, "after a restart"))
	require.NoError(t, again.Wait(t.Context()))
	assert.Len(t, captured(t, dir), 5+1, "with those of the run before, and without what is not ours")
}

func TestRefused_AFloodIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	dir, now := t.TempDir(), &clock{at: time.Now()}
	c, err := recorded.Refused(dir, recorded.RefusedConfig{MaxFiles: 4, Now: now.now})
	require.NoError(t, err)
	serial := map[string]bool{}
	for range 200 {
		c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
		require.NoError(t, c.Wait(t.Context()))
		for _, name := range captured(t, dir) {
			serial[name] = true
		}
	}
	assert.Len(t, serial, 4)
	now.add(time.Minute)
	c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
	require.NoError(t, c.Wait(t.Context()))
	for _, name := range captured(t, dir) {
		serial[name] = true
	}
	assert.Len(t, serial, 5)
}

func TestRefused_IsBoundedInSize(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var told []error
	c, err := recorded.Refused(dir, recorded.RefusedConfig{MaxBytes: 100, OnError: func(err error) { told = append(told, err); panic("of the hook") }})
	require.NoError(t, err)
	long := observed(truhook.SignatureMismatch, "x")
	long.Delivery.Header["X-Long"] = []string{strings.Repeat("x", 64<<10)}
	broken := observed(truhook.SignatureMismatch, "x")
	broken.Delivery.RequestURI = "/ HTTP/1.1\r\nX-Injected: 1\r\n"
	for _, o := range []truhook.Observation{observed(truhook.SignatureMismatch, strings.Repeat("x", 101)), long, broken} {
		c.Capture(t.Context(), o)
	}
	require.NoError(t, c.Wait(t.Context()))
	assert.Empty(t, captured(t, dir))
	assert.Len(t, told, 3)
	c.Capture(t.Context(), observed(truhook.SignatureMismatch, strings.Repeat("x", 100)))
	require.NoError(t, c.Wait(t.Context()))
	assert.Len(t, captured(t, dir), 1)
}

func TestRefused_IsBoundedInAge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c, err := recorded.Refused(dir, recorded.RefusedConfig{MaxAge: time.Hour})
		require.NoError(t, err)
		for range 3 {
			c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
			require.NoError(t, c.Wait(t.Context()))
			time.Sleep(20 * time.Minute)
		}
		synctest.Wait()
		assert.Len(t, captured(t, dir), 2, "the first is an hour old, and nobody has come since")
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Empty(t, captured(t, dir))

		c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
		require.NoError(t, c.Wait(t.Context()))
		require.NoError(t, os.WriteFile(filepath.Join(dir, ".refused-123"), []byte("half a file"), 0o600))
		long := time.Now().Add(-2 * time.Hour)
		require.NoError(t, os.Chtimes(filepath.Join(dir, ".refused-123"), long, long))
		time.Sleep(2 * time.Hour) // the process has ended; the next one finds what is left
		_, err = recorded.Refused(dir, recorded.RefusedConfig{MaxAge: time.Hour})
		require.NoError(t, err)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left)
	})
}

func TestRefused_ErrorsOfTheDiskAreTold(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, os.Mkdir(dir, 0o700))
	told := make(chan error, 1)
	c, err := recorded.Refused(dir, recorded.RefusedConfig{OnError: func(err error) { told <- err }})
	require.NoError(t, err)
	require.NoError(t, os.Remove(dir))
	c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
	require.NoError(t, c.Wait(t.Context()))
	require.Error(t, <-told)
}

// A certificate and a proxy's address are part of what was refused, so the desk gives the same verdict.
func TestRefused_AClientCertificateIsKept(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stranger"}, DNSNames: []string{"stranger.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	named := mtls.DNSNames(roots, "truv.clients.example.com")

	direct, err := mtls.New(mtls.FromTLS(), named, mtls.Config{})
	require.NoError(t, err)
	proxied, err := mtls.New(mtls.FromNginx(netip.MustParsePrefix("10.0.0.0/8")), named, mtls.Config{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		v    truhook.Verifier
		want truhook.Reason
	}{"direct": {direct, truhook.WrongSubjectName}, "past the proxy": {proxied, truhook.UntrustedProxy}} {
		dir := t.TempDir()
		h, wait := refusing(t, c.v, dir, recorded.RefusedConfig{})
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte("{}")))
		r.RemoteAddr = "203.0.113.5:1"
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{certificate}}
		h.ServeHTTP(httptest.NewRecorder(), r)
		wait()
		names := captured(t, dir)
		require.Len(t, names, 1, name)
		f, err := recorded.ReadFile(names[0])
		require.NoError(t, err)
		assert.Equal(t, c.want, f.Expect, name)
		d, err := f.Delivery()
		require.NoError(t, err)
		assert.Equal(t, "{}", string(d.Body), "read although the head was refused")
		_, err = c.v.Verify(t.Context(), d)
		assert.Equal(t, c.want, truhook.ReasonOf(err), name)
	}
}

// borrowed is a string in a buffer that reuse overwrites, as some frameworks do after a response.
func borrowed(s string) (text string, reuse func()) {
	b := []byte(s)
	return unsafe.String(&b[0], len(b)), func() { copy(b, strings.Repeat("z", len(b))) }
}

// What is written beside the request holds nothing of the host's memory.
func TestRefused_KeepsNothingOfTheHostsMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := recorded.Refused(dir, recorded.RefusedConfig{})
	require.NoError(t, err)
	var all []func()
	lend := func(s string) string {
		text, reuse := borrowed(s)
		all = append(all, reuse)
		return text
	}
	for range 50 { // the file is written while the memory is used again
		all = nil
		body := []byte(`{"a":1}`)
		c.Capture(t.Context(), truhook.Observation{
			Err: &truhook.Error{Scheme: lend("truv"), Reason: truhook.SignatureMismatch},
			Delivery: &truhook.Delivery{
				Method: lend("POST"), RequestURI: lend("/hook"), Host: lend("hooks.example"), RemoteAddr: lend("192.0.2.1:4711"),
				Header: http.Header{lend("X-Webhook-Sign"): {lend("v1=abc")}}, Body: body,
			},
		})
		for _, reuse := range all {
			reuse()
		}
		copy(body, "zzzzzzz")
	}
	require.NoError(t, c.Wait(t.Context()))
	names := captured(t, dir)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.NotContains(t, string(text), "zzz")
		assert.Contains(t, string(text), "peer: 192.0.2.1:4711\n")
	}
}

// Capture can be called by a host that is none of net/http.
func TestRefused_HeadersOfTheWireAreLeftOutInAnySpelling(t *testing.T) {
	t.Parallel()
	for _, spelling := range []func(string) string{http.CanonicalHeaderKey, strings.ToLower, strings.ToUpper} {
		dir := t.TempDir()
		c, err := recorded.Refused(dir, recorded.RefusedConfig{})
		require.NoError(t, err)
		o := observed(truhook.SignatureMismatch, "body")
		o.Delivery.Header = http.Header{}
		for name, value := range map[string]string{
			"Content-Length": "99", "Transfer-Encoding": "chunked", "Trailer": "X-Late", "Host": "other.example", "X-Kept": "yes",
		} {
			o.Delivery.Header[spelling(name)] = []string{value}
		}
		c.Capture(t.Context(), o)
		require.NoError(t, c.Wait(t.Context()))
		names := captured(t, dir)
		require.Len(t, names, 1)
		f, err := recorded.ReadFile(names[0])
		require.NoError(t, err)
		d, err := f.Delivery()
		require.NoError(t, err, "a second Content-Length makes it one that cannot be read")
		assert.Equal(t, "body", string(d.Body))
		assert.Equal(t, []string{"yes"}, d.Header["X-Kept"])
		assert.NotEqual(t, "other.example", d.Host)
		assert.Empty(t, d.Header["Trailer"])
	}
}

// A disk that hangs must not hold up a response, nor what the request holds of MaxBufferedBytes.
func TestRefused_ADiskThatHangsHoldsUpNoRequest(t *testing.T) {
	t.Parallel()
	c, err := recorded.Refused(t.TempDir(), recorded.RefusedConfig{})
	require.NoError(t, err)
	release := recorded.HoldDirectory(c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			c.Capture(t.Context(), observed(truhook.SignatureMismatch, "body"))
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("a request waits for the disk")
	}
	release()
	<-done
	require.NoError(t, c.Wait(t.Context()))
}
