package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// A group is what one section of RESULTS.md shows. It is measured in a process of its own, which starts with an empty
// heap and in one mode of SHA.
type group struct {
	name, title, about string
	modes              bool // it is measured with GODEBUG=cpu.sha=off too
	parallel           bool // it uses all cores; else one, so that an allocation pays for its collection at once
	measure            func(o options) ([]figure, error)
	report             func(r *report, on, off figures)
}

type options struct {
	root   string
	rounds int
	commit string // of the tree, for the report
}

// inTurns measures races a few rounds at a time: a slow minute of the machine would be all that one of them sees.
func inTurns(races func() []func() race) func(o options) ([]figure, error) {
	return func(o options) (all []figure, err error) {
		const atATime = 4
		for left := o.rounds; left > 0; left -= atATime {
			var turn []figure
			for _, make1 := range races() {
				turn = append(turn, make1().run(min(left, atATime))...)
			}
			all = leastOf(all, turn)
		}
		return all, nil
	}
}

const handlerGroup = "handler"

// groups returns all of them in the order of the report.
func groups() []group {
	return []group{{
		name: "verify", title: "Verify", modes: true, measure: inTurns(verifyRaces), report: reportVerify,
		about: `One verification of a body in memory. The floor is a pooled keyed HMAC whose hex signature is compared in
			place. Peers check the signature of their own scheme; the two further rows of Truhook are of those schemes.`,
	}, {
		name: handlerGroup, title: "Handler", modes: true, measure: inTurns(handlerRaces), report: reportHandler,
		about: `A whole handler, with a request in memory that is as a server makes it. The floor reads into one buffer of
			the announced length and verifies as above. Peers read by io.ReadAll, where they do not read themselves;
			go-playground parses the JSON too, as it offers no other way.`,
	}, {
		name: "server", title: "Server", modes: true, parallel: true, report: reportServer,
		measure: func(o options) ([]figure, error) { return measureServer(o.rounds) },
		about: `A server of net/http in a process of its own, over loopback, with bodies of 1 KiB. Each connection sends the
			next request when it has the response to the last; the sender shares the machine. A handler that reads and
			hashes is measured twice: as it is written by hand, with io.ReadAll, and as the floor, which reads into one buffer
			of the announced length without a limit. Every figure is the median of its turns, of 250 ms each.`,
	}, {
		name: "refusals", title: "Refusals", measure: inTurns(refusalRaces), report: reportRefusals,
		about: `A whole handler, as above, and what it costs to refuse. The floor is http.Error alone.`,
	}, {
		name: "tokens", title: "Tokens", measure: inTurns(tokenRaces), report: reportTokens,
		about: `An RS256 token of 2048 bits with issuer, audience, subject, times, and method, path and hash of a small body.
			Every contender checks all of them; what a peer leaves to its caller is done by hand.`,
	}, {
		name: "encrypted", title: "TransUnion", measure: inTurns(encryptedRaces), report: reportEncrypted,
		about: `A request of TransUnion: an RS256 token, the hash of the body, and the body decrypted (RSA-OAEP and
			A256CBC-HS512, keys of 2048 bits). The bare operations are these by the standard library, and encoding/base64 for
			the ciphertext, which no receiver can do without; all else is decoded beforehand. The first row has that decoded
			beforehand too, and decrypts into the same buffer each time.`,
	}, {
		name: "keys", title: "Number of keys", report: reportKeys,
		measure: inTurns(func() []func() race { return []func() race{keyRace} }),
		about:   `One verification of 1 KiB with several keys, the last of which fits. Every one is tried.`,
	}, {
		name: "entries", title: "Entries of Memory", report: reportEntries,
		measure: func(o options) ([]figure, error) { return measureEntries(o.rounds), nil },
		about:   `idempotency.Memory, with as many events that are done. Making the id is part of every figure.`,
	}, {
		name: "queue", title: "Rows of sqliteinbox", parallel: true, report: reportQueue,
		measure: func(o options) ([]figure, error) { return measureSuites(o, queueSuites) },
		about: `Accepting, taking and completing, wall-clock time of ten alternating rounds on a file with WAL and
			synchronous=FULL.`,
	}, {
		name: "stores", title: "Stores", parallel: true, report: reportStores,
		measure: func(o options) ([]figure, error) { return measureSuites(o, storeSuites) },
		about: `Calls of the stores, as the quotient of their wall-clock time and that of the raw statement, in alternating
			rounds, one goroutine, with servers on this machine: SET NX PX for Redis, INSERT .. ON CONFLICT DO NOTHING for
			SQL.`,
	}}
}

// inChild measures g in a child process.
func (g group) inChild(o options, sha bool) (found figures, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self, "-child", g.name, "-root", o.root, "-rounds", fmt.Sprint(o.rounds))
	command.Env, command.Stderr = os.Environ(), os.Stderr
	if !g.parallel {
		command.Env = append(command.Env, "GOMAXPROCS=1")
	}
	if !sha {
		command.Env = append(command.Env, "GODEBUG=cpu.sha=off")
	}
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", g.name, err)
	}
	return found, json.Unmarshal(out, &found)
}

// child measures g and writes the figures.
func (g group) child(o options, out io.Writer) error {
	found, err := g.measure(o)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(found)
}

// section measures g and returns its text, what it misses, and the figures.
func (g group) section(o options) (text string, missed []string, on figures, err error) {
	at := begin()
	if on, err = g.inChild(o, true); err != nil {
		return "", nil, nil, err
	}
	var off figures
	if g.modes {
		if off, err = g.inChild(o, false); err != nil {
			return "", nil, nil, err
		}
	}
	r := newReport()
	if err := g.fill(r, on, off); err != nil {
		return "", nil, nil, err
	}
	var b strings.Builder
	b.WriteString("## " + g.title + "\n\n" + wrap(g.about, 118) + "\n" + at.describe(o) + r.String())
	return b.String(), r.missed, on, nil
}

// fill writes the report of g. A figure that was not measured is an error.
func (g group) fill(r *report, on, off figures) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("%s: %v", g.name, value)
		}
	}()
	g.report(r, on, off)
	return nil
}
