package attest

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// leads says whether the signer's chain leads to the root at some time.
func leads(s *Signer, r *Root, at time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(r.certificate)
	between.AddCert(s.issuer.certificate)
	_, err := s.certificate.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return err
}

func TestSigner(t *testing.T) {
	r := newRoot(t, 1)
	s, err := r.NewSigner(NoFlaw)
	require.NoError(t, err)
	issuer := parsed(t, s.Chain()[1], r)
	require.True(t, issuer.IsCA)
	require.True(t, issuer.MaxPathLenZero)
	require.Equal(t, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, issuer.KeyUsage)
	require.Equal(t, "CN=mfalab Metadata Authority,OU=Metadata,O=mfalab,C=AQ", issuer.Subject.String())
	for _, at := range []time.Time{notBefore, notAfter} {
		require.NoError(t, leads(s, r, at))
	}
	c := s.certificate
	require.Equal(t, c.Raw, s.Certificate())
	require.False(t, c.IsCA)
	require.Equal(t, "CN=mfalab Metadata BLOB Signing,OU=Metadata,O=mfalab,C=AQ", c.Subject.String())
	for i := range 40 { // now and then a number is a byte shorter
		message := fmt.Appendf(nil, "message %d", i)
		signature, err := s.SignJWS(message)
		require.NoError(t, err)
		require.Len(t, signature, 64)
		digest := sha256.Sum256(message)
		require.True(t, ecdsa.Verify(c.PublicKey.(*ecdsa.PublicKey), digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])))
	}
	again, err := newRoot(t, 1).NewSigner(NoFlaw)
	require.NoError(t, err)
	require.Equal(t, s.Chain(), again.Chain())
	require.Equal(t, "attest.Signer attest.Signer", fmt.Sprintf("%v %#v", s, s))
}

func TestSignersWithAFlaw(t *testing.T) {
	r := newRoot(t, 1)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	serials := map[string]bool{}
	for flaw, want := range map[SignerFlaw]string{NoFlaw: "", Expired: "expired", NotCA: "cannot sign this kind of certificate"} {
		s, err := r.NewSigner(flaw)
		require.NoError(t, err)
		serials[s.certificate.SerialNumber.String()], serials[s.issuer.certificate.SerialNumber.String()] = true, true
		if want == "" {
			require.NoError(t, leads(s, r, at))
			continue
		}
		require.ErrorContains(t, leads(s, r, at), want)
	}
	require.Len(t, serials, 6)
}
