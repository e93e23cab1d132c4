package hmacsig

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/truhook/truhook"
)

const (
	shortSecret  = 16 // bytes under which a secret is worth a warning
	shortForFIPS = 14 // bytes under which HMAC panics with GODEBUG=fips140=only
)

// auditSecret looks for what configuration does to secrets, as the issue threads of many projects tell it.
func auditSecret(k *Key) []truhook.Finding {
	var findings []truhook.Finding
	add := func(s truhook.Severity, name, problem, remedy string) {
		findings = append(findings, truhook.Finding{Severity: s, Name: name, Subject: k.id, Problem: problem, Remedy: remedy})
	}
	s := string(k.open().bytes)
	switch trimmed := strings.TrimSpace(s); {
	case trimmed != s:
		add(truhook.SeverityWarning, "padded-secret", "The secret begins or ends with white space.",
			"Copy it again without, unless the provider shows it so.")
	case quoted(s):
		add(truhook.SeverityWarning, "quoted-secret", "The secret stands in quotes, which are part of it.",
			"Take the quotes away where the variable is set; env files of Docker keep them.")
	}
	switch {
	case isPlaceholder(s):
		add(truhook.SeverityError, "placeholder-secret", "The secret looks like a placeholder that nothing has replaced.",
			"See that the template is filled in.")
	case isPath(s):
		add(truhook.SeverityError, "path-as-secret", "The secret looks like the name of a file or of an entry in a secret store.",
			"Give what stands there: NewFileKeys reads files.")
	case escaped.MatchString(s):
		add(truhook.SeverityWarning, "escaped-secret", "The secret holds an escape of HTML, JSON or a URL.",
			"Write the character itself, unless the provider shows it so.")
	}
	switch remedy := "Have the provider make a longer one: 32 random bytes are plenty."; {
	case len(s) < shortForFIPS:
		add(truhook.SeverityWarning, "secret-too-short-for-fips",
			fmt.Sprintf("The secret has fewer than %d bytes, and is rejected under GODEBUG=fips140=only.", shortForFIPS), remedy)
	case len(s) < shortSecret:
		add(truhook.SeverityWarning, "short-secret", fmt.Sprintf("The secret has fewer than %d bytes.", shortSecret), remedy)
	}
	return findings
}

func quoted(s string) bool {
	return len(s) >= 2 && s[0] == s[len(s)-1] && strings.ContainsRune("\"'`", rune(s[0]))
}

var (
	escaped = regexp.MustCompile(`&amp;|&lt;|&gt;|&quot;|&#|\\u00|%(?:20|2[3456BFbf]|3[BDbd])`)
	// Shells, Kubernetes and Compose, Windows, Helm and Ansible, documentation.
	unfilled = regexp.MustCompile(`^(?:\$\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%|` +
		`\{\{.*\}\}|<.*>|\[.*\]|__.*__)$`)
	path = regexp.MustCompile(`^(?:(?:\.{1,2}|~)?/(?:[a-z0-9._-]+/)+[a-zA-Z0-9._-]+|[A-Za-z]:\\.*|` +
		`[a-z0-9+]+://.*|arn:aws[a-z-]*:.*|file:.*|projects/.*/secrets/.*)$`)
)

// placeholders are words that stand in samples, without case, blanks and dashes.
var placeholders = map[string]bool{
	"changeme": true, "changethis": true, "replaceme": true, "replacethis": true, "todo": true, "fixme": true, "tbd": true,
	"secret": true, "mysecret": true, "yoursecret": true, "yoursecrethere": true, "yourwebhooksecret": true, "webhooksecret": true,
	"youraccesssecret": true, "accesssecret": true, "password": true, "placeholder": true, "example": true, "dummy": true,
	"test": true, "testsecret": true, "null": true, "none": true, "nil": true, "undefined": true, "true": true, "false": true,
	"whsec": true, "insertsecrethere": true, "secrethere": true,
}

func isPlaceholder(s string) bool {
	word := strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(s))
	return unfilled.MatchString(s) || placeholders[word] || len(word) >= 3 && strings.Trim(word, "x*") == ""
}

func isPath(s string) bool { return path.MatchString(s) }

// audit looks at keys with what is known of how they are written.
func (t KeyText) audit(keys []Key) []truhook.Finding {
	var findings []truhook.Finding
	add := func(subject, name, problem, remedy string) {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: name, Subject: subject, Problem: problem, Remedy: remedy,
		})
	}
	environments := map[string]bool{}
	for i := range keys {
		k := &keys[i]
		if k.open == nil {
			continue
		}
		s := string(k.open().bytes)
		kept := prefixOf(strings.Trim(s, "\"'` \t"), t.Kept) // what else is wrong with it is told already
		if kept != "" {
			environments[kept] = true
		}
		switch {
		case t.undecoded(k.open().bytes), t.Prefix == "" && kept == "" && strings.HasPrefix(s, "whsec_"):
			add(k.id, "undecoded-prefix",
				"The secret begins with a prefix that is usually no part of the key, and what follows is usually base64.",
				"Make the key with Scheme.NewKey and the scheme's KeyText, or name the prefix in Kept if the provider counts it.")
		case prefixOf(s, t.OtherKeys) != "":
			add(k.id, "api-key-as-secret", "The secret looks like another credential of the provider, such as an API key.",
				"Give the secret that the provider signs webhooks with.")
		case kept == "" && len(strings.Fields(t.Kept)) > 1:
			add(k.id, "no-environment-prefix", "The secret has none of the prefixes that the provider's secrets begin with.",
				"Look whether it is an id, or a part of the secret.")
		}
	}
	if len(environments) > 1 {
		add("", "mixed-environments", "Secrets of several environments of the provider are accepted side by side.",
			"Give each environment an endpoint of its own, or whoever holds a test secret can send to production.")
	}
	return findings
}
