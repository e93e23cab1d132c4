// Command truhook works with webhook deliveries: it says whether one is genuine and why not, signs and sends some, and
// receives them in front of a service that is under development. It works offline and needs no account.
//
// Run "truhook help" for the commands, and "truhook help verify" for one of them with examples.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitVerified = 0 // or: it was done
	exitRefused  = 1
	exitUsage    = 2
	exitUnjudged = 3 // there is no key to judge with
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &tool{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	code := t.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// A tool is one run of the program.
type tool struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
}

// A command is one of the words behind "truhook".
type command struct {
	name, alias string
	arguments   string // behind the flags
	summary     string
	help        string // what the flags do not say, with examples
	setUp       func(t *tool, f *flag.FlagSet) func(ctx context.Context, args []string) (int, error)
}

func commands() []command {
	return []command{verifyCommand(), sendCommand(), listenCommand(), providersCommand()}
}

// run returns the exit code.
func (t *tool) run(ctx context.Context, args []string) int {
	if len(args) == 0 {
		t.printCommands(t.stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return t.help(rest)
	case "completion":
		return t.completion(rest)
	case "version", "-version", "--version":
		fmt.Fprintln(t.stdout, version())
		return exitVerified
	}
	c, ok := lookUp(name)
	if !ok {
		if strings.HasPrefix(name, "-") {
			fmt.Fprintln(t.stderr, "truhook: name a command before its flags; run \"truhook help\"")
			return exitUsage
		}
		fmt.Fprintf(t.stderr, "truhook: there is no command %s; run \"truhook help\"\n", printable(name))
		return exitUsage
	}
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	run := c.setUp(t, f)
	switch err := f.Parse(rest); {
	case errors.Is(err, flag.ErrHelp):
		t.printHelp(t.stdout, c)
		return exitVerified
	case err != nil:
		fmt.Fprintf(t.stderr, "truhook %s: %s%s; run \"truhook help %s\"\n", c.name, printable(err.Error()), usageOf(f, err), c.name)
		return exitUsage
	}
	if name := misplaced(f); name != "" {
		fmt.Fprintf(t.stderr, "truhook %s: flags stand before the arguments: move -%s in front of %s\n", c.name, name, printable(f.Arg(0)))
		return exitUsage
	}
	code, err := run(ctx, f.Args())
	if err != nil {
		fmt.Fprintf(t.stderr, "truhook %s: %s\n", c.name, printable(err.Error()))
		var usage usageError
		if errors.As(err, &usage) {
			fmt.Fprintf(t.stderr, "run \"truhook help %s\"\n", c.name)
			return exitUsage
		}
		if code == exitVerified {
			code = exitUsage
		}
	}
	return code
}

var ofFlag = regexp.MustCompile(` for flag -([a-z-]+):| needs an argument: -([a-z-]+)`)

// usageOf says what the flag takes that an error of package flag is about.
func usageOf(f *flag.FlagSet, err error) string {
	m := ofFlag.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	one := f.Lookup(m[1] + m[2])
	if one == nil {
		return ""
	}
	kind, text := flag.UnquoteUsage(one)
	return fmt.Sprintf(" (-%s %s: %s)", one.Name, kind, text)
}

// misplaced returns a flag that stands behind an argument, where package flag looks no more.
func misplaced(f *flag.FlagSet) string {
	for _, arg := range f.Args() {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && f.Lookup(name) != nil {
			return name
		}
	}
	return ""
}

// A usageError is a mistake in how the program was called.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

func lookUp(name string) (command, bool) {
	for _, c := range commands() {
		if name == c.name || c.alias != "" && name == c.alias {
			return c, true
		}
	}
	return command{}, false
}

func (t *tool) help(args []string) int {
	if len(args) == 0 {
		t.printCommands(t.stdout)
		return exitVerified
	}
	c, ok := lookUp(args[0])
	if !ok {
		fmt.Fprintf(t.stderr, "truhook: there is no command %s; \"truhook help\" lists them\n", printable(args[0]))
		return exitUsage
	}
	t.printHelp(t.stdout, c)
	return exitVerified
}

func (t *tool) printCommands(w io.Writer) {
	fmt.Fprint(w, "truhook works with webhook deliveries, offline.\n\nusage: truhook COMMAND [FLAGS] [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(w, "  %-10s %s\n", "completion", "print a completion script for bash, zsh or fish")
	fmt.Fprintf(w, "  %-10s %s\n", "version", "print the version")
	fmt.Fprint(w, "\nExit codes: 0 verified or done, 1 refused, 2 wrong usage, 3 could not judge (no key).\n"+
		"Run \"truhook help COMMAND\" for flags and examples.\n")
}

func (t *tool) printHelp(w io.Writer, c command) {
	fmt.Fprintf(w, "truhook %s: %s\n\nusage: truhook %s [FLAGS] %s\n", c.name, c.summary, c.name, c.arguments)
	if c.alias != "" {
		fmt.Fprintf(w, "also called: truhook %s\n", c.alias)
	}
	fmt.Fprintln(w, "\nflags:")
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setUp(t, f)
	f.VisitAll(func(one *flag.Flag) {
		kind, text := flag.UnquoteUsage(one)
		left := strings.TrimRight("-"+one.Name+" "+kind, " ")
		fmt.Fprintf(w, "  %-22s %s\n", left, text)
	})
	fmt.Fprintf(w, "\n%s", c.help)
}
