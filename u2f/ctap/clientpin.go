package ctap

// A ClientPINSubcommand says what authenticatorClientPIN is to do. See Section 6.5.5.
type ClientPINSubcommand uint64

// The subcommands, as the table in Section 6.5.5 lists them.
const (
	GetPINRetries                            ClientPINSubcommand = 0x01
	GetKeyAgreement                          ClientPINSubcommand = 0x02
	SetPIN                                   ClientPINSubcommand = 0x03
	ChangePIN                                ClientPINSubcommand = 0x04
	GetPINToken                              ClientPINSubcommand = 0x05
	GetPINUVAuthTokenUsingUVWithPermissions  ClientPINSubcommand = 0x06
	GetUVRetries                             ClientPINSubcommand = 0x07
	GetPINUVAuthTokenUsingPINWithPermissions ClientPINSubcommand = 0x09
)

// Permissions are what a pinUvAuthToken may be used for. See the table in Section 6.5.5.7.
type Permissions uint64

// The permissions. Bits that have no name here are undefined.
const (
	PermissionMC   Permissions = 0x01 // authenticatorMakeCredential
	PermissionGA   Permissions = 0x02 // authenticatorGetAssertion
	PermissionCM   Permissions = 0x04 // authenticatorCredentialManagement
	PermissionBE   Permissions = 0x08 // authenticatorBioEnrollment
	PermissionLBW  Permissions = 0x10 // authenticatorLargeBlobs, writing
	PermissionACFG Permissions = 0x20 // authenticatorConfig
	PermissionPCMR Permissions = 0x40 // authenticatorCredentialManagement, reading, with a token that lasts (2.3)
)

// A ClientPINRequest holds the parameters of authenticatorClientPIN. A nil pointer or slice is a parameter that is
// absent; an empty slice is one that is present and empty. See Section 6.5.5.
type ClientPINRequest struct {
	Protocol     *uint64             // 0x01 pinUvAuthProtocol
	Subcommand   ClientPINSubcommand // 0x02
	KeyAgreement []byte              // 0x03 a COSE_Key, as it is encoded
	UVAuthParam  []byte              // 0x04 pinUvAuthParam
	NewPINEnc    []byte              // 0x05
	PINHashEnc   []byte              // 0x06
	Permissions  *Permissions        // 0x09
	RPID         *string             // 0x0A
}

// ParseClientPINRequest reads the parameters of authenticatorClientPIN from canonical CBOR; unknown ones are ignored. It
// fails with ErrInvalidCBOR, with ErrCBORUnexpectedType for a value of a type that its parameter does not have, null
// included, and with ErrMissingParameter where subCommand is absent. The result refers to b. See Sections 6.5.5 and 8.2.
func ParseClientPINRequest(b []byte) (ClientPINRequest, error) {
	var c ClientPINRequest
	named := false
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Protocol = new(r.unsigned())
		case 0x02:
			c.Subcommand, named = ClientPINSubcommand(r.unsigned()), true
		case 0x03:
			c.KeyAgreement = r.encodedMap()
		case 0x04:
			c.UVAuthParam = r.bytes()
		case 0x05:
			c.NewPINEnc = r.bytes()
		case 0x06:
			c.PINHashEnc = r.bytes()
		case 0x09:
			c.Permissions = new(Permissions(r.unsigned()))
		case 0x0a:
			c.RPID = new(r.text())
		default:
			r.skip()
		}
	}
	r.require(named)
	if err := r.end(); err != nil {
		return ClientPINRequest{}, err
	}
	return c, nil
}

// encodedMap reads a map, as it is encoded.
func (r *reader) encodedMap() []byte {
	if r.major() != majorMap {
		r.fail(ErrCBORUnexpectedType)
	}
	return r.encoded()
}

// Append appends the parameters in canonical form, for [ParseClientPINRequest] to read.
func (r *ClientPINRequest) Append(b []byte) []byte {
	var m mapBuilder
	if r.Protocol != nil {
		m.unsigned(0x01, *r.Protocol)
	}
	m.unsigned(0x02, uint64(r.Subcommand))
	if r.KeyAgreement != nil {
		m.encoded(0x03, r.KeyAgreement)
	}
	if r.UVAuthParam != nil {
		m.bytes(0x04, r.UVAuthParam)
	}
	if r.NewPINEnc != nil {
		m.bytes(0x05, r.NewPINEnc)
	}
	if r.PINHashEnc != nil {
		m.bytes(0x06, r.PINHashEnc)
	}
	if r.Permissions != nil {
		m.unsigned(0x09, uint64(*r.Permissions))
	}
	if r.RPID != nil {
		m.text(0x0a, *r.RPID)
	}
	return m.appendTo(b)
}

// A ClientPINResponse is the answer to authenticatorClientPIN. A nil pointer or slice is a member that is absent. See
// Section 6.5.5.
type ClientPINResponse struct {
	KeyAgreement    []byte  // 0x01 a COSE_Key, as it is encoded
	UVAuthToken     []byte  // 0x02 pinUvAuthToken, encrypted
	PINRetries      *uint64 // 0x03
	PowerCycleState *bool   // 0x04
	UVRetries       *uint64 // 0x05
}

// ParseClientPINResponse reads what follows the status byte of an answer to authenticatorClientPIN. No bytes at all are
// an answer without members, as setPIN and changePIN have it. It fails like [ParseClientPINRequest]; the result refers
// to b.
func ParseClientPINResponse(b []byte) (ClientPINResponse, error) {
	var c ClientPINResponse
	if len(b) == 0 {
		return c, nil
	}
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.KeyAgreement = r.encodedMap()
		case 0x02:
			c.UVAuthToken = r.bytes()
		case 0x03:
			c.PINRetries = new(r.unsigned())
		case 0x04:
			c.PowerCycleState = new(r.boolean())
		case 0x05:
			c.UVRetries = new(r.unsigned())
		default:
			r.skip()
		}
	}
	if err := r.end(); err != nil {
		return ClientPINResponse{}, err
	}
	return c, nil
}

// Append appends the members in canonical form, and nothing where there are none.
func (r *ClientPINResponse) Append(b []byte) []byte {
	var m mapBuilder
	if r.KeyAgreement != nil {
		m.encoded(0x01, r.KeyAgreement)
	}
	if r.UVAuthToken != nil {
		m.bytes(0x02, r.UVAuthToken)
	}
	if r.PINRetries != nil {
		m.unsigned(0x03, *r.PINRetries)
	}
	if r.PowerCycleState != nil {
		m.boolean(0x04, *r.PowerCycleState)
	}
	if r.UVRetries != nil {
		m.unsigned(0x05, *r.UVRetries)
	}
	if m.entries == 0 {
		return b
	}
	return m.appendTo(b)
}
