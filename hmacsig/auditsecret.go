package hmacsig

import (
	"strings"

	"github.com/truhook/truhook"
)

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
