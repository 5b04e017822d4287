package client

import (
	"bytes"
	"encoding/base64"
)

// creationInputs are the extensions that a page asks for at registration. See Section 10.1 and CTAP Section 12.
type creationInputs struct {
	CredProps    bool            `json:"credProps,omitempty"`                         // Section 10.1.3
	AppIDExclude *string         `json:"appidExclude,omitempty"`                      // Section 10.1.2
	AppID        *string         `json:"appid,omitempty"`                             // Section 10.1.1: not here
	PRF          *prfInput       `json:"prf,omitempty"`                               // Section 10.1.4
	LargeBlob    *largeBlobInput `json:"largeBlob,omitempty"`                         // Section 10.1.5
	Protection   string          `json:"credentialProtectionPolicy,omitempty"`        // CTAP Section 12.1
	Enforce      bool            `json:"enforceCredentialProtectionPolicy,omitempty"` // CTAP Section 12.1
	CredBlob     encoded         `json:"credBlob,omitempty"`                          // CTAP Section 12.2
	MinPINLength bool            `json:"minPinLength,omitempty"`                      // CTAP Section 12.5
	HMACCreate   bool            `json:"hmacCreateSecret,omitempty"`                  // CTAP Section 12.7
}

// requestInputs are the extensions that a page asks for at authentication.
type requestInputs struct {
	AppID        *string         `json:"appid,omitempty"`        // Section 10.1.1
	AppIDExclude *string         `json:"appidExclude,omitempty"` // Section 10.1.2: not here
	PRF          *prfInput       `json:"prf,omitempty"`          // Section 10.1.4
	LargeBlob    *largeBlobInput `json:"largeBlob,omitempty"`    // Section 10.1.5
	GetCredBlob  bool            `json:"getCredBlob,omitempty"`  // CTAP Section 12.2
	HMACGet      *hmacInput      `json:"hmacGetSecret,omitempty"`
}

// prfInput is an AuthenticationExtensionsPRFInputs. See Section 10.1.4.
type prfInput struct {
	Eval   *prfValues           `json:"eval,omitempty"`
	ByCred map[string]prfValues `json:"evalByCredential,omitempty"` // by credential ID, base64url
}

// prfValues is an AuthenticationExtensionsPRFValues.
type prfValues struct {
	First  encoded `json:"first"`
	Second encoded `json:"second,omitempty"`
}

// hmacInput is an HMACGetSecretInput: salts as the key takes them. See CTAP Section 12.7.
type hmacInput struct {
	Salt1 encoded `json:"salt1"`
	Salt2 encoded `json:"salt2,omitempty"`
}

// largeBlobInput is an AuthenticationExtensionsLargeBlobInputs. See Section 10.1.5.
type largeBlobInput struct {
	Support string  `json:"support,omitempty"`
	Read    *bool   `json:"read,omitempty"`
	Write   encoded `json:"write,omitempty"`
}

func (l *largeBlobInput) reads() bool { return l != nil && l.Read != nil && *l.Read }

func (l *largeBlobInput) writes() bool { return l != nil && l.Write != nil }

// saltSize is that of hmac-secret. See CTAP Section 12.7.
const saltSize = 32

// check refuses what a page cannot ask for at registration. See Sections 10.1.1, 10.1.4 and 10.1.5.
func (in *creationInputs) check() error {
	switch {
	case in.AppID != nil:
		return refuse(NotSupportedError, "the extension appid is for authentication: at registration there is appidExclude")
	case in.PRF != nil && in.PRF.ByCred != nil:
		return refuse(NotSupportedError, "prf.evalByCredential is for authentication")
	case in.LargeBlob != nil && (in.LargeBlob.Read != nil || in.LargeBlob.Write != nil):
		return refuse(NotSupportedError, "largeBlob.read and largeBlob.write are for authentication")
	case in.Protection != "" && protection[in.Protection] == 0:
		return refuse(TypeError, "the credentialProtectionPolicy %q is not known", in.Protection)
	}
	return in.PRF.check(nil)
}

// check refuses what a page cannot ask for at authentication. See Sections 10.1.2, 10.1.4 and 10.1.5.
func (in *requestInputs) check(allow []descriptor) error {
	switch l := in.LargeBlob; {
	case in.AppIDExclude != nil:
		return refuse(NotSupportedError, "the extension appidExclude is for registration: at authentication there is appid")
	case l == nil:
	case l.Support != "":
		return refuse(NotSupportedError, "largeBlob.support is for registration")
	case l.reads() && l.writes():
		return refuse(NotSupportedError, "largeBlob.read and largeBlob.write do not go together")
	case l.writes() && len(allow) != 1:
		return refuse(NotSupportedError, "largeBlob.write needs exactly one credential in allowCredentials, not %d", len(allow))
	}
	if h := in.HMACGet; h != nil && (len(h.Salt1) != saltSize || h.Salt2 != nil && len(h.Salt2) != saltSize) {
		return refuse(TypeError, "the salts of hmacGetSecret have %d bytes each", saltSize)
	}
	return in.PRF.check(allow)
}

// check looks at the inputs of prf: each has a first value, and each credential is one of the list. See Section 10.1.4.
func (p *prfInput) check(allow []descriptor) error {
	if p == nil {
		return nil
	}
	if p.Eval != nil && p.Eval.First == nil {
		return refuse(TypeError, "prf.eval has no first")
	}
	if len(p.ByCred) > 0 && len(allow) == 0 {
		return refuse(NotSupportedError, "prf.evalByCredential needs allowCredentials")
	}
	for name, v := range p.ByCred {
		id, err := base64.RawURLEncoding.DecodeString(name)
		if err != nil || len(id) == 0 || !listed(allow, id) {
			return refuse(SyntaxError, "prf.evalByCredential has %.40q, which is no ID in allowCredentials", name)
		}
		if v.First == nil {
			return refuse(TypeError, "prf.evalByCredential has no first for %.40q", name)
		}
	}
	return nil
}

func listed(list []descriptor, id []byte) bool {
	for _, d := range list {
		if bytes.Equal(d.ID, id) {
			return true
		}
	}
	return false
}

// values returns what prf is to be evaluated at for a credential, nil for nothing. See Section 10.1.4.
func (p *prfInput) values(id []byte) *prfValues {
	if p == nil {
		return nil
	}
	if v, ok := p.ByCred[base64.RawURLEncoding.EncodeToString(id)]; ok {
		return &v
	}
	return p.Eval
}

// protection are the levels of credProtect by a page's names for them. See CTAP Section 12.1.
var protection = map[string]byte{
	"userVerificationOptional":                     1,
	"userVerificationOptionalWithCredentialIDList": 2,
	"userVerificationRequired":                     3,
}
