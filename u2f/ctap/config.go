package ctap

// A ConfigSubcommand says what authenticatorConfig is to do. See Section 6.11.
type ConfigSubcommand uint64

// The subcommands, as the table in Section 6.11 lists them; the one for long touches is of CTAP 2.3.
const (
	EnableEnterpriseAttestation ConfigSubcommand = 0x01
	ToggleAlwaysUV              ConfigSubcommand = 0x02
	SetMinPINLength             ConfigSubcommand = 0x03
	EnableLongTouchForReset     ConfigSubcommand = 0x04
)

// A ConfigRequest holds the parameters of authenticatorConfig. Nil is a parameter that is absent. See Section 6.11.
type ConfigRequest struct {
	Subcommand  ConfigSubcommand // 0x01
	Params      []byte           // 0x02 subCommandParams, as they are encoded: pinUvAuthParam is over them
	Protocol    *uint64          // 0x03 pinUvAuthProtocol
	UVAuthParam []byte           // 0x04 pinUvAuthParam
}

// ParseConfigRequest reads the parameters of authenticatorConfig from canonical CBOR; unknown ones are ignored. It fails
// like [ParseClientPINRequest]. The result refers to b. See Sections 6.11 and 8.2.
func ParseConfigRequest(b []byte) (ConfigRequest, error) {
	var c ConfigRequest
	named := false
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Subcommand, named = ConfigSubcommand(r.unsigned()), true
		case 0x02:
			c.Params = r.encodedMap()
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
		return ConfigRequest{}, err
	}
	return c, nil
}

// Append appends the parameters in canonical form, for [ParseConfigRequest] to read.
func (c *ConfigRequest) Append(b []byte) []byte {
	var m mapBuilder
	m.unsigned(0x01, uint64(c.Subcommand))
	if c.Params != nil {
		m.encoded(0x02, c.Params)
	}
	if c.Protocol != nil {
		m.unsigned(0x03, *c.Protocol)
	}
	if c.UVAuthParam != nil {
		m.bytes(0x04, c.UVAuthParam)
	}
	return m.appendTo(b)
}

// MinPINLengthParams are subCommandParams of setMinPINLength. Nil is one that is absent. See Section 6.11.4.
type MinPINLengthParams struct {
	NewMinPINLength     *uint64  // 0x01, in code points
	RPIDs               []string // 0x02 minPinLengthRPIDs
	ForceChangePIN      bool     // 0x03
	PINComplexityPolicy bool     // 0x04 (2.3)
}

// ParseMinPINLengthParams reads subCommandParams of setMinPINLength, and fails with ErrInvalidCBOR and
// ErrCBORUnexpectedType.
func ParseMinPINLengthParams(b []byte) (MinPINLengthParams, error) {
	var p MinPINLengthParams
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			p.NewMinPINLength = new(r.unsigned())
		case 0x02:
			if p.RPIDs = r.texts(); p.RPIDs == nil {
				p.RPIDs = []string{}
			}
		case 0x03:
			p.ForceChangePIN = r.boolean()
		case 0x04:
			p.PINComplexityPolicy = r.boolean()
		default:
			r.skip()
		}
	}
	if err := r.end(); err != nil {
		return MinPINLengthParams{}, err
	}
	return p, nil
}

// Append appends the parameters in canonical form; what is false is left out.
func (p *MinPINLengthParams) Append(b []byte) []byte {
	var m mapBuilder
	if p.NewMinPINLength != nil {
		m.unsigned(0x01, *p.NewMinPINLength)
	}
	if p.RPIDs != nil {
		m.encoded(0x02, appendTexts(nil, p.RPIDs))
	}
	if p.ForceChangePIN {
		m.boolean(0x03, true)
	}
	if p.PINComplexityPolicy {
		m.boolean(0x04, true)
	}
	return m.appendTo(b)
}
