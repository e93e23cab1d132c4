package mtls

import (
	"crypto/tls"
	"errors"
)

// TLSConfig returns a copy of base for a server that only the peer of v may reach: it asks for a client certificate,
// refuses in the handshake whom v would refuse, on resumed sessions too, and speaks TLS 1.2 or later. base may be nil;
// a VerifyConnection in it runs first. It is an error if v does not read from [FromTLS], and if base has a
// GetConfigForClient, which would take the place of all this.
//
// The handshake does not take the place of the Verifier in front of the handler, which sees every request of a
// connection that may last for days and leaves the proof. A sender that is refused in the handshake gets a TLS alert
// and no response; the Reason is in the http.Server's ErrorLog only. To answer 403 and observe the refusal instead, or
// to serve other callers on the same port, use &tls.Config{ClientAuth: tls.RequestClientCert} and the Verifier alone.
//
// The client is not told the names of your roots: a client that has one certificate need not choose.
func (v *Verifier) TLSConfig(base *tls.Config) (*tls.Config, error) {
	if v == nil || !v.source.direct {
		return nil, errors.New("mtls: TLSConfig: the verifier does not read from FromTLS")
	}
	cfg := &tls.Config{}
	if base != nil {
		cfg = base.Clone()
	}
	if cfg.GetConfigForClient != nil {
		return nil, errors.New("mtls: TLSConfig: GetConfigForClient would replace the result: call TLSConfig inside it")
	}
	// The chain is ours to judge: crypto/tls has no depth limit and no server usage, and VerifyPeerCertificate is not
	// called on resumption, while VerifyConnection is.
	cfg.ClientAuth = tls.RequireAnyClientCert
	cfg.ClientCAs = nil
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	inner := cfg.VerifyConnection
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		if inner != nil {
			if err := inner(state); err != nil {
				return err
			}
		}
		sent, err := fromConnection(&state)
		if err == nil {
			_, err = v.judge(sent, v.now())
		}
		return err
	}
	return cfg, nil
}
