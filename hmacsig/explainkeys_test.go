package hmacsig_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// What a variable or a file makes of a secret is told, and the proven cause alone: no key is called a placeholder then.
func TestExplain_WhatStandsAroundASecretIsTold(t *testing.T) {
	t.Parallel()
	d := delivery(body, "X-Webhook-Sign", "v1="+hexOf(testSecret, body))
	for _, configured := range []string{
		testSecret + "," + wrongSecret, wrongSecret + ", " + testSecret, wrongSecret + "\n" + testSecret, `["` + testSecret + `"]`,
		"<" + testSecret + ">", testSecret + testSecret, `"` + testSecret, testSecret + "';",
	} {
		v := verifier(t, truv.Scheme(), testKey(t, "current", configured))
		e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
		require.Len(t, e.Findings, 1, "%q: %+v", configured, e)
		assert.Equal(t, "key-encoding", e.Findings[0].Name)
		assert.True(t, e.Findings[0].Proven)
		assert.NotContains(t, e.Findings[0].String()+e.Findings[0].Remedy, testSecret[8:])
	}
	// Nothing is split where the secret is right as it stands.
	whole := testSecret + "," + wrongSecret
	v := verifier(t, truv.Scheme(), testKey(t, "current", whole))
	e := truhook.Explain(t.Context(), v, delivery(body, "X-Webhook-Sign", "v1="+hexOf(whole, body)), truhook.ExplainConfig{})
	assert.Equal(t, []truhook.Proof{{Scheme: "truv", KeyID: "current"}}, e.Proofs)
}
