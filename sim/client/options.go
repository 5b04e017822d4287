package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
)

// encoded is a Base64URLString: base64url without padding. See Section 5.1.
type encoded []byte

var errEncoding = errors.New("base64url without padding is expected")

// MarshalText implements encoding.TextMarshaler.
func (e encoded) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, e), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. What has no bytes is not nil.
func (e *encoded) UnmarshalText(b []byte) error {
	raw, err := base64.RawURLEncoding.AppendDecode([]byte{}, b)
	if err != nil || bytes.ContainsAny(b, "\r\n") {
		return errEncoding
	}
	*e = raw
	return nil
}

// publicKey is the type of every credential. See Section 5.8.2.
const publicKey = "public-key"

// Values of enumerations that make a difference; others, unknown ones too, mean what a missing member does.
const (
	required     = "required"       // Sections 5.4.6 and 5.8.6
	preferred    = "preferred"      // the same
	discouraged  = "discouraged"    // the same
	noConveyance = "none"           // Section 5.4.7
	enterprise   = "enterprise"     // Section 5.4.7
	platform     = "platform"       // Section 5.4.5
	roaming      = "cross-platform" // Section 5.4.5
)

// creationOptions is a PublicKeyCredentialCreationOptionsJSON; members that are not here are ignored. See Section 5.1.8.
type creationOptions struct {
	RP struct {
		ID   string  `json:"id,omitempty"`
		Name *string `json:"name"`
	} `json:"rp"`
	User struct {
		ID          encoded `json:"id"`
		Name        *string `json:"name"`
		DisplayName *string `json:"displayName"`
	} `json:"user"`
	Challenge encoded            `json:"challenge"`
	Params    *[]credentialParam `json:"pubKeyCredParams"`
	Timeout   *uint32            `json:"timeout,omitempty"` // see [Timeout]
	Exclude   []descriptor       `json:"excludeCredentials,omitempty"`
	Selection selection          `json:"authenticatorSelection,omitzero"`
	Hints     []string           `json:"hints,omitempty"` // the preferred one first; see inOrder
	// Attestation is a preference: "none" where it is missing.
	Attestation string         `json:"attestation,omitempty"`
	Formats     []string       `json:"attestationFormats,omitempty"` // the preferred one first
	Extensions  creationInputs `json:"extensions,omitzero"`
}

type credentialParam struct {
	Type string `json:"type"`
	Alg  int64  `json:"alg"`
}

// selection is an AuthenticatorSelectionCriteria. See Section 5.4.4.
type selection struct {
	Attachment  string `json:"authenticatorAttachment,omitempty"`
	ResidentKey string `json:"residentKey,omitempty"`
	// RequireResidentKey counts where ResidentKey is missing: it is of Level 1.
	RequireResidentKey bool   `json:"requireResidentKey,omitempty"`
	UserVerification   string `json:"userVerification,omitempty"`
}

// descriptor is a PublicKeyCredentialDescriptorJSON. Where a credential may be reached is not looked at: there is one
// way. See Section 5.8.3.
type descriptor struct {
	Type string  `json:"type"`
	ID   encoded `json:"id"`
}

// requestOptions is a PublicKeyCredentialRequestOptionsJSON. See Section 5.1.9.
type requestOptions struct {
	Challenge        encoded       `json:"challenge"`
	Timeout          *uint32       `json:"timeout,omitempty"` // see [Timeout]
	RPID             string        `json:"rpId,omitempty"`
	Allow            []descriptor  `json:"allowCredentials,omitempty"`
	UserVerification string        `json:"userVerification,omitempty"`
	Hints            []string      `json:"hints,omitempty"`
	Extensions       requestInputs `json:"extensions,omitzero"`
}

func read(b []byte, v any) error {
	switch err := json.Unmarshal(b, v); {
	case errors.Is(err, errEncoding):
		return refuse(EncodingError, "the options cannot be read: %v", err)
	case err != nil:
		return refuse(TypeError, "the options cannot be read: %v", err)
	}
	return nil
}

// parseCreationOptions reads the options of Create: what is required must be there, and a user's handle has 1 to 64
// bytes. See Sections 5.1.3 and 5.4.
func parseCreationOptions(b []byte) (o creationOptions, err error) {
	o, ok := plainCreation(b)
	if !ok {
		o = creationOptions{}
		if err := read(b, &o); err != nil {
			return o, err
		}
	}
	for _, m := range []struct {
		name string
		has  bool
	}{
		{"rp.name", o.RP.Name != nil}, {"user.id", o.User.ID != nil}, {"user.name", o.User.Name != nil},
		{"user.displayName", o.User.DisplayName != nil}, {"challenge", o.Challenge != nil}, {"pubKeyCredParams", o.Params != nil},
	} {
		if !m.has {
			return o, refuse(TypeError, "the options have no %s", m.name)
		}
	}
	if n := len(o.User.ID); n < 1 || n > 64 {
		return o, refuse(TypeError, "user.id has %d bytes: 1 to 64 are allowed", n)
	}
	if err := checkDescriptors(o.Exclude); err != nil {
		return o, err
	}
	return o, o.Extensions.check()
}

func parseRequestOptions(b []byte) (o requestOptions, err error) {
	o, ok := plainRequest(b)
	if !ok {
		o = requestOptions{}
		if err := read(b, &o); err != nil {
			return o, err
		}
	}
	if o.Challenge == nil {
		return o, refuse(TypeError, "the options have no challenge")
	}
	if err := checkDescriptors(o.Allow); err != nil {
		return o, err
	}
	return o, o.Extensions.check(o.Allow)
}

func checkDescriptors(list []descriptor) error {
	for _, d := range list {
		if d.Type == "" || d.ID == nil {
			return refuse(TypeError, "a credential descriptor has no type or no id")
		}
	}
	return nil
}

// resident says how much the relying party wants a discoverable credential. See Section 5.4.4.
func (s selection) resident() string {
	switch s.ResidentKey {
	case required, preferred, discouraged:
		return s.ResidentKey
	}
	if s.RequireResidentKey {
		return required
	}
	return discouraged
}

// verification says how much the relying party wants the user to be verified. See Section 5.8.6.
func verification(wish string) string {
	switch wish {
	case required, discouraged:
		return wish
	}
	return preferred
}
