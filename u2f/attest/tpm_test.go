package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/google/go-tpm/tpm2"
	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/cose"
)

// newAIK is an attestation key in place of one that a TPM holds.
func newAIK(t testing.TB, a cose.Algorithm) *cose.PrivateKey {
	k, err := cose.NewPrivateKey(a, bytes.Repeat([]byte{9}, 32))
	require.NoError(t, err)
	return k
}

// certify does what TPM2_Certify does.
func certify(t testing.TB, aik, key *cose.PrivateKey, qualifying []byte) Certification {
	public, err := publicArea(key.Public())
	require.NoError(t, err)
	name, err := tpm2.ObjectName(&public)
	require.NoError(t, err)
	info := tpm2.Marshal(tpm2.TPMSAttest{Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify, ExtraData: tpm2.TPM2BData{Buffer: qualifying},
		Attested: tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{Name: *name})})
	signature, err := aik.Sign(info)
	require.NoError(t, err)
	s := tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgRSASSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA,
		&tpm2.TPMSSignatureRSA{Hash: tpm2.TPMAlgSHA256, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: signature}})}
	if aik.Algorithm() != cose.RS256 {
		var point struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(signature, &point)
		require.NoError(t, err)
		hash := tpm2.TPMAlgSHA256
		if aik.Algorithm() == cose.ES384 {
			hash = tpm2.TPMAlgSHA384
		}
		s = tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgECDSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{Hash: hash,
			SignatureR: tpm2.TPM2BECCParameter{Buffer: point.R.Bytes()}, SignatureS: tpm2.TPM2BECCParameter{Buffer: point.S.Bytes()}})}
	}
	return Certification{PubArea: tpm2.Marshal(public), CertInfo: info, Signature: tpm2.Marshal(s)}
}

func TestWhatATPMCertifiesIsBelieved(t *testing.T) {
	root, stranger := newRoot(t, 1), newRoot(t, 2)
	for name, tt := range map[string]struct{ aik, key cose.Algorithm }{
		"ECDSA certifies ECDSA": {cose.ES256, cose.ES256},
		"ECDSA certifies RSA":   {cose.ES256, cose.RS256},
		"RSA certifies ECDSA":   {cose.RS256, cose.ES384},
		"with P-384":            {cose.ES384, cose.ES256},
	} {
		t.Run(name, func(t *testing.T) {
			aik, key := newAIK(t, tt.aik), newCredential(t, tt.key)
			authData := newAuthData(key, model.AAGUID, nil)
			qualifying, err := QualifyingData(tt.aik, authData, clientDataHash())
			require.NoError(t, err)
			x5c, err := root.CertifyAIK(model, aik.Public())
			require.NoError(t, err)
			statement, err := AppendTPM(nil, x5c, certify(t, aik, key, qualifying))
			require.NoError(t, err)
			kind, err := judge(t, root, model.AAGUID, FormatTPM, authData, statement)
			require.NoError(t, err)
			require.Equal(t, string(metadata.AttCA), kind)
			_, err = judge(t, stranger, model.AAGUID, FormatTPM, authData, statement)
			require.Error(t, err, "another root")
			again, err := root.CertifyAIK(model, aik.Public())
			require.NoError(t, err)
			require.Equal(t, x5c, again)
		})
	}
}

// Section 8.3.1, demand by demand.
func TestAIKCertificate(t *testing.T) {
	root := newRoot(t, 1)
	x5c, err := root.CertifyAIK(model, newAIK(t, cose.ES256).Public())
	require.NoError(t, err)
	require.Len(t, x5c, 2, "the root is known")
	c, err := x509.ParseCertificate(x5c[0])
	require.NoError(t, err)
	require.Equal(t, 3, c.Version)
	require.Equal(t, []byte{0x30, 0}, c.RawSubject, "empty")
	require.Equal(t, []asn1.ObjectIdentifier{oidAIKCertificate}, c.UnknownExtKeyUsage)
	require.True(t, c.BasicConstraintsValid)
	require.False(t, c.IsCA)
	require.Equal(t, []asn1.ObjectIdentifier{oidSubjectAltName}, c.UnhandledCriticalExtensions)
	require.Equal(t, "0410a0a1a20000000000000000000000"+"00af", extension(t, c, oidAAGUID))
	by, err := x509.ParseCertificate(x5c[1])
	require.NoError(t, err)
	require.NoError(t, c.CheckSignatureFrom(by))
	require.Equal(t, "CN=mfalab TPM Attestation Authority,OU=Authority,O=mfalab,C=AQ", by.Subject.String())
	require.True(t, by.IsCA && by.MaxPathLenZero)
	require.NoError(t, by.CheckSignatureFrom(root.certificate))
}

func TestWhatIsNoTPMsIsRefused(t *testing.T) {
	aik, key := newAIK(t, cose.ES256), newCredential(t, cose.ES256)
	good := certify(t, aik, key, make([]byte, sha256.Size))
	x5c, err := newRoot(t, 1).CertifyAIK(model, aik.Public())
	require.NoError(t, err)
	other := func(change func(*Certification)) Certification {
		c := good
		change(&c)
		return c
	}
	for want, c := range map[string]Certification{
		"no TPMT_PUBLIC":    other(func(c *Certification) { c.PubArea = append(bytes.Clone(c.PubArea), 0) }),
		"no TPMS_ATTEST":    other(func(c *Certification) { c.CertInfo = c.CertInfo[:20] }),
		"no TPMT_SIGNATURE": other(func(c *Certification) { c.Signature = nil }),
		"with the hash 0xd": other(func(c *Certification) { c.Signature[3] = 0x0d }),
	} {
		_, err := AppendTPM(nil, x5c, c)
		require.ErrorContains(t, err, want)
	}
	_, err = QualifyingData(cose.EdDSA, make([]byte, authDataSize), clientDataHash())
	require.EqualError(t, err, "attest: no TPM attests with EdDSA: use ES256, ES384 or RS256")
	_, err = QualifyingData(cose.ES256, nil, clientDataHash())
	require.Error(t, err)
	_, err = publicArea(newCredential(t, cose.EdDSA).Public())
	require.ErrorContains(t, err, "no TPM has a key of the kind ed25519.PublicKey")
	_, err = newRoot(t, 1).CertifyAIK(Model{}, aik.Public())
	require.ErrorContains(t, err, "model name")
	_, err = newRoot(t, 1).CertifyAIK(model, "a key")
	require.ErrorContains(t, err, "the attestation key cannot be certified")
}

func TestPubAreaIsTheKey(t *testing.T) {
	for _, a := range []cose.Algorithm{cose.ES256, cose.ES384, cose.RS256} {
		key := newCredential(t, a)
		written, err := publicArea(key.Public())
		require.NoError(t, err)
		area, err := exactly[tpm2.TPMTPublic](tpm2.Marshal(written))
		require.NoError(t, err)
		public, err := tpm2.Pub(*area)
		require.NoError(t, err)
		switch want := key.Public().(type) {
		case *ecdsa.PublicKey:
			require.True(t, want.Equal(public))
		case *rsa.PublicKey:
			require.True(t, want.Equal(public))
		}
	}
}

func FuzzTPM(f *testing.F) {
	c := certify(f, newAIK(f, cose.ES256), newCredential(f, cose.ES256), make([]byte, sha256.Size))
	f.Add(c.PubArea, c.CertInfo, c.Signature)
	rs := certify(f, newAIK(f, cose.RS256), newCredential(f, cose.RS256), make([]byte, sha256.Size))
	f.Add(rs.PubArea, rs.CertInfo, rs.Signature)
	f.Add([]byte{}, []byte{0xff}, []byte{0, 0x10})
	f.Fuzz(func(t *testing.T, pubArea, certInfo, signature []byte) {
		statement, err := AppendTPM([]byte("before"), nil, Certification{pubArea, certInfo, signature})
		if err != nil {
			require.Nil(t, statement)
			return
		}
		require.Contains(t, string(statement), string(pubArea))
		require.Contains(t, string(statement), string(certInfo))
	})
}
