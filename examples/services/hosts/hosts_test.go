package hosts_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/examples/services/hosts"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/retry"
)

// A secret that was made for this test.
const testSecret = "prod-0123456789abcdef0123456789abcdef01234567"

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// Host x entry point x feature: every cell is a subtest of its own.
func TestHosts(t *testing.T) {
	t.Parallel()
	features := map[string]func(t *testing.T, c cell){
		"signature": signature, "multipart": multipart, "addresses": addresses, "certificate": certificate, "once": once, "inbox": queue, "late": late,
	}
	for _, h := range allHosts() {
		for entry, start := range h.entries {
			for feature, holds := range features {
				t.Run(h.name+"/"+entry+"/"+feature, func(t *testing.T) {
					t.Parallel()
					holds(t, cell{peer: h.peer, start: start})
				})
			}
		}
	}
}

// A cell is one host with one way in.
type cell struct {
	peer  netip.Addr // as which the sender, or the proxy before it, counts
	start func(t testing.TB, r *hosts.Receiver) sender
}

// A sender delivers to a host and returns the status.
type sender func(t testing.TB, header [][2]string, body string) int

// serve starts the host with a receiver that verifies by v.
func (c cell) serve(t *testing.T, v truhook.Verifier, accept func(context.Context, *truhook.Verified) idempotency.Result) sender {
	t.Helper()
	cfg := hosts.UnixConfig()
	return c.start(t, &hosts.Receiver{Verify: truhook.NewMiddleware(v, cfg), Accept: accept})
}

func (c cell) prefix() netip.Prefix { return netip.PrefixFrom(c.peer, c.peer.BitLen()) }

func event(n int) string {
	return fmt.Sprintf(`{"webhook_id":"488f0b1f5a3c4d7e8f9a0b1c2d3e%04d","event_type":"task-status-updated","event_created_at":%q,`+
		`"task_id":"5214","status":"done","name":"Zo\u00eb ✓ \\ %d"}`+"\r\n", n, time.Now().UTC().Format(time.RFC3339Nano), n)
}

// signed names the header as the provider spells it, which is no canonical name.
func signed(body string, more ...[2]string) [][2]string {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(body))
	return append([][2]string{{"X-WEBHOOK-SIGN", "v1=" + hex.EncodeToString(mac.Sum(nil))}, {"Content-Type", "application/json"}}, more...)
}

func verifier(t testing.TB) truhook.Verifier {
	t.Helper()
	v, err := truv.New(testSecret)
	require.NoError(t, err)
	return v
}

func accepted(context.Context, *truhook.Verified) idempotency.Result {
	return idempotency.Result{Status: http.StatusOK}
}

func signature(t *testing.T, c cell) {
	var got atomic.Value
	send := c.serve(t, verifier(t), func(_ context.Context, v *truhook.Verified) idempotency.Result {
		got.Store(string(v.Payload))
		return idempotency.Result{Status: http.StatusOK}
	})
	body := event(1)
	assert.Equal(t, http.StatusOK, send(t, signed(body), body), "genuine")
	assert.Equal(t, body, got.Load(), "the very bytes")
	for name, d := range map[string]struct {
		header [][2]string
		body   string
	}{
		"one byte changed":    {signed(body), strings.Replace(body, "done", "dune", 1)},
		"a blank more":        {signed(body), body + " "},
		"without signature":   {[][2]string{{"Content-Type", "application/json"}}, body},
		"with half of one":    {[][2]string{{"X-WEBHOOK-SIGN", signed(body)[0][1][:30]}}, body},
		"with an empty body":  {signed(body), ""},
		"under another name":  {[][2]string{{"X-WEBHOOK-SIGNATURE", signed(body)[0][1]}}, body},
		"with another prefix": {[][2]string{{"X-WEBHOOK-SIGN", strings.Replace(signed(body)[0][1], "v1=", "v2=", 1)}}, body},
	} {
		got.Store("")
		assert.Equal(t, http.StatusUnauthorized, send(t, d.header, d.body), name)
		assert.Empty(t, got.Load(), name)
	}
}

// multipart is a body that servers like to read for their users, who never see the bytes that came.
func multipart(t *testing.T, c cell) {
	h := c.serve(t, verifier(t), accepted)
	const body = "preamble\r\n--X y\r\nContent-Type: text/plain\r\nContent-Disposition: form-data;  name=\"a\"\r\n\r\n1\r\n" +
		"--X y\r\nContent-Disposition: form-data; name=\"b\"; filename=\"f\"\r\n\r\n{}\r\n--X y--\r\nepilogue"
	for _, contentType := range []string{`multipart/form-data; boundary="X y"`, "application/x-www-form-urlencoded"} {
		assert.Equal(t, http.StatusOK, h(t, append(signed(body)[:1:1], [2]string{"Content-Type", contentType}), body), contentType)
	}
}

func addresses(t *testing.T, c cell) {
	elsewhere := netip.MustParsePrefix("198.51.100.0/24")
	body := event(1)
	status := func(check truhook.Check, forwarded string) int {
		send := c.serve(t, truhook.Require(verifier(t), check), accepted)
		return send(t, signed(body, [2]string{"x-forwarded-for", forwarded}), body)
	}
	assert.Equal(t, 200, status(truhook.RemoteAddrIn(c.prefix()), "203.0.113.9"), "the direct peer")
	assert.Equal(t, 403, status(truhook.RemoteAddrIn(elsewhere), "198.51.100.7"), "another peer, whatever it says")
	client := truhook.ClientAddrIn([]netip.Prefix{c.prefix()}, elsewhere)
	assert.Equal(t, 200, status(client, "198.51.100.7"), "behind a proxy")
	assert.Equal(t, 200, status(client, "203.0.113.9, 198.51.100.7"), "behind a proxy, with a claim of the client's own")
	assert.Equal(t, 403, status(client, "203.0.113.9"), "another client")
	assert.Equal(t, 403, status(client, "198.51.100.7, 203.0.113.9"), "another client with a claim of its own")
	stranger := truhook.ClientAddrIn([]netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, elsewhere)
	assert.Equal(t, 403, status(stranger, "198.51.100.7"), "from a peer that is no proxy")
}

func certificate(t *testing.T, c cell) {
	root := issue(t)
	pool := x509.NewCertPool()
	pool.AddCert(root.cert)
	leaf := root.issue(t, "truv.clients.example.com")
	body := event(1)
	status := func(trusted netip.Prefix, header ...[2]string) int {
		peer, err := mtls.New(mtls.FromNginx(trusted), mtls.DNSNames(pool, "truv.clients.example.com"), mtls.Config{})
		require.NoError(t, err)
		return c.serve(t, truhook.AllOf(peer, verifier(t)), accepted)(t, signed(body, header...), body)
	}
	good := [2]string{"x-ssl-client-escaped-cert", leaf}
	success := [2]string{"x-ssl-client-verify", "SUCCESS"}
	assert.Equal(t, 200, status(c.prefix(), good, success), "right")
	assert.Equal(t, 403, status(c.prefix(), [2]string{good[0], root.issue(t, "evil.example")}, success), "another name")
	assert.Equal(t, 403, status(c.prefix(), [2]string{good[0], issue(t).issue(t, "truv.clients.example.com")}, success), "another authority")
	assert.Equal(t, 403, status(c.prefix(), good, [2]string{success[0], "FAILED:expired"}), "not verified by the proxy")
	assert.Equal(t, 403, status(c.prefix(), success), "none")
	assert.Equal(t, 403, status(netip.MustParsePrefix("203.0.113.0/24"), good, success), "past the proxy")
}

func once(t *testing.T, c cell) {
	var calls atomic.Int64
	r, err := hosts.New(testSecret, idempotency.NewMemory(idempotency.MemoryConfig{}), func(ctx context.Context, ev *truv.Event) error {
		claim, _ := idempotency.FromContext(ctx)
		n := calls.Add(1)
		switch {
		case ev.WebhookID == "488f0b1f5a3c4d7e8f9a0b1c2d3e0002":
			return retry.Permanent(errors.New("the account is closed"))
		case n < 3:
			assert.EqualValues(t, n, claim.Attempt)
			return errors.New("the database is away")
		}
		return nil
	})
	require.NoError(t, err)
	send := c.start(t, r)
	body := event(1)
	for i, want := range []int{503, 503, 200, 200, 200} {
		assert.Equal(t, want, send(t, signed(body), body), "delivery %d", i+1)
	}
	assert.EqualValues(t, 3, calls.Load())
	closed := event(2)
	assert.Equal(t, 200, send(t, signed(closed), closed), "handed over, so not asked for again")
	assert.Equal(t, 200, send(t, signed(closed), closed))
	assert.EqualValues(t, 4, calls.Load())
}

// messages is a queue that keeps what it is given, and says what it has already.
type messages struct {
	mu   sync.Mutex
	kept []inbox.Message
}

func (q *messages) Enqueue(_ context.Context, m inbox.Message) (duplicate bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, k := range q.kept {
		if k.Key == m.Key {
			return true, nil
		}
	}
	q.kept = append(q.kept, m)
	return false, nil
}

// Many events go through, so that a host which reuses memory has reused it.
func queue(t *testing.T, c cell) {
	q := &messages{}
	front, err := inbox.NewHandler(q, "truv/test", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
	require.NoError(t, err)
	send := c.serve(t, verifier(t), func(ctx context.Context, v *truhook.Verified) idempotency.Result {
		return front.Accept(ctx, v, nil)
	})
	const events = 24
	var bodies []string
	for n := range events {
		bodies = append(bodies, event(n))
		for range 2 {
			assert.Equal(t, 200, send(t, signed(bodies[n]), bodies[n]))
		}
	}
	require.Len(t, q.kept, events)
	for n, m := range q.kept {
		assert.Equal(t, bodies[n], string(m.Payload))
		id, err := truv.EventID(&truhook.Verified{Payload: []byte(bodies[n])})
		require.NoError(t, err)
		assert.Equal(t, id, m.Key.ID)
		assert.Equal(t, "truv", m.Verified().Proofs[0].Scheme)
	}
}

// A handler outlives its request, while the host serves others. It then completes its own event and no other.
func late(t *testing.T, c cell) {
	var handled sync.Map
	release, ended := make(chan struct{}), make(chan struct{}, 1)
	mw, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv/test", truv.EventID,
		idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: time.Millisecond, Wait: -1})
	require.NoError(t, err)
	slow := event(1)
	send := c.serve(t, verifier(t), func(ctx context.Context, v *truhook.Verified) idempotency.Result {
		return mw.Do(ctx, v, func(ctx context.Context) error {
			id, err := truv.EventID(v)
			if err != nil {
				return err
			}
			if string(v.Payload) == slow {
				<-release
				defer func() { ended <- struct{}{} }()
				got, _ := truhook.FromContext(ctx)
				if got != nil { // behind Wrap
					assert.Equal(t, slow, string(got.Payload))
				}
				assert.NoError(t, ctx.Err(), "the host has ended the request, and not the handler")
				after, err := truv.EventID(v)
				assert.NoError(t, err)
				assert.Equal(t, id, after)
				assert.Equal(t, slow, string(v.Payload))
			}
			handled.Store(id, true)
			return nil
		})
	})
	assert.Equal(t, 503, send(t, signed(slow), slow), "answered before the handler has ended")
	for n := range 8 {
		other := event(100 + n)
		for send(t, signed(other), other) != 200 { // late too, on a machine that is busy
			continue
		}
	}
	close(release)
	<-ended
	for send(t, signed(slow), slow) != 200 {
		continue
	}
	total := 0
	handled.Range(func(_, _ any) bool { total++; return true })
	assert.Equal(t, 9, total)
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t testing.TB) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority for tests"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{cert, key}
}

// issue returns a client certificate as nginx escapes it.
func (a authority) issue(t testing.TB, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return strings.ReplaceAll(url.QueryEscape(out.String()), "+", "%20")
}
