package client

import "github.com/mfalab/mfalab/u2f/ctap"

// Get is navigator.credentials.get: origin is the page's, options a PublicKeyCredentialRequestOptionsJSON, and the answer
// an AuthenticationResponseJSON. The error is an *Error. See Section 5.1.4.
func (c *Client) Get(origin string, options []byte) ([]byte, error) {
	o, err := parseRequestOptions(options)
	if err != nil {
		return nil, err
	}
	p, err := parsePage(origin)
	if err != nil {
		return nil, err
	}
	rpID, err := p.relyingParty(o.RPID)
	if err != nil {
		return nil, err
	}
	k, err := c.meet()
	if err != nil {
		return nil, err
	}
	data := newClientData(typeGet, o.Challenge, p)
	req := ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: data.hash[:]}
	if err := k.request(&req, &o); err != nil {
		return nil, err
	}
	body, err := k.send(cmdGetAssertion, req.Append(nil))
	if err != nil {
		return nil, failed("no assertion was made", err)
	}
	a, err := ctap.ParseGetAssertionResponse(body)
	if err != nil {
		return nil, failed("the key's answer cannot be read", err)
	}
	if a.CredentialID == nil && len(req.AllowList) == 1 { // CTAP Section 6.2.2: it may be left out then
		a.CredentialID = req.AllowList[0].ID
	}
	return assertion(data, a)
}

// request fills in what depends on the key: the credentials that it may have, and the proof of the user's PIN. A list of
// which nothing is left is not sent: an empty one would ask for any credential. See Section 5.1.4.
func (k *key) request(req *ctap.GetAssertionRequest, o *requestOptions) (err error) {
	if req.AllowList, err = k.narrow(req.RPID, req.ClientDataHash, o.Allow); err != nil {
		return failed("the key does not say which credentials it has", err)
	}
	if len(o.Allow) > 0 && len(req.AllowList) == 0 {
		return failed("no assertion was made", ctap.ErrNoCredentials)
	}
	verifies, err := k.verifies(verification(o.UserVerification), false, false)
	if err != nil || !verifies {
		return err
	}
	v, err := k.verify(ctap.PermissionGA, req.RPID, req.ClientDataHash)
	req.UVAuthParam, req.Protocol = v.param, v.protocol
	return err
}

// assertion is the answer to the page. See Sections 5.1 and 5.2.2.
func assertion(cd clientData, a ctap.GetAssertionResponse) ([]byte, error) {
	if a.CredentialID == nil {
		return nil, failed("the key's answer cannot be read", ctap.ErrInvalidCredential)
	}
	out := credential{ID: a.CredentialID, RawID: a.CredentialID, Attachment: roaming, Type: publicKey}
	out.Response.ClientData, out.Response.AuthData, out.Response.Signature = cd.json, a.AuthData, a.Signature
	if a.User != nil {
		out.Response.UserHandle = a.User.ID
	}
	return out.encode()
}
