package truhook_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// Of every Reason it is decided whether a search without a result needs advice. Advice about keys is for the one Reason
// that has to do with keys and does not say by itself what is wrong.
func TestExplain_AdviceOfEveryReason(t *testing.T) {
	t.Parallel()
	const none, key, body, again = "", "Compare the key", "The token is right", "Verify it again"
	table := map[truhook.Reason]string{
		truhook.SignatureMismatch: key, truhook.BodyHashMismatch: body, "": again,

		truhook.MissingSignature: none, truhook.MalformedSignature: none, truhook.DuplicateHeader: none, truhook.HeaderTooLong: none,
		truhook.UnknownKey: none, truhook.KeyExpired: none, truhook.KeyNotYetValid: none,
		truhook.MissingTimestamp: none, truhook.MalformedTimestamp: none, truhook.MissingMessageID: none, truhook.MalformedMessageID: none,
		truhook.MissingToken: none, truhook.MalformedToken: none, truhook.AlgorithmNotAllowed: none, truhook.MissingKeyID: none,
		truhook.Expired: none, truhook.NotYetValid: none, truhook.MissingClaim: none, truhook.MalformedClaim: none,
		truhook.MissingRequestClaim: none, truhook.MissingBodyHash: none, truhook.WrongIssuer: none, truhook.WrongAudience: none,
		truhook.WrongSubject: none, truhook.WrongMethod: none, truhook.WrongPath: none, truhook.DecryptFailed: none,
		truhook.MalformedPayload: none, truhook.Refused: none,

		truhook.NoClientCertificate: none, truhook.MalformedCertificate: none, truhook.UntrustedCertificate: none,
		truhook.CertificateExpired: none, truhook.CertificateNotYetValid: none, truhook.WrongCertificateUsage: none,
		truhook.ChainTooLong: none, truhook.WrongSubjectName: none, truhook.UntrustedProxy: none, truhook.SourceNotAllowed: none,
		truhook.CheckFailed: none, truhook.BodyTooLarge: none,

		truhook.BodyIncomplete: none, truhook.BodyTimedOut: none, truhook.Overloaded: none, truhook.Canceled: none, truhook.NoKey: none,
		truhook.KeysUnavailable: none, truhook.KeysStale: none, truhook.UnknownDecryptionKey: none, truhook.NotVerified: none,
		truhook.BodyReplaced: none, truhook.Internal: none,
	}
	for _, r := range append(allReasons(t), "") {
		want, decided := table[r]
		require.True(t, decided, "of %q nothing is decided", r)
		for name, findings := range map[string][]truhook.Finding{"nothing": nil, "a note": {{Severity: truhook.SeverityNote, Name: "body-reserialized"}}} {
			v := explaining{t, func(context.Context, truhook.ExplainQuery) truhook.Explanation {
				return truhook.Explanation{Reason: r, Findings: findings, Tried: 9, Complete: true}
			}}
			e := truhook.Explain(t.Context(), v, nil, truhook.ExplainConfig{})
			if want == none {
				assert.Equal(t, names(findings), names(e.Findings), "%s, %s", r, name)
				continue
			}
			require.Len(t, e.Findings, 1+len(findings), "%s, %s", r, name)
			assert.Equal(t, "no-cause-found", e.Findings[0].Name, "it comes first")
			assert.Equal(t, truhook.SeverityNote, e.Findings[0].Severity)
			assert.Contains(t, e.Findings[0].Remedy, want, r)
		}
	}
}

// What was tried without success is named once, and never beside a finding of the same name.
func TestExplain_RuledOutContradictsNoFinding(t *testing.T) {
	t.Parallel()
	says := func(f string, ruledOut ...string) truhook.Verifier {
		return explaining{t, func(context.Context, truhook.ExplainQuery) truhook.Explanation {
			return truhook.Explanation{Reason: truhook.SignatureMismatch, Tried: 1, RuledOut: ruledOut, Findings: []truhook.Finding{{Name: f}}}
		}}
	}
	v := truhook.AnyOf(says("key-quoted", "key-encoding"), says("url-mismatch", "key-quoted", "key-encoding", "signature-form"))
	e := truhook.Explain(t.Context(), v, nil, truhook.ExplainConfig{})
	assert.Equal(t, []string{"key-quoted", "url-mismatch"}, names(e.Findings))
	assert.Equal(t, []string{"key-encoding", "signature-form"}, e.RuledOut)
}
