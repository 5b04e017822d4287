package ctap

// A MakeCredentialRequest holds the parameters of authenticatorMakeCredential. A nil pointer or slice is a parameter
// that is absent; an empty slice is one that is present and empty. See Section 6.1.
type MakeCredentialRequest struct {
	ClientDataHash        []byte                // 0x01, 32 bytes
	RP                    RelyingParty          // 0x02
	User                  User                  // 0x03
	Params                []CredentialParameter // 0x04 pubKeyCredParams
	ExcludeList           []Descriptor          // 0x05
	Extensions            []Extension           // 0x06, in canonical order
	Options               Options               // 0x07
	UVAuthParam           []byte                // 0x08 pinUvAuthParam
	Protocol              *uint64               // 0x09 pinUvAuthProtocol
	EnterpriseAttestation *uint64               // 0x0A
	Formats               []string              // 0x0B attestationFormatsPreference, 2.3

	paramsFault error
}

// usualRequest is as much room as most requests take, in bytes. Our choice.
const usualRequest = 512

// clientDataHashSize is that of SHA-256. See Section 6.1.
const clientDataHashSize = 32

// ParseMakeCredentialRequest reads the parameters of authenticatorMakeCredential from canonical CBOR. Unknown
// parameters, members, options and extensions are ignored. It fails with ErrInvalidCBOR; with ErrCBORUnexpectedType for
// a wrong type, with ErrMissingParameter for a member of rp, user or a descriptor that is missing, with
// ErrInvalidLength for a hash that has not 32 bytes or a user id that has more than 64, all in the order of the
// message; and then with ErrMissingParameter for a parameter that is missing. What is wrong inside pubKeyCredParams
// comes later: see [MakeCredentialRequest.CheckParams]. The result refers to b. See Sections 6.1 and 8.2.
func ParseMakeCredentialRequest(b []byte) (MakeCredentialRequest, error) {
	var m MakeCredentialRequest
	var seen [5]bool
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		key := r.parameter()
		if key < uint64(len(seen)) {
			seen[key] = true
		}
		m.read(&r, key)
	}
	for _, found := range seen[1:] {
		r.require(found)
	}
	if err := r.end(); err != nil {
		return MakeCredentialRequest{}, err
	}
	return m, nil
}

// read reads the value of one parameter.
func (m *MakeCredentialRequest) read(r *reader, key uint64) {
	switch key {
	case 0x01:
		m.ClientDataHash = r.clientDataHash()
	case 0x02:
		m.RP = r.relyingParty()
	case 0x03:
		m.User = r.user()
	case 0x04:
		m.readParams(r)
	case 0x05:
		m.ExcludeList = r.descriptors()
	case 0x06:
		m.Extensions = r.extensions()
	case 0x07:
		m.Options = r.options()
	case 0x08:
		m.UVAuthParam = r.bytes()
	case 0x09:
		m.Protocol = new(r.unsigned())
	case 0x0a:
		m.EnterpriseAttestation = new(r.unsigned())
	case 0x0b:
		m.Formats = r.texts()
	default:
		r.skip()
	}
}

func (r *reader) clientDataHash() []byte {
	hash := r.bytes()
	if r.err == nil && len(hash) != clientDataHashSize {
		r.fail(ErrInvalidLength)
	}
	return hash
}

// readParams keeps the first fault of an element for CheckParams.
func (m *MakeCredentialRequest) readParams(r *reader) {
	for n := r.count(majorArray); r.left(n); n-- {
		element := newReader(r.encoded())
		p := element.credentialParameter()
		if m.paramsFault == nil {
			m.paramsFault = element.err
		}
		m.Params = append(m.Params, p)
	}
}

func (r *reader) credentialParameter() (p CredentialParameter) {
	alg, typed := false, false
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.name() {
		case "alg":
			p.Alg, alg = r.integer(), true
		case "type":
			p.Type, typed = r.text(), true
		default:
			r.skip()
		}
	}
	if !alg || !typed {
		r.fail(ErrInvalidCBOR)
	}
	return p
}

// CheckParams returns what is wrong with the first bad element of pubKeyCredParams: ErrInvalidCBOR for a member that is
// missing, ErrCBORUnexpectedType for one of the wrong type. It is a step of its own because what is said of
// pinUvAuthParam comes before. See Section 6.1.2, step 3.
func (m *MakeCredentialRequest) CheckParams() error { return m.paramsFault }

// HasDisplayName reports whether the user in the parameters of authenticatorMakeCredential has a displayName, be it empty.
func HasDisplayName(b []byte) (there bool) {
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		if r.parameter() != 0x03 {
			r.skip()
			continue
		}
		for n := r.count(majorMap); r.left(n); n-- {
			there = r.name() == "displayName" || there
			r.skip()
		}
	}
	return there
}

// Append appends the parameters in canonical form, for [ParseMakeCredentialRequest] to read.
func (m *MakeCredentialRequest) Append(b []byte) []byte {
	out := mapBuilder{body: make([]byte, 0, usualRequest)}
	out.bytes(0x01, m.ClientDataHash)
	out.key(0x02)
	out.body = m.appendRP(out.body)
	out.key(0x03)
	out.body = appendUser(out.body, &m.User)
	out.key(0x04)
	out.body = appendShort(out.body, majorArray, uint64(len(m.Params)))
	for _, p := range m.Params {
		out.body = appendInteger(appendText(appendShort(out.body, majorMap, 2), "alg"), p.Alg)
		out.body = appendText(appendText(out.body, "type"), p.Type)
	}
	if m.ExcludeList != nil {
		out.key(0x05)
		out.body = appendDescriptors(out.body, m.ExcludeList)
	}
	if m.Extensions != nil {
		out.encoded(0x06, appendExtensions(nil, m.Extensions))
	}
	if m.Options != (Options{}) {
		out.encoded(0x07, appendOptions(nil, m.Options))
	}
	if m.UVAuthParam != nil {
		out.bytes(0x08, m.UVAuthParam)
	}
	if m.Protocol != nil {
		out.unsigned(0x09, *m.Protocol)
	}
	if m.EnterpriseAttestation != nil {
		out.unsigned(0x0a, *m.EnterpriseAttestation)
	}
	if m.Formats != nil {
		out.encoded(0x0b, appendTexts(nil, m.Formats))
	}
	return out.appendTo(b)
}

func (m *MakeCredentialRequest) appendRP(b []byte) []byte {
	if m.RP.Name == "" {
		return appendText(appendText(appendShort(b, majorMap, 1), "id"), m.RP.ID)
	}
	b = appendText(appendText(appendShort(b, majorMap, 2), "id"), m.RP.ID)
	return appendText(appendText(b, "name"), m.RP.Name)
}

// A MakeCredentialResponse is the answer to authenticatorMakeCredential. Nil and false are members that are absent. See
// Section 6.1.
type MakeCredentialResponse struct {
	Format       string // 0x01 fmt
	AuthData     []byte // 0x02, see [ParseAuthData]
	Statement    []byte // 0x03 attStmt, as it is encoded
	EPAtt        bool   // 0x04: the attestation is an enterprise's
	LargeBlobKey []byte // 0x05
	Unsigned     []byte // 0x06 unsignedExtensionOutputs, a map as it is encoded (2.3)
}

// Append appends the members in canonical form.
func (m *MakeCredentialResponse) Append(b []byte) []byte {
	n := uint64(3)
	for _, more := range []bool{m.EPAtt, m.LargeBlobKey != nil, m.Unsigned != nil} {
		if more {
			n++
		}
	}
	b = appendText(append(appendShort(b, majorMap, n), 0x01), m.Format)
	b = appendBytes(append(b, 0x02), m.AuthData)
	b = append(append(b, 0x03), m.Statement...)
	if m.EPAtt {
		b = appendBool(append(b, 0x04), true)
	}
	if m.LargeBlobKey != nil {
		b = appendBytes(append(b, 0x05), m.LargeBlobKey)
	}
	if m.Unsigned != nil {
		b = append(append(b, 0x06), m.Unsigned...)
	}
	return b
}

// ParseMakeCredentialResponse reads what follows the status byte of an answer to authenticatorMakeCredential. Members
// that are not known are ignored. The result refers to b.
func ParseMakeCredentialResponse(b []byte) (MakeCredentialResponse, error) {
	var m MakeCredentialResponse
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			m.Format = r.text()
		case 0x02:
			m.AuthData = r.bytes()
		case 0x03:
			if kind := r.major(); kind != majorMap && kind != majorArray { // of a compound: Web Authentication Level 3, Section 8.9
				r.fail(ErrCBORUnexpectedType)
			}
			m.Statement = r.encoded()
		case 0x04:
			m.EPAtt = r.boolean()
		case 0x05:
			m.LargeBlobKey = r.bytes()
		case 0x06:
			m.Unsigned = r.encodedMap()
		default:
			r.skip()
		}
	}
	r.require(m.Format != "" && m.AuthData != nil && m.Statement != nil)
	return m, r.end()
}
