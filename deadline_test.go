package truhook_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestDeadline_StalledBodyTimesOut(t *testing.T) {
	t.Parallel()
	seen := make(chan truhook.Observation, 1)
	cfg := truhook.Config{
		BodyTimeout: 50 * time.Millisecond,
		Observe:     func(_ context.Context, o truhook.Observation) { seen <- o },
	}
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), false)
	head := "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: " + truvHeader([]byte("whole")) + "\r\n"
	for name, text := range map[string]string{
		"with a length":         head + "Content-Length: 5\r\n\r\nwho",
		"nothing of it":         head + "Content-Length: 5\r\n\r\n",
		"chunked":               head + "Transfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n",
		"in the size of chunks": head + "Transfer-Encoding: chunked\r\n\r\n5",
	} {
		got := raw(t, s, text) // which sends no more, and waits for the server to close
		require.True(t, strings.HasPrefix(got, "HTTP/1.1 503 "), "%s: %s", name, got)
		require.Contains(t, got, "Connection: close")
		o := <-seen
		require.ErrorIs(t, o.Err, truhook.BodyTimedOut)
		require.ErrorIs(t, o.Err, os.ErrDeadlineExceeded)
		require.GreaterOrEqual(t, o.ReadDuration, cfg.BodyTimeout)
		require.Nil(t, o.Delivery.Body)
	}
}

func TestDeadline_StalledBodyTimesOutOverHTTP2(t *testing.T) {
	t.Parallel()
	seen := make(chan truhook.Observation, 1)
	cfg := truhook.Config{
		BodyTimeout: 50 * time.Millisecond,
		Observe:     func(_ context.Context, o truhook.Observation) { seen <- o },
	}
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), true)
	body, write := io.Pipe()
	defer write.Close()
	status, _ := post(t, s, truvHeader([]byte("whole")), body)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.ErrorIs(t, (<-seen).Err, truhook.BodyTimedOut)
}

func TestDeadline_ClientThatGoesAwayLeavesAnIncompleteBody(t *testing.T) {
	t.Parallel()
	seen := make(chan truhook.Observation, 1)
	cfg := truhook.Config{Observe: func(_ context.Context, o truhook.Observation) { seen <- o }, BodyTimeout: time.Hour}
	s := serve(t, truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), false)
	for _, framing := range []string{"Content-Length: 5\r\n\r\nwho", "Transfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n"} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: "+truvHeader([]byte("whole"))+"\r\n"+framing)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.ErrorIs(t, (<-seen).Err, truhook.BodyIncomplete)
	}
}

// dripping sends a byte a second, by the clock of a synctest bubble.
type dripping struct{ left int }

func (d *dripping) Read(p []byte) (int, error) {
	<-time.After(time.Second)
	if d.left--; d.left < 0 {
		return 0, io.EOF
	}
	return copy(p, "x"), nil
}

func (d *dripping) Close() error { return nil }

// noDeadline is what some middlewares make of a ResponseWriter: without Unwrap, no deadline reaches the connection.
type noDeadline struct{ http.ResponseWriter }

func TestDeadline_DrippingBodyIsCutOffEvenWithoutADeadlineOnTheConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		timeout time.Duration
		size    int
		want    truhook.Reason
		after   time.Duration
	}{
		"in time":             {5 * time.Second, 3, "", 4 * time.Second},
		"too slow":            {5 * time.Second, 60, truhook.BodyTimedOut, 6 * time.Second},
		"by the default, 5 s": {0, 60, truhook.BodyTimedOut, 6 * time.Second},
		"negative is default": {-1, 60, truhook.BodyTimedOut, 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var seen []truhook.Observation
				cfg := truhook.Config{BodyTimeout: tt.timeout, Observe: func(_ context.Context, o truhook.Observation) {
					seen = append(seen, o)
				}}
				r := httptest.NewRequest(http.MethodPost, "/", &dripping{tt.size})
				r.ContentLength = -1
				w := httptest.NewRecorder()
				start := time.Now()
				truhook.NewMiddleware(accepting("x"), cfg).Wrap(noContent()).ServeHTTP(noDeadline{w}, r)
				require.Equal(t, tt.after, time.Since(start))
				require.Len(t, seen, 1)
				require.Equal(t, tt.want, truhook.ReasonOf(seen[0].Err))
				require.Equal(t, tt.after, seen[0].ReadDuration)
			})
		})
	}
}

// pipes is a listener whose connections are pipes, which keep to the clock of a synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func TestDeadline_DrippingBodyIsCutOffByTheDeadlineOfTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{BodyTimeout: 5 * time.Second})
		l := newPipes()
		s := &http.Server{Handler: m.Wrap(unreached(t)), ErrorLog: discardLog()}
		go func() { assert.ErrorIs(t, s.Serve(l), http.ErrServerClosed) }()
		client, server := net.Pipe()
		l.conns <- server
		start := time.Now()
		dripped := make(chan struct{})
		go func() {
			defer close(dripped)
			_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
			for err == nil {
				<-time.After(time.Second)
				_, err = io.WriteString(client, "x")
			}
		}()
		status := make([]byte, len("HTTP/1.1 503 "))
		_, err := io.ReadFull(client, status)
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 503 ", string(status))
		require.Equal(t, 5*time.Second, time.Since(start))
		require.NoError(t, client.Close())
		<-dripped
		require.NoError(t, s.Close())
		synctest.Wait()
	})
}

func TestDeadline_DeadlineIsLiftedBeforeTheHandlerRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-time.After(time.Minute)
			assert.NoError(t, r.Context().Err())
			w.WriteHeader(http.StatusNoContent)
		})
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{BodyTimeout: time.Second})
		l := newPipes()
		s := &http.Server{Handler: m.Wrap(h), ErrorLog: discardLog()}
		go func() { assert.ErrorIs(t, s.Serve(l), http.ErrServerClosed) }()
		client, server := net.Pipe()
		l.conns <- server
		_, err := io.WriteString(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
		require.NoError(t, err)
		status := make([]byte, len("HTTP/1.1 204 "))
		_, err = io.ReadFull(client, status)
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 204 ", string(status))
		require.NoError(t, client.Close())
		require.NoError(t, s.Close())
		synctest.Wait()
	})
}

// net/http would end the context of a handler that still works when the server's own deadline for the request comes.
func TestDeadline_ReadTimeoutOfTheServerEndsNoHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{})
		s := &http.Server{ReadTimeout: 2 * time.Second, Handler: m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-time.After(time.Minute)
			assert.NoError(t, r.Context().Err())
			w.WriteHeader(http.StatusNoContent)
		}))}
		response, _ := exchangeOnPipe(t, s, func(conn net.Conn) {
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
			assert.NoError(t, err)
		})
		require.True(t, strings.HasPrefix(response, "HTTP/1.1 204 "), response)
	})
}

// deadlineWriter records the deadlines that are set.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	set func(at time.Time) error
}

func (w deadlineWriter) SetReadDeadline(at time.Time) error { return w.set(at) }

// wrapping hides a writer behind Unwrap.
type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A deadline that is set once the body was read would end the next request on the connection.
func TestDeadline_IsNeverSetAfterTheBodyWasRead(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size int // in seconds
		want []time.Duration
		then truhook.Reason
	}{
		"in time": {3, nil, ""},
		"late":    {9, []time.Duration{5 * time.Second}, truhook.BodyTimedOut},
	} {
		for _, wrapped := range []bool{false, true} {
			t.Run(fmt.Sprint(name, wrapped), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					start := time.Now()
					cut := make(chan struct{}, 1)
					var mu sync.Mutex
					var set []time.Duration
					w := http.ResponseWriter(deadlineWriter{httptest.NewRecorder(), func(at time.Time) error {
						mu.Lock()
						defer mu.Unlock()
						assert.True(t, at.Before(time.Now()), "in the past")
						set = append(set, time.Since(start))
						cut <- struct{}{}
						return nil
					}})
					if wrapped {
						w = wrapping{w}
					}
					left := test.size
					body := readerFunc(func(p []byte) (int, error) {
						select {
						case <-time.After(time.Second):
						case <-cut:
							return 0, os.ErrDeadlineExceeded
						}
						if left--; left < 0 {
							return 0, io.EOF
						}
						return copy(p, "x"), nil
					})
					r := httptest.NewRequest(http.MethodPost, "/", body)
					r.ContentLength = int64(test.size)
					var got error
					cfg := truhook.Config{Observe: func(_ context.Context, o truhook.Observation) { got = o.Err }}
					truhook.NewMiddleware(accepting("x"), cfg).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
						<-time.After(time.Minute)
					})).ServeHTTP(w, r)
					mu.Lock()
					defer mu.Unlock()
					require.Equal(t, test.then, truhook.ReasonOf(got))
					require.Equal(t, test.want, set)
				})
			})
		}
	}
}

// One timer serves all bodies: each is cut off in its own time, and one whose writer panics or waits harms no other.
func TestDeadline_OneTimerForAllBodies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		m := truhook.NewMiddleware(accepting("x"), truhook.Config{})
		var mu sync.Mutex
		var cuts []time.Duration
		var all sync.WaitGroup
		for i := range 10 {
			cut := make(chan struct{})
			var once sync.Once
			w := deadlineWriter{httptest.NewRecorder(), func(time.Time) error {
				once.Do(func() {
					mu.Lock()
					cuts = append(cuts, time.Since(start))
					mu.Unlock()
					close(cut)
				})
				if i == 3 {
					panic("x")
				}
				return nil
			}}
			all.Go(func() {
				r := httptest.NewRequest(http.MethodPost, "/", readerFunc(func([]byte) (int, error) { <-cut; return 0, os.ErrDeadlineExceeded }))
				r.ContentLength = 10
				m.Wrap(unreached(t)).ServeHTTP(w, r)
				assert.Equal(t, http.StatusServiceUnavailable, w.Code)
			})
			<-time.After(time.Second)
			require.Equal(t, http.StatusNoContent, status(m.Wrap(noContent()), signed([]byte("in between"))))
		}
		all.Wait()
		for i, at := range cuts {
			require.Equal(t, time.Duration(i+5)*time.Second, at)
		}
		require.Len(t, cuts, 10)
		<-time.After(time.Hour)
		require.Equal(t, http.StatusNoContent, status(m.Wrap(noContent()), signed([]byte("much later"))))
	})
}

// exchangeOnPipe sends what is written by send over a connection to a server and returns what comes back and when it
// closed.
func exchangeOnPipe(t *testing.T, s *http.Server, send func(conn net.Conn)) (response string, closed time.Duration) {
	l := newPipes()
	s.ErrorLog = discardLog()
	go func() { assert.ErrorIs(t, s.Serve(l), http.ErrServerClosed) }()
	client, server := net.Pipe()
	l.conns <- server
	start := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); send(client) }()
	got, _ := io.ReadAll(client)
	closed = time.Since(start)
	require.NoError(t, client.Close())
	<-done
	require.NoError(t, s.Close())
	synctest.Wait()
	return string(got), closed
}

// What is left of the body of a refused request is read by the server, for no longer than BodyTimeout and ReadTimeout
// allow.
func TestDeadline_OfARefusedBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read, header time.Duration
		slow         time.Duration // how long the head takes
		want         time.Duration
	}{
		"BodyTimeout alone":                         {0, 0, 0, 5 * time.Second},
		"and not from the refusal on":               {0, 0, 3 * time.Second, 8 * time.Second},
		"a shorter ReadTimeout":                     {2 * time.Second, 0, 0, 2 * time.Second},
		"a longer one, of which the head took most": {6 * time.Second, 0, 4 * time.Second, 6 * time.Second},
		"a longer one behind ReadHeaderTimeout":     {time.Minute, 10 * time.Second, 4 * time.Second, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
				s := &http.Server{Handler: m.Wrap(unreached(t)), ReadTimeout: test.read, ReadHeaderTimeout: test.header}
				got, closed := exchangeOnPipe(t, s, func(conn net.Conn) {
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n")
					if test.slow > 0 {
						<-time.After(test.slow)
					}
					_, _ = io.WriteString(conn, "\r\nx")
				})
				require.True(t, strings.HasPrefix(got, "HTTP/1.1 401 "), got)
				require.Equal(t, test.want, closed.Truncate(time.Second), closed)
			})
		})
	}
}

func TestDeadline_CutsNoOnRejectThatWaits(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"refused by the head": "", "refused by the verifier": "X-Webhook-Sign: " + truvHeader([]byte("y")) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cfg := truhook.Config{OnReject: func(w http.ResponseWriter, r *http.Request, err error) {
					<-time.After(time.Minute)
					assert.NoError(t, r.Context().Err())
					w.WriteHeader(http.StatusTeapot)
				}}
				s := &http.Server{Handler: truhook.NewMiddleware(truvVerifier(t), cfg).Wrap(unreached(t)), ReadTimeout: 10 * time.Second}
				got, _ := exchangeOnPipe(t, s, func(conn net.Conn) {
					_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+head+"Content-Length: 1\r\n\r\nx")
				})
				require.True(t, strings.HasPrefix(got, "HTTP/1.1 418 "), got)
			})
		})
	}
}

// A refused request, and time, harm no later request on the same connection.
func TestDeadline_OfOneRequestIsNotThatOfTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
		request := func(signature, body string) string {
			return fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: %s\r\nContent-Length: %d\r\n\r\n%s", signature, len(body), body)
		}
		good := truvHeader([]byte("body"))
		s := &http.Server{Handler: m.Wrap(noContent())}
		got, _ := exchangeOnPipe(t, s, func(conn net.Conn) {
			for _, text := range []string{request(good, "body"), request("", "body"), request("v1=00", "body"), request(good, "other"), request(good, "body")} {
				_, _ = io.WriteString(conn, text)
				<-time.After(time.Minute)
			}
			_, _ = io.WriteString(conn, strings.Replace(request(good, "body"), "Host: x", "Host: x\r\nConnection: close", 1))
		})
		var statuses []string
		for _, line := range strings.Split(got, "\r\n") {
			if _, rest, found := strings.Cut(line, "HTTP/1.1 "); found {
				statuses = append(statuses, rest[:3])
			}
		}
		require.Equal(t, []string{"204", "401", "401", "401", "204", "204"}, statuses)
	})
}
