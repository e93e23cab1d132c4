//go:build unix

package servertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// StartPostgres starts a PostgreSQL that trusts everybody on the loopback interface, with the superuser and the
// database "postgres". The settings are those of postgresql.conf, one a string: "synchronous_commit=off". It refuses
// to run as root, so a test that does gives it to the user "postgres", or else "nobody".
func StartPostgres(settings ...string) (*Server, error) {
	program, err := find("postgres", "/usr/lib/postgresql/*/bin/postgres", "/usr/local/bin/postgres",
		"/usr/local/pgsql/bin/postgres", "/opt/homebrew/opt/postgresql@*/bin/postgres")
	if err != nil {
		return nil, err
	}
	if program, err = filepath.EvalSymlinks(program); err != nil { // its tools lie beside it
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "truhook-postgres")
	if err != nil {
		return nil, err
	}
	s := &Server{
		dir: dir, port: port, url: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port),
		program: program, gentle: syscall.SIGINT, // a fast shutdown
		args: []string{"-D", dir, "-p", strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="},
	}
	for _, setting := range settings {
		s.args = append(s.args, "-c", setting)
	}
	if err := s.initdb(); err != nil {
		_ = s.Stop()
		return nil, err
	}
	s.ready = func() error {
		return exec.Command(s.tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port)).Run() //nolint:gosec // found beside the server
	}
	if err := s.start(); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) tool(name string) string { return filepath.Join(filepath.Dir(s.program), name) }

func (s *Server) initdb() error {
	if os.Geteuid() == 0 {
		owner, err := unprivileged()
		if err != nil {
			return err
		}
		if err := os.Chown(s.dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
		s.user = owner
	}
	cmd := exec.Command(s.tool("initdb"), "-D", s.dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync") //nolint:gosec // found beside the server
	cmd.Dir = s.dir
	cmd.SysProcAttr = processAttributes(s.user)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("servertest: initdb: %w: %s", err, out)
	}
	return nil
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("servertest: PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}
