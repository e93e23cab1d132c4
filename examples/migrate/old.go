package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/truhook/truhook"
)

// handWritten is the check that a service had before. It knows one secret, looks at the first of several headers, and
// takes one letter case.
func handWritten(secret string, body []byte, header string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal([]byte(header), []byte("v1="+hex.EncodeToString(mac.Sum(nil))))
}

// oldCheck makes a Verifier of it, so that it can be asked beside the new one.
func oldCheck(secret string) truhook.Verifier {
	return truhook.VerifierFunc(func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		if !handWritten(secret, d.Body, d.Header.Get("X-Webhook-Sign")) {
			return nil, truhook.Refused
		}
		return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: "hand-written"}}}, nil
	})
}
