package client

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// hashOf is the hash of an RP ID or an AppID.
func hashOf(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// A creation is a ceremony of registration under way.
type creation struct {
	*creationOptions
	page   page
	rpID   string
	app    string // appidExclude, as the page may use it
	params []ctap.CredentialParameter
	data   clientData
	rk     bool
	salts  *pinuv.Secret // of hmac-secret-mc
	key    *key
}

// Create is navigator.credentials.create: origin is the page's, options a PublicKeyCredentialCreationOptionsJSON, and the
// answer a RegistrationResponseJSON. The error is an *Error. See Section 5.1.3.
func (c *Client) Create(origin string, options []byte) ([]byte, error) {
	o, err := parseCreationOptions(options)
	if err != nil {
		return nil, err
	}
	if err := c.Forge.at(Registration); err != nil {
		return nil, err
	}
	x := &creation{creationOptions: &o}
	if err := c.begin(x, origin); err != nil {
		return nil, err
	}
	able, err := c.able(func(k *key) error { return k.creates(&o, x.params) })
	if err != nil {
		return nil, failed("no credential was made", err)
	}
	if x.key, err = c.pick(inOrder(able, o.Hints)); err != nil {
		return nil, err
	}
	made, body, err := x.make()
	if err != nil {
		return nil, failed("no credential was made", err)
	}
	return x.registration(made, body)
}

// begin decides what needs no key. See Section 5.1.3, steps 1 to 19.
func (c *Client) begin(x *creation, origin string) (err error) {
	if x.page, err = c.pageAt(origin); err != nil {
		return err
	}
	if x.rpID, err = c.relyingParty(x.page, x.RP.ID); err != nil {
		return err
	}
	if x.Extensions.AppIDExclude != nil {
		if x.app, err = x.page.appID(*x.Extensions.AppIDExclude); err != nil {
			return err
		}
	}
	if x.params, err = x.creationOptions.params(); err != nil {
		return err
	}
	x.params = c.Forge.params(x.params)
	x.data, err = c.collect(typeCreate, x.Challenge, x.page)
	return err
}

// params returns the algorithms that the relying party takes; none means ES256 and RS256. See Section 5.1.3.
func (o *creationOptions) params() ([]ctap.CredentialParameter, error) {
	if len(*o.Params) == 0 {
		return []ctap.CredentialParameter{{Type: publicKey, Alg: -7}, {Type: publicKey, Alg: -257}}, nil
	}
	var list []ctap.CredentialParameter
	for _, p := range *o.Params {
		if p.Type == publicKey {
			list = append(list, ctap.CredentialParameter{Type: p.Type, Alg: p.Alg})
		}
	}
	if list == nil {
		return nil, refuse(NotSupportedError, "no type of credential in pubKeyCredParams is known")
	}
	return list, nil
}

// make has the key make the credential. It returns the answer as it came as well, nil for a key of U2F.
func (x *creation) make() (made ctap.MakeCredentialResponse, body []byte, err error) {
	if x.key.u2f {
		made, err = x.key.registerU2F(x.rpID, x.data.hash[:], x.creationOptions, x.app)
		return made, nil, err
	}
	req := ctap.MakeCredentialRequest{ClientDataHash: x.data.hash[:], RP: ctap.RelyingParty{ID: x.rpID, Name: *x.RP.Name},
		User: ctap.User{ID: x.User.ID, Name: *x.User.Name, DisplayName: *x.User.DisplayName}, Params: x.params}
	if err := x.prepare(&req); err != nil {
		return made, nil, err
	}
	if body, err = x.key.ask(req.Append(append(make([]byte, 0, usualRequest), cmdMakeCredential))); err != nil {
		return made, nil, err
	}
	made, err = ctap.ParseMakeCredentialResponse(body)
	return made, body, err
}

// prepare fills in what depends on the key: whether the credential is discoverable, which ones exclude it, the proof that
// the user was verified, and extensions. See Sections 5.1.3 and 5.4.4, and CTAP Section 6.1.
func (x *creation) prepare(req *ctap.MakeCredentialRequest) (err error) {
	k := x.key
	if wish := x.Selection.resident(); wish == required || wish == preferred && k.info.Options["rk"] {
		req.Options.RK, x.rk = ctap.True, true
	}
	wish := verification(x.Selection.UserVerification)
	if in := x.Extensions.PRF; in != nil && in.Eval != nil && k.extends(extHMACSecretMC) {
		wish = required // Section 10.1.4: the one of two secrets that belongs to a verified user
	}
	verifies, err := k.verifies(wish, true, x.rk)
	if err != nil {
		return err
	}
	if verifies {
		permission := ctap.PermissionMC
		if len(x.Exclude) > 0 {
			permission |= ctap.PermissionGA
		}
		if err := k.verify(permission, x.rpID); err != nil {
			return err
		}
	}
	if err := x.excluded(req); err != nil {
		return failed("the key does not say which credentials it has", err)
	}
	if x.Attestation == enterprise && k.info.Options["ep"] {
		req.EnterpriseAttestation = new(uint64(1)) // CTAP Section 7.1: what the key's maker has agreed on
	}
	if len(k.info.AttestationFormats) > 0 && x.Attestation != "" && x.Attestation != noConveyance {
		req.Formats = x.Formats // CTAP 2.3, Section 6.1: older keys need not know it
	}
	if req.Extensions, err = x.extensions(); err != nil {
		return err
	}
	req.UVAuthParam, req.Protocol = k.proof(x.data.hash[:])
	if k.uv {
		req.Options.UV = ctap.True
	}
	return nil
}

// excluded fills in which credentials exclude a new one. One that was made for an AppID is found here, since the key would
// not find it, and refused after a touch. See Sections 5.1.3 and 10.1.2.
func (x *creation) excluded(req *ctap.MakeCredentialRequest) (err error) {
	if req.ExcludeList, err = x.key.narrow(x.rpID, x.data.hash[:], x.Exclude, false); err != nil || x.app == "" {
		return err
	}
	for _, part := range x.key.batches(req.ExcludeList) {
		found, err := x.key.knows(x.app, x.data.hash[:], part)
		if err != nil {
			return err
		}
		if found != nil {
			if _, err := x.key.send(cmdSelection, nil); err != nil {
				return err
			}
			return ctap.ErrCredentialExcluded
		}
	}
	return nil
}

// extensions returns what the page's extensions are to the key. See Section 10.1 and CTAP Section 12.
func (x *creation) extensions() (list []ctap.Extension, err error) {
	in, k := &x.Extensions, x.key
	add := func(name string, value []byte) { list = append(list, ctap.Extension{Name: name, Value: value}) }
	if in.Protection != "" && k.extends(extCredProtect) {
		add(extCredProtect, ctap.EncodeUint(uint64(protection[in.Protection])))
	}
	if in.CredBlob != nil && k.extends(extCredBlob) && uint64(len(in.CredBlob)) <= k.more().MaxCredBlob {
		add(extCredBlob, ctap.EncodeBytes(in.CredBlob))
	}
	if in.MinPINLength && k.extends(extMinPINLength) {
		add(extMinPINLength, ctap.EncodeBool(true))
	}
	switch wanted := in.LargeBlob != nil && in.LargeBlob.Support != ""; {
	case wanted && k.extends(extLargeBlob):
		blob := ctap.LargeBlobInput{Support: in.LargeBlob.Support}
		add(extLargeBlob, blob.Append(nil))
	case wanted && x.rk && k.arrays():
		add(extLargeBlobKey, ctap.EncodeBool(true))
	}
	if (in.PRF != nil || in.HMACCreate) && k.extends(extHMACSecret) {
		add(extHMACSecret, ctap.EncodeBool(true))
		if in.PRF != nil && in.PRF.Eval != nil && k.extends(extHMACSecretMC) {
			value, secret, err := k.encryptSalts(in.PRF.Eval.salts())
			if err != nil {
				return nil, err
			}
			add(extHMACSecretMC, value)
			x.salts = secret
		}
	}
	return sorted(list), nil
}

// conveyed returns an answer as the relying party may see it: without attestation, unless it asked for one, nothing says
// which model the key is. A key that attests for itself and does not name its model is let through. The AAGUID goes
// as well, as Level 2 has it and the browsers do. See Sections 5.1.3 and 5.4.7.
func conveyed(made ctap.MakeCredentialResponse, preference string) (ctap.MakeCredentialResponse, ctap.AuthData, error) {
	data, err := ctap.ParseAuthData(made.AuthData)
	if err != nil {
		return made, data, err
	}
	switch preference {
	case "direct", "indirect", enterprise:
		return made, data, nil
	}
	self := made.Format == "packed" && !bytes.Contains(made.Statement, []byte("\x63x5c"))
	if self && data.AAGUID == [16]byte{} {
		return made, data, nil
	}
	data.AAGUID = [16]byte{}
	return ctap.MakeCredentialResponse{Format: noConveyance, AuthData: data.Append(nil), Statement: []byte{0xa0}}, data, nil
}

// registration is the answer to the page. See Sections 5.1 and 5.2.1.
func (x *creation) registration(made ctap.MakeCredentialResponse, body []byte) ([]byte, error) {
	made, data, err := conveyed(made, x.Attestation)
	if err != nil || data.CredentialID == nil {
		return nil, failed("the key's answer cannot be read", ctap.ErrInvalidCredential)
	}
	transports := slices.Clone(x.key.info.Transports)
	if transports == nil {
		transports = []string{"usb"}
	}
	slices.Sort(transports)
	if made, err = x.forge(made, &data); err != nil {
		return nil, failed("the answer cannot be forged", err)
	}
	out := credential{id: data.CredentialID, attachment: x.key.attached()}
	out.response = response{clientData: x.data.json, authData: made.AuthData, transports: transports, attestation: attestationObject(made)}
	out.response.algorithm, out.response.publicKey = public(data.PublicKey)
	if out.extensions, err = x.outputs(data.Extensions, body); err != nil {
		return nil, failed("the key's answer cannot be read", err)
	}
	return out.encode()
}

// outputs are what the page's extensions came to. See Section 10.1 and CTAP Section 12.
func (x *creation) outputs(extensions, body []byte) (out outputs, err error) {
	var came outcome
	var more moreMade
	if extensions != nil {
		err = unmarshal(extensions, &came)
	}
	in := &x.Extensions
	if err == nil && body != nil && in.LargeBlob != nil {
		err = unmarshal(body, &more)
	}
	if in.CredProps {
		out.CredProps = &credProps{x.rk}
	}
	if in.AppIDExclude != nil {
		out.AppIDExclude = new(true)
	}
	if in.PRF != nil {
		out.PRF = &prfOutput{Enabled: new(boolean(came.HMACSecret))}
		out.PRF.set(decryptOutputs(x.salts, came.HMACSecretMC))
	}
	if in.HMACCreate {
		out.HMACCreate = new(boolean(came.HMACSecret))
	}
	if in.CredBlob != nil {
		out.CredBlob = new(boolean(came.CredBlob))
	}
	if in.LargeBlob != nil {
		said := unsigned(more.Unsigned)
		out.LargeBlob = &largeBlobOutput{Supported: new(more.LargeBlobKey != nil || said.Supported != nil && *said.Supported)}
	}
	return out, err
}
