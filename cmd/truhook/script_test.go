package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A script is a text of commands, one a line, and the files that they work with:
//
//	truhook ARGUMENTS      runs the program and wants exit code 0
//	exit N truhook …       runs it and wants that code
//	stdin FILE             is the standard input of the next run
//	env NAME=VALUE         holds from here on
//	stdout TEXT            wants a regular expression in what the last run printed; "! stdout TEXT" wants it absent
//	stderr TEXT            likewise
//	same FILE              wants the standard output of the last run to be that file
//	save FILE              keeps it
//	chmod MODE FILE
//	-- NAME --             begins a file; what follows is its content
//
// Quotes are those of a shell. $REPO is the root of the repository.
type script struct {
	t              *testing.T
	dir, repo      string
	env            []string
	stdin          string
	stdout, stderr string
}

func TestScript_EveryCommandFlagAndExitCode(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/script/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			runScript(t, string(text))
		})
	}
}

func runScript(t *testing.T, text string) {
	t.Helper()
	repo, err := filepath.Abs("../..")
	require.NoError(t, err)
	s := &script{t: t, dir: t.TempDir(), repo: repo}
	commands := s.unpack(text)
	for n, line := range commands {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		require.NoError(t, s.run(words(strings.ReplaceAll(line, "$REPO", repo))), "line %d: %s\nstdout:\n%s\nstderr:\n%s", n+1, line, s.stdout, s.stderr)
	}
}

var fileLine = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// unpack writes the files and returns the commands.
func (s *script) unpack(text string) []string {
	marks := fileLine.FindAllStringSubmatchIndex(text, -1)
	end := len(text)
	for _, m := range slicesBackward(marks) {
		name := filepath.Join(s.dir, text[m[2]:m[3]])
		require.NoError(s.t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(s.t, os.WriteFile(name, []byte(text[m[1]:end]), 0o600))
		end = m[0]
	}
	return strings.Split(text[:end], "\n")
}

func slicesBackward(all [][]int) [][]int {
	out := make([][]int, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		out = append(out, all[i])
	}
	return out
}

// words splits a line as a shell does that knows quotes and nothing else.
func words(line string) []string {
	var out []string
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case r == quote:
			quote = 0
		case r == ' ' && quote == 0:
			if begun {
				out = append(out, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if begun {
		out = append(out, word.String())
	}
	return out
}

func (s *script) run(args []string) error {
	want := true
	if args[0] == "!" {
		want, args = false, args[1:]
	}
	switch args[0] {
	case "exit":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return s.truhook(code, args[3:])
	case "truhook":
		return s.truhook(0, args[1:])
	case "stdin":
		s.stdin = filepath.Join(s.dir, args[1])
	case "env":
		s.env = append(s.env, args[1])
	case "chmod":
		mode, err := strconv.ParseUint(args[1], 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(s.dir, args[2]), os.FileMode(mode))
	case "stdout", "stderr":
		text := s.stdout
		if args[0] == "stderr" {
			text = s.stderr
		}
		if regexp.MustCompile("(?m)"+args[1]).MatchString(text) != want {
			return fmt.Errorf("%s: %q is found: %v", args[0], args[1], !want)
		}
	case "save":
		return os.WriteFile(filepath.Join(s.dir, args[1]), []byte(s.stdout), 0o600)
	case "same":
		data, err := os.ReadFile(filepath.Join(s.dir, args[1]))
		if err != nil {
			return err
		}
		if string(data) != s.stdout {
			return fmt.Errorf("the output is not %s", args[1])
		}
	default:
		return fmt.Errorf("no such command: %s", args[0])
	}
	return nil
}

func (s *script) truhook(code int, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(context.Background(), self, args...)
	c.Dir = s.dir
	c.Env = append([]string{"TRUHOOK_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "HOME=" + s.dir, "PATH=" + os.Getenv("PATH")}, s.env...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if s.stdin != "" {
		file, err := os.Open(s.stdin)
		if err != nil {
			return err
		}
		defer file.Close()
		c.Stdin, s.stdin = file, ""
	}
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	s.stdout, s.stderr = stdout.String(), stderr.String()
	if got := c.ProcessState.ExitCode(); got != code {
		return fmt.Errorf("exit code %d, want %d", got, code)
	}
	return nil
}

// The examples of the documentation are lines of the scripts.
func TestDocs_ExamplesAreLinesOfTheScripts(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/cli.md")
	require.NoError(t, err)
	names, err := filepath.Glob("testdata/script/*.txt")
	require.NoError(t, err)
	var scripts strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		scripts.Write(text)
	}
	examples := regexp.MustCompile(`(?m)^    \$ (truhook .*)$`).FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, examples)
	for _, e := range examples {
		if strings.HasPrefix(e[1], "truhook listen") {
			continue // runs until it is stopped: TestListen
		}
		assert.Contains(t, scripts.String(), e[1]+"\n", "docs/cli.md shows a command that no script runs")
	}
}

// Every flag of every command stands in a script, or in the tests of what runs until it is stopped.
func TestScript_NamesEveryFlag(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	names, err := filepath.Glob("testdata/script/*.txt")
	require.NoError(t, err)
	for _, name := range append(names, "listen_test.go", "sendlisten_test.go") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all.Write(text)
	}
	for _, command := range []string{"verify", "send", "listen", "providers"} {
		code, help := program(t, "help", command)
		require.Zero(t, code)
		flags := regexp.MustCompile(`(?m)^  (-[a-z-]+)`).FindAllStringSubmatch(help, -1)
		require.NotEmpty(t, flags)
		for _, f := range flags {
			assert.Regexp(t, `(\s|")`+f[1]+`(\s|")`, all.String(), "truhook %s %s", command, f[1])
		}
	}
}
