package catalog

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// New returns a verifier of the deliveries of the provider with this name, signed under any of the secrets, each
// written as the provider shows it. Give the current one first, and those that are being rotated out behind it: their
// key ids are "current", "previous-1" and so on. Where the provider signs with a key pair, its public keys take the
// place of secrets. For a row that signs its own URL, and for a clock, see [Provider.New].
//
// A name that is not in the catalog, no secret, an empty secret and one that is not of the provider's form are
// errors, none of which holds a secret. The verifier is safe for concurrent use.
func New(name string, secrets ...string) (truhook.Verifier, error) {
	p, ok := Lookup(name)
	if !ok {
		for _, secret := range secrets {
			if _, swapped := Lookup(secret); swapped {
				return nil, fmt.Errorf("catalog: the name comes first: New(%q, secret)", secret)
			}
		}
		return nil, unknown(name)
	}
	return p.New(Config{}, secrets...)
}

// Lookup returns the row with this name or alias, and whether there is one. What it returns is the caller's own.
func Lookup(name string) (Provider, bool) { return row(name) }

// All returns the rows in the order of their names, without aliases.
func All() iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		for _, name := range names() {
			if p, ok := row(name); ok && !yield(p) {
				return
			}
		}
	}
}

// own names the package of a provider that has one.
func own(name string) string {
	switch name {
	case "truv", "trulioo", "truval":
		return "hmacsig/" + name
	case "transunion":
		return "jose/transunion"
	}
	return ""
}

func unknown(name string) error {
	folded := strings.ToLower(strings.NewReplacer("-", "_", " ", "_", ".", "_").Replace(name))
	if path := own(folded); path != "" {
		return fmt.Errorf("catalog: %s has a package of its own: github.com/truhook/truhook/%s", folded, path)
	}
	if name == "" {
		return errors.New("catalog: the name is empty: Lookup and All tell the names")
	}
	near := strings.Join(nearest(folded, 3), ", ")
	if !printable(folded) { // it may be a secret that was given in the place of the name
		return fmt.Errorf("catalog: no provider is named like that; the nearest names are %s", near)
	}
	return fmt.Errorf("catalog: no provider is named %q; the nearest names are %s", name, near)
}

// printable reports whether name has the looks of one: short, of letters and underscores, with a digit or two.
func printable(name string) bool {
	letters := strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == ""
	digits := len(name) - len(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, name))
	return letters && digits <= 2 && len(name) <= 24
}

// nearest returns the n names that are most like name.
func nearest(name string, n int) []string {
	if len(name) > 64 {
		name = name[:64]
	}
	all := names()
	slices.SortStableFunc(all, func(a, b string) int { return distance(name, a) - distance(name, b) })
	return all[:n]
}

// distance is that of Levenshtein, less what a common beginning says.
func distance(a, b string) int {
	costs := make([]int, len(b)+1)
	for i := range costs {
		costs[i] = 2 * i
	}
	for i := range len(a) {
		diagonal := costs[0]
		costs[0] += 2
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change += 2
			}
			diagonal = costs[j+1]
			costs[j+1] = min(change, costs[j]+2, diagonal+2)
		}
	}
	common := 0
	for common < min(len(a), len(b)) && a[common] == b[common] {
		common++
	}
	return costs[len(b)] - common
}
