package ctap

import (
	"maps"
	"slices"
	"strings"
)

// A GetInfoResponse is the answer to authenticatorGetInfo. Nil, zero and empty are members that are absent, but for
// Versions and AAGUID, which are required. See Section 6.4.
type GetInfoResponse struct {
	Versions                 []string        // 0x01
	Extensions               []string        // 0x02
	AAGUID                   [16]byte        // 0x03
	Options                  map[string]bool // 0x04
	MaxMsgSize               uint64          // 0x05
	Protocols                []uint64        // 0x06 pinUvAuthProtocols, the preferred one first
	MaxCredentialCountInList uint64          // 0x07
	MaxCredentialIDLength    uint64          // 0x08
	Transports               []string        // 0x09
	Algorithms               []int64         // 0x0A, COSE, the preferred one first
	MaxLargeBlobs            uint64          // 0x0B maxSerializedLargeBlobArray
	ForcePINChange           *bool           // 0x0C
	MinPINLength             uint64          // 0x0D
	FirmwareVersion          uint64          // 0x0E
	MaxCredBlobLength        uint64          // 0x0F
	MaxRPIDs                 *uint64         // 0x10 maxRPIDsForSetMinPINLength
	RemainingCredentials     *uint64         // 0x14 remainingDiscoverableCredentials
	AttestationFormats       []string        // 0x16, 2.3
	// Of built-in user verification.
	PreferredPlatformUVAttempts uint64  // 0x11
	UVModality                  uint64  // 0x12 flags of the FIDO Registry of Predefined Values, Section 3.1
	UVCountSinceLastPINEntry    *uint64 // 0x17, of 2.3
	Latest                              // 0x18 to 0x1F
}

// Latest are the members of authenticatorGetInfo's answer that CTAP 2.2 and 2.3 brought. See CTAP 2.3, Section 6.4.
type Latest struct {
	LongTouchForReset      *bool    // 0x18
	EncIdentifier          []byte   // 0x19
	TransportsForReset     []string // 0x1A
	PINComplexityPolicy    *bool    // 0x1B
	PINComplexityPolicyURL string   // 0x1C, a byte string on the wire
	MaxPINLength           uint64   // 0x1D, in code points
	EncCredStoreState      []byte   // 0x1E
	ConfigCommands         []uint64 // 0x1F authenticatorConfigCommands
}

// append adds the members in rising order.
func (l *Latest) append(m *mapBuilder) {
	m.booleanIf(0x18, l.LongTouchForReset)
	if l.EncIdentifier != nil {
		m.bytes(0x19, l.EncIdentifier)
	}
	if len(l.TransportsForReset) > 0 {
		m.texts(0x1a, l.TransportsForReset)
	}
	m.booleanIf(0x1b, l.PINComplexityPolicy)
	if l.PINComplexityPolicyURL != "" {
		m.bytes(0x1c, []byte(l.PINComplexityPolicyURL))
	}
	m.unsignedIf(0x1d, l.MaxPINLength)
	if l.EncCredStoreState != nil {
		m.bytes(0x1e, l.EncCredStoreState)
	}
	if len(l.ConfigCommands) > 0 {
		m.numbers(0x1f, l.ConfigCommands)
	}
}

// read reads the value of one member, or skips it.
func (l *Latest) read(r *reader, key uint64) {
	switch key {
	case 0x18:
		l.LongTouchForReset = new(r.boolean())
	case 0x19:
		l.EncIdentifier = r.bytes()
	case 0x1a:
		l.TransportsForReset = r.texts()
	case 0x1b:
		l.PINComplexityPolicy = new(r.boolean())
	case 0x1c:
		l.PINComplexityPolicyURL = string(r.bytes())
	case 0x1d:
		l.MaxPINLength = r.unsigned()
	case 0x1e:
		l.EncCredStoreState = r.bytes()
	case 0x1f:
		l.ConfigCommands = r.numbers()
	default:
		r.skip()
	}
}

func (m *mapBuilder) booleanIf(key byte, v *bool) {
	if v != nil {
		m.boolean(key, *v)
	}
}

func (m *mapBuilder) texts(key byte, list []string) {
	m.key(key)
	m.body = appendTexts(m.body, list)
}

func (m *mapBuilder) numbers(key byte, list []uint64) {
	m.key(key)
	m.body = appendNumbers(m.body, list)
}

func appendNumbers(b []byte, list []uint64) []byte {
	b = appendShort(b, majorArray, uint64(len(list)))
	for _, v := range list {
		b = appendShort(b, majorUnsigned, v)
	}
	return b
}

func (r *reader) numbers() (list []uint64) {
	n := r.count(majorArray)
	if n > 0 {
		list = make([]uint64, 0, r.room(n))
	}
	for ; r.left(n); n-- {
		list = append(list, r.unsigned())
	}
	return list
}

// Our choice: as much room as most answers take, so that it is made once.
const (
	usualInfo    = 1024 // bytes
	usualOptions = 24
)

// Append appends the members in canonical form.
func (g *GetInfoResponse) Append(b []byte) []byte {
	m := mapBuilder{body: make([]byte, 0, usualInfo)}
	m.texts(0x01, g.Versions)
	if len(g.Extensions) > 0 {
		m.texts(0x02, g.Extensions)
	}
	m.bytes(0x03, g.AAGUID[:])
	if len(g.Options) > 0 {
		m.key(0x04)
		m.body = appendOptionIDs(m.body, g.Options)
	}
	m.unsignedIf(0x05, g.MaxMsgSize)
	if len(g.Protocols) > 0 {
		m.numbers(0x06, g.Protocols)
	}
	m.unsignedIf(0x07, g.MaxCredentialCountInList)
	m.unsignedIf(0x08, g.MaxCredentialIDLength)
	if len(g.Transports) > 0 {
		m.texts(0x09, g.Transports)
	}
	if len(g.Algorithms) > 0 {
		m.key(0x0a)
		m.body = appendShort(m.body, majorArray, uint64(len(g.Algorithms)))
		for _, alg := range g.Algorithms {
			m.body = appendInteger(appendText(appendShort(m.body, majorMap, 2), "alg"), alg)
			m.body = appendText(appendText(m.body, "type"), PublicKey)
		}
	}
	m.unsignedIf(0x0b, g.MaxLargeBlobs)
	m.booleanIf(0x0c, g.ForcePINChange)
	m.unsignedIf(0x0d, g.MinPINLength)
	m.unsignedIf(0x0e, g.FirmwareVersion)
	m.unsignedIf(0x0f, g.MaxCredBlobLength)
	if g.MaxRPIDs != nil {
		m.unsigned(0x10, *g.MaxRPIDs)
	}
	m.unsignedIf(0x11, g.PreferredPlatformUVAttempts)
	m.unsignedIf(0x12, g.UVModality)
	if g.RemainingCredentials != nil {
		m.unsigned(0x14, *g.RemainingCredentials)
	}
	if len(g.AttestationFormats) > 0 {
		m.texts(0x16, g.AttestationFormats)
	}
	if g.UVCountSinceLastPINEntry != nil {
		m.unsigned(0x17, *g.UVCountSinceLastPINEntry)
	}
	g.Latest.append(&m)
	return m.appendTo(b)
}

func (m *mapBuilder) unsignedIf(key byte, v uint64) {
	if v != 0 {
		m.unsigned(key, v)
	}
}

func appendTexts(b []byte, list []string) []byte {
	b = appendShort(b, majorArray, uint64(len(list)))
	for _, v := range list {
		b = appendText(b, v)
	}
	return b
}

func appendOptionIDs(b []byte, options map[string]bool) []byte {
	names := slices.AppendSeq(make([]string, 0, usualOptions), maps.Keys(options))
	slices.SortFunc(names, func(x, y string) int {
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		return strings.Compare(x, y)
	})
	b = appendShort(b, majorMap, uint64(len(names)))
	for _, name := range names {
		b = appendBool(appendText(b, name), options[name])
	}
	return b
}

// ParseGetInfoResponse reads what follows the status byte of an answer to authenticatorGetInfo. Members that are not
// known are ignored. See Section 6.4.
func ParseGetInfoResponse(b []byte) (GetInfoResponse, error) {
	var g GetInfoResponse
	r := newReader(b)
	identified := false
	for n := r.count(majorMap); r.left(n); n-- {
		key := r.parameter()
		identified = identified || key == 0x03
		g.read(&r, key)
	}
	r.require(identified && len(g.Versions) > 0)
	if err := r.end(); err != nil {
		return GetInfoResponse{}, err
	}
	return g, nil
}

// read reads the value of one member.
func (g *GetInfoResponse) read(r *reader, key uint64) {
	switch key {
	case 0x01:
		g.Versions = r.texts()
	case 0x02:
		g.Extensions = r.texts()
	case 0x03:
		if id := r.bytes(); len(id) == len(g.AAGUID) {
			g.AAGUID = [16]byte(id)
		} else {
			r.fail(ErrInvalidLength)
		}
	case 0x04:
		g.Options = r.optionIDs()
	case 0x05:
		g.MaxMsgSize = r.unsigned()
	case 0x06:
		g.Protocols = r.numbers()
	case 0x07:
		g.MaxCredentialCountInList = r.unsigned()
	case 0x08:
		g.MaxCredentialIDLength = r.unsigned()
	case 0x09:
		g.Transports = r.texts()
	case 0x0a:
		for n := r.count(majorArray); r.left(n); n-- {
			g.Algorithms = append(g.Algorithms, r.credentialParameter().Alg)
		}
	case 0x0b:
		g.MaxLargeBlobs = r.unsigned()
	case 0x0c:
		g.ForcePINChange = new(r.boolean())
	case 0x0d:
		g.MinPINLength = r.unsigned()
	case 0x0e:
		g.FirmwareVersion = r.unsigned()
	case 0x0f:
		g.MaxCredBlobLength = r.unsigned()
	case 0x10:
		g.MaxRPIDs = new(r.unsigned())
	case 0x11:
		g.PreferredPlatformUVAttempts = r.unsigned()
	case 0x12:
		g.UVModality = r.unsigned()
	case 0x17:
		g.UVCountSinceLastPINEntry = new(r.unsigned())
	case 0x14:
		g.RemainingCredentials = new(r.unsigned())
	case 0x16:
		g.AttestationFormats = r.texts()
	default:
		g.Latest.read(r, key)
	}
}

func (r *reader) texts() (list []string) {
	n := r.count(majorArray)
	if n > 0 {
		list = make([]string, 0, r.room(n))
	}
	for ; r.left(n); n-- {
		list = append(list, r.text())
	}
	return list
}

func (r *reader) optionIDs() map[string]bool {
	n := r.count(majorMap)
	options := make(map[string]bool, min(r.room(n), usualOptions))
	for ; r.left(n); n-- {
		name := r.name()
		options[name] = r.boolean()
	}
	return options
}
