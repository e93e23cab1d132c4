package transunion

import (
	"context"

	"github.com/truhook/truhook"
)

var _ truhook.Auditor = (*Verifier)(nil)

// Audit implements [truhook.Auditor]. It looks at the platform's keys as jose.Verifier.Audit does. It does not look
// at your private keys; give them to jose.AuditPrivateKeys, or audit the jose.FilePrivateKeys that they come from.
func (v *Verifier) Audit(ctx context.Context) []truhook.Finding {
	if v == nil {
		v = &Verifier{}
	}
	return v.tokenVerifier.Audit(ctx) // which says so if it is nil
}

// Audit implements [truhook.Auditor].
func (p *PlatformKeys) Audit(ctx context.Context) []truhook.Finding { return p.cached().Audit(ctx) }
