package hosts_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gofiber/fiber/v2"
	fiber2adaptor "github.com/gofiber/fiber/v2/middleware/adaptor"
	fiber3 "github.com/gofiber/fiber/v3"
	fiber3adaptor "github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/examples/services/hosts"
	"github.com/truhook/truhook/idempotency"
)

const route = "/webhooks/truv"

type host struct {
	name    string
	peer    netip.Addr
	entries map[string]func(t testing.TB, r *hosts.Receiver) sender
}

// allHosts are the rows. What has no http.Handler has no Wrap, and what has no request of net/http no ReadDelivery.
func allHosts() []host {
	loopback := netip.MustParseAddr("127.0.0.1")
	type start = func(t testing.TB, r *hosts.Receiver) sender
	// onNetHTTP makes the three entries of a host from its Wrap, and a way to mount a handler.
	onNetHTTP := func(serve func(t testing.TB, h http.Handler) sender, wrap func(r *hosts.Receiver) http.Handler, mount func(http.HandlerFunc) http.Handler) map[string]start {
		return map[string]start{
			"Wrap":         func(t testing.TB, r *hosts.Receiver) sender { return serve(t, wrap(r)) },
			"ReadDelivery": func(t testing.TB, r *hosts.Receiver) sender { return serve(t, mount(r.ReadDelivery)) },
			"Verify":       func(t testing.TB, r *hosts.Receiver) sender { return serve(t, mount(r.VerifyByHand)) },
		}
	}
	mux := func(h http.HandlerFunc) http.Handler {
		m := http.NewServeMux()
		m.HandleFunc("POST "+route, h)
		return m
	}
	onLambda := func(serve func(t testing.TB, r *hosts.Receiver) sender) map[string]start {
		return map[string]start{"Wrap": serve}
	}
	return []host{
		{"net-http-1.1", loopback, onNetHTTP(overHTTP1, hosts.ServeMux, mux)},
		{"net-http-2", loopback, onNetHTTP(overHTTP2, hosts.ServeMux, mux)},
		{"h2c", loopback, onNetHTTP(overH2C, hosts.ServeMux, mux)},
		{"unix-socket", loopback, onNetHTTP(overUnix, hosts.ServeMux, mux)},
		{"timeout-handler", loopback, onNetHTTP(overHTTP1,
			func(r *hosts.Receiver) http.Handler { return hosts.TimeoutHandler(hosts.ServeMux(r)).Handler },
			func(h http.HandlerFunc) http.Handler { return hosts.TimeoutHandler(mux(h)).Handler })},
		{"chi", loopback, onNetHTTP(overHTTP1, hosts.Chi, func(h http.HandlerFunc) http.Handler {
			router := chi.NewRouter()
			router.Post(route, h)
			return router
		})},
		{"gin", loopback, onNetHTTP(overHTTP1, hosts.Gin, func(h http.HandlerFunc) http.Handler {
			g := gin.New()
			g.POST(route, gin.WrapF(h))
			return g
		})},
		{"echo", loopback, onNetHTTP(overHTTP1, func(r *hosts.Receiver) http.Handler { return hosts.Echo(r) }, func(h http.HandlerFunc) http.Handler {
			e := echo.New()
			e.Use(middleware.Decompress(), middleware.BodyDump(func(echo.Context, []byte, []byte) {}))
			e.POST(route, echo.WrapHandler(h))
			return e
		})},
		{"fiber-2-adaptor", loopback, map[string]start{
			"Wrap":         func(t testing.TB, r *hosts.Receiver) sender { return overFiber2(t, hosts.Fiber2Adaptor(r)) },
			"ReadDelivery": func(t testing.TB, r *hosts.Receiver) sender { return overFiber2(t, fiber2(r.ReadDelivery)) },
			"Verify":       func(t testing.TB, r *hosts.Receiver) sender { return overFiber2(t, fiber2(r.VerifyByHand)) },
		}},
		{"fiber-2", loopback, map[string]start{
			"Verify": func(t testing.TB, r *hosts.Receiver) sender { return overFiber2(t, hosts.Fiber2(r)) },
		}},
		{"fiber-3-adaptor", loopback, map[string]start{
			"Wrap":         func(t testing.TB, r *hosts.Receiver) sender { return overFiber3(t, hosts.Fiber3Adaptor(r)) },
			"ReadDelivery": func(t testing.TB, r *hosts.Receiver) sender { return overFiber3(t, fiber3app(r.ReadDelivery)) },
			"Verify":       func(t testing.TB, r *hosts.Receiver) sender { return overFiber3(t, fiber3app(r.VerifyByHand)) },
		}},
		{"fiber-3", loopback, map[string]start{
			"Verify": func(t testing.TB, r *hosts.Receiver) sender { return overFiber3(t, hosts.Fiber3(r)) },
		}},
		{"lambda-1.0", loopback, onLambda(onAPIGateway1)},
		{"lambda-2.0", loopback, onLambda(onAPIGateway2)},
		{"lambda-alb", netip.MustParseAddr(hosts.LoadBalancer), onLambda(onLoadBalancer)},
		{"lambda-function-url", loopback, map[string]start{"Verify": onFunctionURL}},
		{"grpc-gateway", loopback, onNetHTTP(overHTTP1, func(r *hosts.Receiver) http.Handler {
			h, err := hosts.GRPCGateway(r)
			if err != nil {
				panic(err)
			}
			return h
		}, func(h http.HandlerFunc) http.Handler {
			m := runtime.NewServeMux()
			err := m.HandlePath(http.MethodPost, route, func(w http.ResponseWriter, r *http.Request, _ map[string]string) { h(w, r) })
			if err != nil {
				panic(err)
			}
			return m
		})},
	}
}

// through returns what sends by an HTTP client, and expects this version of HTTP.
func through(c *http.Client, base string, major int) sender {
	return func(t testing.TB, header [][2]string, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+route, strings.NewReader(body))
		require.NoError(t, err)
		for _, h := range header {
			r.Header[h[0]] = append(r.Header[h[0]], h[1]) // in the sender's spelling
		}
		resp, err := c.Do(r)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, major, resp.ProtoMajor)
		if resp.StatusCode == http.StatusServiceUnavailable {
			assert.NotEmpty(t, resp.Header.Get("Retry-After"))
		}
		return resp.StatusCode
	}
}

func overHTTP1(t testing.TB, h http.Handler) sender {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return through(s.Client(), s.URL, 1)
}

func overHTTP2(t testing.TB, h http.Handler) sender {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return through(s.Client(), s.URL, 2)
}

func overH2C(t testing.TB, h http.Handler) sender {
	server := hosts.H2C(h)
	l := listen(t)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return through(&http.Client{Transport: transport}, "http://"+l.Addr().String(), 2)
}

func overUnix(t testing.TB, h http.Handler) sender {
	file := filepath.Join(t.TempDir(), "s")
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", file)
	require.NoError(t, err)
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return through(unixClient(t, file), "http://receiver.test", 1)
}

func unixClient(t testing.TB, file string) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", file)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func listen(t testing.TB) net.Listener {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func fiber2(h http.HandlerFunc) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, DisablePreParseMultipartForm: true})
	app.Post(route, fiber2adaptor.HTTPHandlerFunc(h))
	return app
}

func overFiber2(t testing.TB, app *fiber.App) sender {
	l := listen(t)
	go func() { _ = app.Listener(l) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return through(client(t), "http://"+l.Addr().String(), 1)
}

func fiber3app(h http.HandlerFunc) *fiber3.App {
	app := fiber3.New(fiber3.Config{DisablePreParseMultipartForm: true})
	app.Post(route, fiber3adaptor.HTTPHandlerFunc(h))
	return app
}

func overFiber3(t testing.TB, app *fiber3.App) sender {
	l := listen(t)
	go func() { _ = app.Listener(l, fiber3.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(time.Second) })
	return through(client(t), "http://"+l.Addr().String(), 1)
}

func client(t testing.TB) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Events of AWS, as its documentation gives them. A header's name is in lower case in all but the first.

const sourceIP = "127.0.0.1"

func onAPIGateway1(_ testing.TB, r *hosts.Receiver) sender {
	invoke := hosts.LambdaV1(r)
	return func(t testing.TB, header [][2]string, body string) int {
		e := events.APIGatewayProxyRequest{
			Path: route, HTTPMethod: http.MethodPost, Body: base64.StdEncoding.EncodeToString([]byte(body)), IsBase64Encoded: true,
			Headers: map[string]string{}, MultiValueHeaders: map[string][]string{},
		}
		e.RequestContext.Identity.SourceIP = sourceIP
		for _, h := range header {
			e.Headers[h[0]] = h[1]
			e.MultiValueHeaders[h[0]] = append(e.MultiValueHeaders[h[0]], h[1])
		}
		out, err := invoke(t.Context(), e)
		require.NoError(t, err)
		return out.StatusCode
	}
}

func lowerCase(header [][2]string) map[string]string {
	all := map[string]string{}
	for _, h := range header {
		name := strings.ToLower(h[0])
		if before, twice := all[name]; twice {
			h[1] = before + "," + h[1]
		}
		all[name] = h[1]
	}
	return all
}

func onAPIGateway2(_ testing.TB, r *hosts.Receiver) sender {
	invoke := hosts.LambdaV2(r)
	return func(t testing.TB, header [][2]string, body string) int {
		e := events.APIGatewayV2HTTPRequest{Version: "2.0", RawPath: route, Body: body, Headers: lowerCase(header)}
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path, e.RequestContext.HTTP.SourceIP = http.MethodPost, route, sourceIP
		out, err := invoke(t.Context(), e)
		require.NoError(t, err)
		return out.StatusCode
	}
}

func onLoadBalancer(_ testing.TB, r *hosts.Receiver) sender {
	invoke := hosts.LambdaALB(r)
	return func(t testing.TB, header [][2]string, body string) int {
		out, err := invoke(t.Context(), events.ALBTargetGroupRequest{HTTPMethod: http.MethodPost, Path: route, Headers: lowerCase(header), Body: body})
		require.NoError(t, err)
		return out.StatusCode
	}
}

func onFunctionURL(_ testing.TB, r *hosts.Receiver) sender {
	invoke := hosts.FunctionURL(r)
	return func(t testing.TB, header [][2]string, body string) int {
		e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: route, Body: body, Headers: lowerCase(header)}
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = http.MethodPost, sourceIP
		e.RequestContext.TimeEpoch = time.Now().UnixMilli()
		out, err := invoke(t.Context(), e)
		require.NoError(t, err)
		if out.StatusCode == http.StatusServiceUnavailable {
			assert.NotEmpty(t, out.Headers["Retry-After"])
		}
		return out.StatusCode
	}
}

func TestUnixServesOnItsSocketFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "s")
	server, err := hosts.Unix(t.Context(), &hosts.Receiver{Verify: truhook.NewMiddleware(verifier(t), hosts.UnixConfig()), Accept: accepted}, file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	body := event(1)
	assert.Equal(t, 200, through(unixClient(t, file), "http://receiver.test", 1)(t, signed(body), body))
}

// echo's Decompress replaces the body and leaves the old Content-Length. The signature is over what the sender signed.
func TestEchoDecompressesInFrontOfTheSignature(t *testing.T) {
	t.Parallel()
	send := overHTTP1(t, hosts.Echo(&hosts.Receiver{Verify: truhook.NewMiddleware(verifier(t), truhook.Config{}), Accept: accepted}))
	for _, body := range []string{event(1), event(1) + strings.Repeat(" ", 10_000)} { // larger and smaller than its compressed form
		var compressed bytes.Buffer
		z := gzip.NewWriter(&compressed)
		_, err := z.Write([]byte(body))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		encoding := [2]string{"Content-Encoding", "gzip"}
		assert.Equal(t, 200, send(t, signed(body, encoding), compressed.String()))
		// A body that was replaced on this side and does not fit its signature may be our fault: 5xx, never a 4xx.
		assert.Equal(t, 500, send(t, signed(compressed.String(), encoding), compressed.String()))
	}
}

// Why the handler answers by a Result and not by an error: echo writes the status of an error after its middleware has
// returned, so that Wrap, which looks at the status, takes the failed event for a handled one.
func TestWrapUnderEchoWouldCompleteAFailedEvent(t *testing.T) {
	t.Parallel()
	mw, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv/prod", idempotency.BodyDigest, idempotency.Config{})
	require.NoError(t, err)
	var calls atomic.Int32
	e := echo.New()
	e.POST(route, func(echo.Context) error { calls.Add(1); return errors.New("the database is away") },
		echo.WrapMiddleware(truhook.NewMiddleware(verifier(t), truhook.Config{}).Wrap), echo.WrapMiddleware(mw.Wrap))
	send := overHTTP1(t, e)
	body := event(1)
	first, second := send(t, signed(body), body), send(t, signed(body), body)
	t.Logf("Wrap under echo: %d, then %d, %d call(s)", first, second, calls.Load())
	assert.Equal(t, 200, second)
	assert.EqualValues(t, 1, calls.Load(), "the event was lost")
}
