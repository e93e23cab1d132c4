package secrettext

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/truhook/truhook"
)

const (
	shortSecret  = 16 // bytes under which a secret is worth a warning
	shortForFIPS = 14 // bytes under which HMAC panics with GODEBUG=fips140=only
)

// Audit looks for what configuration does to secrets, as the issue threads of many projects tell it. id names the
// secret in what it finds.
func Audit(id, s string) []truhook.Finding {
	var findings []truhook.Finding
	add := func(s truhook.Severity, name, problem, remedy string) {
		findings = append(findings, truhook.Finding{Severity: s, Name: name, Subject: id, Problem: problem, Remedy: remedy})
	}
	if isText(s) {
		switch trimmed := strings.TrimSpace(s); {
		case trimmed != s:
			add(truhook.SeverityWarning, "padded-secret", "The secret begins or ends with white space.",
				"Copy it again without, unless the provider shows it so.")
		case Quoted(s):
			add(truhook.SeverityWarning, "quoted-secret", "The secret stands in quotes, which are part of it.",
				"Take the quotes away where the variable is set; env files of Docker keep them.")
		}
		switch {
		case encrypted.MatchString(s):
			add(truhook.SeverityError, "encrypted-secret", "The secret looks like one that is encrypted, and nothing has decrypted it.",
				"See that whatever decrypts the configuration does so before this program reads it.")
		case IsPlaceholder(s):
			add(truhook.SeverityError, "placeholder-secret", "The secret looks like a placeholder that nothing has replaced.",
				"See that the template is filled in.")
		case IsPath(s):
			add(truhook.SeverityError, "path-as-secret", "The secret looks like the name of a file or of an entry in a secret store.",
				"Give what stands there: NewFileKeys reads files.")
		case escaped.MatchString(s):
			add(truhook.SeverityWarning, "escaped-secret", "The secret holds an escape of HTML, JSON or a URL.",
				"Write the character itself, unless the provider shows it so.")
		default:
			if d, found := damageOf(s); found {
				add(truhook.SeverityWarning, d.finding, d.problem, d.remedy)
			}
		}
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

// isText reports whether s can have been typed or pasted. Bytes that were decoded from base64 or hex are no text, and
// may begin with what would be a blank in one.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) })
}

// damageOf returns the first damage that a copy has done to s. White space at the ends is another finding.
func damageOf(s string) (damage, bool) {
	for _, d := range damages {
		if _, found := d.undo(strings.TrimSpace(s)); found {
			return d, true
		}
	}
	return damage{}, false
}

// Quoted reports whether s stands in quotes.
func Quoted(s string) bool {
	return len(s) >= 2 && s[0] == s[len(s)-1] && strings.ContainsRune("\"'`", rune(s[0]))
}

var (
	escaped = regexp.MustCompile(`&amp;|&lt;|&gt;|&quot;|&#|\\u00|%(?:20|2[3456BFbf]|3[BDbd])`)
	// Shells, Kubernetes and Compose, Windows, Helm and Ansible, documentation; then PowerShell, code, Octopus and Azure
	// pipelines, tags of YAML and functions of CloudFormation, a variable's bare name, what stands for a hidden value.
	unfilled = regexp.MustCompile(`^(?:\$\{.*\}|\$\(.*\)|\$[A-Z_][A-Z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%|` +
		`\{\{.*\}\}|<.*>|\[.*\]|__.*__|` +
		`\$[a-z]+(?:_[a-z0-9]+)+|\$\{?env:[A-Za-z_][A-Za-z0-9_]*\}?|(?:process\.)?env\.[A-Za-z_][A-Za-z0-9_]*|` +
		`os\.(?:environ|getenv|Getenv)[\[(].*|#\{.*\}#?|@@?[A-Z][A-Z0-9_]*@@?|@Microsoft\.KeyVault\(.*\)|` +
		`!(?:Ref|Sub|GetAtt|ImportValue|Join|secret|env_var)(?: .*)?|\{\s*"(?:Ref|Fn::[A-Za-z]+)".*\}|` +
		`[A-Z][A-Z0-9_]*_(?:SECRET|KEY|TOKEN|PASSWORD)|\(?sensitive value\)?|[•●]+)$`)
	// sops, Jasypt, Spring, Ansible, the transit engine of Vault.
	encrypted = regexp.MustCompile(`^(?s:ENC\[AES256_GCM,.*\]|ENC\(.*\)|\{cipher\}.*|\$ANSIBLE_VAULT;.*|!vault .*|vault:v[0-9]+:.*)$`)
	// Files, URLs of stores, AWS, Google; then stores as their injectors name them.
	path = regexp.MustCompile(`^(?:(?:\.{1,2}|~)?/(?:[a-z0-9._-]+/)+[a-zA-Z0-9._-]+|[A-Za-z]:\\.*|` +
		`[a-z0-9+]+://.*|arn:aws[a-z-]*:.*|file:.*|projects/.*/secrets/.*|` +
		`vault:[a-zA-Z0-9_-]+/[^#]+#.+|(?:aws|gcp|azure)?-?(?:ssm|sm|secrets?-?manager|key-?vault|doppler|infisical):/*[A-Za-z0-9_./-]+)$`)
)

// placeholders are words that stand in samples, without case, blanks and dashes.
var placeholders = map[string]bool{
	"changeme": true, "changethis": true, "replaceme": true, "replacethis": true, "todo": true, "fixme": true, "tbd": true,
	"secret": true, "mysecret": true, "yoursecret": true, "yoursecrethere": true, "yourwebhooksecret": true, "webhooksecret": true,
	"youraccesssecret": true, "accesssecret": true, "password": true, "placeholder": true, "example": true, "dummy": true,
	"test": true, "testsecret": true, "null": true, "none": true, "nil": true, "undefined": true, "true": true, "false": true,
	"whsec": true, "insertsecrethere": true, "secrethere": true, "nan": true, "redacted": true, "hidden": true, "masked": true,
}

// IsPlaceholder reports whether s is what nothing has replaced: a template, or a word of a sample.
func IsPlaceholder(s string) bool {
	word := strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(s))
	return isText(s) && (unfilled.MatchString(s) || encrypted.MatchString(s) || placeholders[word] ||
		len(word) >= 3 && strings.Trim(word, "x*") == "")
}

// IsPath reports whether s names a file or an entry of a secret store.
func IsPath(s string) bool { return isText(s) && path.MatchString(s) }
