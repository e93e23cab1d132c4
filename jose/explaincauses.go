package jose

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/probe"
	"github.com/truhook/truhook/internal/secrettext"
)

// The causes that this package names, beside those of a body, which package probe names. Each is in docs/reasons.md.
const (
	causePath             = "path-rewritten"
	causePlaintext        = "hash-of-plaintext"
	causeForm             = "signature-form"
	causeAlgorithm        = "signature-other-algorithm"
	causeSimilarName      = "header-similar-name"
	causeOtherHeader      = "header-of-other-provider"
	causeFolded           = "header-folded"
	causeOtherEnvironment = "key-of-other-environment"
	causeOtherProvider    = "key-of-other-provider"
	causeKeyWhitespace    = secrettext.KeyWhitespace
	causeKeyQuoted        = secrettext.KeyQuoted
	causeKeyEncoding      = secrettext.KeyEncoding
	causeIDAsSecret       = "key-id-as-secret"
	causeIsPath           = "key-is-a-path"
	causeIsPlaceholder    = "key-is-a-placeholder"
	causeOutsideWindow    = "time-outside-window"
	causeEmpty            = "body-empty"
	causeCut              = "body-cut"
	causeRedirected       = "request-redirected"
)

// causes say what is wrong and what to do. No remedy loosens a check. What to do about a secret depends on which side
// has it otherwise, so package secrettext says it.
var causes = map[string]struct{ problem, remedy string }{
	causePath: {"The token names another path than the request has.",
		"Set Path of the configuration to the path of the URL that is registered with the provider."},
	causePlaintext: {"The token holds the hash of the decrypted text, and not of the body as it came.",
		"Look for what decrypts and encrypts the body on its way; the hash has to be over the bytes that arrive."},
	causeForm: {"The token stands there in another form than the configuration says.",
		"Compare Token of the configuration with the provider's page, and look what a proxy adds."},
	causeAlgorithm: {"The token is signed by a key at hand, with an algorithm that is not among Algorithms.",
		"Compare Algorithms with the provider's page, and allow this one only if it stands there."},
	causeSimilarName: {"The token stands in a header with a similar name.",
		"Look what a proxy makes of the names of headers, and compare Token of the configuration with the provider's page."},
	causeOtherHeader: {"The token stands in another header.",
		"Compare Token of the configuration with the provider's page, and look what a proxy does to that header."},
	causeFolded: {"The header that must come once came several times, or as a list, as proxies make it that copy headers.",
		"Let the proxy pass the header on once."},
	causeOtherEnvironment: {"The token is signed by a key of another environment of this provider.",
		"Send that environment to its own endpoint, or give this endpoint the keys of the environment that sends to it."},
	causeOtherProvider: {"The token is signed by a key that is configured for another provider.",
		"Correct the endpoint at the provider, or the keys here."},
	causeKeyWhitespace: {problem: "The sender signed with this secret without, or with other, white space around it."},
	causeKeyQuoted:     {problem: "The sender signed with this secret without, or with, quotes around it."},
	causeKeyEncoding:   {problem: "The sender signed with this secret written in another way: decoded or encoded."},
	causeIDAsSecret: {"The token is signed with the label of the secret in its place. Anybody can know a label.",
		"Look whether the label and the secret are the wrong way round, here or at the sender."},
	causeIsPath: {"The secret looks like the name of a file or of an entry in a secret store.",
		"Give what stands there."},
	causeIsPlaceholder: {"The secret is a placeholder, a few bytes, or one out of public documentation, so anybody can know it.",
		"See that the template is filled in with the provider's secret."},
	causeOutsideWindow: {"The times of the token are outside of the window.",
		"Compare the clock with a time server; a queue in front has to set Delivery.Received."},
	causeEmpty: {"The body has no bytes, and a body belongs to a delivery: something on the way read or dropped it.",
		"Put the middleware in front of whatever reads the body, and look what proxies, redirects and tunnels pass on."},
	causeCut: {"The body ends early.",
		"Look for a limit on the size of bodies in front, and for what reads a part of it."},
	causeRedirected: {"The request has another method than the token names, as after a redirect that a client followed.",
		"Register the final URL with the provider; http.ServeMux redirects where only a slash is missing."},

	probe.TextChanged: {"The white space, line ends, byte order mark or charset of the body is not what was hashed.",
		"Let nothing in front of the middleware read the body as text, and no tunnel or editor write it again."},
	probe.Reserialized: {"Something parsed the JSON of the body and wrote it again; what this writer writes was hashed.",
		"Put the middleware outermost, in front of whatever parses the body, and let proxies pass it on as it came."},
	probe.ContentEncoding: {"The body is compressed, and the token's hash is over its content.",
		"Let the proxy in front decompress the request, or ask the provider to send it as it is."},
	probe.Base64: {"The body is the base64 of what the token's hash is over, as serverless gateways pass it on.",
		"Decode the event's body before it becomes a Delivery, as the gateway's isBase64Encoded says."},
	probe.FormField: {"The body is a form, and the token's hash is over one of its fields.",
		"Ask the provider to send JSON, or give the decoded field as the Body of a Delivery of your own."},
	probe.InEnvelope: {"The body is an envelope of a gateway or queue, and the token's hash is over one of its members.",
		"Take the provider's body out of the envelope before it becomes a Delivery."},
}

// A change is what had to be undone. A likely one is told and never Proven.
type change struct {
	cause, subject string
	remedy         string // in place of the cause's; may be empty
	likely         bool
}

func (c change) finding(proven bool) truhook.Finding {
	text := causes[c.cause]
	if c.remedy != "" {
		text.remedy = c.remedy
	}
	severity := truhook.SeverityWarning
	if proven {
		severity = truhook.SeverityError
	}
	return truhook.Finding{
		Severity: severity, Name: c.cause, Subject: c.subject, Problem: text.problem, Remedy: text.remedy,
		Proven: proven, Offset: -1,
	}
}

const maxShownPath = 128 // bytes of a path in a Subject

// pathChange says how a path became another one. simple is false where they have nothing in common: then the delivery
// may be one for another endpoint that somebody sent here.
func pathChange(claimed, came string) (subject string, simple bool) {
	show := func(text string) string { return fmt.Sprintf("%.*q", maxShownPath, text) }
	switch {
	case strings.HasSuffix(claimed, came) && strings.HasPrefix(came, "/"):
		return "the prefix " + show(claimed[:len(claimed)-len(came)]) + " was removed", true
	case strings.HasSuffix(came, claimed) && strings.HasPrefix(claimed, "/"):
		return "the prefix " + show(came[:len(came)-len(claimed)]) + " was added", true
	case strings.TrimRight(claimed, "/") == strings.TrimRight(came, "/"):
		return "a slash at the end", true
	case strings.SplitN(claimed, "?", 2)[0] == came:
		return "the token names the query too", true
	case strings.EqualFold(claimed, came):
		return "the case of letters", true
	case unescaped(claimed) == unescaped(came):
		return "the percent-encoding", true
	case merged(claimed) == merged(came):
		return "slashes that were merged", true
	}
	same := 0
	for i := 1; i <= min(len(claimed), len(came)); i++ {
		if claimed[len(claimed)-i] != came[len(came)-i] {
			break
		}
		if claimed[len(claimed)-i] == '/' {
			same = i
		}
	}
	if same > 1 {
		return "the prefix " + show(claimed[:len(claimed)-same]) + " became " + show(came[:len(came)-same]), true
	}
	return show(claimed) + " became " + show(came), false
}

// merged has one slash where there are several, as nginx makes it by default.
func merged(path string) string {
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}

func unescaped(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
