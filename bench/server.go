package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

const handWritten = "io.ReadAll and hash"

// A served handler is one of those that the server process offers, under a path of its own.
type served struct {
	name, path string
	handler    http.Handler
	scheme     hmacsig.Scheme
}

func handlers() []served {
	all := []served{
		{floorName, "/floor", newFloor(), truv.Scheme()},
		{handWritten, "/by-hand", readsAndHashes{newFloor()}, truv.Scheme()},
		{ours, "/truhook", wrapped(truv.Scheme()), truv.Scheme()},
	}
	for _, p := range peers() {
		if p.name == "go-github" || p.name == "stripe-go" {
			all = append(all, served{p.name, "/" + p.name, p, p.scheme})
		}
	}
	return all
}

// serveLoopback is the server process. It prints its address, then its processor time for each line that it reads, and
// ends when there is none.
func serveLoopback(in io.Reader, out io.Writer) error {
	mux := http.NewServeMux()
	for _, s := range handlers() {
		mux.Handle("POST "+s.path, s.handler)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux}
	defer func() { _ = server.Close() }()
	go func() { _ = server.Serve(listener) }()
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if _, err := fmt.Fprintln(out, int64(processorTime())); err != nil {
			return err
		}
	}
	return nil
}

// A serverProcess is this program as a server.
type serverProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	address string
}

func startServer() (*serverProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &serverProcess{command: exec.Command(self, "-serve")}
	p.command.Stderr = os.Stderr
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	p.address, err = p.line()
	return p, err
}

func (p *serverProcess) line() (string, error) {
	if !p.out.Scan() {
		return "", fmt.Errorf("the server process has ended: %w", p.out.Err())
	}
	return strings.TrimSpace(p.out.Text()), nil
}

// processorTime asks the server for its processor time.
func (p *serverProcess) processorTime() (time.Duration, error) {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return 0, err
	}
	text, err := p.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(n), err
}

func (p *serverProcess) stop() error {
	_ = p.in.Close()
	return p.command.Wait()
}
