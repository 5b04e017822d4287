package tpm

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/mfalab/mfalab/u2f"
)

// Our choice: sessions have the nonces and keys that every TPM can do (PC Client Platform TPM Profile 1.05, Section 4.5).
const (
	nonceSize      = 16
	sessionKeyBits = 128
)

// sealedObject returns the public area of a sealed object (Part 1, Section 27.6.5). One with a policy is opened by that alone;
// one that is watched has wrong authorizations counted (Section 19.8).
func sealedObject(policy []byte, watched bool) tpm2.TPMTPublic {
	return tpm2.TPMTPublic{Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, UserWithAuth: policy == nil, NoDA: !watched},
		AuthPolicy:       tpm2.TPM2BDigest{Buffer: policy}}
}

// Seal implements [u2f.Element]. Where the address names PCRs, the secret opens while they are as they are now.
func (e *Element) Seal(secret []byte) (sealed []byte, err error) {
	err = e.do("seal a secret", func(d *device) error {
		policy, err := e.policy(d)
		if err != nil {
			return err
		}
		sealed, err = e.seal(d, sealedObject(policy, false), nil, secret)
		return err
	})
	return sealed, err
}

// seal makes an object with a secret in it, for flash: its public area and its private one, each with its size.
func (e *Element) seal(d *device, public tpm2.TPMTPublic, auth, secret []byte) ([]byte, error) {
	made, err := e.create(d, public, auth, secret)
	if err != nil {
		return nil, err
	}
	return append(tpm2.Marshal(made.OutPublic), tpm2.Marshal(made.OutPrivate)...), nil
}

// Unseal implements [u2f.Element].
func (e *Element) Unseal(sealed []byte) (secret []byte, err error) {
	err = e.do("unseal a secret", func(d *device) error {
		secret, err = e.unseal(d, sealed, func(parent object) tpm2.Session {
			if len(e.address.pcrs) > 0 {
				return tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, e.showPCRs, e.secretly(parent)...)
			}
			return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, e.secretly(parent)...)
		})
		return err
	})
	return secret, err
}

// secretly are the options of a session in which what comes back is encrypted.
func (e *Element) secretly(parent object) []tpm2.AuthOption {
	return []tpm2.AuthOption{tpm2.Salted(parent.handle, parent.public), tpm2.AESEncryption(sessionKeyBits, tpm2.EncryptOut)}
}

// unseal opens an object in the session that is given for the storage key.
func (e *Element) unseal(d *device, sealed []byte, session func(parent object) tpm2.Session) ([]byte, error) {
	public, private, err := parseSealed(sealed)
	if err != nil {
		return nil, err
	}
	o, err := e.load(d, "", private, public)
	if err != nil {
		return nil, err
	}
	parent, err := e.parent(d)
	if err != nil {
		return nil, err
	}
	opened, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: o.handle, Name: o.name, Auth: session(parent)}}.Execute(d.wire)
	if _, flushed := (tpm2.FlushContext{FlushHandle: o.handle}).Execute(d.wire); err == nil {
		err = flushed
	}
	if err != nil {
		return nil, err
	}
	return opened.OutData.Buffer, nil
}

// errNotSealed says that flash has something else.
var errNotSealed = errors.New("tpm: this is no object that a TPM has sealed; the flash is damaged")

// parseSealed reads what seal wrote.
func parseSealed(sealed []byte) (public tpm2.TPM2BPublic, private tpm2.TPM2BPrivate, err error) {
	if len(sealed) < 2 {
		return public, private, errNotSealed
	}
	end := 2 + int(sealed[0])<<8 + int(sealed[1])
	if len(sealed) < end+2 || len(sealed) != end+2+int(sealed[end])<<8+int(sealed[end+1]) {
		return public, private, errNotSealed
	}
	area, err := tpm2.Unmarshal[tpm2.TPM2BPublic](sealed[:end])
	if err != nil {
		return public, private, errNotSealed
	}
	if content, err := area.Contents(); err != nil || content.Type != tpm2.TPMAlgKeyedHash {
		return public, private, errNotSealed
	}
	return *area, tpm2.TPM2BPrivate{Buffer: sealed[end+2:]}, nil
}

// selection names the PCRs.
func (e *Element) selection() tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{
		{Hash: tpm2.TPMAlgSHA256, PCRSelect: tpm2.PCClientCompatible.PCRs(e.address.pcrs...)}}}
}

// showPCRs is what a policy session does that opens what is sealed to PCRs. See Part 3, Section 23.7.
func (e *Element) showPCRs(t transport.TPM, session tpm2.TPMISHPolicy, _ tpm2.TPM2BNonce) error {
	_, err := tpm2.PolicyPCR{PolicySession: session, Pcrs: e.selection()}.Execute(t)
	return err
}

// policy returns the digest of the policy that PCRs are as they are now, nil without PCRs. The TPM works it out, in a
// trial session.
func (e *Element) policy(d *device) (digest []byte, err error) {
	if len(e.address.pcrs) == 0 {
		return nil, nil
	}
	session, closing, err := tpm2.PolicySession(d.wire, tpm2.TPMAlgSHA256, nonceSize, tpm2.Trial())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closing()) }()
	if err := e.showPCRs(d.wire, session.Handle(), tpm2.TPM2BNonce{}); err != nil {
		return nil, err
	}
	answer, err := tpm2.PolicyGetDigest{PolicySession: session.Handle()}.Execute(d.wire)
	if err != nil {
		return nil, err
	}
	return answer.PolicyDigest.Buffer, nil
}

// pinAuth is the authorization that stands for a PIN's hash: as many bytes as that has, in hexadecimal, for go-tpm makes no
// HMAC of a value with a zero in it that the TPM makes too.
func pinAuth(hash []byte) []byte {
	sum := sha256.Sum256(append([]byte("mfalab PIN "), hash...))
	return hex.AppendEncode(nil, sum[:sha256.Size/2])
}

// LockPIN implements [u2f.Element]. What lies in the object is of no interest.
func (e *Element) LockPIN(hash []byte) (locked []byte, err error) {
	content := make([]byte, sha256.Size)
	rand.Read(content) // it never fails
	err = e.do("lock the PIN", func(d *device) error {
		locked, err = e.seal(d, sealedObject(nil, true), pinAuth(hash), content)
		return err
	})
	return locked, err
}

// CheckPIN implements [u2f.Element]: the TPM counts what is wrong, whatever becomes of flash (Section 19.8).
func (e *Element) CheckPIN(locked, hash []byte) error {
	err := e.do("check the PIN", func(d *device) error {
		_, err := e.unseal(d, locked, func(parent object) tpm2.Session {
			return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, append(e.secretly(parent), tpm2.Auth(pinAuth(hash)))...)
		})
		return err
	})
	switch {
	case errors.Is(err, tpm2.TPMRCAuthFail):
		return u2f.ErrWrongPIN
	case errors.Is(err, tpm2.TPMRCLockout):
		return u2f.ErrLockedOut
	}
	return err
}
