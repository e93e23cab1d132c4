package main

import (
	"context"
	"flag"
	"fmt"
)

func providersCommand() command {
	return command{
		name: "providers", arguments: "[NAME]",
		summary: "list the providers that are known, or show one: Go lines, set-up, pitfalls",
		help:    "examples:\n  truhook providers\n  truhook providers stripe\n  truhook providers -json\n",
		setUp: func(t *tool, f *flag.FlagSet) func(context.Context, []string) (int, error) {
			return func(ctx context.Context, args []string) (int, error) {
				for _, p := range allProviders() {
					fmt.Fprintf(t.stdout, "%-16s %s\n", p.name, p.title)
				}
				return 0, nil
			}
		},
	}
}
