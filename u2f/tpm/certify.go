package tpm

import (
	"crypto"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

var (
	_ u2f.Attester  = (*Element)(nil)
	_ u2f.Certifier = (*signer)(nil)
)

// attestationKey is what the TPM attests with: a key of P-256 that signs nothing but what the TPM itself says (Section 31.3), and
// so has its scheme.
func attestationKey(unique []byte) (tpm2.TPMTPublic, crypto.PublicKey, error) {
	area, public, err := kinds[cose.ES256].template(unique)
	area.ObjectAttributes.Restricted = true
	area.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: tpm2.TPMECCNistP256,
		Scheme: tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDSA,
			Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256})}})
	return area, public, err
}

// MakeAttestationKey implements [u2f.Attester].
func (e *Element) MakeAttestationKey() (wrapped []byte, public crypto.PublicKey, err error) {
	template, _, err := attestationKey(nil)
	if err != nil {
		return nil, nil, err
	}
	err = e.do("make an attestation key", func(d *device) error {
		wrapped, err = e.makeWrapped(d, kinds[cose.ES256], template, nil)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	_, public, err = attestationKey(wrapped[:kinds[cose.ES256].public])
	return wrapped, public, err
}

// Certify implements [u2f.Certifier]: TPM2_Certify, Part 3, Section 18.2.
func (s *signer) Certify(aik, qualifying []byte) (c attest.Certification, err error) {
	size := kinds[cose.ES256].public
	if len(aik) <= size {
		return c, fmt.Errorf("tpm: %d bytes are no wrapped attestation key; the flash is damaged", len(aik))
	}
	area, _, err := attestationKey(aik[:size])
	if err != nil {
		return c, err
	}
	err = s.element.do("attest", func(d *device) error {
		o, err := s.load(d)
		if err != nil {
			return err
		}
		by, err := s.element.load(d, "", tpm2.TPM2BPrivate{Buffer: aik[size:]}, tpm2.New2B(area))
		if err != nil {
			return err
		}
		certified, err := tpm2.Certify{
			ObjectHandle:   tpm2.AuthHandle{Handle: o.handle, Name: o.name, Auth: s.auth},
			SignHandle:     tpm2.AuthHandle{Handle: by.handle, Name: by.name, Auth: tpm2.PasswordAuth(nil)},
			QualifyingData: tpm2.TPM2BData{Buffer: qualifying},
		}.Execute(d.wire)
		if _, flushed := (tpm2.FlushContext{FlushHandle: by.handle}).Execute(d.wire); err == nil {
			err = flushed
		}
		if err != nil {
			return err
		}
		info, err := certified.CertifyInfo.Contents()
		if err != nil {
			return err
		}
		c = attest.Certification{PubArea: tpm2.Marshal(s.area), CertInfo: tpm2.Marshal(info), Signature: tpm2.Marshal(certified.Signature)}
		return nil
	})
	return c, err
}
