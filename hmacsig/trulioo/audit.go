package trulioo

import (
	"context"
	"fmt"
	"time"

	"github.com/truhook/truhook"
)

// maxSkew is how far two clocks may differ before it is worth a word; a Date header has whole seconds.
const maxSkew = 30 * time.Second

// Audit implements [truhook.Auditor]. It fetches if nothing has been fetched yet, looks at the credentials, and
// compares the clock with the Date of the last response.
func (s *CredentialSource) Audit(ctx context.Context) []truhook.Finding {
	if s == nil {
		return nil
	}
	findings := s.cache.Audit(ctx)
	if s.clock == nil {
		return findings
	}
	ahead := time.Duration(s.clock.ahead.Load()).Round(time.Second)
	if ahead > maxSkew || ahead < -maxSkew {
		direction := "behind"
		if ahead < 0 {
			direction, ahead = "ahead of", -ahead
		}
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "clock-skew", Subject: "trulioo",
			Problem: fmt.Sprintf("The clock is %v %s that of the credentials endpoint.", ahead, direction),
			Remedy:  "Correct the clock (NTP): credentials are valid by it, and tokens of other providers live for seconds.",
		})
	}
	return findings
}
