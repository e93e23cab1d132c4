//go:build unix

package servertest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// StartPgBouncer starts a PgBouncer before a PostgreSQL of [StartPostgres]. The settings are those of the section
// pgbouncer of its configuration, one a string: "pool_mode=transaction". It refuses to run as root, as PostgreSQL does,
// and starts whether or not the PostgreSQL runs.
func StartPgBouncer(of *Server, settings ...string) (*Server, error) {
	program, err := find("pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "truhook-pgbouncer")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "pgbouncer.ini")
	s := &Server{
		dir: dir, port: port, url: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port),
		program: program, gentle: syscall.SIGTERM, args: []string{file},
	}
	users := filepath.Join(dir, "users.txt")
	text := fmt.Sprintf(`[databases]
postgres = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = trust
auth_file = %s
ignore_startup_parameters = extra_float_digits
%s
`, of.port, port, users, strings.Join(settings, "\n"))
	for name, content := range map[string]string{file: text, users: `"postgres" ""` + "\n"} {
		if err == nil {
			err = os.WriteFile(name, []byte(content), 0o644) //nolint:gosec // read by another user; it holds no secret
		}
	}
	if err == nil && os.Geteuid() == 0 {
		if s.user, err = unprivileged(); err == nil {
			err = os.Chown(dir, int(s.user.Uid), int(s.user.Gid))
		}
	}
	s.ready = func() error {
		conn, err := net.DialTimeout("tcp", s.Addr(), time.Second)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}
