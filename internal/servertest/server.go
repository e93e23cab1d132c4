//go:build unix

package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// patience is how long a server may take to start, recovery after a crash included.
const patience = 60 * time.Second

// A Server is one running server. Stop it. Its methods are not safe for concurrent use, Addr and URL are.
type Server struct {
	dir     string
	port    int
	url     string
	program string
	args    []string
	user    *syscall.Credential // nil: ours
	ready   func() error
	gentle  syscall.Signal // asks the server to end in an orderly way

	cmd  *exec.Cmd
	done chan struct{}
	log  *tail
}

// Addr is where the server listens, as host:port. It is the same after Restart.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is what clients are given, for example "redis://127.0.0.1:21000/0".
func (s *Server) URL() string { return s.url }

// Dir is the server's temporary folder.
func (s *Server) Dir() string { return s.dir }

// Kill ends the server and its children by SIGKILL, and returns when they are gone.
func (s *Server) Kill() error {
	if s.cmd == nil {
		return errors.New("servertest: the server does not run")
	}
	pid := s.cmd.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // so that it does not see its children die and tidies up
	children := childrenOf(pid)
	err := s.cmd.Process.Kill()
	for _, child := range children {
		_ = syscall.Kill(child, syscall.SIGKILL)
	}
	<-s.done
	s.cmd = nil
	return err
}

// Restart starts a killed server again, and returns when it answers.
func (s *Server) Restart() error {
	if s.cmd != nil {
		return errors.New("servertest: the server runs already")
	}
	deadline := time.Now().Add(patience)
	for {
		// What is left of the one that was killed may need a moment to notice, and holds the data until then.
		err := s.start()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop ends the server and removes its data. Nil is no server.
func (s *Server) Stop() error {
	if s == nil {
		return nil
	}
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(s.gentle)
		select {
		case <-s.done:
			s.cmd = nil
		case <-time.After(patience / 4):
			_ = s.Kill()
		}
	}
	return os.RemoveAll(s.dir)
}

// start starts the process and waits until it is ready, or has ended.
func (s *Server) start() error {
	s.log = new(tail)
	cmd := exec.Command(s.program, s.args...) //nolint:gosec // programs that find has found
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, s.log, s.log
	cmd.SysProcAttr = processAttributes(s.user)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("servertest: %s: %w", filepath.Base(s.program), err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	s.cmd, s.done = cmd, done
	deadline := time.Now().Add(patience)
	for {
		err := s.ready()
		if err == nil {
			return nil
		}
		select {
		case <-done:
			s.cmd = nil
			return fmt.Errorf("servertest: %s has ended: %s", filepath.Base(s.program), s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = s.Kill()
			return fmt.Errorf("servertest: %s does not answer: %w: %s", filepath.Base(s.program), err, s.log)
		}
	}
}

// find returns the first program that exists: by name along the PATH, then by pattern.
func find(name string, patterns ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return found[len(found)-1], nil // the newest version sorts last
		}
	}
	return "", fmt.Errorf("servertest: %s is not installed; see .ci/install-servers", name)
}

// A tail keeps the end of what a server has said.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() > 1<<16 {
		t.buf.Next(t.buf.Len() - 1<<15)
	}
	return t.buf.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buf.Bytes()
	return string(bytes.TrimSpace(b[max(0, len(b)-1000):]))
}
