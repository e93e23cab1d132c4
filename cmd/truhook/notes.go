package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// maxDefaultBody is what Config.MaxBodyBytes is where nothing was set. A test compares them.
const maxDefaultBody = 1 << 20

// note adds to what the verdict does not say by itself.
func (v *verdict) note(format string, args ...any) {
	v.Notes = append(v.Notes, fmt.Sprintf(format, args...))
}

// noteJudged says what was taken for granted where the verdict came about.
func (v *verdict) noteJudged(k *keyring, p provider, id string, d *truhook.Delivery) {
	if len(d.Body) > maxDefaultBody {
		v.note("the body has %d bytes: a receiver with the default Config.MaxBodyBytes of 1 MiB answers 413", len(d.Body))
	}
	if d.Received.IsZero() && p.windowed() {
		v.note("the signed time was not held to the window of %s, as no time of receipt is known: give it with -now", p.scheme.Tolerance)
	}
	held := k.names(p.name)
	if !v.Verified || id != "" || len(held) < 2 || len(v.Proofs) == 0 {
		return
	}
	v.KeyID = v.Proofs[0].KeyID
	fitted := v.KeyID
	if e := k.environment(p, fitted); e != "" && len(k.environments(p)) > 1 {
		fitted += ", of the environment " + e + ","
	}
	v.note("the key %s fitted: the service is taken to hold all %d keys of %s (%s); if it holds one of them, say -provider %s/ID",
		fitted, len(held), p.name, list(held), p.name)
}

// noteExpected says that a file of a recorded or captured delivery speaks of another verdict.
func (v *verdict) noteExpected(expected truhook.Reason) {
	if v.unjudged != nil || v.Reason == expected {
		return
	}
	v.note("this is not the verdict of the file, whose expect: line says %s (the exit status is that of this verdict)",
		firstOf(string(expected), "accepted"))
	if status := expected.Status(); expected != "" && status != http.StatusUnauthorized {
		v.note("what refused it with %d %s stood around the signature (addresses, certificates, limits, the source of the "+
			"keys); here the signature is judged", status, http.StatusText(status))
	}
}

// windowed reports whether p signs a time that a receiver holds to a window.
func (p provider) windowed() bool { return p.scheme.Timestamp != "" && p.scheme.Tolerance > 0 }

// names returns the ids of the keys of a provider in the secrets file.
func (k *keyring) names(provider string) []string {
	var ids []string
	for _, s := range k.secrets {
		if s.provider == provider {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// environment returns the environment of a key by the prefix of its secret, where the provider documents prefixes.
func (k *keyring) environment(p provider, id string) string {
	for _, s := range k.secrets {
		if s.provider != p.name || s.id != id {
			continue
		}
		for prefix := range strings.FieldsSeq(p.scheme.KeyText.Kept) {
			if strings.HasPrefix(s.value, prefix) {
				return strings.Trim(prefix, "-_")
			}
		}
	}
	return ""
}

// environments returns those of all keys of p, each once.
func (k *keyring) environments(p provider) []string {
	var all []string
	for _, id := range k.names(p.name) {
		if e := k.environment(p, id); e != "" && !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// noKey says which key is missing, and by name which are there.
func (k *keyring) noKey(p provider, id string) error {
	var there []string
	for _, s := range k.secrets {
		if s.provider == p.name || known(s.provider) {
			there = append(there, s.provider+"/"+s.id)
		}
	}
	ours, source := k.names(p.name), firstOf(k.source, "the secrets file")
	switch {
	case len(k.secrets) == 0 && k.source != "":
		return fmt.Errorf("%w for %s: %s has no key at all; add a line %s/ID=value", errNoKey, p.name, source, p.name)
	case len(k.secrets) == 0:
		return fmt.Errorf("%w for %s: give -secrets FILE with a line %s/ID=value, or set TRUHOOK_SECRET", errNoKey, p.name, p.name)
	case id != "" && len(ours) > 0:
		return fmt.Errorf("%w %s/%s: %s has %s", errNoKey, p.name, id, source, list(prefixed(p.name+"/", ours)))
	case len(there) > 0:
		return fmt.Errorf("%w for %s: %s has %s; add a line %s/ID=value", errNoKey, p.name, source, list(there), p.name)
	}
	return fmt.Errorf("%w for %s: %s has none; add a line %s/ID=value", errNoKey, p.name, source, p.name)
}

// known reports whether there is such a provider. What is none is not printed: it could be a piece of a secret.
func known(name string) bool {
	_, err := findProvider(name)
	return err == nil
}

func prefixed(prefix string, names []string) []string {
	out := make([]string, 0, len(names))
	for _, name := range names {
		out = append(out, prefix+name)
	}
	return out
}

// list prints the first names of many.
func list(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// counted returns a number of things, in the singular where it is one.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
