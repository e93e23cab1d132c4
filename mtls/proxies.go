package mtls

import "net/netip"

// FromNginx returns the source for nginx 1.13.5 or later with these lines, trusted being nginx's own addresses:
//
//	ssl_verify_client optional;  # or on
//	ssl_verify_depth 2;
//	proxy_http_version 1.1;
//	proxy_set_header Connection                "";
//	proxy_set_header X-SSL-Client-Verify       $ssl_client_verify;
//	proxy_set_header X-SSL-Client-Escaped-Cert $ssl_client_escaped_cert;
//
// nginx forwards no intermediates: give them as Config.Intermediates. Over HTTP/1.0, nginx's default before 1.30, a
// refusal that comes before the body was read can reach the sender as 502.
func FromNginx(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{
		Certificate: "X-SSL-Client-Escaped-Cert", Encoding: EscapedPEM, single: true,
		Verified: map[string]string{"X-SSL-Client-Verify": "SUCCESS"},
	})
}

// FromApache returns the source for Apache's mod_ssl and mod_headers with these lines:
//
//	SSLVerifyClient optional  # or require
//	SSLVerifyDepth  2
//	SSLOptions +StdEnvVars +ExportCertData
//	RequestHeader set X-SSL-Client-Verify  "%{SSL_CLIENT_VERIFY}s"
//	RequestHeader set X-SSL-Client-Cert    "%{SSL_CLIENT_CERT}s"
//	RequestHeader set X-SSL-Client-Chain-0 "%{SSL_CLIENT_CERT_CHAIN_0}s"
//
// The chain is absent on a resumed session: give intermediates as Config.Intermediates.
func FromApache(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{
		Certificate: "X-SSL-Client-Cert", Encoding: PEM, Chain: "X-SSL-Client-Chain-0", single: true,
		Verified: map[string]string{"X-SSL-Client-Verify": "SUCCESS"},
	})
}

// FromHAProxy returns the source for HAProxy with these lines:
//
//	global
//	    tune.bufsize    65536
//	    tune.maxrewrite 32768
//	bind :443 ssl crt server.pem ca-file roots.pem verify optional  # or required
//	http-request set-header X-SSL-Client-Used      %[ssl_c_used]
//	http-request set-header X-SSL-Client-Verify    %[ssl_c_verify]
//	http-request set-header X-SSL-Client-DER       %[ssl_c_der,base64]
//	http-request set-header X-SSL-Client-Chain-DER %[ssl_c_chain_der,base64]
//
// Certificates do not fit into the default tune.maxrewrite of 1024: HAProxy answers 500 itself then. ssl_c_verify alone
// is 0 without a certificate too, so ssl_c_used is required. The chain is absent on a resumed session: give
// intermediates as Config.Intermediates.
func FromHAProxy(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{
		Certificate: "X-SSL-Client-DER", Encoding: DER, Chain: "X-SSL-Client-Chain-DER", single: true,
		Verified: map[string]string{"X-SSL-Client-Used": "1", "X-SSL-Client-Verify": "0"},
	})
}

// FromEnvoy returns the source for Envoy's x-forwarded-client-cert, written by the http_connection_manager with
//
//	forward_client_cert_details: SANITIZE_SET
//	set_current_client_cert_details: {cert: true, chain: true}
//
// Every other mode but SANITIZE lets through what the client wrote. Envoy's JSON form is refused. The
// grammar is that of Envoy's documentation and source; no recorded bytes were available.
func FromEnvoy(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "X-Forwarded-Client-Cert", Encoding: XFCC})
}

// FromTraefik returns the source for Traefik's middleware passTLSClientCert with pem: true. Without a certificate the
// middleware leaves the client's own header in place, and only the entry point removes it, from peers outside its
// forwardedHeaders.trustedIPs: list there no peer that sends you webhooks. The header with the subject as text is not
// read, as it is not escaped.
func FromTraefik(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "X-Forwarded-Tls-Client-Cert", Encoding: DER})
}

// FromCaddy returns the source for Caddy with a client_auth block and, inside reverse_proxy, the line
//
//	header_up X-SSL-Client-DER {http.request.tls.client.certificate_der_base64}
//
// Caddy forwards no intermediates: give them as Config.Intermediates.
func FromCaddy(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "X-SSL-Client-DER", Encoding: DER, single: true})
}

// FromALB returns the source for an AWS Application Load Balancer that verifies client certificates ("verify" mode):
// the header X-Amzn-Mtls-Clientcert-Leaf. It holds the client's certificate alone: give intermediates as
// Config.Intermediates. If you had the load balancer rename the header, use [FromHeader] with EscapedPEM. The form is
// that of AWS's documentation; no recorded bytes were available.
func FromALB(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "X-Amzn-Mtls-Clientcert-Leaf", Encoding: EscapedPEM, single: true})
}

// FromALBPassthrough returns the source for an AWS Application Load Balancer in "passthrough" mode, which forwards the
// whole chain unverified in X-Amzn-Mtls-Clientcert. The Verifier verifies it, as it does in every case. The form is
// that of AWS's documentation; no recorded bytes were available.
func FromALBPassthrough(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "X-Amzn-Mtls-Clientcert", Encoding: EscapedPEM})
}

// FromCloudflare returns the source for Cloudflare with request header rules ("Forward a client certificate") that set,
// on every request,
//
//	Client-Cert            cf.tls_client_auth.cert_rfc9440
//	Client-Cert-Chain      cf.tls_client_auth.cert_chain_rfc9440
//	X-Client-Cert-Verified to_string(cf.tls_client_auth.cert_verified)
//	X-Client-Cert-Revoked  to_string(cf.tls_client_auth.cert_revoked)
//
// trusted are Cloudflare's published addresses, or those of your tunnel. The published ones serve every customer of
// Cloudflare, so have the connection to you authenticated too (Authenticated Origin Pulls with your own certificate).
func FromCloudflare(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{
		Certificate: "Client-Cert", Encoding: RFC9440, Chain: "Client-Cert-Chain",
		Verified: map[string]string{"X-Client-Cert-Verified": "true", "X-Client-Cert-Revoked": "false"},
	})
}

// FromClientCert returns the source for a proxy that speaks RFC 9440: Client-Cert, and Client-Cert-Chain in one line.
// The proxy must remove both headers from every request that it did not write them into (RFC 9440, section 4).
func FromClientCert(trusted ...netip.Prefix) Source {
	return FromHeader(trusted, HeaderForm{Certificate: "Client-Cert", Encoding: RFC9440, Chain: "Client-Cert-Chain"})
}
