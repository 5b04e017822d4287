package ctap

// A GetAssertionRequest holds the parameters of authenticatorGetAssertion. A nil pointer or slice is a parameter that is
// absent; an empty slice is one that is present and empty. See Section 6.2.
type GetAssertionRequest struct {
	RPID           string       // 0x01
	ClientDataHash []byte       // 0x02, 32 bytes
	AllowList      []Descriptor // 0x03
	Extensions     []Extension  // 0x04, in canonical order
	Options        Options      // 0x05
	UVAuthParam    []byte       // 0x06 pinUvAuthParam
	Protocol       *uint64      // 0x07 pinUvAuthProtocol
}

// ParseGetAssertionRequest reads the parameters of authenticatorGetAssertion from canonical CBOR; it fails like
// [ParseMakeCredentialRequest]. The result refers to b. See Sections 6.2 and 8.2.
func ParseGetAssertionRequest(b []byte) (GetAssertionRequest, error) {
	var g GetAssertionRequest
	named := false
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			g.RPID, named = r.text(), true
		case 0x02:
			g.ClientDataHash = r.clientDataHash()
		case 0x03:
			g.AllowList = r.descriptors()
		case 0x04:
			g.Extensions = r.extensions()
		case 0x05:
			g.Options = r.options()
		case 0x06:
			g.UVAuthParam = r.bytes()
		case 0x07:
			g.Protocol = new(r.unsigned())
		default:
			r.skip()
		}
	}
	r.require(named && g.ClientDataHash != nil)
	if err := r.end(); err != nil {
		return GetAssertionRequest{}, err
	}
	return g, nil
}

// Append appends the parameters in canonical form, for [ParseGetAssertionRequest] to read.
func (g *GetAssertionRequest) Append(b []byte) []byte {
	out := mapBuilder{body: make([]byte, 0, usualRequest)}
	out.text(0x01, g.RPID)
	out.bytes(0x02, g.ClientDataHash)
	if g.AllowList != nil {
		out.key(0x03)
		out.body = appendDescriptors(out.body, g.AllowList)
	}
	if g.Extensions != nil {
		out.encoded(0x04, appendExtensions(nil, g.Extensions))
	}
	if g.Options != (Options{}) {
		out.encoded(0x05, appendOptions(nil, g.Options))
	}
	if g.UVAuthParam != nil {
		out.bytes(0x06, g.UVAuthParam)
	}
	if g.Protocol != nil {
		out.unsigned(0x07, *g.Protocol)
	}
	return out.appendTo(b)
}

// A GetAssertionResponse is the answer to authenticatorGetAssertion and authenticatorGetNextAssertion. See Section 6.2.
type GetAssertionResponse struct {
	CredentialID        []byte // in 0x01, nil if absent
	AuthData            []byte // 0x02, see [ParseAuthData]
	Signature           []byte // 0x03, over AuthData and the client data's hash
	User                *User  // 0x04, nil if absent; empty names are absent
	NumberOfCredentials uint64 // 0x05, 0 if absent
	UserSelected        bool   // 0x06, the user has chosen the account on the authenticator
	LargeBlobKey        []byte // 0x07, nil if absent
	Unsigned            []byte // 0x08 unsignedExtensionOutputs, a map as it is encoded, nil if absent (2.3)
}

// Append appends the members in canonical form.
func (g *GetAssertionResponse) Append(b []byte) []byte {
	n := uint64(2)
	if g.CredentialID != nil {
		n++
	}
	if g.UserSelected {
		n++
	}
	if g.User != nil {
		n++
	}
	if g.NumberOfCredentials != 0 {
		n++
	}
	if g.LargeBlobKey != nil {
		n++
	}
	if g.Unsigned != nil {
		n++
	}
	b = appendShort(b, majorMap, n)
	if g.CredentialID != nil {
		b = appendDescriptor(append(b, 0x01), g.CredentialID, PublicKey)
	}
	b = appendBytes(append(b, 0x02), g.AuthData)
	b = appendBytes(append(b, 0x03), g.Signature)
	if g.User != nil {
		b = appendUser(append(b, 0x04), g.User)
	}
	if g.NumberOfCredentials != 0 {
		b = appendShort(append(b, 0x05), majorUnsigned, g.NumberOfCredentials)
	}
	if g.UserSelected {
		b = appendBool(append(b, 0x06), true)
	}
	if g.LargeBlobKey != nil {
		b = appendBytes(append(b, 0x07), g.LargeBlobKey)
	}
	if g.Unsigned != nil {
		b = append(append(b, 0x08), g.Unsigned...)
	}
	return b
}

// ParseGetAssertionResponse reads what follows the status byte of an answer to authenticatorGetAssertion or
// authenticatorGetNextAssertion. Members that are not known are ignored. The result refers to b.
func ParseGetAssertionResponse(b []byte) (GetAssertionResponse, error) {
	var g GetAssertionResponse
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			g.CredentialID = r.descriptor().ID
		case 0x02:
			g.AuthData = r.bytes()
		case 0x03:
			g.Signature = r.bytes()
		case 0x04:
			g.User = new(r.user())
		case 0x05:
			g.NumberOfCredentials = r.unsigned()
		case 0x06:
			g.UserSelected = r.boolean()
		case 0x07:
			g.LargeBlobKey = r.bytes()
		case 0x08:
			g.Unsigned = r.encodedMap()
		default:
			r.skip()
		}
	}
	r.require(g.AuthData != nil && g.Signature != nil)
	return g, r.end()
}
