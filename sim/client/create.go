package client

import (
	"bytes"
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// Create is navigator.credentials.create: origin is the page's, options a PublicKeyCredentialCreationOptionsJSON, and the
// answer a RegistrationResponseJSON. The error is an *Error. See Section 5.1.3.
func (c *Client) Create(origin string, options []byte) ([]byte, error) {
	o, err := parseCreationOptions(options)
	if err != nil {
		return nil, err
	}
	p, err := parsePage(origin)
	if err != nil {
		return nil, err
	}
	rpID, err := p.relyingParty(o.RP.ID)
	if err != nil {
		return nil, err
	}
	params, err := o.params()
	if err != nil {
		return nil, err
	}
	if o.Selection.Attachment == platform {
		return nil, refuse(NotAllowedError, "there is no platform authenticator here")
	}
	k, err := c.meet()
	if err != nil {
		return nil, err
	}
	data := newClientData(typeCreate, o.Challenge, p)
	req := ctap.MakeCredentialRequest{ClientDataHash: data.hash[:], RP: ctap.RelyingParty{ID: rpID, Name: *o.RP.Name},
		User: ctap.User{ID: o.User.ID, Name: *o.User.Name, DisplayName: *o.User.DisplayName}, Params: params}
	if err := k.prepare(&req, &o); err != nil {
		return nil, err
	}
	body, err := k.send(cmdMakeCredential, req.Append(nil))
	if err != nil {
		return nil, failed("no credential was made", err)
	}
	made, err := ctap.ParseMakeCredentialResponse(body)
	if err != nil {
		return nil, failed("the key's answer cannot be read", err)
	}
	return registration(data, made, &o, req.Options.RK == ctap.True, k.info.Transports)
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

// prepare fills in what depends on the key: whether the credential is discoverable, which ones exclude it, and the proof
// of the user's PIN. See Sections 5.1.3 and 5.4.4, and CTAP Section 6.1.
func (k *key) prepare(req *ctap.MakeCredentialRequest, o *creationOptions) (err error) {
	switch wish := o.Selection.resident(); {
	case wish == required && !k.info.Options["rk"]:
		return refuse(NotAllowedError, "the key keeps no discoverable credentials")
	case wish == required, wish == preferred && k.info.Options["rk"]:
		req.Options.RK = ctap.True
	}
	if req.ExcludeList, err = k.narrow(req.RP.ID, req.ClientDataHash, o.Exclude); err != nil {
		return failed("the key does not say which credentials it has", err)
	}
	verifies, err := k.verifies(verification(o.Selection.UserVerification), true, req.Options.RK == ctap.True)
	if err != nil || !verifies {
		return err
	}
	v, err := k.verify(ctap.PermissionMC, req.RP.ID, req.ClientDataHash)
	req.UVAuthParam, req.Protocol = v.param, v.protocol
	return err
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
	case "direct", "indirect", "enterprise":
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
func registration(cd clientData, made ctap.MakeCredentialResponse, o *creationOptions, rk bool, transports []string) ([]byte, error) {
	made, data, err := conveyed(made, o.Attestation)
	if err != nil || data.CredentialID == nil {
		return nil, failed("the key's answer cannot be read", ctap.ErrInvalidCredential)
	}
	if transports == nil {
		transports = []string{}
	}
	slices.Sort(transports)
	out := credential{ID: data.CredentialID, RawID: data.CredentialID, Attachment: roaming, Type: publicKey}
	out.Response.ClientData = cd.json
	out.Response.AuthData, out.Response.Transports, out.Response.Attestation = made.AuthData, transports, attestationObject(made)
	if a, public, err := cose.ParsePublicKey(data.PublicKey); err == nil {
		out.Response.Algorithm, out.Response.PublicKey = int64(a), spki(public)
	}
	if o.Extensions.CredProps {
		out.Extensions.CredProps = &credProps{rk}
	}
	return out.encode()
}
