//go:build unix

// Package proxytest starts Debian's nginx, Apache and HAProxy on loopback for one test each, with a client-certificate
// set-up as the documentation of package mtls gives it, and stops them at its end. It is for tests only.
//
// The programs come from .ci/install-servers. A test fails, it does not skip, where one is absent.
package proxytest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Config says how a proxy is to be set up.
type Config struct {
	Certificate, Key []byte // of the proxy as a TLS server, in PEM
	ClientCAs        []byte // the roots that the proxy verifies clients against, in PEM
	Backend          string // host:port that requests are forwarded to
	Lenient          bool   // forward what does not verify, as far as the program is able to
}

// Nginx starts nginx and returns its address.
func Nginx(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "nginx", cfg, func(dir, addr string) (string, []string) {
		mode := "optional"
		if cfg.Lenient {
			mode = "optional_no_ca"
		}
		return fmt.Sprintf(nginxConfig, dir, addr, mode, cfg.Backend), []string{
			"-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", filepath.Join(dir, "config"),
		}
	})
}

const nginxConfig = `
daemon off; master_process off; worker_processes 1;
pid %[1]s/pid; error_log %[1]s/error.log info;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:1m;
		ssl_certificate %[1]s/server.pem; ssl_certificate_key %[1]s/server.key;
		ssl_client_certificate %[1]s/clients.pem; ssl_verify_client %[3]s; ssl_verify_depth 5;
		location / {
			proxy_pass http://%[4]s;
			proxy_http_version 1.1; proxy_set_header Connection "";
			proxy_set_header X-SSL-Client-Verify       $ssl_client_verify;
			proxy_set_header X-SSL-Client-Escaped-Cert $ssl_client_escaped_cert;
			proxy_set_header X-Forwarded-For           $proxy_add_x_forwarded_for;
		}
	}
}
`

// Apache starts Apache and returns its address.
func Apache(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "apache2", cfg, func(dir, addr string) (string, []string) {
		mode := "optional"
		if cfg.Lenient {
			mode = "optional_no_ca"
		}
		user := ""
		if os.Getuid() == 0 { // Apache does not serve as root
			user = "User www-data\nGroup www-data"
		}
		return fmt.Sprintf(apacheConfig, dir, addr, mode, cfg.Backend, user), []string{
			"-X", "-d", dir, "-f", filepath.Join(dir, "config"),
		}
	})
}

const apacheConfig = `
ServerName localhost
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
%[5]s
Define modules /usr/lib/apache2/modules
LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
LoadModule headers_module ${modules}/mod_headers.so
LoadModule proxy_module ${modules}/mod_proxy.so
LoadModule proxy_http_module ${modules}/mod_proxy_http.so
LoadModule socache_shmcb_module ${modules}/mod_socache_shmcb.so
LoadModule ssl_module ${modules}/mod_ssl.so
Listen %[2]s
SSLSessionCache shmcb:%[1]s/sessions(512000)
SSLEngine on
SSLCertificateFile %[1]s/server.pem
SSLCertificateKeyFile %[1]s/server.key
SSLCACertificateFile %[1]s/clients.pem
SSLVerifyClient %[3]s
SSLVerifyDepth 5
SSLOptions +StdEnvVars +ExportCertData
RequestHeader set X-SSL-Client-Verify  "%%{SSL_CLIENT_VERIFY}s"
RequestHeader set X-SSL-Client-Cert    "%%{SSL_CLIENT_CERT}s"
RequestHeader set X-SSL-Client-Chain-0 "%%{SSL_CLIENT_CERT_CHAIN_0}s"
ProxyPass / http://%[4]s/
`

// HAProxy starts HAProxy and returns its address.
func HAProxy(t testing.TB, cfg Config) string {
	t.Helper()
	return start(t, "haproxy", cfg, func(dir, addr string) (string, []string) {
		mode := ""
		if cfg.Lenient {
			mode = "crt-ignore-err all ca-ignore-err all"
		}
		return fmt.Sprintf(haproxyConfig, dir, addr, mode, cfg.Backend), []string{"-db", "-f", filepath.Join(dir, "config")}
	})
}

const haproxyConfig = `
global
	log stderr local0
	tune.bufsize 65536
	tune.maxrewrite 32768
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
	option forwardfor
frontend tls
	bind %[2]s ssl crt %[1]s/both.pem ca-file %[1]s/clients.pem verify optional %[3]s
	http-request set-header X-SSL-Client-Used      %%[ssl_c_used]
	http-request set-header X-SSL-Client-Verify    %%[ssl_c_verify]
	http-request set-header X-SSL-Client-DER       %%[ssl_c_der,base64]
	http-request set-header X-SSL-Client-Chain-DER %%[ssl_c_chain_der,base64]
	default_backend receiver
backend receiver
	server receiver %[4]s
`

// start runs program until the test ends. Another process may take the free port first, so it tries three times.
func start(t testing.TB, program string, cfg Config, configure func(dir, addr string) (config string, args []string)) string {
	t.Helper()
	path := find(t, program)
	var failure string
	for range 3 {
		dir, addr := t.TempDir(), freeAddr(t)
		config, args := configure(dir, addr)
		for name, content := range map[string][]byte{
			"config": []byte(config), "server.pem": cfg.Certificate, "server.key": cfg.Key, "clients.pem": cfg.ClientCAs,
			"both.pem": bytes.Join([][]byte{cfg.Certificate, cfg.Key}, nil),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p := run(t, path, args)
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type process struct {
	id     int
	output *strings.Builder // read after exited
	exited chan struct{}
}

func run(t testing.TB, path string, args []string) *process {
	t.Helper()
	p := &process{output: &strings.Builder{}, exited: make(chan struct{})}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = p.output, p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that a child of the program ends with it
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
