package truhook

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// RemoteAddrIn returns a [HeadCheck] that the direct peer's address lies in one of the allowed prefixes, for a service
// that its senders reach without a proxy in between.
//
// The address is Delivery.RemoteAddr, with a port or without one. An IPv4-mapped IPv6 address counts as the IPv4
// address that it is, on both sides. A host name, a prefix, an address with a zone and no address at all are
// [SourceNotAllowed], like every address outside allowed, and like every address before the TLS handshake is complete
// (early data of HTTP/3). A peer on a Unix socket has no address; see Config.UnixPeer.
// RemoteAddrIn panics if there is no prefix or an invalid one.
func RemoteAddrIn(allowed ...netip.Prefix) Check {
	prefixes := normalize("RemoteAddrIn", allowed)
	c := headOnly("RemoteAddrIn", func(d *Delivery) error {
		peer, err := directPeer(d)
		if err == nil && !prefixes.contain(peer) {
			err = errNotListed
		}
		if err != nil {
			return &Error{Reason: SourceNotAllowed, Err: err}
		}
		return nil
	})
	c.allowed = prefixes
	return c
}

var (
	errNotListed  = errors.New("the address of the direct peer is not on the list")
	errNoAddress  = errors.New("the delivery has no address of its direct peer: the host has to set RemoteAddr")
	errBadAddress = errors.New("RemoteAddr is not an address with or without a port")
	errEarly      = errors.New("the TLS handshake is not complete: in early data the address of the peer is not proven")
	errUnixPeer   = errors.New("the direct peer is on a Unix socket: Config.UnixPeer is the address as which it counts")
)

// directPeer returns the address of the direct peer of d. In the early data of HTTP/3 it is whatever the sender wrote.
func directPeer(d *Delivery) (netip.Addr, error) {
	if d.TLS != nil && !d.TLS.HandshakeComplete {
		return netip.Addr{}, errEarly
	}
	return peerAddr(d.RemoteAddr)
}

// peerAddr reads the address of the direct peer, with or without a port.
func peerAddr(remote string) (netip.Addr, error) {
	if peer, err := netip.ParseAddrPort(remote); err == nil {
		return withoutZone(peer.Addr())
	}
	text := remote
	if inner, found := strings.CutPrefix(text, "["); found {
		if inner, found = strings.CutSuffix(inner, "]"); found && strings.Contains(inner, ":") {
			text = inner
		}
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return withoutZone(addr)
	}
	switch {
	case remote == "":
		return netip.Addr{}, errNoAddress
	case isUnixAddr(remote):
		return netip.Addr{}, errUnixPeer
	}
	return netip.Addr{}, errBadAddress
}

func withoutZone(addr netip.Addr) (netip.Addr, error) {
	if addr.Zone() != "" {
		return netip.Addr{}, errBadAddress
	}
	return addr.Unmap(), nil
}

// isUnixAddr reports whether remote is the address of a Unix socket as package net writes it: a path, or "@" and an
// abstract name, which is empty for a peer that did not bind.
func isUnixAddr(remote string) bool {
	return strings.HasPrefix(remote, "@") || strings.HasPrefix(remote, "/")
}

// ClientAddrIn returns a [Check] that the client's address lies in one of the allowed prefixes, for a service behind
// proxies that append to X-Forwarded-For. trusted are the proxies' addresses, and the service must be reachable through
// them only: a delivery whose direct peer is none of them is [UntrustedProxy].
//
// The client is the right-most address that is not a trusted proxy, over all lines of the header in their order and the
// direct peer after them; if every one is trusted, it is the left-most. What lies further left is the client's own
// claim and is not read. An entry on the way that is not an address (a host name, "unknown", one with a zone), and a
// client outside allowed, is [SourceNotAllowed]; ports are ignored, and an IPv4-mapped IPv6 address counts as the IPv4
// address that it is. More than 8 KiB or 64 entries is [HeaderTooLong]. Nothing but X-Forwarded-For is read, neither
// Forwarded nor X-Real-IP: most proxies pass on what the client wrote there.
//
// The direct peer is RemoteAddr, so no middleware in front may overwrite that from a header, as chi's RealIP does.
// Where a load balancer speaks the PROXY protocol, your listener puts the client into RemoteAddr; use [RemoteAddrIn].
//
// ClientAddrIn panics if there is no trusted or no allowed prefix, or an invalid one.
func ClientAddrIn(trusted []netip.Prefix, allowed ...netip.Prefix) Check {
	return clientAddrIn("ClientAddrIn", "X-Forwarded-For", forwardedFor, trusted, allowed)
}

// ClientAddrInForwarded is [ClientAddrIn] for proxies that write the Forwarded header of RFC 7239, and reads that
// header only. Use it only if the outermost trusted proxy is known to remove or append to Forwarded: nginx, Apache,
// HAProxy, Caddy and Traefik pass a client's own Forwarded on unless told otherwise.
//
// A header that breaks the grammar of RFC 7239, and an element on the way without an address in "for" ("unknown", an
// obfuscated name, an IPv6 address without brackets), is [SourceNotAllowed]. So is an empty pair or element, as in
// "for=192.0.2.1;": the grammar allows it, and no proxy is known to write it.
func ClientAddrInForwarded(trusted []netip.Prefix, allowed ...netip.Prefix) Check {
	return clientAddrIn("ClientAddrInForwarded", "Forwarded", forwarded, trusted, allowed)
}

func clientAddrIn(
	caller, header string, read func(lines []string, hops *hops) error, trusted, allowed []netip.Prefix,
) Check {
	proxies, clients := normalize(caller, trusted), normalize(caller, allowed)
	about, outside := errors.New("header "+header), errors.New("the client by "+header+" is not on the list")
	c := headOnly(caller, func(d *Delivery) error {
		peer, err := directPeer(d)
		if err == nil && !proxies.contain(peer) {
			err = errUntrusted
		}
		if err != nil {
			return &Error{Reason: UntrustedProxy, Err: err}
		}
		if d.ambiguous(header) {
			return &Error{Reason: DuplicateHeader, Err: about}
		}
		var way hops
		switch err := read(d.HeaderValues(header), &way); {
		case errors.Is(err, errTooLong):
			return &Error{Reason: HeaderTooLong, Err: about}
		case err != nil:
			return &Error{Reason: SourceNotAllowed, Err: err}
		}
		client := peer
		for i := way.n - 1; i >= 0 && proxies.contain(client); i-- {
			client = way.addr(i)
		}
		if !client.IsValid() || !clients.contain(client) {
			return &Error{Reason: SourceNotAllowed, Err: outside}
		}
		return nil
	})
	c.allowed, c.trusted = clients, proxies
	return c
}

var errUntrusted = errors.New("the direct peer is not a trusted proxy")

type prefixes []netip.Prefix

// normalize returns a copy of given with masked prefixes, in which IPv4-mapped ones are the IPv4 prefixes that they
// are.
func normalize(caller string, given []netip.Prefix) prefixes {
	if len(given) == 0 {
		panic(fmt.Sprintf("truhook: %s: no prefix is given", caller))
	}
	out := make(prefixes, 0, len(given))
	for _, p := range given {
		if !p.IsValid() {
			panic(fmt.Sprintf("truhook: %s: %v is not a prefix", caller, p))
		}
		if addr := p.Addr(); addr.Is4In6() {
			if p.Bits() < 96 {
				panic(fmt.Sprintf("truhook: %s: %v mixes IPv4-mapped and other addresses", caller, p))
			}
			p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func (ps prefixes) contain(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	for _, p := range ps {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// ParsePrefixes reads addresses and prefixes from a configuration, for [RemoteAddrIn], [ClientAddrIn] and the sources
// of package mtls. A bare address is one address: "192.0.2.1" is 192.0.2.1/32 and "2001:db8::1" is 2001:db8::1/128.
// Blanks around a text are ignored. No text at all, one that is empty, an address with a zone, and a prefix with bits
// beyond its length, such as 192.0.2.1/24, are errors: one of the two numbers is a mistake.
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
