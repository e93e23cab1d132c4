package truhook_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestAStalledBodyTimesOut(t *testing.T) {
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

func TestAStalledBodyTimesOutOverHTTP2(t *testing.T) {
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

func TestAClientThatGoesAwayLeavesAnIncompleteBody(t *testing.T) {
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

func TestADrippingBodyIsCutOffEvenWithoutADeadlineOnTheConnection(t *testing.T) {
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

func TestADrippingBodyIsCutOffByTheDeadlineOfTheConnection(t *testing.T) {
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

func TestTheDeadlineIsLiftedBeforeTheHandlerRuns(t *testing.T) {
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
