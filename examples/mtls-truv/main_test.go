package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryVerdictIsTheExpectedOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out), out.String())
	assert.Equal(t, 7, strings.Count(out.String(), "as expected"))
	assert.Contains(t, out.String(), "mtls truv.webhook-clients.example.com, truv current")
}

func TestIssueRefusesAForgedAndAWeakRequest(t *testing.T) {
	t.Parallel()
	ca, err := newAuthority(time.Now())
	require.NoError(t, err)
	truv, err := newSender("truv.example")
	require.NoError(t, err)
	request, err := truv.signingRequest()
	require.NoError(t, err)
	request[len(request)-1] ^= 1
	_, err = ca.issue(request, truvName, time.Now())
	require.Error(t, err)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, weak)
	require.NoError(t, err)
	_, err = ca.issue(request, truvName, time.Now())
	require.ErrorContains(t, err, "2048")
}

func TestIssueTakesNothingButTheKeyFromTheRequest(t *testing.T) {
	t.Parallel()
	ca, err := newAuthority(time.Now())
	require.NoError(t, err)
	truv, err := newSender("webhooks.launchkey.com")
	require.NoError(t, err)
	request, err := truv.signingRequest()
	require.NoError(t, err)
	issued, err := ca.issue(request, truvName, time.Now())
	require.NoError(t, err)
	assert.Equal(t, "CN="+truvName, issued.Subject.String())
	assert.Equal(t, []string{truvName}, issued.DNSNames)
	assert.False(t, issued.IsCA)
}
