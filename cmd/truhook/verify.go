package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

func verifyCommand() command {
	return command{
		name: "verify", alias: "explain", arguments: "FILE|FOLDER|-",
		summary: "say whether a delivery is genuine, and why not",
		help:    verifyHelp,
		setUp: func(t *tool, f *flag.FlagSet) func(context.Context, []string) (int, error) {
			v := &verify{tool: t}
			f.StringVar(&v.provider, "provider", "", "judge by all keys of this `NAME`, or by the one NAME/ID; without it every provider that could fit is tried")
			f.StringVar(&v.keys.url, "url", "", "the public `URL` of the endpoint, for providers that sign it")
			f.StringVar(&v.now, "now", "", "judge at this `TIME` (RFC 3339, or \"now\"); without it a now: line or a Date header counts")
			f.BoolVar(&v.json, "json", false, "print JSON, one line a delivery")
			v.keyFlags.add(f)
			return v.run
		},
	}
}

const verifyHelp = `FILE is a raw HTTP request, a recorded or captured delivery, or the JSON event of API Gateway
(1.0, 2.0), a function URL or a load balancer. A FOLDER's files *.http are each judged against
their expect: line, which is a check for CI. Without -now, a now: line, an event's time or a
Date header, times are reported and not judged.

The secrets file has lines provider/id=value. The value is literal, to the end of the line.
provider/id:base64=… takes any bytes; provider/id:not-before=… and provider/id:not-after=… take
RFC 3339 times. Lines that begin with # are ignored. With -provider NAME/ID the service holds
that key, and the others of the file explain a refusal; with NAME it holds all keys of that
provider, and what any of them signed is verified. With keys of several environments in the file,
give NAME/ID.
TRUHOOK_SECRET, or a prompt, gives one secret. A secret is never an argument.

examples:
  truhook verify -provider truv/prod -secrets secrets.txt request.http
  TRUHOOK_SECRET=… truhook verify -provider github - < request.http
  truhook verify -provider transunion -keys keys/ -entity svc:… request.http
  truhook verify -secrets secrets.txt -json recorded/
`

// keyFlags are the flags that give keys.
type keyFlags struct {
	secretsFile, dir, entity string
}

func (k *keyFlags) add(f *flag.FlagSet) {
	f.StringVar(&k.secretsFile, "secrets", "", "read secrets from this `FILE`")
	f.StringVar(&k.dir, "keys", "", "read platform-*.pem and service-*.pem from this `FOLDER` (TransUnion)")
	f.StringVar(&k.entity, "entity", "", "the service or directory `ID` that tokens are for (TransUnion)")
}

// open fills the keyring and returns warnings.
func (k *keyFlags) open(t *tool, ring *keyring) (warnings []string, err error) {
	ring.dir, ring.entity, ring.single = k.dir, k.entity, t.getenv("TRUHOOK_SECRET")
	if ring.dir != "" {
		if info, err := os.Stat(ring.dir); err != nil || !info.IsDir() {
			return nil, usagef("-keys: %s is no folder; name the one that has platform-*.pem and service-*.pem", ring.dir)
		}
	}
	if info, err := os.Stat(ring.single); err == nil && info.Mode().IsRegular() {
		warnings = append(warnings, "TRUHOOK_SECRET is the name of a file, and that name is taken for the secret; give the file with -secrets")
	}
	if k.secretsFile != "" {
		var more []string
		ring.source = k.secretsFile
		ring.secrets, more, err = readSecrets(k.secretsFile)
		warnings = append(warnings, more...)
	}
	for _, s := range ring.secrets {
		if !known(s.provider) { // its name is not printed: it could be a piece of a secret
			warnings = append(warnings, fmt.Sprintf("%s: line %d is of no provider that is known: \"truhook providers\" lists them",
				k.secretsFile, s.line))
		}
	}
	return warnings, err
}

// prompt asks for a secret on a terminal where nothing else gave one.
func (t *tool) prompt(ring *keyring, what string) {
	if ring.single != "" || len(ring.secrets) > 0 || ring.dir != "" || !isTerminal(t.stdin) {
		return
	}
	show := hideTyping(t.stdin)
	fmt.Fprintf(t.stderr, "secret of %s (empty: none): ", printable(what))
	line, _ := bufio.NewReader(t.stdin).ReadString('\n')
	show()
	fmt.Fprintln(t.stderr)
	ring.single = strings.TrimRight(line, "\r\n")
}

// hideTyping asks the terminal not to show what is typed, where stty(1) is there, and returns what undoes it.
func hideTyping(stream any) (show func()) {
	file, ok := stream.(*os.File)
	if !ok {
		return func() {}
	}
	set := func(mode string) {
		c := exec.Command("stty", mode)
		c.Stdin = file
		_ = c.Run() // without stty the secret is shown as it is typed
	}
	set("-echo")
	return func() { set("echo") }
}

type verify struct {
	*tool
	keyFlags
	provider string
	now      string
	json     bool
	keys     keyring
}

func (v *verify) run(ctx context.Context, args []string) (int, error) {
	switch len(args) {
	case 0:
		return exitUsage, usagef("name one file or folder, or - for standard input")
	case 1:
	default:
		return exitUsage, usagef("name one file or folder, not %d; a folder is judged with all its files *.http", len(args))
	}
	name, id, err := parseProvider(v.provider)
	if err != nil {
		return exitUsage, err
	}
	var now time.Time
	if v.now == "now" {
		now = time.Now()
	} else if v.now != "" {
		if now, err = time.Parse(time.RFC3339, v.now); err != nil {
			return exitUsage, usagef("-now is not a time of RFC 3339, such as 2026-03-02T09:30:00Z")
		}
	}
	warnings, err := v.keyFlags.open(v.tool, &v.keys)
	if err != nil {
		return exitUsage, err
	}
	for _, w := range warnings {
		fmt.Fprintf(v.stderr, "warning: %s\n", printable(w))
	}
	inputs, folder, err := v.readInputs(args[0])
	if err != nil {
		return exitUsage, err
	}
	if args[0] != "-" && !folder && inputs[0].file == nil {
		v.prompt(&v.keys, firstOf(v.provider, "the provider"))
	}
	if folder {
		return v.folder(ctx, inputs, name, id, now)
	}
	out := v.one(ctx, inputs[0], name, id, now)
	if v.json {
		return out.code(), out.writeJSON(v.stdout)
	}
	out.write(v.stdout, v.style(v.stdout))
	return out.code(), nil
}

// one judges one delivery.
func (v *verify) one(ctx context.Context, in *input, name, id string, now time.Time) *verdict {
	if !now.IsZero() {
		in.at, in.atFrom = now, "as -now says"
		in.delivery.Received = now
	}
	ring := v.keys
	if in.file != nil {
		name = firstOf(name, in.file.Provider)
		ring = ring.with(in)
	}
	var out *verdict
	if p, err := findProvider(name); name != "" && err == nil {
		out = ring.judge(ctx, p, id, in.delivery)
	} else {
		out = ring.judgeAny(ctx, in.delivery)
	}
	out.File, out.Notes = in.name, slices.Concat(in.notes, out.Notes)
	var signed time.Time
	if message, ok := truhook.Detail[hmacsig.Message](out.verified); ok {
		signed = message.Time
	} else if out.Provider == "transunion" {
		signed = issuedAt(in.delivery)
	}
	out.ReceivedAt = judgedAt(in.at, in.atFrom, signed)
	if in.file != nil {
		expected, as := in.file.Expect, out.unjudged == nil && out.Reason == in.file.Expect
		out.Expected, out.AsExpected = &expected, &as
		out.noteExpected(expected)
	}
	return out
}

// with returns a keyring that has the test secrets of a recorded delivery, and the keys that lie beside it, in place of
// what was not given.
func (k *keyring) with(in *input) keyring {
	ring := *k
	if len(ring.secrets) == 0 && ring.single == "" {
		for _, s := range in.file.Secrets {
			ring.source = in.name
			ring.secrets = append(ring.secrets, secret{provider: in.file.Provider, id: s.ID, value: s.Value, set: true,
				notBefore: s.NotBefore, notAfter: s.NotAfter})
		}
	}
	if ring.dir == "" {
		if beside, err := filepath.Glob(filepath.Join(filepath.Dir(in.name), "platform-*.pem")); err == nil && len(beside) > 0 {
			ring.dir = filepath.Dir(in.name)
		}
	}
	ring.entity = firstOf(ring.entity, in.file.Entity)
	return ring
}

// folder judges each delivery against what it expects.
func (v *verify) folder(ctx context.Context, inputs []*input, name, id string, now time.Time) (int, error) {
	s := v.style(v.stdout)
	accepted, refused, wrong, unjudged := 0, 0, 0, 0
	for _, in := range inputs {
		out := v.one(ctx, in, name, id, now)
		out.File = relative(in.name)
		switch {
		case out.unjudged != nil:
			unjudged++
		case out.AsExpected != nil && !*out.AsExpected:
			wrong++
		}
		if out.Verified {
			accepted++
		} else if out.unjudged == nil {
			refused++
		}
		if v.json {
			if err := out.writeJSON(v.stdout); err != nil {
				return exitUsage, err
			}
			continue
		}
		v.row(s, out)
	}
	if !v.json {
		fmt.Fprintf(v.stdout, "%d deliveries: %d verified, %d refused, %d not judged, %d not as expected\n",
			len(inputs), accepted, refused, unjudged, wrong)
	}
	switch {
	case wrong > 0:
		return exitRefused, nil
	case unjudged > 0:
		return exitUnjudged, nil
	}
	return exitVerified, nil
}

func (v *verify) row(s style, out *verdict) {
	state := s.green("ok  ")
	text := firstOf(string(out.Reason), "verified")
	switch {
	case out.unjudged != nil:
		state, text = s.yellow("?   "), out.Error
	case out.AsExpected == nil && !out.Verified:
		state = s.red("no  ")
	case out.AsExpected != nil && !*out.AsExpected:
		state = s.red("FAIL")
		text += ", expected " + firstOf(string(*out.Expected), "accepted")
		if cause := out.firstCause(); cause != "" {
			text += ": " + cause
		}
	}
	fmt.Fprintf(v.stdout, "%s %-56s %s\n", state, printable(out.File), printable(text))
}

// relative returns name as seen from the working directory, where it is below it.
func relative(name string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, name); err == nil && !strings.HasPrefix(rel, "..") {
			return rel
		}
	}
	return name
}
