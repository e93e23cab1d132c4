//go:build unix

// Package proxytest starts Debian's nginx, Apache, HAProxy and Caddy on loopback for one test each, with the
// configuration that docs/proxies.md gives to copy, and stops them at its end. It is for tests only.
//
// The programs come from .ci/install-servers. A test fails, it does not skip, where one is absent.
package proxytest

import (
	"bytes"
	"context"
	"embed"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/truhook/truhook/internal/servertest"
)

// files are the configurations of docs/proxies.md. What is changed for a test are places, modes of a test's own, and
// the depth, so that what is under test is the limit of package mtls.
//
//go:embed config
var files embed.FS

// Files returns the configuration files by their names.
func Files(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := files.ReadDir("config")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := files.ReadFile("config/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// Config says how a proxy is to be set up.
type Config struct {
	Certificate, Key []byte // of the proxy as a TLS server, in PEM
	ClientCAs        []byte // the roots that the proxy verifies clients against, in PEM
	Backend          string // host:port that requests are forwarded to
	Lenient          bool   // forward what does not verify, as far as the program is able to
}

const receiver = "127.0.0.1:8080" // in the files

// Nginx starts nginx and returns its address.
func Nginx(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "nginx", "nginx.conf", cfg, func(dir, addr string) ([]string, []string) {
		changes := []string{
			"worker_processes auto;", "worker_processes 1; daemon off; master_process off;",
			"/run/nginx.pid", dir + "/pid", "/var/log/nginx", dir, "error.log;", "error.log info;",
			"events {}", "events { worker_connections 64; }",
			"http {", "http {" + strings.ReplaceAll(
				" client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;"+
					" uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;", "DIR", dir),
			"listen 443", "listen " + addr, "ssl_verify_depth 2", "ssl_verify_depth 5",
		}
		if cfg.Lenient {
			changes = append(changes, "ssl_verify_client optional;", "ssl_verify_client optional_no_ca;")
		}
		return changes, []string{"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "config")}
	})
}

// Apache starts Apache and returns its address.
func Apache(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "apache2", "apache.conf", cfg, func(dir, addr string) ([]string, []string) {
		changes := []string{
			"/run/apache2", dir, "/var/log/apache2", dir, "Listen 443", "Listen " + addr, "SSLVerifyDepth 2", "SSLVerifyDepth 5",
		}
		if os.Getuid() != 0 { // then it is who serves already
			changes = append(changes, "User www-data\nGroup www-data\n", "")
		}
		if cfg.Lenient {
			changes = append(changes, "SSLVerifyClient optional", "SSLVerifyClient optional_no_ca")
		}
		return changes, []string{"-X", "-d", dir, "-f", filepath.Join(dir, "config")}
	})
}

// HAProxy starts HAProxy and returns its address.
func HAProxy(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "haproxy", "haproxy.cfg", cfg, func(dir, addr string) ([]string, []string) {
		changes := []string{"bind :443", "bind " + addr, "/etc/receiver/server.pem", dir + "/both.pem"}
		if cfg.Lenient {
			changes = append(changes, "verify optional", "verify optional crt-ignore-err all ca-ignore-err all")
		}
		return changes, []string{"-db", "-f", filepath.Join(dir, "config")}
	})
}

// Caddy starts Caddy and returns its address.
func Caddy(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "caddy", "Caddyfile", cfg, func(dir, addr string) ([]string, []string) {
		_, port, _ := strings.Cut(addr, ":")
		changes := []string{
			"https://hooks.example.com:443 {", "https://:" + port + " {\n\tbind 127.0.0.1", // whatever host is asked for
			"auto_https off", "servers {\n\tstrict_sni_host insecure_off\n}\nstorage file_system " + dir + "\nauto_https off",
		}
		if cfg.Lenient {
			changes = append(changes, "mode verify_if_given", "mode request")
		}
		return changes, []string{"run", "--config", filepath.Join(dir, "config"), "--adapter", "caddyfile"}
	})
}

// changed makes the changes, each of which has to find its text.
func changed(t testing.TB, file string, changes []string) string {
	t.Helper()
	text := Files(t)[file]
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s has no %q", file, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	return text
}

// start runs program until the test ends. Another process may take the free port first, so it tries three times.
func start(
	t testing.TB, program, file string, cfg Config, configure func(dir, addr string) (changes, args []string),
) string {
	t.Helper()
	path := find(t, program)
	var failure string
	for range 3 {
		dir, addr := t.TempDir(), freeAddr(t)
		changes, args := configure(dir, addr)
		config := changed(t, file, append(changes, "/etc/receiver", dir, receiver, cfg.Backend))
		for name, content := range map[string][]byte{
			"config": []byte(config), "server.pem": cfg.Certificate, "server.key": cfg.Key, "clients.pem": cfg.ClientCAs,
			"both.pem": bytes.Join([][]byte{cfg.Certificate, cfg.Key}, nil),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p := run(t, dir, path, args)
		if p.answers(addr) {
			return addr
		}
		p.stop()
		logged, _ := os.ReadFile(filepath.Join(dir, "error.log"))
		failure = p.output.String() + string(logged)
	}
	t.Fatalf("%s did not start:\n%s", program, failure)
	return ""
}

// find looks where Debian keeps servers, which is not on every PATH.
func find(t testing.TB, program string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path := filepath.Join(dir, program); exec.Command(path, "-v").Run() == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run .ci/install-servers", program)
	return ""
}

func freeAddr(t testing.TB) string {
	t.Helper()
	port, err := servertest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

type process struct {
	id     int
	output *strings.Builder // read after exited
	exited chan struct{}
}

func run(t testing.TB, dir, path string, args []string) *process {
	t.Helper()
	p := &process{output: &strings.Builder{}, exited: make(chan struct{})}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir) // Caddy writes into these
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}                                     // so that a child of the program ends with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.id = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // an exit before the end shows in answers
		close(p.exited)
	}()
	t.Cleanup(p.stop)
	return p
}

// stop ends the process and its children. It may be called twice.
func (p *process) stop() {
	select {
	case <-p.exited: // its id may belong to another process by now
	default:
		_ = syscall.Kill(-p.id, syscall.SIGKILL) // it may just have ended by itself
		<-p.exited
	}
}

// answers waits until addr accepts a connection, and reports false once the process has ended.
func (p *process) answers(addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr); err == nil {
			_ = c.Close()
			return true
		}
		select {
		case <-p.exited:
			return false
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
}
