package truhook_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// serve starts a server on a loopback port. Its log is dropped: some handlers of these tests panic.
func serve(t *testing.T, h http.Handler, http2 bool) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = discardLog()
	s.EnableHTTP2 = http2
	if http2 {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

// post sends a body with a signature header, unless that is empty, and returns the final status and body.
func post(t *testing.T, s *httptest.Server, signature string, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.URL+"/webhooks/truv", body)
	require.NoError(t, err)
	if signature != "" {
		r.Header.Set("X-Webhook-Sign", signature)
	}
	response, err := s.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	if s.EnableHTTP2 {
		require.Equal(t, 2, response.ProtoMajor)
	}
	got, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(got)
}

func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
}

// raw sends text over a new connection and returns everything that comes back until the server closes it.
func raw(t *testing.T, s *httptest.Server, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	got, err := io.ReadAll(conn)
	if err != nil { // a reset after the answer is the server closing with our bytes unread
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	}
	return string(got)
}

func TestMiddleware_RealServersVerifyAndReplay(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("\r\n\x00\xff{}"), 20_000)
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			t.Parallel()
			s := serve(t, truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo()), http2)
			for name, reader := range map[string]func() io.Reader{
				"with a length": func() io.Reader { return bytes.NewReader(body) },
				"chunked":       func() io.Reader { return io.MultiReader(bytes.NewReader(body)) },
			} {
				status, got := post(t, s, truvHeader(body), reader())
				require.Equal(t, http.StatusOK, status, name)
				require.True(t, string(body) == got, name)
				status, _ = post(t, s, truvHeader(body[1:]), reader())
				require.Equal(t, http.StatusUnauthorized, status, name)
			}
		})
	}
}

func TestMiddleware_RefusedHeadIsNeverToldToContinue(t *testing.T) {
	t.Parallel()
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(unreached(t)), false)
	for _, lines := range []string{"", "X-Webhook-Sign: v1=00\r\n", "X-Webhook-Sign: \r\n"} {
		got := raw(t, s, "POST / HTTP/1.1\r\nHost: x\r\n"+lines+"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
		require.True(t, strings.HasPrefix(got, "HTTP/1.1 401 "), got)
		require.NotContains(t, got, "100 Continue")
	}
	good := truvHeader([]byte("x"))
	got := raw(t, s, "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: "+good+"\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")
	require.True(t, strings.HasPrefix(got, "HTTP/1.1 413 "), got)
	require.NotContains(t, got, "100 Continue")
}

func TestMiddleware_HonestHeadIsToldToContinue(t *testing.T) {
	t.Parallel()
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo()), false)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: %s\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
		truvHeader([]byte("x")))
	require.NoError(t, err)
	lines := bufio.NewReader(conn)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	_, err = lines.ReadString('\n')
	require.NoError(t, err)
	response, err := http.ReadResponse(lines, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestMiddleware_WhatIsLeftOfABodyIsNotTheNextRequest(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{MaxBodyBytes: 8})
	s := serve(t, m.Wrap(echo()), false)
	smuggled := "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: " + truvHeader(nil) + "\r\nContent-Length: 0\r\n\r\n"
	body := strings.Repeat("x", 20) + smuggled
	head := "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: " + truvHeader([]byte("x"))
	for _, text := range []string{
		fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body),
		fmt.Sprintf("%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), body),
	} {
		got := raw(t, s, text)
		require.True(t, strings.HasPrefix(got, "HTTP/1.1 413 "), got)
		require.Equal(t, 1, strings.Count(got, "HTTP/1.1 "), got)
		require.Contains(t, got, "Connection: close")
	}
}

func TestMiddleware_SignatureInATrailerIsNone(t *testing.T) {
	t.Parallel()
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(unreached(t)), false)
	got := raw(t, s, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTrailer: X-Webhook-Sign\r\nTransfer-Encoding: chunked\r\n\r\n"+
		"1\r\nx\r\n0\r\nX-Webhook-Sign: "+truvHeader([]byte("x"))+"\r\n\r\n")
	require.True(t, strings.HasPrefix(got, "HTTP/1.1 401 "), got)
}

func TestMiddleware_KeptConnectionServesTheNextDelivery(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{BodyTimeout: time.Hour})
	s := serve(t, m.Wrap(echo()), false)
	one := "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: " + truvHeader([]byte("a")) + "\r\nContent-Length: 1\r\n\r\na"
	bad := "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: " + truvHeader([]byte("b")) + "\r\nContent-Length: 1\r\n\r\na"
	last := strings.Replace(one, "Host: x", "Host: x\r\nConnection: close", 1)
	got := raw(t, s, one+bad+one+last)
	require.Equal(t, 3, strings.Count(got, "200 OK"), got)
	require.Equal(t, 1, strings.Count(got, "401 Unauthorized"), got)
}

func TestMiddleware_HandlersContextLivesOnAfterTheBodysDeadline(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline := time.NewTimer(timeout + timeout/2)
		defer deadline.Stop()
		select {
		case <-r.Context().Done():
			t.Error("the deadline of the body ended the handler's context")
		case <-deadline.C:
		}
	})
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{BodyTimeout: timeout})
	s := serve(t, m.Wrap(h), false)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: %s\r\nContent-Length: 1\r\n\r\nx", truvHeader([]byte("x")))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestMiddleware_ManyAtOnceAreJudgedEachByItsOwnBytes(t *testing.T) {
	t.Parallel()
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo()), true)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			body := []byte(strings.Repeat(fmt.Sprint(i), 1+i*37))
			signature, want := truvHeader(body), http.StatusOK
			if i%2 == 1 {
				signature, want = truvHeader(body[1:]), http.StatusUnauthorized
			}
			status, got := post(t, s, signature, bytes.NewReader(body))
			assert.Equal(t, want, status)
			if want == http.StatusOK {
				assert.Equal(t, string(body), got)
			}
		})
	}
	all.Wait()
}

// Some senders close their side after the request. net/http then ends the context, and the verdict is still theirs.
func TestMiddleware_ServerSenderThatHalfCloses(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // as net/http gave it
		w.WriteHeader(http.StatusNoContent)
	})
	slow := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		<-ctx.Done() // so that it has ended before the verdict
		return truvVerifier(t).Verify(ctx, d)
	})
	s := serve(t, truhook.NewMiddleware(slow, truhook.Config{}).Wrap(h), false)
	for signature, want := range map[string]string{truvHeader([]byte("body")): "204", truvHeader([]byte("x")): "401", "v1=00": "401"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: %s\r\nContent-Length: 4\r\n\r\nbody", signature)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		got, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(got), "HTTP/1.1 "+want), "%q", got)
		require.NoError(t, conn.Close())
	}
}

// A refusal that leaves a body unread ends its stream of HTTP/2 only; over HTTP/1 it ends the connection.
func TestMiddleware_ServerOneRefusalLeavesTheOtherStreams(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		patient := truhook.NewMiddleware(truvVerifier(t), truhook.Config{MaxBodyBytes: 1000, BodyTimeout: time.Hour}).Wrap(noContent())
		hasty := truhook.NewMiddleware(truvVerifier(t), truhook.Config{BodyTimeout: time.Millisecond}).Wrap(noContent())
		s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hasty" {
				hasty.ServeHTTP(w, r)
				return
			}
			patient.ServeHTTP(w, r)
		}), http2)
		refusals := map[string]struct {
			want int
			path string
			body func() io.Reader
		}{
			"announced too large": {http.StatusRequestEntityTooLarge, "/", func() io.Reader { return bytes.NewReader(make([]byte, 300_000)) }},
			"too large":           {http.StatusRequestEntityTooLarge, "/", func() io.Reader { return io.LimitReader(endless{}, 300_000) }},
			"timed out": {http.StatusServiceUnavailable, "/hasty", func() io.Reader {
				stalled, _ := io.Pipe() // which the client closes
				return stalled
			}},
		}
		conns := map[string]bool{}
		trace := func() context.Context {
			return httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conns[i.Conn.LocalAddr().String()] = true }})
		}
		for name, refusal := range refusals {
			r, err := http.NewRequestWithContext(trace(), http.MethodPost, s.URL+refusal.path, refusal.body())
			require.NoError(t, err)
			r.Header.Set("X-Webhook-Sign", truvHeader(nil))
			response, err := s.Client().Do(r)
			require.NoError(t, err, name)
			require.NoError(t, response.Body.Close())
			require.Equal(t, refusal.want, response.StatusCode, name)
			require.Equal(t, !http2, response.Close, name)
			good, err := http.NewRequestWithContext(trace(), http.MethodPost, s.URL, strings.NewReader("good"))
			require.NoError(t, err)
			good.Header.Set("X-Webhook-Sign", truvHeader([]byte("good")))
			response, err = s.Client().Do(good)
			require.NoError(t, err, name)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusNoContent, response.StatusCode, name)
		}
		if http2 {
			require.Len(t, conns, 1, "all over one connection")
		}
	}
}

func TestMiddleware_ServerUnixSocket(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("its sockets differ")
	}
	dir, err := os.MkdirTemp("", "truhook") // short enough for the name of a socket
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	proxy := netip.MustParseAddr("127.0.0.1")
	v := truhook.Require(truvVerifier(t), truhook.ClientAddrIn([]netip.Prefix{netip.PrefixFrom(proxy, 32)}, netip.MustParsePrefix("34.212.57.93/32")))
	for i, peer := range []netip.Addr{proxy, {}} {
		l, err := net.Listen("unix", filepath.Join(dir, fmt.Sprint("s", i)))
		require.NoError(t, err)
		s := &http.Server{Handler: truhook.NewMiddleware(v, truhook.Config{UnixPeer: peer}).Wrap(noContent()), ErrorLog: discardLog()}
		go func() { _ = s.Serve(l) }()
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}}
		r, err := http.NewRequest(http.MethodPost, "http://x/", strings.NewReader("body"))
		require.NoError(t, err)
		r.Header.Set("X-Webhook-Sign", truvHeader([]byte("body")))
		r.Header.Set("X-Forwarded-For", "34.212.57.93")
		response, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, []int{http.StatusNoContent, http.StatusForbidden}[i], response.StatusCode)
		client.CloseIdleConnections()
		require.NoError(t, s.Close())
	}
}
