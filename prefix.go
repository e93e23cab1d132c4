package truhook

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ParsePrefixes reads addresses and prefixes from a configuration, for [RemoteAddrIn], [ClientAddrIn] and the sources of
// package mtls. A bare address is one address: "192.0.2.1" is 192.0.2.1/32 and "2001:db8::1" is 2001:db8::1/128. Blanks
// around a text are ignored. No text at all, one that is empty, an address with a zone, and a prefix with bits beyond its
// length, such as 192.0.2.1/24, are errors: one of the two numbers is a mistake.
func ParsePrefixes(texts ...string) ([]netip.Prefix, error) {
	if len(texts) == 0 {
		return nil, errors.New("truhook: no address or prefix is given")
	}
	prefixes := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		p, err := parsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("truhook: %q is not an address or a prefix", text)
		}
		if p != p.Masked() {
			return nil, fmt.Errorf("truhook: %q has bits beyond its length; %s would be the prefix", text, p.Masked())
		}
		prefixes = append(prefixes, p)
	}
	return prefixes, nil
}

var errZone = errors.New("a zone")

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	if addr.Zone() != "" { // which Prefix would drop
		return netip.Prefix{}, errZone
	}
	return addr.Prefix(addr.BitLen())
}
