package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/internal/rowlines"
)

func providersCommand() command {
	return command{
		name: "providers", arguments: "[NAME]",
		summary: "list the providers that are known, or show one: Go lines, set-up, pitfalls",
		help: "What it prints of a provider is the receiver of its page. mux, store, handle and save are yours.\n\n" +
			"examples:\n  truhook providers\n  truhook providers stripe\n  truhook providers -json\n",
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
	if p.row == nil {
		d.Documentation, d.EventID = "https://github.com/truhook/truhook/blob/main/docs/"+p.name+".md", p.name+".EventID"
	}
	if p.name == "trulioo" {
		d.Handshake = "a POST with the type URL_VERIFICATION: trulioo.AnswerChallenge, behind the middleware"
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

//go:embed internal/receivers/truv.go internal/receivers/trulioo.go
//go:embed internal/receivers/truval.go internal/receivers/transunion.go
var receiverFiles embed.FS

// goLines returns the lines that a service writes: those of the provider's page.
func (p provider) goLines() string {
	if p.row != nil {
		return p.rowLines()
	}
	source, err := receiverFiles.ReadFile("internal/receivers/" + p.name + ".go")
	if err != nil {
		return ""
	}
	return bodyOf(string(source))
}

// bodyOf returns what stands in the one function of a file, without its indentation.
func bodyOf(source string) string {
	_, body, _ := strings.Cut(source, "\nfunc ")
	_, body, _ = strings.Cut(body, ") {\n")
	body = strings.TrimSuffix(body, "}\n")
	return strings.TrimPrefix(strings.ReplaceAll("\n"+body, "\n\t", "\n"), "\n")
}

// rowLines returns those of docs/providers.md, with the secret from the environment.
func (p provider) rowLines() string {
	r := rowlines.Receiver{
		Name: p.name, Secret: fmt.Sprintf("os.Getenv(%q)", strings.ToUpper(p.name)+"_WEBHOOK_SECRET"),
		SignsURL: p.needsURL("x") != "", PublicKey: p.asymmetric(), Retries: len(p.row.Retry.Sources) > 0,
		SignedID: p.row.EventIDAt.Signed, Handshake: p.row.Handshake,
	}
	if !r.SignedID {
		r.UnsignedID = p.row.EventIDAt.Header
	}
	return r.Lines()
}
