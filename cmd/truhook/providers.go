package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/truhook/truhook/catalog"
)

func providersCommand() command {
	return command{
		name: "providers", arguments: "[NAME]",
		summary: "list the providers that are known, or show one: Go lines, set-up, pitfalls",
		help:    "examples:\n  truhook providers\n  truhook providers stripe\n  truhook providers -json\n",
		setUp: func(t *tool, f *flag.FlagSet) func(context.Context, []string) (int, error) {
			p := &providers{tool: t}
			f.BoolVar(&p.json, "json", false, "print JSON, one line a provider")
			return p.run
		},
	}
}

type providers struct {
	*tool
	json bool
}

// A described provider is one line of -json.
type described struct {
	Name          string   `json:"name"`
	Title         string   `json:"title"`
	Package       string   `json:"package"`
	Header        string   `json:"header"`
	Content       string   `json:"content"`
	Documentation string   `json:"documentation,omitempty"`
	Evidence      string   `json:"evidence"`
	Checked       string   `json:"checked,omitempty"`
	EventID       string   `json:"event_id,omitempty"`
	Handshake     string   `json:"handshake,omitempty"`
	Pitfalls      []string `json:"pitfalls"`
}

func (p provider) describe() described {
	d := described{
		Name: p.name, Title: p.title, Package: "hmacsig/" + p.name, Header: p.scheme.Header,
		Content: firstOf(p.scheme.Content, "{body}"), Evidence: "a package of its own", Pitfalls: []string{},
	}
	if p.token {
		d.Package, d.Header, d.Content = "jose/"+p.name, "X-IOV-JWT", "a token bound to method, path and body"
	}
	if row := p.row; row != nil {
		d.Package, d.Documentation, d.Checked = "catalog", row.Documentation, row.Checked
		d.Evidence, d.Handshake, d.Pitfalls = evidenceText(row.Evidence), row.Handshake, append(d.Pitfalls, row.Pitfalls...)
		d.EventID = row.EventIDAt.String()
	}
	return d
}

func evidenceText(e catalog.Evidence) string {
	switch e {
	case catalog.PublishedVector:
		return "published vector"
	case catalog.ProviderPage:
		return "provider's page"
	}
	return "independent receivers"
}

func (p *providers) run(_ context.Context, args []string) (int, error) {
	if len(args) > 1 {
		return exitUsage, usagef("name one provider, or none")
	}
	all := allProviders()
	if len(args) == 1 {
		one, err := findProvider(args[0])
		if err != nil {
			return exitUsage, err
		}
		all = []provider{one}
	}
	for _, one := range all {
		d := one.describe()
		switch {
		case p.json:
			if err := writeJSONLine(p.stdout, d); err != nil {
				return exitUsage, err
			}
		case len(args) == 1:
			one.write(p.stdout, d)
		default:
			fmt.Fprintf(p.stdout, "%-24s %-32s %s\n", d.Name, d.Title, d.Evidence)
		}
	}
	if !p.json && len(args) == 0 {
		fmt.Fprintf(p.stdout, "\n%d providers. \"truhook providers NAME\" shows one.\n", len(all))
	}
	return exitVerified, nil
}

// write prints what somebody needs who sets the provider up.
func (p provider) write(w io.Writer, d described) {
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "%-10s %s\n", label, text)
		}
	}
	line("provider", d.Title)
	line("package", "github.com/truhook/truhook/"+d.Package)
	line("header", d.Header)
	line("signed", d.Content)
	line("event id", d.EventID)
	line("evidence", strings.TrimSpace(d.Evidence+" "+d.Checked))
	line("page", d.Documentation)
	line("handshake", d.Handshake)
	fmt.Fprintf(w, "\n%s\n", p.goLines())
	for _, pitfall := range d.Pitfalls {
		fmt.Fprintf(w, "mind: %s\n", pitfall)
	}
}

// goLines returns the lines that a service writes.
func (p provider) goLines() string {
	variable := strings.ToUpper(p.name) + "_WEBHOOK_SECRET"
	construct := fmt.Sprintf("v, err := %s.New(os.Getenv(%q))", p.name, variable)
	id := p.name + ".EventID"
	switch {
	case p.name == "trulioo":
		construct = fmt.Sprintf("key, err := hmacsig.NewKey(\"current\", os.Getenv(%q))\n"+
			"if err != nil {\n\tlog.Fatal(err)\n}\nv, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})", variable)
	case p.token:
		construct = "v, err := transunion.New(transunion.Config{Entity: entity, Keys: platformKeys, PrivateKeys: serviceKeys})"
	case p.row != nil && p.needsURL("x") != "":
		construct = fmt.Sprintf("p, ok := catalog.Lookup(%q)\nif !ok {\n\tlog.Fatal(\"no such row\")\n}\n"+
			"v, err := p.New(catalog.Config{URL: \"https://example.com/webhooks/%s\"}, os.Getenv(%q))", p.name, p.name, variable)
	case p.row != nil:
		construct = fmt.Sprintf("v, err := catalog.New(%q, os.Getenv(%q))", p.name, variable)
	}
	if p.row != nil {
		id = ""
	}
	lines := construct + "\nif err != nil {\n\tlog.Fatal(err)\n}\nverify := truhook.NewMiddleware(v, truhook.Config{})\n"
	if id != "" {
		lines += fmt.Sprintf("once, err := idempotency.NewMiddleware(store, \"%s/prod\", %s,\n\tidempotency.Config{Policy: %s.RetryPolicy()})\n"+
			"if err != nil {\n\tlog.Fatal(err)\n}\nmux.Handle(\"POST /webhooks/%s\", verify.Wrap(once.Handle(handle)))\n", p.name, id, p.name, p.name)
		return lines
	}
	return lines + fmt.Sprintf("mux.Handle(\"POST /webhooks/%s\", verify.Wrap(existing))\n", p.name)
}
