package truhook

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
)

// What a trusted proxy's header may cost to read: more is [HeaderTooLong].
const (
	maxForwardedBytes = 8 << 10
	maxForwardedHops  = 64
)

// ClientAddrIn returns a [Check] that the client's address lies in one of the allowed prefixes, for a service behind
// proxies that append to X-Forwarded-For. trusted are the proxies' addresses, and the service must be reachable through
// them only: a delivery whose direct peer is none of them is [UntrustedProxy].
//
// The client is the right-most address that is not a trusted proxy, over all lines of the header in their order and the
// direct peer after them; if every one is trusted, it is the left-most. What lies further left is the client's own claim
// and is not read. An entry on the way that is not an address (a host name, "unknown", one with a zone), and a client
// outside allowed, is [SourceNotAllowed]; ports are ignored, and an IPv4-mapped IPv6 address counts as the IPv4 address
// that it is. More than 8 KiB or 64 entries is [HeaderTooLong]. Nothing but X-Forwarded-For is read, neither Forwarded nor
// X-Real-IP: most proxies pass on what the client wrote there.
//
// The direct peer is RemoteAddr, so no middleware in front may overwrite that from a header, as chi's RealIP does.
// Where a load balancer speaks the PROXY protocol, your listener puts the client into RemoteAddr; use [RemoteAddrIn].
//
// ClientAddrIn panics if there is no trusted or no allowed prefix, or an invalid one.
func ClientAddrIn(trusted []netip.Prefix, allowed ...netip.Prefix) Check {
	return clientAddrIn("ClientAddrIn", "X-Forwarded-For", splitForwardedFor, trusted, allowed)
}

// ClientAddrInForwarded is [ClientAddrIn] for proxies that write the Forwarded header of RFC 7239, and reads that header
// only. Use it only if the outermost trusted proxy is known to remove or append to Forwarded: nginx, Apache, HAProxy,
// Caddy and Traefik pass a client's own Forwarded on unless told otherwise.
//
// A header that breaks the grammar of RFC 7239, and an element on the way without an address in "for" ("unknown", an
// obfuscated name, an IPv6 address without brackets), is [SourceNotAllowed].
func ClientAddrInForwarded(trusted []netip.Prefix, allowed ...netip.Prefix) Check {
	return clientAddrIn("ClientAddrInForwarded", "Forwarded", splitForwarded, trusted, allowed)
}

func clientAddrIn(
	caller, header string, split func(line string, hops []netip.Addr) ([]netip.Addr, error),
	trusted, allowed []netip.Prefix,
) Check {
	proxies, clients := normalize(caller, trusted), normalize(caller, allowed)
	return func(_ context.Context, d *Delivery) error {
		peer, err := netip.ParseAddrPort(d.RemoteAddr)
		if err != nil || !proxies.contain(peer.Addr()) {
			return &Error{Reason: UntrustedProxy, Err: errors.New("the direct peer is not a trusted proxy")}
		}
		hops, err := forwardedHops(d.Header, header, split)
		if err != nil {
			return err
		}
		client := peer.Addr()
		for i := len(hops) - 1; i >= 0 && proxies.contain(client); i-- {
			// The zero Addr stands for what is no address, and lies in no prefix.
			client = hops[i]
		}
		if !client.IsValid() || !clients.contain(client) {
			return &Error{Reason: SourceNotAllowed, Err: errors.New("client by " + header)}
		}
		return nil
	}
}

// forwardedHops returns the addresses of all lines in their order; an entry that is not an address is the zero Addr.
func forwardedHops(
	h http.Header, name string, split func(line string, hops []netip.Addr) ([]netip.Addr, error),
) (hops []netip.Addr, err error) {
	tooLong := &Error{Reason: HeaderTooLong, Err: errors.New("header " + name)}
	size := 0
	for _, line := range h[name] {
		if size += len(line); size > maxForwardedBytes {
			return nil, tooLong
		}
		if hops, err = split(line, hops); err != nil {
			return nil, &Error{Reason: SourceNotAllowed, Err: err}
		}
		if len(hops) > maxForwardedHops {
			return nil, tooLong
		}
	}
	return hops, nil
}

func splitForwardedFor(line string, hops []netip.Addr) ([]netip.Addr, error) {
	for entry := range strings.SplitSeq(line, ",") {
		hops = append(hops, hop(strings.Trim(entry, " \t"), false))
	}
	return hops, nil
}

// hop reads an address with or without a port. Anything else, and one with a zone, is the zero Addr.
func hop(text string, bracketsRequired bool) netip.Addr {
	if inner, found := strings.CutPrefix(text, "["); found {
		inner, port, closed := strings.Cut(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || addr.Zone() != "" || port != "" && !isPort(port) {
			return netip.Addr{}
		}
		return addr.Unmap()
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" || addr.Is6() && bracketsRequired {
			return netip.Addr{}
		}
		return addr.Unmap()
	}
	host, _, _ := strings.Cut(text, ":")
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() || !isPort(text[len(host):]) {
		return netip.Addr{}
	}
	return addr
}

// isPort reports whether text is a colon and a port number.
func isPort(text string) bool {
	if len(text) < 2 || len(text) > 6 || text[0] != ':' {
		return false
	}
	return !strings.ContainsFunc(text[1:], func(r rune) bool { return r < '0' || r > '9' })
}
