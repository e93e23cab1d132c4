package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// judge says what a peer makes of the certificate.
func judge(peer mtls.Peer, c *x509.Certificate) {
	v, err := mtls.New(mtls.FromTLS(), peer, mtls.Config{})
	if err != nil {
		log.Fatal(err)
	}
	verified, err := v.Verify(context.Background(), &truhook.Delivery{
		TLS: &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{c}},
	})
	if err != nil {
		fmt.Println(truhook.ReasonOf(err))
		return
	}
	fmt.Println("from", verified.Proofs[0].KeyID)
}

// A chain to a root, and the whole subject, exactly.
func ExampleSubjects() {
	certificate, roots := sender()
	judge(mtls.Subjects(roots, `CN=webhooks,O=Acme\, Inc.`), certificate)
	judge(mtls.Subjects(roots, `CN=webhooks`), certificate)
	// Output:
	// from CN=webhooks,O=Acme\, Inc.
	// wrong-subject-name
}

// A chain to a root, and a name in the certificate: for one that you issued.
func ExampleDNSNames() {
	certificate, roots := sender()
	judge(mtls.DNSNames(roots, "webhooks.acme.example"), certificate)
	_, strangers := sender()
	judge(mtls.DNSNames(strangers, "webhooks.acme.example"), certificate)
	// Output:
	// from webhooks.acme.example
	// untrusted-certificate
}

// One key, whoever issued the certificate. Pin the next one before it changes.
func ExamplePinned() {
	certificate, _ := sender()
	next, _ := sender()
	pins := mtls.Pinned(mtls.Pin(certificate), mtls.Pin(next))
	for _, c := range []*x509.Certificate{certificate, next} {
		v, err := mtls.New(mtls.FromTLS(), pins, mtls.Config{})
		if err != nil {
			log.Fatal(err)
		}
		_, err = v.Verify(context.Background(), &truhook.Delivery{
			TLS: &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{c}},
		})
		fmt.Println(err)
	}
	stranger, _ := sender()
	judge(pins, stranger)
	// Output:
	// <nil>
	// <nil>
	// untrusted-certificate
}

// The subject of a certificate in the form that Subjects takes.
func ExampleSubjectOf() {
	certificate, _ := sender()
	subject, err := mtls.SubjectOf(certificate)
	fmt.Println(subject, err)
	// Output: CN=webhooks,O=Acme\, Inc. <nil>
}
