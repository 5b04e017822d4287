package ctap

// A BioEnrollmentSubcommand says what authenticatorBioEnrollment is to do. See Section 6.7.
type BioEnrollmentSubcommand uint64

// The subcommands, as the table in Section 6.7 lists them. Zero is none: the request asks for the modality.
const (
	EnrollBegin              BioEnrollmentSubcommand = 0x01
	EnrollCaptureNextSample  BioEnrollmentSubcommand = 0x02
	CancelCurrentEnrollment  BioEnrollmentSubcommand = 0x03
	EnumerateEnrollments     BioEnrollmentSubcommand = 0x04
	SetFriendlyName          BioEnrollmentSubcommand = 0x05
	RemoveEnrollment         BioEnrollmentSubcommand = 0x06
	GetFingerprintSensorInfo BioEnrollmentSubcommand = 0x07
)

// Fingerprint is the one modality that there is. See Section 6.7.
const Fingerprint = 0x01

// A SampleStatus is what became of a sample of a fingerprint: lastEnrollSampleStatus. See the table in Section 6.7.4.
type SampleStatus uint64

// The statuses. 0x0C is given to none.
const (
	SampleGood         SampleStatus = 0x00
	SampleTooHigh      SampleStatus = 0x01
	SampleTooLow       SampleStatus = 0x02
	SampleTooLeft      SampleStatus = 0x03
	SampleTooRight     SampleStatus = 0x04
	SampleTooFast      SampleStatus = 0x05
	SampleTooSlow      SampleStatus = 0x06
	SamplePoorQuality  SampleStatus = 0x07
	SampleTooSkewed    SampleStatus = 0x08
	SampleTooShort     SampleStatus = 0x09
	SampleMergeFailure SampleStatus = 0x0A
	SampleExists       SampleStatus = 0x0B // the finger is enrolled already
	SampleNoActivity   SampleStatus = 0x0D // nobody put a finger on the sensor
	SampleNotLifted    SampleStatus = 0x0E // the finger of the last sample lies there still
)

// A BioEnrollmentRequest holds the parameters of authenticatorBioEnrollment. Nil is a parameter that is absent. See Section
// 6.7.
type BioEnrollmentRequest struct {
	Modality     *uint64                 // 0x01
	Subcommand   BioEnrollmentSubcommand // 0x02
	Params       []byte                  // 0x03 subCommandParams, as they are encoded: pinUvAuthParam is over them
	TemplateID   []byte                  // of Params: 0x01
	FriendlyName *string                 // of Params: 0x02
	Timeout      *uint64                 // of Params: 0x03 timeoutMilliseconds
	Protocol     *uint64                 // 0x04 pinUvAuthProtocol
	UVAuthParam  []byte                  // 0x05 pinUvAuthParam
	GetModality  bool                    // 0x06
}

// ParseBioEnrollmentRequest reads the parameters of authenticatorBioEnrollment from canonical CBOR; unknown ones are
// ignored. It fails like [ParseClientPINRequest], with ErrMissingParameter where there is neither a subcommand nor a
// question for the modality. The result refers to b. See Sections 6.7 and 8.2.
func ParseBioEnrollmentRequest(b []byte) (BioEnrollmentRequest, error) {
	var c BioEnrollmentRequest
	named := false
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Modality = new(r.unsigned())
		case 0x02:
			c.Subcommand, named = BioEnrollmentSubcommand(r.unsigned()), true
		case 0x03:
			start := r.s.pos
			c.params(&r)
			c.Params = b[start:r.s.pos:r.s.pos]
		case 0x04:
			c.Protocol = new(r.unsigned())
		case 0x05:
			c.UVAuthParam = r.bytes()
		case 0x06:
			c.GetModality = r.boolean()
		default:
			r.skip()
		}
	}
	r.require(named || c.GetModality)
	if err := r.end(); err != nil {
		return BioEnrollmentRequest{}, err
	}
	return c, nil
}

func (c *BioEnrollmentRequest) params(r *reader) {
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.TemplateID = r.bytes()
		case 0x02:
			c.FriendlyName = new(r.text())
		case 0x03:
			c.Timeout = new(r.unsigned())
		default:
			r.skip()
		}
	}
}

// AppendParams appends subCommandParams, nothing where there are none.
func (c *BioEnrollmentRequest) AppendParams(b []byte) []byte {
	var m mapBuilder
	if c.TemplateID != nil {
		m.bytes(0x01, c.TemplateID)
	}
	if c.FriendlyName != nil {
		m.text(0x02, *c.FriendlyName)
	}
	if c.Timeout != nil {
		m.unsigned(0x03, *c.Timeout)
	}
	if m.entries == 0 {
		return b
	}
	return m.appendTo(b)
}

// Message returns what pinUvAuthParam is over: the modality, the subcommand and its parameters as they are encoded. See
// Sections 6.7.4 to 6.7.8.
func (c *BioEnrollmentRequest) Message(params []byte) []byte {
	return append([]byte{Fingerprint, byte(c.Subcommand)}, params...)
}

// Append appends the parameters in canonical form, for [ParseBioEnrollmentRequest] to read; Params is not looked at.
func (c *BioEnrollmentRequest) Append(b []byte) []byte {
	var m mapBuilder
	if c.Modality != nil {
		m.unsigned(0x01, *c.Modality)
	}
	if c.Subcommand != 0 {
		m.unsigned(0x02, uint64(c.Subcommand))
	}
	if params := c.AppendParams(nil); params != nil {
		m.encoded(0x03, params)
	}
	if c.Protocol != nil {
		m.unsigned(0x04, *c.Protocol)
	}
	if c.UVAuthParam != nil {
		m.bytes(0x05, c.UVAuthParam)
	}
	if c.GetModality {
		m.boolean(0x06, true)
	}
	return m.appendTo(b)
}

// A Template is one of templateInfos. See Section 6.7.6.
type Template struct {
	ID           []byte // 0x01
	FriendlyName string // 0x02, which is written where it is empty too: python-fido2 reads no list without it
}

// A BioEnrollmentResponse is the answer to authenticatorBioEnrollment. Nil and zero are members that are absent. See
// Section 6.7.
type BioEnrollmentResponse struct {
	Modality         uint64        // 0x01
	FingerprintKind  uint64        // 0x02: 1 to touch, 2 to swipe
	Samples          uint64        // 0x03 maxCaptureSamplesRequiredForEnroll
	TemplateID       []byte        // 0x04
	LastSample       *SampleStatus // 0x05 lastEnrollSampleStatus
	RemainingSamples *uint64       // 0x06
	Templates        []Template    // 0x07 templateInfos
	MaxFriendlyName  uint64        // 0x08 maxTemplateFriendlyName, bytes
}

// Append appends the members in canonical form, and nothing where there are none.
func (c *BioEnrollmentResponse) Append(b []byte) []byte {
	var m mapBuilder
	m.unsignedIf(0x01, c.Modality)
	m.unsignedIf(0x02, c.FingerprintKind)
	m.unsignedIf(0x03, c.Samples)
	if c.TemplateID != nil {
		m.bytes(0x04, c.TemplateID)
	}
	if c.LastSample != nil {
		m.unsigned(0x05, uint64(*c.LastSample))
	}
	if c.RemainingSamples != nil {
		m.unsigned(0x06, *c.RemainingSamples)
	}
	if len(c.Templates) > 0 {
		list := appendShort(nil, majorArray, uint64(len(c.Templates)))
		for _, t := range c.Templates {
			var info mapBuilder
			info.bytes(0x01, t.ID)
			info.text(0x02, t.FriendlyName)
			list = info.appendTo(list)
		}
		m.encoded(0x07, list)
	}
	m.unsignedIf(0x08, c.MaxFriendlyName)
	if m.entries == 0 {
		return b
	}
	return m.appendTo(b)
}

// ParseBioEnrollmentResponse reads what follows the status byte of an answer to authenticatorBioEnrollment. No bytes at
// all are an answer without members. The result refers to b.
func ParseBioEnrollmentResponse(b []byte) (c BioEnrollmentResponse, err error) {
	if len(b) == 0 {
		return c, nil
	}
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			c.Modality = r.unsigned()
		case 0x02:
			c.FingerprintKind = r.unsigned()
		case 0x03:
			c.Samples = r.unsigned()
		case 0x04:
			c.TemplateID = r.bytes()
		case 0x05:
			c.LastSample = new(SampleStatus(r.unsigned()))
		case 0x06:
			c.RemainingSamples = new(r.unsigned())
		case 0x07:
			for n := r.count(majorArray); r.left(n); n-- {
				c.Templates = append(c.Templates, r.template())
			}
		case 0x08:
			c.MaxFriendlyName = r.unsigned()
		default:
			r.skip()
		}
	}
	return c, r.end()
}

func (r *reader) template() (t Template) {
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			t.ID = r.bytes()
		case 0x02:
			t.FriendlyName = r.text()
		default:
			r.skip()
		}
	}
	r.require(t.ID != nil)
	return t
}
