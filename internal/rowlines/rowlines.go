// Package rowlines writes the Go lines of a service that receives the deliveries of a row of the catalog, for
// docs/providers.md and for the command "truhook providers".
package rowlines

import (
	"fmt"
	"regexp"
	"strings"
)

// A Receiver is what the lines depend on.
type Receiver struct {
	Name, Secret string // the row, and a Go expression for its secret
	SignsURL     bool
	PublicKey    bool
	Retries      bool   // its schedule is known
	SignedID     bool   // its event id is known and signed
	UnsignedID   string // the header of one that is not; empty: there is none
	Handshake    string // what the row says of it
}

// signedHandshake is what a row says of a handshake that is signed, and so is answered behind the middleware.
var signedHandshake = regexp.MustCompile("Behind the middleware: `catalog\\.(?:AnswerChallenge\\((catalog\\.Challenge\\{.*\\})|AnswerPing\\((.*)), next\\)`")

// Lines returns the lines. mux, store and handle are the reader's.
func (r Receiver) Lines() string {
	const check = "if err != nil {\n\tlog.Fatal(err)\n}\n"
	lookUp := fmt.Sprintf("p, _ := catalog.Lookup(%q)\n", r.Name)
	var b strings.Builder
	if r.SignsURL {
		fmt.Fprintf(&b, "%sv, err := p.New(catalog.Config{URL: \"https://example.com/webhooks/%s\"}, %s)\n%s", lookUp, r.Name, r.Secret, check)
	} else {
		comment := ""
		if r.PublicKey {
			comment = " // its public key, in the form below"
		}
		fmt.Fprintf(&b, "v, err := catalog.New(%q, %s)%s\n%s", r.Name, r.Secret, comment, check)
		if r.SignedID || r.Retries {
			b.WriteString(lookUp)
		}
	}
	id, policy := "idempotency.BodyDigest", "idempotency.Config{}"
	if r.Retries {
		policy = "idempotency.Config{Policy: p.Retry}"
	}
	if r.SignedID {
		id = "p.EventID"
	} else if r.UnsignedID != "" {
		fmt.Fprintf(&b, "// Or: v, eventID := catalog.InsecureHeaderID(v, %q)\n", r.UnsignedID)
	}
	fmt.Fprintf(&b, "once, err := idempotency.NewMiddleware(store, %q, %s, %s)\n%s", r.Name+"/prod", id, policy, check)
	b.WriteString("verify := truhook.NewMiddleware(v, truhook.Config{})\n")
	handler := "once.Handle(handle)"
	switch m := signedHandshake.FindStringSubmatch(r.Handshake); {
	case m != nil && m[1] != "":
		fmt.Fprintf(&b, "challenge := %s\n", m[1])
		handler = "catalog.AnswerChallenge(challenge, " + handler + ")"
	case m != nil:
		handler = "catalog.AnswerPing(" + m[2] + ", " + handler + ")"
	}
	fmt.Fprintf(&b, "mux.Handle(\"POST /webhooks/%s\", verify.Wrap(%s))\n", r.Name, handler)
	return b.String()
}
