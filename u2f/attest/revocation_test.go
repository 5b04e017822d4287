package attest

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is revoked stands in the list of who issued it, with its reason, and the list is the same each time.
func TestRevocationLists(t *testing.T) {
	r := newRoot(t, 1)
	s, err := r.NewSigner(NoFlaw)
	require.NoError(t, err)
	tpm, err := r.authority("TPM")
	require.NoError(t, err)
	batch := parsed(t, newBatch(t, r).Certificate(), r)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	l := RevocationList{Number: 3, ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 7)}
	for _, known := range reasons {
		l.Revoked = append(l.Revoked, Revocation{big.NewInt(int64(100 + known.number)), at, known.name})
	}
	l.Revoked = append(l.Revoked, Revocation{batch.SerialNumber, at, "keyCompromise"})
	for name, by := range map[string]struct {
		list   func(RevocationList) ([]byte, error)
		issuer *x509.Certificate
	}{"root": {r.RevocationList, r.certificate}, "tpm": {func(l RevocationList) ([]byte, error) { return r.AuthorityRevocationList("TPM", l) }, tpm.certificate}, "metadata": {s.RevocationList, s.issuer.certificate}} {
		t.Run(name, func(t *testing.T) {
			der, err := by.list(l)
			require.NoError(t, err)
			list, err := x509.ParseRevocationList(der)
			require.NoError(t, err)
			require.NoError(t, list.CheckSignatureFrom(by.issuer))
			require.Equal(t, "3", list.Number.String())
			require.Equal(t, l.NextUpdate, list.NextUpdate)
			require.Len(t, list.RevokedCertificateEntries, len(reasons)+1)
			for i, known := range reasons {
				require.Equal(t, known.number, list.RevokedCertificateEntries[i].ReasonCode, known.name)
			}
			last := list.RevokedCertificateEntries[len(reasons)]
			require.Equal(t, batch.SerialNumber, last.SerialNumber)
			require.Equal(t, at, last.RevocationTime)
			again, err := by.list(l)
			require.NoError(t, err)
			require.Equal(t, der, again)
		})
	}
	l.NextUpdate = at.Add(-time.Hour)
	_, err = r.RevocationList(l)
	require.ErrorContains(t, err, "attest: a list of revoked certificates")
}

func TestReasons(t *testing.T) {
	for _, words := range [][2]string{{"", "unspecified"}, {"keyCompromise", "keyCompromise"}, {"key-compromise", "keyCompromise"}, {"CESSATIONOFOPERATION", "cessationOfOperation"}} {
		r, err := ParseReason(words[0])
		require.NoError(t, err)
		require.Equal(t, words[1], string(r))
	}
	_, err := ParseReason("removeFromCRL")
	require.ErrorContains(t, err, `there is no reason "removeFromCRL": there are unspecified,`)
	require.Zero(t, Reason("").number())
}

// A certificate that says where to look has another serial number than the one that does not, and the same key.
func TestPublishedCertificates(t *testing.T) {
	r := newRoot(t, 1)
	at := r.PublishedAt("http://localhost:6325/mds")
	require.Equal(t, r.Certificate(), at.Certificate(), "nobody revokes the root")
	plain, named := parsed(t, newBatch(t, r).Certificate(), r), parsed(t, newBatch(t, at).Certificate(), r)
	require.Equal(t, plain.PublicKey, named.PublicKey)
	require.NotEqual(t, plain.SerialNumber, named.SerialNumber)
	require.Empty(t, plain.CRLDistributionPoints)
	require.Equal(t, []string{"http://localhost:6325/mds/root.crl"}, named.CRLDistributionPoints)
	aik, err := at.CertifyAIK(model, named.PublicKey)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(aik[0])
	require.NoError(t, err)
	require.Equal(t, []string{"http://localhost:6325/mds/tpm.crl"}, leaf.CRLDistributionPoints, "its issuer's")
	require.Equal(t, []string{"http://localhost:6325/mds/tpm.crt"}, leaf.IssuingCertificateURL)
	issuer, err := at.Authority("TPM")
	require.NoError(t, err)
	require.Equal(t, aik[1], issuer)
	s, err := at.NewSigner(NoFlaw)
	require.NoError(t, err)
	require.Equal(t, []string{"http://localhost:6325/mds/metadata.crl"}, s.certificate.CRLDistributionPoints)
	require.Equal(t, []string{"http://localhost:6325/mds/metadata-issuer.crt"}, s.certificate.IssuingCertificateURL)
	require.Equal(t, []string{"http://localhost:6325/mds/root.crt"}, s.issuer.certificate.IssuingCertificateURL)
	require.Equal(t, []string{"http://localhost:6325/mds/root.crl"}, s.issuer.certificate.CRLDistributionPoints)
}
