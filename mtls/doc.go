// Package mtls verifies a webhook's client certificate, at the socket or behind the proxy that ended TLS.
//
// A [Verifier] is made of a [Source], which says where the certificate comes from, and a [Peer], which says whose it
// must be:
//
//	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(roots, transunion.ProductionSubject), mtls.Config{})
//	v, err := mtls.New(mtls.FromNginx(proxies...), mtls.DNSNames(ourCA, "truv.clients.example.com"), mtls.Config{})
//
// # What it guarantees
//
// A delivery is accepted only if its certificate leads to one of your roots within the allowed depth, every
// certificate on the way is valid at that instant, its usage allows client authentication, and its subject, DNS name
// or key is one that you named. Validity is judged for every delivery, so an expiry counts on long-lived and on resumed
// connections too. Subjects are compared by their DER structure, never as text and never by a part. A proxy's
// header counts only if the direct peer is a proxy that you listed and the header came exactly once.
//
// # What it costs
//
// A [Verifier] remembers its verdict about the last 256 chains that were presented, by a hash of their bytes, for a
// minute and never past the instant at which one of the certificates begins or ends. So a connection pays for its chain
// once, and each further request for a hash. Of a stranger's certificates as many are looked at as a chain may have,
// and no signature is checked before their names and number were found right.
//
// # What it does not guarantee
//
// It vouches for the connection and not for the body: put it next to the provider's signature with truhook.AllOf,
// not in its place. Revocation is not checked. Behind a proxy, that the sender holds the private key is the proxy's
// word alone, so the proxy must set or remove its headers on every request, and nobody else may be able to connect
// from its address; certificates are public, so whoever can write the header can copy one into it.
//
// The headers stay in the request that the handler sees. They arrived from a trusted proxy and agree with what was
// proven, but a handler should read the [Identity] with truhook.Detail instead.
package mtls
