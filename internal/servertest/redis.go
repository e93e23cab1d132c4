//go:build unix

package servertest

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// StartRedis starts a Redis without persistence. The settings are those of redis.conf, one a string, and come last:
// "appendonly yes".
func StartRedis(settings ...string) (*Server, error) {
	program, err := find("redis-server", "/usr/local/bin/redis-server", "/opt/*/bin/redis-server", "/usr/bin/valkey-server")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "truhook-redis")
	if err != nil {
		return nil, err
	}
	s := &Server{
		dir: dir, port: port, url: fmt.Sprintf("redis://127.0.0.1:%d/0", port),
		program: program, gentle: syscall.SIGTERM,
		args: []string{"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no"},
	}
	for _, setting := range settings {
		name, values, _ := strings.Cut(setting, " ")
		s.args = append(append(s.args, "--"+name), strings.Fields(values)...)
	}
	s.ready = s.ping
	if err := s.start(); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

// ping asks for more than a connection: a server that still loads its data accepts those.
func (s *Server) ping() error {
	conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	var answer [64]byte
	n, err := conn.Read(answer[:])
	if err != nil {
		return err
	}
	if got := string(answer[:n]); got != "+PONG\r\n" {
		return fmt.Errorf("answers %q", got)
	}
	return nil
}
