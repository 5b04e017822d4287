package ctap

// A CredentialManagementSubcommand says what authenticatorCredentialManagement is to do. See Section 6.8.
type CredentialManagementSubcommand uint64

// The subcommands, as the table in Section 6.8 lists them.
const (
	GetCredsMetadata                      CredentialManagementSubcommand = 0x01
	EnumerateRPsBegin                     CredentialManagementSubcommand = 0x02
	EnumerateRPsGetNextRP                 CredentialManagementSubcommand = 0x03
	EnumerateCredentialsBegin             CredentialManagementSubcommand = 0x04
	EnumerateCredentialsGetNextCredential CredentialManagementSubcommand = 0x05
	DeleteCredential                      CredentialManagementSubcommand = 0x06
	UpdateUserInformation                 CredentialManagementSubcommand = 0x07
)

// A CredentialManagementRequest holds the parameters of authenticatorCredentialManagement. Nil is a parameter that is
// absent. See Section 6.8.
type CredentialManagementRequest struct {
	Subcommand   CredentialManagementSubcommand // 0x01
	Params       []byte                         // 0x02 subCommandParams, as they are encoded: pinUvAuthParam is over them
	RPIDHash     []byte                         // of Params: 0x01
	CredentialID []byte                         // of Params: the id of 0x02
	User         *User                          // of Params: 0x03
	Protocol     *uint64                        // 0x03 pinUvAuthProtocol
	UVAuthParam  []byte                         // 0x04 pinUvAuthParam
}

// ParseCredentialManagementRequest reads the parameters of authenticatorCredentialManagement from canonical CBOR; unknown
// ones are ignored. It fails like [ParseClientPINRequest]. The result refers to b. See Sections 6.8 and 8.2.
func ParseCredentialManagementRequest(b []byte) (CredentialManagementRequest, error) {
	var c CredentialManagementRequest
	named := false
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Subcommand, named = CredentialManagementSubcommand(r.unsigned()), true
		case 0x02:
			start := r.s.pos
			c.params(&r)
			c.Params = b[start:r.s.pos:r.s.pos]
		case 0x03:
			c.Protocol = new(r.unsigned())
		case 0x04:
			c.UVAuthParam = r.bytes()
		default:
			r.skip()
		}
	}
	r.require(named)
	if err := r.end(); err != nil {
		return CredentialManagementRequest{}, err
	}
	return c, nil
}

func (c *CredentialManagementRequest) params(r *reader) {
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.RPIDHash = r.bytes()
		case 0x02:
			c.CredentialID = r.descriptor().ID
		case 0x03:
			c.User = new(r.user())
		default:
			r.skip()
		}
	}
}

// AppendParams appends subCommandParams, nothing where there are none.
func (c *CredentialManagementRequest) AppendParams(b []byte) []byte {
	var m mapBuilder
	if c.RPIDHash != nil {
		m.bytes(0x01, c.RPIDHash)
	}
	if c.CredentialID != nil {
		m.encoded(0x02, appendDescriptor(nil, c.CredentialID, PublicKey))
	}
	if c.User != nil {
		m.encoded(0x03, appendUser(nil, c.User))
	}
	if m.entries == 0 {
		return b
	}
	return m.appendTo(b)
}

// Append appends the parameters in canonical form, for [ParseCredentialManagementRequest] to read; Params is not looked at.
func (c *CredentialManagementRequest) Append(b []byte) []byte {
	var m mapBuilder
	m.unsigned(0x01, uint64(c.Subcommand))
	if params := c.AppendParams(nil); params != nil {
		m.encoded(0x02, params)
	}
	if c.Protocol != nil {
		m.unsigned(0x03, *c.Protocol)
	}
	if c.UVAuthParam != nil {
		m.bytes(0x04, c.UVAuthParam)
	}
	return m.appendTo(b)
}

// A CredentialManagementResponse is the answer to authenticatorCredentialManagement. Nil, zero and empty are members that
// are absent. See Section 6.8.
type CredentialManagementResponse struct {
	Existing         *uint64 // 0x01 existingResidentCredentialsCount
	Remaining        *uint64 // 0x02 maxPossibleRemainingResidentCredentialsCount
	RPID             string  // the id of 0x03
	RPIDHash         []byte  // 0x04
	TotalRPs         uint64  // 0x05
	User             *User   // 0x06
	CredentialID     []byte  // the id of 0x07
	PublicKey        []byte  // 0x08 a COSE_Key, as it is encoded
	TotalCredentials uint64  // 0x09
	CredProtect      uint64  // 0x0A
	LargeBlobKey     []byte  // 0x0B
	ThirdParty       *bool   // 0x0C thirdPartyPayment (2.3)
}

// Append appends the members in canonical form, and nothing where there are none.
func (c *CredentialManagementResponse) Append(b []byte) []byte {
	var m mapBuilder
	if c.Existing != nil {
		m.unsigned(0x01, *c.Existing)
	}
	if c.Remaining != nil {
		m.unsigned(0x02, *c.Remaining)
	}
	if c.RPIDHash != nil {
		m.encoded(0x03, appendText(appendText(appendShort(nil, majorMap, 1), "id"), c.RPID))
		m.bytes(0x04, c.RPIDHash)
	}
	m.unsignedIf(0x05, c.TotalRPs)
	if c.User != nil {
		m.encoded(0x06, appendUser(nil, c.User))
	}
	if c.CredentialID != nil {
		m.encoded(0x07, appendDescriptor(nil, c.CredentialID, PublicKey))
	}
	if c.PublicKey != nil {
		m.encoded(0x08, c.PublicKey)
	}
	m.unsignedIf(0x09, c.TotalCredentials)
	m.unsignedIf(0x0a, c.CredProtect)
	if c.LargeBlobKey != nil {
		m.bytes(0x0b, c.LargeBlobKey)
	}
	if c.ThirdParty != nil {
		m.boolean(0x0c, *c.ThirdParty)
	}
	if m.entries == 0 {
		return b
	}
	return m.appendTo(b)
}

// ParseCredentialManagementResponse reads what follows the status byte of an answer to
// authenticatorCredentialManagement. No bytes at all are an answer without members. The result refers to b.
func ParseCredentialManagementResponse(b []byte) (c CredentialManagementResponse, err error) {
	if len(b) == 0 {
		return c, nil
	}
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Existing = new(r.unsigned())
		case 0x02:
			c.Remaining = new(r.unsigned())
		case 0x03:
			c.RPID = r.relyingParty().ID
		case 0x04:
			c.RPIDHash = r.bytes()
		case 0x05:
			c.TotalRPs = r.unsigned()
		case 0x06:
			c.User = new(r.user())
		case 0x07:
			c.CredentialID = r.descriptor().ID
		case 0x08:
			c.PublicKey = r.encodedMap()
		case 0x09:
			c.TotalCredentials = r.unsigned()
		case 0x0a:
			c.CredProtect = r.unsigned()
		case 0x0b:
			c.LargeBlobKey = r.bytes()
		case 0x0c:
			c.ThirdParty = new(r.boolean())
		default:
			r.skip()
		}
	}
	return c, r.end()
}
