package client

import (
	"bytes"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// A request is a ceremony of authentication under way.
type request struct {
	*requestOptions
	page  page
	rpID  string
	app   string // appid, as the page may use it
	data  clientData
	salts *pinuv.Secret // of hmac-secret
	key   *key
	used  string // the RP ID or the AppID that the key signed for
}

// Get is navigator.credentials.get: origin is the page's, options a PublicKeyCredentialRequestOptionsJSON, and the answer
// an AuthenticationResponseJSON. The error is an *Error. See Section 5.1.4.
func (c *Client) Get(origin string, options []byte) ([]byte, error) {
	o, err := parseRequestOptions(options)
	if err != nil {
		return nil, err
	}
	if err := c.Forge.at(Authentication); err != nil {
		return nil, err
	}
	x := &request{requestOptions: &o}
	if x.page, err = c.pageAt(origin); err != nil {
		return nil, err
	}
	if x.rpID, err = c.relyingParty(x.page, o.RPID); err != nil {
		return nil, err
	}
	if o.Extensions.AppID != nil {
		if x.app, err = x.page.appID(*o.Extensions.AppID); err != nil {
			return nil, err
		}
	}
	if x.data, err = c.collect(typeGet, o.Challenge, x.page); err != nil {
		return nil, err
	}
	able, err := c.able(func(k *key) error { return k.signs(&o) })
	if err == nil {
		able, err = prefer(inOrder(able, o.Hints), x.rpID, x.data.hash[:], &o)
	}
	if err != nil {
		return nil, failed("no assertion was made", err)
	}
	if x.key, err = c.pick(able); err != nil {
		return nil, err
	}
	a, body, err := x.sign()
	if err != nil {
		return nil, failed("no assertion was made", err)
	}
	return x.assertion(a, body)
}

// sign has the key sign. It returns the answer as it came as well, nil for a key of U2F.
func (x *request) sign() (a ctap.GetAssertionResponse, body []byte, err error) {
	if x.key.u2f {
		apps := []string{x.rpID}
		if x.app != "" {
			apps = append(apps, x.app)
		}
		a, x.used, err = x.key.authenticateU2F(apps, x.data.hash[:], x.Allow)
		return a, nil, err
	}
	req := ctap.GetAssertionRequest{ClientDataHash: x.data.hash[:]}
	if err := x.prepare(&req); err != nil {
		return a, nil, err
	}
	if body, err = x.key.ask(req.Append(append(make([]byte, 0, usualRequest), cmdGetAssertion))); err != nil {
		return a, nil, err
	}
	if a, err = ctap.ParseGetAssertionResponse(body); err != nil {
		return a, nil, err
	}
	if a.CredentialID == nil && len(req.AllowList) == 1 { // CTAP Section 6.2.2: it may be left out then
		a.CredentialID = req.AllowList[0].ID
	}
	if a.NumberOfCredentials > 1 && len(x.Allow) == 0 {
		return x.choose(a, body)
	}
	return a, body, nil
}

// mostAccounts is how many accounts a user is shown. Our choice: no key keeps more for one relying party.
const mostAccounts = 1000

// choose has the user take one of the accounts that the key has for the page. See CTAP Section 6.3.
func (x *request) choose(first ctap.GetAssertionResponse, firstBody []byte) (ctap.GetAssertionResponse, []byte, error) {
	answers, bodies := []ctap.GetAssertionResponse{first}, [][]byte{firstBody}
	for n := uint64(1); n < min(first.NumberOfCredentials, mostAccounts); n++ {
		body, err := x.key.send(cmdGetNextAssertion, nil)
		if err != nil {
			return first, nil, err
		}
		body = bytes.Clone(body)
		a, err := ctap.ParseGetAssertionResponse(body)
		if err != nil {
			return first, nil, err
		}
		answers, bodies = append(answers, a), append(bodies, body)
	}
	var accounts []Account
	for _, a := range answers {
		account := Account{Credential: a.CredentialID}
		if a.User != nil {
			account.UserHandle, account.Name, account.DisplayName = a.User.ID, a.User.Name, a.User.DisplayName
		}
		accounts = append(accounts, account)
	}
	chosen := 0
	if x.key.client.Choose != nil {
		chosen = x.key.client.Choose(accounts)
	}
	if chosen < 0 || chosen >= len(answers) {
		return first, nil, refuse(NotAllowedError, "the user takes none of the accounts")
	}
	return answers[chosen], bodies[chosen], nil
}

// prepare fills in what depends on the key: the credentials that it may have, the proof that the user was verified, and
// extensions. A list of which nothing is left is not sent: an empty one would ask for any credential. See Section 5.1.4.
func (x *request) prepare(req *ctap.GetAssertionRequest) (err error) {
	k := x.key
	wish := verification(x.UserVerification)
	if k.extends(extHMACSecret) && x.Extensions.PRF != nil && (x.Extensions.PRF.Eval != nil || x.Extensions.PRF.ByCred != nil) {
		wish = required // Section 10.1.4: the one of two secrets that belongs to a verified user
	}
	verifies, err := k.verifies(wish, false, false)
	if err != nil {
		return err
	}
	writes := x.Extensions.LargeBlob.writes() && k.info.Options["largeBlobs"]
	if verifies || writes && (k.info.Options["clientPin"] || k.info.Options["uv"]) {
		permission := ctap.PermissionGA
		if writes {
			permission |= ctap.PermissionLBW
		}
		if err := k.verify(permission, x.rpID); err != nil {
			return err
		}
	}
	x.used = x.rpID
	one := x.Extensions.PRF != nil && x.Extensions.PRF.ByCred != nil || x.app != ""
	if req.AllowList, err = k.narrow(x.rpID, x.data.hash[:], x.Allow, one); err == nil && x.app != "" {
		req.AllowList, err = x.fallBack(req.AllowList)
	}
	switch {
	case err != nil:
		return failed("the key does not say which credentials it has", err)
	case len(x.Allow) > 0 && len(req.AllowList) == 0:
		return ctap.ErrNoCredentials
	}
	if req.Extensions, err = x.extensions(req.AllowList); err != nil {
		return err
	}
	req.RPID = x.used
	req.UVAuthParam, req.Protocol = k.proof(x.data.hash[:])
	if k.uv {
		req.Options.UV = ctap.True
	}
	return nil
}

// fallBack looks for the credentials under the page's AppID, where the key has none of them under the RP ID. See Section
// 10.1.1.
func (x *request) fallBack(list []ctap.Descriptor) ([]ctap.Descriptor, error) {
	for _, part := range x.key.batches(list) {
		found, err := x.key.knows(x.rpID, x.data.hash[:], part)
		if found != nil || err != nil {
			return found, err
		}
	}
	old, err := x.key.narrow(x.app, x.data.hash[:], x.Allow, true)
	for _, part := range x.key.batches(old) {
		found, err := x.key.knows(x.app, x.data.hash[:], part)
		if found != nil || err != nil {
			x.used = x.app
			return found, err
		}
	}
	return list, err
}

// extensions returns what the page's extensions are to the key. See Section 10.1 and CTAP Section 12.
func (x *request) extensions(allow []ctap.Descriptor) (list []ctap.Extension, err error) {
	in, k := &x.Extensions, x.key
	add := func(name string, value []byte) { list = append(list, ctap.Extension{Name: name, Value: value}) }
	if in.GetCredBlob && k.extends(extCredBlob) {
		add(extCredBlob, ctap.EncodeBool(true))
	}
	switch reads, writes := in.LargeBlob.reads(), in.LargeBlob.writes(); {
	case writes && k.extends(extLargeBlob):
		blob := ctap.LargeBlobInput{Write: pack(in.LargeBlob.Write), OriginalSize: new(uint64(len(in.LargeBlob.Write)))}
		add(extLargeBlob, blob.Append(nil))
	case reads && k.extends(extLargeBlob):
		blob := ctap.LargeBlobInput{Read: true}
		add(extLargeBlob, blob.Append(nil))
	case (reads || writes) && k.arrays():
		add(extLargeBlobKey, ctap.EncodeBool(true))
	}
	var id, salts []byte
	if len(allow) == 1 {
		id = allow[0].ID
	}
	if v := in.PRF.values(id); v != nil {
		salts = v.salts()
	} else if in.HMACGet != nil {
		salts = in.HMACGet.salts()
	}
	if salts != nil && k.extends(extHMACSecret) {
		value, secret, err := k.encryptSalts(salts)
		if err != nil {
			return nil, err
		}
		add(extHMACSecret, value)
		x.salts = secret
	}
	return sorted(list), nil
}

// assertion is the answer to the page. See Sections 5.1 and 5.2.2.
func (x *request) assertion(a ctap.GetAssertionResponse, body []byte) ([]byte, error) {
	data, err := ctap.ParseAuthData(a.AuthData)
	if err != nil || a.CredentialID == nil {
		return nil, failed("the key's answer cannot be read", ctap.ErrInvalidCredential)
	}
	var out credential
	if out.extensions, err = x.outputs(data.Extensions, body); err != nil {
		return nil, failed("the key's answer cannot be read", err)
	}
	if err := x.forge(&a); err != nil {
		return nil, failed("the answer cannot be forged", err)
	}
	out.id, out.attachment = a.CredentialID, x.key.attached()
	out.response = response{clientData: x.data.json, authData: a.AuthData, signature: a.Signature}
	if a.User != nil {
		out.response.userHandle = a.User.ID
	}
	return out.encode()
}

// outputs are what the page's extensions came to. See Section 10.1 and CTAP Section 12.
func (x *request) outputs(extensions, body []byte) (out outputs, err error) {
	var came outcome
	var more moreAsserted
	if extensions != nil {
		err = unmarshal(extensions, &came)
	}
	in := &x.Extensions
	if err == nil && body != nil && in.LargeBlob != nil {
		err = unmarshal(body, &more)
	}
	if err != nil {
		return out, err
	}
	if in.AppID != nil {
		out.AppID = new(x.used == x.app)
	}
	first, second := decryptOutputs(x.salts, byteString(came.HMACSecret))
	switch {
	case in.PRF != nil:
		out.PRF = &prfOutput{}
		out.PRF.set(first, second)
	case in.HMACGet != nil && first != nil:
		out.HMACGet = &hmacOutput{first, second}
	}
	if in.GetCredBlob {
		out.GetCredBlob = byteString(came.CredBlob)
	}
	if in.LargeBlob != nil {
		out.LargeBlob = x.blob(more.LargeBlobKey, unsigned(more.Unsigned))
	}
	return out, nil
}

// blob reads or writes the credential's large blob, where the key has not done so itself. What fails is no exception: the
// page finds nothing, or that nothing was written. See Section 10.1.5.
func (x *request) blob(blobKey []byte, said ctap.LargeBlobOutput) *largeBlobOutput {
	out := &largeBlobOutput{}
	switch in := x.Extensions.LargeBlob; {
	case in.writes() && x.key.extends(extLargeBlob):
		out.Written = new(said.Written != nil && *said.Written)
	case in.reads() && x.key.extends(extLargeBlob):
		out.Blob = unpack(said.Blob, said.OriginalSize)
	case in.writes():
		out.Written = new(blobKey != nil && x.key.writeBlob(blobKey, in.Write) == nil)
	case in.reads() && blobKey != nil:
		if blob, err := x.key.readBlob(blobKey); err == nil {
			out.Blob = blob
		}
	}
	return out
}
