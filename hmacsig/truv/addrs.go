package truv

import "net/netip"

// WebhookAddrs returns the addresses from which Truv sends webhooks, sandbox and production alike, for
// truhook.RemoteAddrIn and truhook.ClientAddrIn ("Webhook Security", section "Originating IP addresses"). The list is
// Truv's to change, so it may tighten the signature check but not stand in for it. The slice is the caller's.
func WebhookAddrs() []netip.Prefix {
	var all []netip.Prefix
	for _, a := range addrs("34.212.57.93", "44.224.243.166", "52.25.14.79") {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// MTLSAPIDestinations returns the addresses of api-mtls.truv.com, which your service calls: a firewall has to let you
// out to them ("mTLS", section "Configure your firewall"). No webhook comes from them. They are no prefixes, so that
// the compiler rejects them where the sources of webhooks belong. The slice is the caller's.
func MTLSAPIDestinations() []netip.Addr {
	return addrs("35.167.32.174", "35.165.53.192", "54.71.147.242")
}

// SandboxMTLSAPIDestinations returns the addresses of api-sandbox-mtls.truv.com. See [MTLSAPIDestinations].
func SandboxMTLSAPIDestinations() []netip.Addr {
	return addrs("44.235.37.104", "35.83.220.165", "52.38.209.190")
}

func addrs(texts ...string) []netip.Addr {
	all := make([]netip.Addr, 0, len(texts))
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}
