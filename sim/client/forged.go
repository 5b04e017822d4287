package client

import (
	"bytes"
	"errors"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// errNoSecrets is for a forgery that has to be signed in the key's name.
var errNoSecrets = errors.New("what is forged has to be signed anew, and nobody has this key's secrets")

// errNotAsked is for a forgery of what the relying party does not want to see.
var errNotAsked = errors.New(`there is no attestation signature: ask with "attestation": "direct"`)

// at refuses a forgery that is none of this ceremony.
func (f *Forgery) at(c Ceremony) error {
	if f == nil || slices.Contains(f.Kind.At, c) {
		return nil
	}
	return refuse(TypeError, "the forgery %s is for %v", f, f.Kind.At)
}

// forge changes what is about to go to the page, and signs it anew where it was signed.
func (x *creation) forge(made ctap.MakeCredentialResponse, data *ctap.AuthData) (ctap.MakeCredentialResponse, error) {
	f := x.key.client.Forge
	if f == nil {
		return made, nil
	}
	if f.is("attestation") {
		return x.attest(made, data)
	}
	id := data.CredentialID
	changed := bytes.Clone(made.AuthData)
	anew := f.authData(changed)
	if f.is("credid") {
		data.CredentialID, anew = f.bytes(), true
		changed = data.Append(nil)
	}
	if anew {
		made.AuthData = changed
	}
	if f.is("att") {
		made.Format = f.Value
	}
	var err error
	if anew || f.is("sig") {
		made.Statement, err = x.restate(made, id, f.is("sig"))
	}
	return made, err
}

// attest puts another attestation in the place of the key's. See Section 8.
func (x *creation) attest(made ctap.MakeCredentialResponse, data *ctap.AuthData) (ctap.MakeCredentialResponse, error) {
	switch x.Attestation {
	case "direct", "indirect", enterprise:
	default:
		return made, errNotAsked
	}
	if x.key.Attest == nil {
		return made, errNoSecrets
	}
	a, err := x.key.Attest(x.key.client.Forge.Value, x.rpID, data.CredentialID, made.AuthData, x.data.hash[:])
	if err != nil {
		return made, err
	}
	made.Format, made.AuthData, made.Statement = a.Format, a.AuthData, a.Statement
	return made, nil
}

// restate signs an attestation statement of the packed format anew, or breaks its signature. Where there is none nothing is
// signed, and nothing can be broken. See Sections 8.2 and 8.7.
func (x *creation) restate(made ctap.MakeCredentialResponse, id []byte, breaks bool) ([]byte, error) {
	if made.Format == noConveyance && !breaks {
		return made.Statement, nil
	}
	var statement map[string]cbor.RawMessage
	if err := unmarshal(made.Statement, &statement); err != nil {
		return nil, err
	}
	signature := byteString(statement["sig"])
	switch {
	case len(signature) == 0:
		return nil, errNotAsked
	case breaks:
		signature[len(signature)-1] ^= 1
	case made.Format != "packed":
		return nil, errors.New("only statements of the packed format can be signed anew")
	case x.key.Sign == nil:
		return nil, errNoSecrets
	default:
		if statement["x5c"] != nil {
			id = nil
		}
		var err error
		if signature, err = x.key.Sign(x.rpID, id, slices.Concat(made.AuthData, x.data.hash[:])); err != nil {
			return nil, err
		}
	}
	statement["sig"] = marshal(signature)
	return marshal(statement), nil
}

// forge changes what is about to go to the page, and signs it anew where it was signed.
func (x *request) forge(a *ctap.GetAssertionResponse) (err error) {
	f := x.key.client.Forge
	if changed := bytes.Clone(a.AuthData); f.authData(changed) {
		if x.key.Sign == nil {
			return errNoSecrets
		}
		a.AuthData = changed
		if a.Signature, err = x.key.Sign(x.used, a.CredentialID, slices.Concat(changed, x.data.hash[:])); err != nil {
			return err
		}
	}
	switch {
	case f.is("sig") && len(a.Signature) > 0:
		a.Signature = bytes.Clone(a.Signature)
		a.Signature[len(a.Signature)-1] ^= 1
	case f.is("credid"):
		a.CredentialID = f.bytes()
	case f.is("userhandle"):
		a.User = &ctap.User{ID: f.bytes()}
	}
	return nil
}
