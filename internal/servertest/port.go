//go:build unix

package servertest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports are below those that the kernel gives to outgoing connections: while a server is down, a client that tries to
// reach one of those may be given the very port and talk to itself. They come in blocks, and each process has one.
const (
	firstPort = 15000
	blocks    = 30
	blockSize = 500
)

// mine is the block of this process. Its first port is listened on for as long as the process lives, and says that the
// others are taken, those too on which nobody listens at the moment.
var mine struct {
	sync.Mutex
	guard net.Listener
	first int
	last  int // the one that was given last, from first
}

// FreePort returns a port that nobody listens on. No other process is given it as long as this one lives, and this one
// not before the 498 others of its block: it can be given up and taken again. It is safe for concurrent use.
func FreePort() (int, error) {
	mine.Lock()
	defer mine.Unlock()
	if err := takeBlock(); err != nil {
		return 0, err
	}
	for range blockSize {
		mine.last = mine.last%(blockSize-1) + 1
		port := mine.first + mine.last
		if l, err := listen(port); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("servertest: no free port")
}

func takeBlock() error {
	if mine.guard != nil {
		return nil
	}
	for _, block := range rand.Perm(blocks) {
		first := firstPort + block*blockSize
		if l, err := listen(first); err == nil {
			mine.guard, mine.first = l, first
			return nil
		}
	}
	return errors.New("servertest: other tests have all ports")
}

func listen(port int) (net.Listener, error) {
	return net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}
