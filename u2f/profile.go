package u2f

import (
	"slices"

	"github.com/mfalab/mfalab/u2f/cose"
)

// A Profile is a product: what getInfo says, limits, and which rule holds where editions of the specification and
// firmware disagree. It is data that users write as JSON; [Profiles] has those that come with the package.
type Profile struct {
	Name string `json:"name"` // 1 to 32 lower-case letters, digits, dots and hyphens

	// What the key says of itself, Section 6.4.
	Versions        []string         `json:"versions"`         // "U2F_V2", "FIDO_2_0", "FIDO_2_1", "FIDO_2_3"; CTAP1 and CTAP2 are served accordingly
	Extensions      []string         `json:"extensions"`       // those of Section 12; largeBlobKey and largeBlob exclude each other
	AAGUID          AAGUID           `json:"aaguid"`           // the model
	Transports      []string         `json:"transports"`       // empty: not said
	Algorithms      []cose.Algorithm `json:"algorithms"`       // COSE numbers, the preferred one first
	SayAlgorithms   bool             `json:"say_algorithms"`   // getInfo has them, 2.1
	FirmwareVersion uint64           `json:"firmware_version"` // 0: not said

	// Limits.
	MaxMsgSize               int  `json:"max_msg_size"`                 // bytes of a CTAP2 message, 1024 to 7609; Section 6.4
	MaxCredentialCountInList int  `json:"max_credential_count_in_list"` // of an allowList or excludeList; 0: no limit and not said
	MaxCredentialIDLength    int  `json:"max_credential_id_length"`     // bytes; longer ones are never ours; 0: not said
	ResidentSlots            int  `json:"resident_slots"`               // discoverable credentials; 0: option "rk" is not supported
	SayRemaining             bool `json:"say_remaining"`                // getInfo has remainingDiscoverableCredentials, 2.1

	// PIN and tokens, Section 6.5.
	PINUVAuthProtocols []uint64 `json:"pin_uv_auth_protocols"` // 1, 2; the preferred one first; empty: no PIN
	MinPINLength       int      `json:"min_pin_length"`        // code points, 4 to 63
	SayMinPINLength    bool     `json:"say_min_pin_length"`    // getInfo has it, 2.1
	Permissions        bool     `json:"permissions"`           // tokens have permissions, an RP and timers (6.5.2.1), as 2.1 says; without: 2.0
	MakeCredUVNotRqd   bool     `json:"make_cred_uv_not_rqd"`  // with a PIN, credentials that are not discoverable need none; Section 6.1.2, step 10

	MaxPINLength     int       `json:"max_pin_length"`     // code points, up to 63
	SayMaxPINLength  bool      `json:"say_max_pin_length"` // getInfo has it, 2.3
	PINPolicy        PINPolicy `json:"pin_policy"`         // which PINs of a good length are refused, CTAP 2.3 Section 7.5
	PersistentTokens bool      `json:"persistent_tokens"`  // a PIN can be exchanged for a token that reads credentials as long as the PIN lasts: option perCredMgmtRO, 2.3

	// What the user may change by authenticatorConfig (6.11), and how it is until then. The command is not served where
	// there is no subcommand.
	ConfigCommands             []uint64 `json:"config_commands"`                  // 1 enterprise attestation, 2 alwaysUv, 3 minimum PIN length, 4 long touch for reset (2.3)
	SayConfigCommands          bool     `json:"say_config_commands"`              // getInfo has them, 2.3
	ConfigSubcommandError      Answer   `json:"config_bad_sub_error"`             // another subcommand, Section 6.11, step 2
	AlwaysUV                   bool     `json:"always_uv"`                        // Section 7.2
	EnterpriseRPs              []string `json:"enterprise_rp_ids"`                // those that vendor-facilitated enterprise attestation is for, Section 7.1.2
	MaxRPIDsForSetMinPINLength int      `json:"max_rpids_for_set_min_pin_length"` // who may be told the minimum PIN length, 0 to 100
	LongTouchForReset          bool     `json:"long_touch_for_reset"`             // 2.3
	SayLongTouchForReset       bool     `json:"say_long_touch_for_reset"`         // getInfo has it
	LongTouch                  Duration `json:"long_touch"`                       // how long a finger must rest then; firmware that is sold has 5 s to 10 s
	TransportsForReset         []string `json:"transports_for_reset"`             // 2.3; empty: not said; without "usb" reset is refused

	// Blobs.
	MaxLargeBlobs     int `json:"max_serialized_large_blob_array"` // bytes, 1024 or more; 0: authenticatorLargeBlobs (6.10) is not served
	MaxLargeBlob      int `json:"max_large_blob"`                  // bytes that the extension largeBlob (2.3) keeps of one credential
	MaxCredBlobLength int `json:"max_cred_blob_length"`            // bytes, 32 or more; 0 without the extension credBlob

	// EncIdentifier and EncCredStoreState are members of getInfo that only holders of a persistent token can read, 2.3.
	EncIdentifier     bool `json:"enc_identifier"`
	EncCredStoreState bool `json:"enc_cred_store_state"`

	// CredentialManagement is whether authenticatorCredentialManagement (6.8) is served, by its number of before 2.1
	// too.
	CredentialManagement bool `json:"credential_management"`

	// Sensor is a fingerprint sensor; without it the key verifies nobody but by a PIN.
	Sensor Sensor `json:"sensor"`
	// NoMcGaPermissionsWithClientPin is whether a PIN is good for other things than credentials and assertions only, which
	// want a fingerprint: the option of that name, Section 6.4.
	NoMcGaPermissionsWithClientPin bool `json:"no_mc_ga_permissions_with_client_pin"`

	// Attestation is what credentials come with.
	Attestation Attestation `json:"attestation"`
	// AttestationFormats are those that attestationFormatsPreference may ask for, said in getInfo (2.3, Sections 6.1.2,
	// step 19, and 6.4); empty: what a platform prefers is not looked at.
	AttestationFormats []string `json:"attestation_formats"`
	// CBOR is how requests are read.
	CBOR Strictness `json:"cbor"`
	// Selection is whether authenticatorSelection (6.9) is served; 2.0 has none.
	Selection bool `json:"selection"`

	// Time.
	TouchTimeout      Duration `json:"touch_timeout"`       // how long the key waits for the user
	TouchKept         Duration `json:"touch_kept"`          // how long a touch lasts for a CTAP1 host that asks again, as in firmware that is sold: 10 s
	NextAssertion     Duration `json:"next_assertion"`      // how long getNextAssertion may wait, Section 6.3: 30 s
	ResetWindow       Duration `json:"reset_window"`        // after power-up, Section 6.6: 10 s; 0: always
	ResetLateError    Answer   `json:"reset_late_error"`    // what comes after it
	PINLengthError    Answer   `json:"pin_length_error"`    // newPinEnc whose plaintext is not 64 bytes, Sections 6.5.5.5 and 6.5.5.6
	SubcommandError   Answer   `json:"subcommand_error"`    // a subCommand that is not known, Section 6.5.5
	ProtocolError     Answer   `json:"protocol_error"`      // a pinUvAuthProtocol that is not supported, Sections 6.1.2 and 6.2.2, step 2
	UVOptionError     Answer   `json:"uv_option_error"`     // option "uv" without built-in user verification, step 5
	TouchTimeoutError Answer   `json:"touch_timeout_error"` // nobody touched

	// TouchBeforeNoCredentials asks for a touch before CTAP2_ERR_NO_CREDENTIALS, as 2.0 does; 2.1 answers at once.
	TouchBeforeNoCredentials bool `json:"touch_before_no_credentials"`

	// Counter is how signatures are counted; empty is global.
	Counter Counter `json:"counter,omitempty"`
	// BackupEligible is whether credentials may be copied, and BackedUp whether they have been: the flags BE and BS of Web
	// Authentication Level 3, Section 6.1.3, that new credentials get.
	BackupEligible bool `json:"backup_eligible,omitempty"`
	BackedUp       bool `json:"backed_up,omitempty"`

	// ElementFallback is whether software makes keys of those Algorithms that a key's secure element has not got; without, the
	// key has not got them either.
	ElementFallback bool `json:"element_fallback,omitempty"`

	// Quirks are what the key does that nobody should.
	Quirks Quirks `json:"quirks,omitzero"`
}

// An Attestation is a kind of attestation statement (Web Authentication Level 2, Section 8).
type Attestation string

// The kinds.
const (
	Packed     Attestation = "packed"      // Section 8.2, with the batch certificate
	PackedSelf Attestation = "packed-self" // Section 8.2, signed with the credential's own key
	FIDOU2F    Attestation = "fido-u2f"    // Section 8.6; needs a zero AAGUID; credentials that are not ES256 have packed-self
	None       Attestation = "none"        // Section 8.7

	// The other formats, as keys inside computers and telephones have them: Sections 8.3, 8.4 and 8.5 of Web Authentication
	// Level 3, its 8.8, and its 8.9 of packed and tpm. Credentials of algorithms that a format has no word for have packed-self.
	TPM        Attestation = "tpm"
	AndroidKey Attestation = "android-key"
	SafetyNet  Attestation = "android-safetynet"
	Apple      Attestation = "apple"
	Compound   Attestation = "compound"
)

// Strictness is how the key reads requests. See Section 8.
type Strictness string

// How requests are read.
const (
	Strict  Strictness = "strict"  // CTAP2 canonical CBOR only
	Lenient Strictness = "lenient" // any well-formed CBOR, as old keys do
)

// CTAP1 reports whether the key answers U2F messages (Section 10).
func (p *Profile) CTAP1() bool { return slices.Contains(p.Versions, "U2F_V2") }

// CTAP2 reports whether the key answers CBOR.
func (p *Profile) CTAP2() bool {
	return slices.ContainsFunc(p.Versions, func(v string) bool { return v != "U2F_V2" })
}

// extends reports whether the key knows an extension.
func (p *Profile) extends(name string) bool { return slices.Contains(p.Extensions, name) }

// offers reports whether the key knows a command of CTAP2.
func (p *Profile) offers(cmd byte) bool {
	switch {
	case !p.CTAP2():
		return false
	case cmd == cmdClientPIN:
		return len(p.PINUVAuthProtocols) > 0
	case cmd == cmdSelection:
		return p.Selection
	case cmd == cmdCredentialMgmt, cmd == cmdCredentialMgmtPreview:
		return p.CredentialManagement
	case cmd == cmdBioEnrollment:
		return p.Sensor.Templates > 0
	case cmd == cmdBioEnrollmentPreview:
		return p.Sensor.Preview
	case cmd == cmdLargeBlobs:
		return p.MaxLargeBlobs > 0
	case cmd == cmdConfig:
		return len(p.ConfigCommands) > 0
	}
	return true
}
