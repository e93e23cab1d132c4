package mtls_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

func auditNames(findings []truhook.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Name)
	}
	return all
}

func TestAuditCertificatesFindsThoseNearTheirEnd(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-day), NotAfter: time.Now().Add(365 * day)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	short, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	issued := func(from, to time.Duration) *x509.Certificate {
		return (*authority)(nil).issue(t, true, valid(from, to)).cert
	}
	for name, test := range map[string]struct {
		cert *x509.Certificate
		want []string
	}{
		"a year":       {issued(-day, 365*day), nil},
		"31 days":      {issued(-day, 31*day), nil},
		"29 days":      {issued(-day, 29*day), []string{"certificate-expires-soon"}},
		"over":         {issued(-2*day, -day), []string{"certificate-expired"}},
		"not yet":      {issued(day, 365*day), []string{"certificate-not-yet-valid"}},
		"nil":          {nil, []string{"no-certificate"}},
		"RSA of 1024 ": {short, []string{"short-rsa-key"}},
	} {
		assert.Equal(t, test.want, auditNames(mtls.AuditCertificates(time.Now(), test.cert)), name)
	}
}

func TestAuditOfAVerifierSaysWhatItRestsOn(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Pinned(mtls.Pin(root.cert)), mtls.Config{})
	require.NoError(t, err)
	assert.Equal(t, []string{"single-pin"}, auditNames(truhook.Audit(t.Context(), truhook.AllOf(v))))
	v, err = mtls.New(mtls.FromTLS(), mtls.Pinned(mtls.Pin(root.cert), mtls.Pin(newRoot(t).cert)), mtls.Config{})
	require.NoError(t, err)
	assert.Empty(t, truhook.Audit(t.Context(), v))
	v, err = mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	assert.Empty(t, truhook.Audit(t.Context(), v))
	assert.Equal(t, []string{"no-verifier"}, auditNames((*mtls.Verifier)(nil).Audit(t.Context())))
	assert.Equal(t, []string{"no-verifier"}, auditNames((&mtls.Verifier{}).Audit(t.Context())))
}

func TestAuditOfAVerifierFindsAProxyThatIsEveryone(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	for _, everyone := range []string{"0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"} {
		v, err := mtls.New(mtls.FromNginx(prefix("10.0.0.0/8"), prefix(everyone)), mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		assert.Equal(t, []string{"everybody-is-a-trusted-proxy"}, auditNames(v.Audit(t.Context())), everyone)
	}
	v, err := mtls.New(mtls.FromNginx(prefix("10.0.0.0/8")), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	assert.Empty(t, v.Audit(t.Context()))
}
