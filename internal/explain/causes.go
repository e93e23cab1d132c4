package explain

import (
	"slices"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/probe"
	"github.com/truhook/truhook/internal/secrettext"
)

// Change is one difference between what was sent and what fits: a cause and what it says of it.
type Change = probe.Change

// Because returns a change.
func Because(cause, subject string) Change { return Change{Cause: cause, Subject: subject} }

// BecauseOfKey returns the change that the key with the id fits when it is written otherwise.
func BecauseOfKey(w secrettext.Writing, id string) Change {
	return Change{Cause: w.Cause, Subject: id + ": " + w.Subject, Remedy: w.Remedy}
}

// The causes beside those of a body, which package probe names. Each is in docs/reasons.md.
const (
	KeyWhitespace         = secrettext.KeyWhitespace
	KeyQuoted             = secrettext.KeyQuoted
	KeyEncoding           = secrettext.KeyEncoding
	KeyIDAsSecret         = "key-id-as-secret"
	KeyOfOtherEnvironment = "key-of-other-environment"
	KeyOfOtherProvider    = "key-of-other-provider"
	KeyIsPath             = "key-is-a-path"
	KeyIsPlaceholder      = "key-is-a-placeholder"
	SignatureForm         = "signature-form"
	OtherAlgorithm        = "signature-other-algorithm"
	PlainHash             = "signature-plain-hash"
	SimilarName           = "header-similar-name"
	OtherHeader           = "header-of-other-provider"
	HeaderFolded          = "header-folded"
	ContentForm           = "content-form"
	URLMismatch           = "url-mismatch"
	TimeUnit              = "time-unit"
	OutsideWindow         = "time-outside-window"
	BodyEmpty             = "body-empty"
	BodyCut               = "body-cut"
	Redirected            = "request-redirected"
)

// causes say what is wrong and what to do. No remedy loosens a check. What to do about a key depends on which side has
// it otherwise, so package secrettext says it.
var causes = map[string]struct{ problem, remedy string }{
	probe.TextChanged: {"The white space, line ends, byte order mark or charset of the body is not what was signed.",
		"Let nothing in front of the middleware read the body as text, and no tunnel or editor write it again."},
	probe.Reserialized: {"Something parsed the JSON of the body and wrote it again; what was signed is what this writer writes.",
		"Put the middleware outermost, in front of whatever parses the body, and let proxies pass it on as it came."},
	probe.ContentEncoding: {"The body is compressed, and its content was signed.",
		"Let the proxy in front decompress the request, or ask the provider to send it as it is."},
	probe.Base64: {"The body is the base64 of what was signed, as serverless gateways pass it on.",
		"Decode the event's body before it becomes a Delivery, as the gateway's isBase64Encoded says."},
	probe.FormField: {"The body is a form, and what was signed is one of its fields.",
		"Ask the provider to send JSON, or give the decoded field as the Body of a Delivery of your own."},
	probe.InEnvelope: {"The body is an envelope of a gateway or queue, and what was signed is one of its members.",
		"Take the provider's body out of the envelope before it becomes a Delivery."},
	KeyWhitespace: {problem: "The sender signed with this key without, or with other, white space around it."},
	KeyQuoted:     {problem: "The sender signed with this key without, or with, quotes around it."},
	KeyEncoding:   {problem: "The sender signed with this key written in another way: decoded, encoded, or with another prefix."},
	KeyIDAsSecret: {"The signature is made with the label of the key in place of its secret. Anybody can know a label.",
		"Look whether the label and the secret are the wrong way round, here or at the sender."},
	KeyOfOtherEnvironment: {"The sender signed with a key of another environment of this provider.",
		"Send that environment to its own endpoint, or give this endpoint the key of the environment that sends to it."},
	KeyOfOtherProvider: {"The sender signed with a key that is configured for another provider.",
		"Exchange the two secrets if they are the wrong way round here, or correct the URL that is registered with the provider."},
	KeyIsPath: {"The key looks like the name of a file or of an entry in a secret store.",
		"Give what stands there: NewFileKeys reads files."},
	KeyIsPlaceholder: {"The key is a placeholder or a secret out of public documentation, which anybody can know.",
		"See that the template is filled in with the provider's secret."},
	SignatureForm: {"The signature is written in another way than the scheme says.",
		"Compare Prefix and Encoding of the scheme with the provider's page."},
	OtherAlgorithm: {"The signature is made with another hash than the scheme's.",
		"Compare Hash of the scheme with the provider's page, or ask the provider to sign with that hash."},
	PlainHash: {"The signature is a hash of the body without any key, which anybody can make.",
		"Have the provider set the secret; until then nothing shows who sends."},
	SimilarName: {"The signature stands in a header with a similar name.",
		"Look what a proxy makes of the names of headers, and compare Header of the scheme with the provider's page."},
	OtherHeader: {"The signature stands in a header that the scheme does not name.",
		"Compare the header with the provider's page: it may be another provider, or another version of its signatures."},
	HeaderFolded: {"The header that must come once came several times, as proxies that add or copy headers make it.",
		"Let the proxy pass the header on once."},
	ContentForm: {"Something else than the scheme's Content was signed.",
		"Compare Content, ID and Timestamp of the scheme with the provider's page."},
	URLMismatch: {"Another URL was signed than the configured one.",
		"Give as URL the one that is registered with the provider, character by character."},
	TimeUnit: {"The time is written or signed in another format than the scheme says.",
		"Compare TimeFormat of the scheme with the provider's page."},
	OutsideWindow: {"The signed time is outside of the tolerance.",
		"Compare the clock with a time server; a queue in front has to set Delivery.Received."},
	BodyEmpty: {"The body has no bytes, and a body belongs to a delivery: something on the way read or dropped it.",
		"Put the middleware in front of whatever reads the body, and look what proxies, redirects and tunnels pass on."},
	BodyCut: {"The body ends early.", "Look for a limit on the size of bodies in front, and for what reads a part of it."},
	Redirected: {"The request is no POST, as after a redirect that a client followed.",
		"Register the final URL with the provider; http.ServeMux redirects where only a slash is missing."},
}

// Finding returns what is told of a change.
func Finding(c Change, proven bool) truhook.Finding {
	text := causes[c.Cause]
	if c.Remedy != "" {
		text.remedy = c.Remedy
	}
	severity := truhook.SeverityWarning
	if proven {
		severity = truhook.SeverityError
	}
	return truhook.Finding{
		Severity: severity, Name: c.Cause, Subject: c.Subject, Problem: text.problem, Remedy: text.remedy, Proven: proven, Offset: -1,
	}
}

// Findings tells the changes of what fits. offset is the first byte of the body that differs.
func Findings(changes []Change, proven bool, offset int64) []truhook.Finding {
	var out []truhook.Finding
	for _, c := range changes {
		f := Finding(c, proven)
		if strings.HasPrefix(c.Cause, "body-") {
			f.Offset = offset
		}
		if len(changes) > 1 {
			f.Problem += " It is not the only change: the findings belong together."
		}
		out = append(out, f)
	}
	return out
}

// Sorted returns the note that the members of the JSON are sorted, where the signature fits nothing. It is no cause:
// most of these deliveries have a wrong key.
func Sorted(reason truhook.Reason, body []byte) (note truhook.Finding, ok bool) {
	if reason != truhook.SignatureMismatch && reason != "" || !probe.MapOrder(body) {
		return truhook.Finding{}, false
	}
	return truhook.Finding{
		Severity: truhook.SeverityNote, Name: probe.Reserialized, Subject: "sorted members", Offset: -1,
		Problem: "The members are sorted: either the sender writes them so and the key is wrong, or something re-encoded the body.",
		Remedy:  "Look at the key first. If it is right, put the middleware outermost, in front of whatever parses the body.",
	}, true
}

// Tried are the names of the causes of which candidates were compared, each once.
type Tried []string

// Add notes a candidate that differs from what came by one change alone.
func (t *Tried) Add(changes ...Change) {
	if len(changes) == 1 && !strings.HasPrefix(changes[0].Cause, "body-") && !slices.Contains(*t, changes[0].Cause) {
		*t = append(*t, changes[0].Cause)
	}
}

// Lacking appends those of likely whose cause found has not. Beside a proven cause nothing is supposed of the form, the
// key or the end of the body: it has named what was there, byte for byte.
func Lacking(found, likely []truhook.Finding) []truhook.Finding {
	proven := slices.ContainsFunc(found, func(f truhook.Finding) bool { return f.Proven })
	for _, f := range likely {
		if proven && slices.Contains([]string{SignatureForm, KeyIsPath, KeyIsPlaceholder, BodyCut}, f.Name) {
			continue
		}
		if !slices.ContainsFunc(found, func(told truhook.Finding) bool { return told.Name == f.Name }) {
			found = append(found, f)
		}
	}
	return found
}
