package truhooktest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// memory is a receiver in memory: net/http's server on a listener whose connections are net.Pipe.
type memory struct {
	errorLog *log.Logger
	remote   net.Addr

	mu       sync.Mutex
	listener *listener
	server   *http.Server
	cancel   context.CancelFunc // ends the context of every request
	serving  sync.WaitGroup
	conns    sync.WaitGroup
}

func (m *memory) start(h http.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listener = &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	m.server = &http.Server{
		Handler: h, ErrorLog: m.errorLog,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				m.conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				m.conns.Done()
			}
		},
	}
	serve := m.server.Serve
	l := m.listener
	m.serving.Go(func() { _ = serve(l) })
}

// stop cuts every connection, as the end of a process does. Handlers that run are not waited for.
func (m *memory) stop() {
	m.mu.Lock()
	server, cancel := m.server, m.cancel
	m.mu.Unlock()
	_ = server.Close()
	cancel()
	m.serving.Wait()
	_ = server.Close() // what was accepted meanwhile
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listener
	m.mu.Unlock()
	near, far := net.Pipe()
	select {
	case l.conns <- remoteConn{far, m.remote}:
		return near, nil
	case <-l.done:
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80} }

// remoteConn tells the server a peer's address, as the end of a pipe has none.
type remoteConn struct {
	net.Conn
	remote net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.remote }

// faultyConn is the provider's end of a connection that fails.
type faultyConn struct {
	net.Conn
	fault  Fault
	closed chan struct{}
	once   sync.Once
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET} // read only

func (c *faultyConn) Write(b []byte) (int, error) {
	if c.fault&ResetBefore != 0 {
		_ = c.Close()
		return 0, errReset
	}
	return c.Conn.Write(b)
}

// Read waits for the answer, and lets the provider see none of it.
func (c *faultyConn) Read(b []byte) (int, error) {
	if _, err := c.Conn.Read(b); err != nil {
		return 0, err
	}
	if c.fault&Timeout != 0 {
		go func() { _, _ = io.Copy(io.Discard, c.Conn) }() // the receiver gets rid of its answer
		<-c.closed
	}
	_ = c.Close()
	return 0, errReset
}

func (c *faultyConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
