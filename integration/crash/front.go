package crash

import (
	"io"
	"net"
	"sync"
)

// A front listens on one address for as long as the test lasts and passes each connection on to the address of the
// moment.
type front struct {
	mu       sync.Mutex
	address  string // where it listens
	listener net.Listener
	onward   string
	open     map[*net.TCPConn]bool
}

func (f *front) addr() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address
}

// listen begins to accept; the address is free.
func (f *front) listen() error {
	l, err := net.Listen("tcp", f.addr())
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.listener, f.address = l, l.Addr().String()
	f.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go f.pass(c.(*net.TCPConn))
		}
	}()
	return nil
}

// stop refuses new connections and ends those that are open.
func (f *front) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.listener.Close()
	for c := range f.open {
		_ = c.Close()
	}
}

// turn sends everybody to another address: what is open ends.
func (f *front) turn(onward string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onward = onward
	for c := range f.open {
		_ = c.Close()
	}
}

// pass copies between a client and the address of the moment, with ends and resets as they come.
func (f *front) pass(client *net.TCPConn) {
	f.mu.Lock()
	onward := f.onward
	f.mu.Unlock()
	c, err := net.Dial("tcp", onward)
	if err != nil {
		_ = client.Close()
		return
	}
	server := c.(*net.TCPConn)
	f.mu.Lock()
	if onward != f.onward { // turned in between
		_ = client.SetLinger(0)
		f.mu.Unlock()
		_ = client.Close()
		_ = server.Close()
		return
	}
	f.open[client], f.open[server] = true, true
	f.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { oneWay(server, client) })
	both.Go(func() { oneWay(client, server) })
	both.Wait()
	f.mu.Lock()
	delete(f.open, client)
	delete(f.open, server)
	f.mu.Unlock()
	_ = client.Close()
	_ = server.Close()
}

func oneWay(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err == nil {
		_ = to.CloseWrite()
		return
	}
	for _, c := range []*net.TCPConn{to, from} { // the other side is to see a reset, not an end
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}
