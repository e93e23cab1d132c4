package soak

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// modes are clients that cost a receiver what they can: those of slowhttptest (slow headers, slow body, ranges, slow
// read), and some more.
func (d *driver) modes() map[string]func(ctx context.Context) {
	return map[string]func(ctx context.Context){
		"slow headers": func(ctx context.Context) {
			d.raw(ctx, "POST /redis HTTP/1.1\r\nHost: x\r\n", func(c net.Conn) {
				d.trickle(c, "X-A: b\r\n", 500*time.Millisecond)
			})
		},
		"slow body": func(ctx context.Context) {
			d.raw(ctx, signedHead("/redis", "Content-Length: 4000\r\n"), func(c net.Conn) {
				d.trickle(c, "{", 300*time.Millisecond)
			})
		},
		"slow chunks": func(ctx context.Context) {
			d.raw(ctx, signedHead("/postgres", "Transfer-Encoding: chunked\r\n"), func(c net.Conn) {
				d.trickle(c, "1\r\n{\r\n", 300*time.Millisecond)
			})
		},
		"stalled body": func(ctx context.Context) {
			d.raw(ctx, signedHead("/redis", "Content-Length: 60000\r\n")+"{", func(c net.Conn) { d.drain(c) })
		},
		"ranges": func(ctx context.Context) {
			ranges := "Range: bytes=0-" + strings.Repeat(",5-0", 1000) + "\r\nContent-Length: 0\r\n"
			d.raw(ctx, signedHead("/redis", ranges), func(c net.Conn) { d.status(c) })
		},
		"slow read": d.slowRead,
		"oversized": func(ctx context.Context) {
			d.raw(ctx, signedHead("/redis", fmt.Sprintf("Content-Length: %d\r\n", maxBody+1)), func(c net.Conn) {
				d.oversize(d.status(c))
			})
		},
		"oversized chunks": func(ctx context.Context) {
			d.raw(ctx, signedHead("/postgres", "Transfer-Encoding: chunked\r\n"), func(c net.Conn) {
				chunk := "1000\r\n" + strings.Repeat("a", 0x1000) + "\r\n"
				go func() {
					for range 2 * maxBody / 0x1000 {
						if _, err := io.WriteString(c, chunk); err != nil {
							return
						}
					}
				}()
				d.oversize(d.status(c))
			})
		},
		"reset": func(ctx context.Context) {
			d.raw(ctx, signedHead("/redis", "Content-Length: 4000\r\n")+"{", func(c net.Conn) {
				_ = c.(*net.TCPConn).SetLinger(0)
			})
		},
		"no HTTP": func(ctx context.Context) {
			d.raw(ctx, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", func(c net.Conn) { d.drain(c) })
		},
	}
}

// signedHead is a head that is refused by its body only: its signature has the right form.
func signedHead(path, rest string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: x\r\nX-Webhook-Sign: v1=" + strings.Repeat("0", 64) + "\r\n" + rest + "\r\n"
}

// raw opens a connection, writes, and leaves the rest to f, for some seconds at most.
func (d *driver) raw(ctx context.Context, text string, f func(c net.Conn)) {
	c, err := d.dial(ctx)
	if err != nil {
		return
	}
	defer c.Close()
	d.hostile.Add(1)
	if _, err := io.WriteString(c, text); err == nil {
		f(c)
	}
	select {
	case <-d.stop:
	case <-time.After(20 * time.Millisecond):
	}
}

func (d *driver) dial(ctx context.Context) (net.Conn, error) {
	u, err := url.Parse(d.url)
	if err != nil {
		return nil, err
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err == nil {
		err = c.SetDeadline(time.Now().Add(5 * bodyTimeout))
	}
	return c, err
}

// trickle writes a little at a time until the server has had enough.
func (d *driver) trickle(c net.Conn, text string, pause time.Duration) {
	for {
		select {
		case <-d.stop:
			return
		case <-time.After(pause):
		}
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// drain reads until the server closes.
func (d *driver) drain(c net.Conn) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	select {
	case <-ended:
	case <-d.stop:
		_ = c.Close()
		<-ended
	}
}

// status reads the status of one response; zero is none.
func (d *driver) status(c net.Conn) int {
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// slowRead sends many requests at once and reads what they are answered a byte at a time.
func (d *driver) slowRead(ctx context.Context) {
	request := signedHead("/redis", "Content-Length: 2\r\n") + "{}"
	d.raw(ctx, strings.Repeat(request, 50), func(c net.Conn) {
		_ = c.(*net.TCPConn).SetReadBuffer(1)
		var one [1]byte
		for range 200 {
			select {
			case <-d.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if _, err := c.Read(one[:]); err != nil {
				return
			}
		}
	})
}

// sendHalfClosed sends a genuine delivery and closes its half of the connection, as some senders do.
func (d *driver) sendHalfClosed(ctx context.Context, path string, body []byte) (status int, ok bool) {
	req, err := d.request(ctx, path, d.signer(path), body, time.Now())
	if err != nil {
		d.odd("%v", err)
		return 0, false
	}
	c, err := d.dial(ctx)
	if err != nil {
		return 0, false
	}
	defer c.Close()
	req.Close = true
	if err := req.Write(c); err != nil {
		return 0, false
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, false
	}
	status = d.status(c)
	return status, status != 0
}
