package main

import (
	"flag"
	"fmt"
	"runtime/debug"
	"strings"
)

// version returns the version of the module that the program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "truhook (unknown version)"
	}
	return "truhook " + info.Main.Version + " " + info.GoVersion
}

// flagNames returns the flags of a command, each with its dash.
func (t *tool) flagNames(c command) []string {
	var names []string
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setUp(t, f)
	f.VisitAll(func(one *flag.Flag) { names = append(names, "-"+one.Name) })
	return names
}

func (t *tool) completion(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(t.stderr, "truhook completion: name the shell: bash, zsh or fish")
		return exitUsage
	}
	var words []string
	for _, c := range commands() {
		words = append(words, c.name)
	}
	words = append(words, "help", "completion", "version")
	switch args[0] {
	case "bash":
		t.completeBash(words)
	case "zsh":
		fmt.Fprintln(t.stdout, "#compdef truhook\nautoload -U +X bashcompinit && bashcompinit")
		t.completeBash(words)
	case "fish":
		fmt.Fprintf(t.stdout, "complete -c truhook -n __fish_use_subcommand -f -a %q\n", strings.Join(words, " "))
		for _, c := range commands() {
			for _, name := range t.flagNames(c) {
				fmt.Fprintf(t.stdout, "complete -c truhook -n '__fish_seen_subcommand_from %s' -o %s\n", c.name, name[1:])
			}
		}
	default:
		fmt.Fprintln(t.stderr, "truhook completion: bash, zsh and fish are known")
		return exitUsage
	}
	return exitVerified
}

func (t *tool) completeBash(words []string) {
	fmt.Fprintf(t.stdout, "_truhook() {\n  local word=\"${COMP_WORDS[COMP_CWORD]}\"\n"+
		"  if [ \"$COMP_CWORD\" -eq 1 ]; then COMPREPLY=($(compgen -W %q -- \"$word\")); return; fi\n"+
		"  case \"${COMP_WORDS[1]}\" in\n", strings.Join(words, " "))
	for _, c := range commands() {
		pattern := c.name
		if c.alias != "" {
			pattern += "|" + c.alias
		}
		fmt.Fprintf(t.stdout, "  %s) COMPREPLY=($(compgen -f -W %q -- \"$word\")) ;;\n", pattern, strings.Join(t.flagNames(c), " "))
	}
	fmt.Fprint(t.stdout, "  esac\n}\ncomplete -o filenames -F _truhook truhook\n")
}
