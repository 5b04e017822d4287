package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"

	"github.com/google/go-tpm/tpm2"

	"github.com/mfalab/mfalab/u2f/cose"
)

// A kind is how keys of an algorithm are made.
type kind struct {
	curve  elliptic.Curve // nil of RSA
	id     tpm2.TPMECCCurve
	hash   tpm2.TPMAlgID
	public int // bytes of its public key in a wrapped key: a point, compressed, or a modulus
}

// wrappedMost is how many bytes of a wrapped private key there are at most besides the secret numbers: the integrity, an
// authorization and a seed, each of a digest, with their sizes. See Part 1, Section 27.5.
const wrappedMost = 2 + 32 + 2 + 2 + 2 + 32 + 2 + 32 + 2

// From the specification.
const (
	modulus  = 256   // bytes; of two primes, of which the TPM keeps one: Part 2, Section 11.2.4.7
	exponent = 65537 // what a template with 0 gets: Part 2, Section 12.2.3.5
)

var kinds = map[cose.Algorithm]kind{
	cose.ES256: {elliptic.P256(), tpm2.TPMECCNistP256, tpm2.TPMAlgSHA256, 1 + 32},
	cose.ES384: {elliptic.P384(), tpm2.TPMECCNistP384, tpm2.TPMAlgSHA384, 1 + 48},
	cose.RS256: {nil, 0, tpm2.TPMAlgSHA256, modulus},
}

// Algorithms implements [u2f.Element]: those that the TPM has that was asked for its identity.
func (e *Element) Algorithms() (list []cose.Algorithm) {
	for _, a := range []cose.Algorithm{cose.ES256, cose.ES384, cose.RS256} {
		if !slices.Contains(e.lacks, a) {
			list = append(list, a)
		}
	}
	return list
}

// lacks asks the TPM which algorithms it has not got: P-384 and RSA are a maker's choice. See Part 2, Section 6.12.
func (d *device) lacks() (list []cose.Algorithm, err error) {
	const some = 64
	curves, err := tpm2.GetCapability{Capability: tpm2.TPMCapECCCurves, PropertyCount: some}.Execute(d.wire)
	if err != nil {
		return nil, err
	}
	have, err := curves.CapabilityData.Data.ECCCurves()
	if err != nil {
		return nil, err
	}
	algorithms, err := tpm2.GetCapability{Capability: tpm2.TPMCapAlgs, Property: uint32(tpm2.TPMAlgRSA), PropertyCount: 1}.Execute(d.wire)
	if err != nil {
		return nil, err
	}
	first, err := algorithms.CapabilityData.Data.Algorithms()
	if err != nil {
		return nil, err
	}
	for a, k := range kinds {
		if k.curve != nil && !slices.Contains(have.ECCCurves, k.id) ||
			k.curve == nil && (len(first.AlgProperties) == 0 || first.AlgProperties[0].Alg != tpm2.TPMAlgRSA) {
			list = append(list, a)
		}
	}
	return list, nil
}

// WrappedSize implements [u2f.Element]: the public key, and the private one as the TPM wraps it. That of ES256 fits a U2F key
// handle.
func (e *Element) WrappedSize(a cose.Algorithm) int {
	k, known := kinds[a]
	switch {
	case !known:
		return 0
	case k.curve == nil:
		return k.public + wrappedMost + modulus/2
	}
	return k.public + wrappedMost + k.public - 1
}

// template returns the public area of a key, with what is unique in it where that is known. It has no scheme, which comes with
// each signature: relying parties that read public areas know no other. See Part 1, Section 27.2.
func (k kind) template(unique []byte) (tpm2.TPMTPublic, crypto.PublicKey, error) {
	t := tpm2.TPMTPublic{Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: tpm2.TPMAObject{FixedTPM: true,
		FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true}}
	if k.curve == nil {
		t.Type = tpm2.TPMAlgRSA
		t.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: 8 * modulus})
		t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: unique})
		return t, &rsa.PublicKey{N: new(big.Int).SetBytes(unique), E: exponent}, nil
	}
	t.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{CurveID: k.id})
	if unique == nil {
		t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{})
		return t, nil, nil
	}
	x, y := elliptic.UnmarshalCompressed(k.curve, unique)
	if x == nil {
		return t, nil, errors.New("tpm: this wrapped key has no public key")
	}
	size := k.public - 1
	point := tpm2.TPMSECCPoint{X: tpm2.TPM2BECCParameter{Buffer: x.FillBytes(make([]byte, size))},
		Y: tpm2.TPM2BECCParameter{Buffer: y.FillBytes(make([]byte, size))}}
	t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &point)
	public, err := ecdsa.ParseUncompressedPublicKey(k.curve, uncompressed(&point))
	return t, public, err
}

// uncompressed returns a point as SEC 1 has it, Section 2.3.3.
func uncompressed(p *tpm2.TPMSECCPoint) []byte {
	return slices.Concat([]byte{4}, p.X.Buffer, p.Y.Buffer)
}

// scheme is how keys sign.
func (k kind) scheme() tpm2.TPMTSigScheme {
	alg := tpm2.TPMAlgECDSA
	if k.curve == nil {
		alg = tpm2.TPMAlgRSASSA
	}
	return tpm2.TPMTSigScheme{Scheme: alg, Details: tpm2.NewTPMUSigScheme(alg, &tpm2.TPMSSchemeHash{HashAlg: k.hash})}
}

// unique returns the public key of a public area as a wrapped key has it.
func (k kind) unique(public *tpm2.TPMTPublic) ([]byte, error) {
	if k.curve == nil {
		n, err := public.Unique.RSA()
		if err != nil {
			return nil, err
		}
		return n.Buffer, nil
	}
	point, err := public.Unique.ECC()
	if err != nil {
		return nil, err
	}
	if _, err := ecdsa.ParseUncompressedPublicKey(k.curve, uncompressed(point)); err != nil {
		return nil, fmt.Errorf("tpm: the TPM made a key that is no point of its curve: %w", err)
	}
	return append([]byte{2 | point.Y.Buffer[len(point.Y.Buffer)-1]&1}, point.X.Buffer...), nil
}

// MakeKey implements [u2f.Element]. The key's authorization is the seed, which only the one knows who has unsealed the master
// secret.
func (e *Element) MakeKey(a cose.Algorithm, seed []byte) (key *cose.PrivateKey, wrapped []byte, err error) {
	k, known := kinds[a]
	if !known || slices.Contains(e.lacks, a) {
		return nil, nil, fmt.Errorf("tpm: no keys for algorithm %v; use one of %v", a, e.Algorithms())
	}
	template, _, err := k.template(nil)
	if err != nil {
		return nil, nil, err
	}
	err = e.do("make a private key", func(d *device) error {
		wrapped, err = e.makeWrapped(d, k, template, seed)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	key, err = e.OpenKey(a, seed, wrapped)
	return key, wrapped, err
}

// makeWrapped has the TPM make a key, and returns its public half and its private one as the TPM wraps it.
func (e *Element) makeWrapped(d *device, k kind, template tpm2.TPMTPublic, auth []byte) ([]byte, error) {
	made, err := e.create(d, template, auth, nil)
	if err != nil {
		return nil, err
	}
	public, err := made.OutPublic.Contents()
	if err != nil {
		return nil, err
	}
	unique, err := k.unique(public)
	return append(unique, made.OutPrivate.Buffer...), err
}

// OpenKey implements [u2f.Element]. The TPM is asked when the key signs.
func (e *Element) OpenKey(a cose.Algorithm, seed, wrapped []byte) (*cose.PrivateKey, error) {
	k, known := kinds[a]
	if !known || len(wrapped) <= k.public {
		return nil, fmt.Errorf("tpm: %d bytes are no wrapped key for algorithm %v", len(wrapped), a)
	}
	area, public, err := k.template(wrapped[:k.public])
	if err != nil {
		return nil, err
	}
	s := &signer{element: e, area: area, scheme: k.scheme(), public: public, private: wrapped[k.public:],
		id: fmt.Sprint(a, " ", string(wrapped)), auth: tpm2.PasswordAuth(seed)}
	return cose.NewSigner(a, s)
}

// A signer is a private key in the TPM.
type signer struct {
	element *Element
	area    tpm2.TPMTPublic
	scheme  tpm2.TPMTSigScheme
	public  crypto.PublicKey
	private []byte // wrapped
	id      string // tells keys apart that are loaded: the same bytes may be a public key of two curves
	auth    tpm2.Session
}

// Public returns the public half.
func (s *signer) Public() crypto.PublicKey { return s.public }

// Sign has the TPM sign a digest. See Part 3, Section 20.2.
func (s *signer) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) (signature []byte, err error) {
	err = s.element.do("sign", func(d *device) error {
		o, err := s.load(d)
		if err != nil {
			return err
		}
		signed, err := tpm2.Sign{
			KeyHandle:  tpm2.AuthHandle{Handle: o.handle, Name: o.name, Auth: s.auth},
			Digest:     tpm2.TPM2BDigest{Buffer: digest},
			InScheme:   s.scheme,
			Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck},
		}.Execute(d.wire)
		if err != nil {
			return err
		}
		signature, err = encode(&signed.Signature)
		return err
	})
	return signature, err
}

// load returns the key in the TPM.
func (s *signer) load(d *device) (object, error) {
	if o, found := d.find(s.id); found {
		return o, nil
	}
	return s.element.load(d, s.id, tpm2.TPM2BPrivate{Buffer: s.private}, tpm2.New2B(s.area))
}

// encode returns a signature as COSE has it: R and S in DER, or as many bytes as the modulus has.
func encode(s *tpm2.TPMTSignature) ([]byte, error) {
	if s.SigAlg == tpm2.TPMAlgRSASSA {
		rsa, err := s.Signature.RSASSA()
		if err != nil {
			return nil, err
		}
		return rsa.Sig.Buffer, nil
	}
	point, err := s.Signature.ECDSA()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(point.SignatureR.Buffer), new(big.Int).SetBytes(point.SignatureS.Buffer)})
}

// create has the TPM make an object under the storage key. What is sensitive is encrypted on its way.
func (e *Element) create(d *device, public tpm2.TPMTPublic, auth, secret []byte) (*tpm2.CreateResponse, error) {
	parent, err := e.parent(d)
	if err != nil {
		return nil, err
	}
	if err := d.room(&parent); err != nil {
		return nil, err
	}
	password, err := e.parentPassword()
	if err != nil {
		return nil, err
	}
	session := tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, tpm2.Auth(password), tpm2.Salted(parent.handle, parent.public),
		tpm2.AESEncryption(sessionKeyBits, tpm2.EncryptIn))
	sensitive := tpm2.TPMSSensitiveCreate{UserAuth: tpm2.TPM2BAuth{Buffer: auth},
		Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: secret})}
	return tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: session},
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: &sensitive},
		InPublic:     tpm2.New2B(public),
	}.Execute(d.wire)
}

// load loads an object, which stays loaded where it has an id.
func (e *Element) load(d *device, id string, private tpm2.TPM2BPrivate, public tpm2.TPM2BPublic) (object, error) {
	o := object{id: id}
	parent, err := e.parent(d)
	if err != nil {
		return o, err
	}
	if err := d.room(&parent); err != nil {
		return o, err
	}
	password, err := e.parentPassword()
	if err != nil {
		return o, err
	}
	loaded, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: tpm2.PasswordAuth(password)},
		InPrivate:    private, InPublic: public,
	}.Execute(d.wire)
	if err != nil {
		return o, err
	}
	o.handle, o.name = loaded.ObjectHandle, loaded.Name
	if id != "" {
		d.loaded = append(d.loaded, o)
	}
	return o, nil
}
