package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

var connectionCounts = []int{1, 64, 1000}

const (
	perSecond  = "req/s"
	perRequest = "cpu" // processor time of the server for one request
	median     = "p50" // of the time from a request to its response
	slowest    = "p99"
	turnTime   = 250 * time.Millisecond // several garbage collections
	turns      = 4                      // of each handler in one round
	bodySize   = 1 << 10
	patience   = 30 * time.Second // with a server that does not answer
)

// measureServer lets each handler of a server in a process of its own answer as fast as it can, in turns.
func measureServer(rounds int) (figures []figure, err error) {
	server, err := startServer()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	for _, n := range connectionCounts {
		l, err := connect(server.address, n)
		if err != nil {
			return nil, err
		}
		all := handlers()
		of := make([][]turn, len(all))
		for round := -1; round < turns*rounds; round++ { // the first one warms both sides up
			for i := range all {
				i = (i + round + 1) % len(all)
				t, err := l.measure(server, all[i])
				if err != nil {
					return nil, err
				}
				if round >= 0 {
					of[i] = append(of[i], t)
				}
			}
		}
		l.close()
		for i, s := range all {
			figures = append(figures, figure{fmt.Sprint(n), s.name, middle(of[i])})
		}
	}
	return figures, nil
}

// turn is what was measured in one turn of a handler, by unit.
type turn map[string]float64

// middle returns the median of all turns, of each unit by itself. Turns wait for two processes and the kernel, so the
// best one is luck, where the best of a computation is what it costs.
func middle(all []turn) map[string]float64 {
	of := map[string]float64{}
	for unit := range all[0] {
		values := make([]float64, len(all))
		for i, t := range all {
			values[i] = t[unit]
		}
		slices.Sort(values)
		n := len(values)
		of[unit] = (values[(n-1)/2] + values[n/2]) / 2
	}
	return of
}

// load is a number of connections, each of which sends the next request when it has the response to the last.
type load struct{ connections []net.Conn }

func connect(address string, n int) (*load, error) {
	l := &load{}
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.connections = append(l.connections, c)
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.connections {
		_ = c.Close()
	}
}

// measure gives s one turn.
func (l *load) measure(server *serverProcess, s served) (turn, error) {
	request := requestTo(server.address, s)
	before, err := server.processorTime()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	times, err := l.run(request, start.Add(turnTime))
	passed := time.Since(start)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	after, err := server.processorTime()
	if err != nil {
		return nil, err
	}
	slices.Sort(times)
	n := len(times)
	return turn{
		perSecond:  float64(n) / passed.Seconds(),
		perRequest: float64(after-before) / float64(n),
		median:     float64(times[n/2]),
		slowest:    float64(times[n*99/100]),
	}, nil
}

func requestTo(address string, s served) []byte {
	body := bodyOf(bodySize)
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\n", s.path, address)
	must(signed(s.scheme, body).Write(&b))
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// run sends request on every connection until the deadline, and returns how long each took.
func (l *load) run(request []byte, deadline time.Time) ([]time.Duration, error) {
	times := make([][]time.Duration, len(l.connections))
	failures := make([]error, len(l.connections))
	var wg sync.WaitGroup
	for i, c := range l.connections {
		wg.Go(func() { times[i], failures[i] = exchange(c, request, deadline) })
	}
	wg.Wait()
	return slices.Concat(times...), errors.Join(failures...)
}

// exchange sends at least one request. Responses have no body and one length, as their one changing part is the date.
func exchange(c net.Conn, request []byte, deadline time.Time) (times []time.Duration, err error) {
	if err := c.SetDeadline(deadline.Add(patience)); err != nil {
		return nil, err
	}
	response := make([]byte, 0, 512)
	for start := time.Now(); len(times) == 0 || start.Before(deadline); {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		if response, err = readResponse(c, response[:0]); err != nil {
			return nil, err
		}
		end := time.Now()
		times = append(times, end.Sub(start))
		start = end
	}
	return times, nil
}

func readResponse(c io.Reader, buffer []byte) ([]byte, error) {
	for !bytes.Contains(buffer, []byte("\r\n\r\n")) {
		n, err := c.Read(buffer[len(buffer):cap(buffer)])
		if err != nil || n == 0 {
			return nil, fmt.Errorf("no whole response: %w", err)
		}
		buffer = buffer[:len(buffer)+n]
	}
	if !bytes.HasPrefix(buffer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(buffer, []byte("\r\nContent-Length: 0\r\n")) {
		return nil, fmt.Errorf("the response is %.40q", buffer)
	}
	return buffer, nil
}
