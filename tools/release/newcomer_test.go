//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Whoever follows these pages to the letter, in an empty folder and with nothing of ours but what a module proxy gives,
// gets what they say. The proxy is the tree, as in TestConsumer.
func TestNewcomer_CanFollowThePages(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	modules, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	proxy := t.TempDir()
	if err := serve(root, next, proxy, modules); err != nil {
		t.Fatal(err)
	}
	env := environment(t, proxy)
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, "GOFLAGS=") })
	env[i] = "GOFLAGS=-modcacherw -trimpath" // a newcomer has no -mod=mod that would mend his go.sum
	for _, page := range []string{"README.md", "docs/start.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, page))
			if err != nil {
				t.Fatal(err)
			}
			if err := follow(t.Context(), t.TempDir(), env, string(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A page that says something else than what happens is noticed.
func TestNewcomer_NoticesABrokenBlock(t *testing.T) {
	for name, tt := range map[string]struct{ page, want string }{
		"a command that fails":        {"```sh\ntrue\nfalse\n```\n", "line 2"},
		"another output":              {"```sh\necho a\necho b\n```\n\n```text\na\nc\n```\n", `"c"`},
		"output in another order":     {"```sh\necho a\necho b\n```\n\n```text\nb\na\n```\n", `"a"`},
		"output before any command":   {"```text\na\n```\n", "no command"},
		"code without a name":         {"Some words:\n\n```go\npackage p\n```\n", "names no file"},
		"a name outside the folder":   {"Write `../x.go`:\n\n```go\npackage p\n```\n", "names no file"},
		"code that is written, fails": {"Write `x.sh`:\n\n```go\nexit 3\n```\n\n```sh\nsh x.sh\n```\n", "exit status 3"},
		"another language":            {"```python\npass\n```\n", "python"},
		"a block without an end":      {"```sh\ntrue\n", "no end"},
		"a server that ends":          {"Start it, and leave it running:\n\n```sh\nexit 4\n```\n", "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := follow(t.Context(), t.TempDir(), os.Environ(), tt.page); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
	page := "Write `x.txt`:\n\n```go\nhello\n```\n\n```sh\ncat x.txt; echo '✓ 0.01s'\n```\n\n```text\nhel\n✓\n```\n"
	if err := follow(t.Context(), t.TempDir(), os.Environ(), page); err != nil {
		t.Errorf("what is right: %v", err)
	}
}

// A block of a page: a command ("sh"), what it prints ("text"), or a file.
type block struct {
	line       int
	lang, text string
	before     string // the line of text in front of it
}

var (
	namedFile = regexp.MustCompile("`([a-z0-9_]+\\.[a-z]+)`[^`]*:$")
	fence     = regexp.MustCompile("^```(\\w*)$")
)

func blocksOf(page string) (blocks []block, err error) {
	var open *block
	before := ""
	for i, line := range strings.Split(page, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open == nil && m != nil:
			open = &block{line: i + 1, lang: m[1], before: before}
		case open != nil && line == "```":
			blocks = append(blocks, *open)
			open, before = nil, ""
		case open != nil:
			open.text += line + "\n"
		case line != "":
			before = line
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block has no end", open.line)
	}
	return blocks, nil
}

// follow does what a page says, in a folder: it writes the files, runs the commands, and looks for what they are said
// to print, line by line; a line may print more than is said. A command that is "left running" runs until the page
// ends; the next block waits until it accepts connections on PORT. What "it has printed" by then is looked for too.
func follow(ctx context.Context, dir string, env []string, page string) (err error) {
	blocks, err := blocksOf(page)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	bin := filepath.Join(dir, ".bin")
	env = append(slices.Clone(env), "GOBIN="+bin, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "PORT="+strconv.Itoa(port))
	command := func(script string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
		cmd.Dir, cmd.Env = dir, env
		return cmd
	}
	var printed []byte
	var server *running
	ran := false
	for _, b := range blocks {
		fail := func(err error) error { return fmt.Errorf("line %d: %w\n%s", b.line+1, err, b.text) }
		switch named := namedFile.FindStringSubmatch(b.before); {
		case b.lang == "sh" && strings.HasSuffix(b.before, "leave it running:"):
			if server, err = background(command(b.text), port); err != nil {
				return fail(err)
			}
			defer func() { err = errors.Join(err, server.stop()) }()
		case b.lang == "sh":
			ran = true
			if printed, err = command(b.text).CombinedOutput(); err != nil {
				return fail(fmt.Errorf("%w: %s", err, printed))
			}
		case b.lang == "text" && server != nil && strings.HasSuffix(b.before, "has printed:"):
			if err := server.says(b.text); err != nil {
				return fail(err)
			}
		case b.lang == "text" && !ran:
			return fail(errors.New("no command has run yet"))
		case b.lang == "text":
			if err := contains(string(printed), b.text); err != nil {
				return fail(fmt.Errorf("%w: %s", err, printed))
			}
		case b.lang != "go":
			return fail(fmt.Errorf("a block of %q", b.lang))
		case named == nil:
			return fail(errors.New("the line in front of the code names no file"))
		default:
			if err := os.WriteFile(filepath.Join(dir, named[1]), []byte(b.text), 0o600); err != nil {
				return fail(err)
			}
		}
	}
	return nil
}

// contains looks for lines in an output, each behind the one before.
func contains(output, lines string) error {
	for line := range strings.Lines(lines) {
		_, rest, found := strings.Cut(output, strings.TrimRight(line, "\n"))
		if !found {
			return fmt.Errorf("it does not print %q there", strings.TrimRight(line, "\n"))
		}
		output = rest
	}
	return nil
}

// A running command and what it has printed.
type running struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu  sync.Mutex
	out bytes.Buffer
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(p)
}

func (r *running) printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// until asks again and again, as long as the command runs and a minute at most.
func (r *running) until(ask func() error) (err error) {
	for range 3000 {
		if err = ask(); err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("what was left running ended by itself: %s", r.printed())
		case <-time.After(20 * time.Millisecond): // between two questions
		}
	}
	return fmt.Errorf("%w: %s", err, r.printed())
}

func (r *running) says(lines string) error {
	return r.until(func() error { return contains(r.printed(), lines) })
}

func (r *running) stop() error {
	select {
	case <-r.ended:
		return fmt.Errorf("what was left running ended by itself: %s", r.printed())
	default:
	}
	err := r.cmd.Cancel()
	<-r.ended
	return err
}

// background starts a server and waits until it accepts connections.
func background(cmd *exec.Cmd, port int) (*running, error) {
	r := &running{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = r, r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what "go run" starts ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = cmd.Wait(); close(r.ended) }()
	err := r.until(func() error {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	if err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// freePort is below those that the kernel gives to outgoing connections, as it is given up and taken again, and below
// those of internal/servertest.
func freePort() (int, error) {
	for {
		port := 12000 + rand.IntN(3000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return 0, err
		}
	}
}
