package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f/cose"
)

// keptKey is a private key that was made elsewhere, and so says nothing of where it has been. It has no policy, without which
// nobody duplicates it (Part 3, Section 13.1), and no authorization: what may use the storage key may use it.
func keptKey(unique []byte) (tpm2.TPMTPublic, crypto.PublicKey, error) {
	area, public, err := kinds[cose.ES256].template(unique)
	area.ObjectAttributes = tpm2.TPMAObject{UserWithAuth: true, NoDA: true, SignEncrypt: true}
	return area, public, err
}

// KeepKey implements [u2f.Element]: TPM2_Import, Part 3, Section 13.3. On its way the key is encrypted to the storage key.
func (e *Element) KeepKey(key *cose.PrivateKey) (kept []byte, err error) {
	unique, scalar, err := halves(key)
	if err != nil {
		return nil, err
	}
	area, _, err := keptKey(unique)
	if err != nil {
		return nil, err
	}
	name, err := tpm2.ObjectName(&area)
	if err != nil {
		return nil, err
	}
	sensitive := tpm2.Marshal(tpm2.TPMTSensitive{SensitiveType: tpm2.TPMAlgECC,
		Sensitive: tpm2.NewTPMUSensitiveComposite(tpm2.TPMAlgECC, &tpm2.TPM2BECCParameter{Buffer: scalar})})
	err = e.do("take a private key in", func(d *device) error {
		parent, err := e.parent(d)
		if err != nil {
			return err
		}
		if err := d.room(&parent); err != nil {
			return err
		}
		password, err := e.parentPassword()
		if err != nil {
			return err
		}
		to, err := tpm2.ImportEncapsulationKey(&parent.public)
		if err != nil {
			return err
		}
		duplicate, secret, err := tpm2.CreateDuplicate(rand.Reader, to, name.Buffer, sensitive)
		if err != nil {
			return err
		}
		imported, err := tpm2.Import{
			ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: tpm2.PasswordAuth(password)},
			ObjectPublic: tpm2.New2B(area), Duplicate: tpm2.TPM2BPrivate{Buffer: duplicate},
			InSymSeed: tpm2.TPM2BEncryptedSecret{Buffer: secret}, Symmetric: tpm2.TPMTSymDef{Algorithm: tpm2.TPMAlgNull},
		}.Execute(d.wire)
		if err != nil {
			return err
		}
		kept = slices.Concat(unique, imported.OutPrivate.Buffer)
		return nil
	})
	return kept, err
}

// OpenKept implements [u2f.Element].
func (e *Element) OpenKept(kept []byte) (*cose.PrivateKey, error) {
	k := kinds[cose.ES256]
	if len(kept) <= k.public {
		return nil, fmt.Errorf("tpm: %d bytes are no private key that the TPM has kept; the flash is damaged", len(kept))
	}
	area, public, err := keptKey(kept[:k.public])
	if err != nil {
		return nil, err
	}
	return cose.NewSigner(cose.ES256, &signer{element: e, area: area, scheme: k.scheme(), public: public, private: kept[k.public:],
		id: "kept " + string(kept), auth: tpm2.PasswordAuth(nil)})
}

// halves returns both halves of a key: the public one as a wrapped key has it.
func halves(key *cose.PrivateKey) (unique, scalar []byte, err error) {
	if key.Algorithm() != cose.ES256 {
		return nil, nil, fmt.Errorf("tpm: no key of %v is taken in; give one of %v", key.Algorithm(), cose.ES256)
	}
	der, err := key.MarshalPKCS8()
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, nil, err
	}
	private := parsed.(*ecdsa.PrivateKey)
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, nil, err
	}
	scalar, err = private.Bytes()
	return append([]byte{2 | point[len(point)-1]&1}, point[1:1+len(scalar)]...), scalar, err
}
