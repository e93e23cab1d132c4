package transunion

// The subjects of the client certificates that TransUnion's webhooks may come with, in the form of RFC 4514, as text
// for mtls.Subjects and mtls.ParseSubject ("Webhooks", section "Mutual TLS"). The guide names DigiCert High Assurance
// EV Root CA as their root; many systems have stopped trusting it, so give it to mtls.Subjects as a pool of your own.
const (
	ProductionSubject = `CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US`
	CISubject         = `CN=ci-webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US`
)
