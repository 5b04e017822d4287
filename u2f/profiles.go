package u2f

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// Profiles returns the profiles that come with the package: [DefaultProfile] first, then ctap2.1, ctap2.0, u2f and bio.
func Profiles() []Profile {
	last := modern()
	first := without23(last)
	return []Profile{last, first, old(first), u2fOnly(first), bio(last), yubikey58(last), yubikey54(old(first))}
}

// DefaultProfile is the name of the profile of a key that nobody says anything else about.
const DefaultProfile = "ctap2.3"

// modern returns a key of CTAP 2.3.
func modern() Profile {
	return Profile{
		Name:     DefaultProfile,
		Versions: []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1", "FIDO_2_3"},
		Extensions: []string{ctap.CredProtect, ctap.CredBlob, ctap.LargeBlobKey, ctap.MinPINLength, ctap.PINComplexityPolicy,
			ctap.HMACSecret, ctap.HMACSecretMC, ctap.ThirdPartyPayment},
		AAGUID:                   AAGUID{0x9c, 0x5d, 0x40, 0x1e, 0x6a, 0x27, 0x4b, 0x3c, 0x8e, 0x61, 0x2f, 0xd0, 0x73, 0xb5, 0x1a, 0x23},
		Transports:               []string{"usb"},
		Algorithms:               cose.Algorithms(),
		SayAlgorithms:            true,
		FirmwareVersion:          1,
		MaxMsgSize:               mostMaxMsgSize, // for the signatures of ML-DSA-44
		MaxCredentialCountInList: 8,
		MaxCredentialIDLength:    128,
		ResidentSlots:            25,
		SayRemaining:             true,
		PINUVAuthProtocols:       []uint64{2, 1},
		MinPINLength:             4,
		SayMinPINLength:          true,
		Permissions:              true,
		MakeCredUVNotRqd:         true,
		CredentialManagement:     true,
		Attestation:              Packed,
		AttestationFormats:       []string{"packed"},
		CBOR:                     Strict,
		Selection:                true,
		TouchTimeout:             Duration(30 * time.Second),
		TouchKept:                Duration(10 * time.Second),
		NextAssertion:            Duration(30 * time.Second),
		ResetWindow:              Duration(10 * time.Second),
		ResetLateError:           Answer(ctap.ErrNotAllowed),
		PINLengthError:           Answer(ctap.ErrInvalidParameter),
		SubcommandError:          Answer(ctap.ErrInvalidSubcommand),
		ProtocolError:            Answer(ctap.ErrInvalidParameter),
		UVOptionError:            Answer(ctap.ErrInvalidOption),
		TouchTimeoutError:        Answer(ctap.ErrUserActionTimeout),

		MaxPINLength:               mostMinPIN,
		SayMaxPINLength:            true,
		PINPolicy:                  PINPolicy{Say: true, Distinct: 2, Sequences: true},
		PersistentTokens:           true,
		ConfigCommands:             []uint64{1, 2, 3, 4},
		SayConfigCommands:          true,
		ConfigSubcommandError:      Answer(ctap.ErrInvalidParameter),
		EnterpriseRPs:              []string{"enterprise.example.com"},
		MaxRPIDsForSetMinPINLength: 8,
		SayLongTouchForReset:       true,
		LongTouch:                  Duration(5 * time.Second),
		TransportsForReset:         []string{"usb"},
		MaxLargeBlobs:              4096,
		MaxLargeBlob:               1024,
		MaxCredBlobLength:          32,
		EncIdentifier:              true,
		EncCredStoreState:          true,
	}
}

// without23 returns a key of CTAP 2.1.
func without23(p Profile) Profile {
	p.Name = "ctap2.1"
	p.Extensions = []string{ctap.CredProtect, ctap.CredBlob, ctap.LargeBlobKey, ctap.MinPINLength, ctap.HMACSecret}
	p.SayMaxPINLength, p.PINPolicy.Say, p.PersistentTokens = false, false, false
	p.ConfigCommands, p.SayConfigCommands = []uint64{1, 2, 3}, false
	p.SayLongTouchForReset, p.TransportsForReset = false, nil
	p.EncIdentifier, p.EncCredStoreState = false, false
	p.Versions = []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1"}
	p.Algorithms, p.MaxMsgSize = []cose.Algorithm{cose.ES256, cose.EdDSA}, 1200
	p.AttestationFormats = nil
	p.AAGUID = AAGUID{0x3b, 0x1a, 0xdb, 0x99, 0x0d, 0xfe, 0x46, 0xfd, 0x90, 0xb8, 0x7f, 0x76, 0x14, 0xa4, 0xde, 0x21}
	return p
}

// old returns a key of CTAP 2.0: tokens without permissions, a PIN for every credential once one is set, and the touch
// before anything is said about credentials (2.0 Sections 5.1, 5.2 and 5.5).
func old(p Profile) Profile {
	p.Name = "ctap2.0"
	p.Versions = []string{"U2F_V2", "FIDO_2_0"}
	p.Extensions = []string{ctap.HMACSecret}
	p.ConfigCommands, p.EnterpriseRPs, p.MaxRPIDsForSetMinPINLength = nil, nil, 0
	p.MaxLargeBlobs, p.MaxCredBlobLength = 0, 0
	p.AAGUID = AAGUID{0x8c, 0x97, 0xa7, 0x30, 0x3f, 0x7b, 0x41, 0xa6, 0x87, 0xd6, 0x1e, 0x9b, 0x62, 0xbd, 0xa6, 0xf0}
	p.Transports, p.SayAlgorithms, p.FirmwareVersion = nil, false, 0
	p.MaxCredentialCountInList, p.MaxCredentialIDLength = 0, 0
	p.SayRemaining, p.SayMinPINLength = false, false
	p.PINUVAuthProtocols = []uint64{1}
	p.Permissions, p.MakeCredUVNotRqd, p.Selection, p.CredentialManagement = false, false, false, false
	p.PINLengthError = Answer(ctap.ErrPINPolicyViolation)
	p.SubcommandError = Answer(ctap.ErrInvalidParameter)
	p.ProtocolError = Answer(ctap.ErrPINAuthInvalid)
	p.UVOptionError = Answer(ctap.ErrUnsupportedOption)
	p.TouchTimeoutError = Answer(ctap.ErrOperationDenied)
	p.TouchBeforeNoCredentials = true
	return p
}

// u2fOnly returns a key of before CTAP2.
func u2fOnly(p Profile) Profile {
	p.Name = "u2f"
	p.Versions = []string{"U2F_V2"}
	p.Extensions, p.Transports = nil, nil
	p.ConfigCommands, p.EnterpriseRPs, p.MaxRPIDsForSetMinPINLength = nil, nil, 0
	p.MaxLargeBlobs, p.MaxCredBlobLength = 0, 0
	p.AAGUID = AAGUID{}
	p.Algorithms = []cose.Algorithm{cose.ES256}
	p.PINUVAuthProtocols = nil
	p.ResidentSlots, p.FirmwareVersion = 0, 0
	p.SayRemaining, p.SayMinPINLength, p.Selection, p.Permissions, p.CredentialManagement = false, false, false, false, false
	p.Attestation = FIDOU2F
	return p
}

// bio returns a key with a fingerprint sensor, as such keys are sold: five fingerprints of five samples each, three attempts.
func bio(p Profile) Profile {
	p.Name = "bio"
	p.AAGUID = AAGUID{0x4e, 0x0b, 0x7d, 0x12, 0xc3, 0x58, 0x4f, 0x96, 0xa1, 0x0d, 0x6b, 0x2e, 0x95, 0xf4, 0x38, 0xb1}
	p.MakeCredUVNotRqd = false
	p.Sensor = Sensor{Templates: 5, Samples: 5, MaxName: 15, Retries: 3, InternalAttempts: 3, PlatformAttempts: 3, UVBioEnroll: true,
		Preview: true, SayUVCount: true}
	return p
}

// ProfileNamed returns the profile of that name from [Profiles].
func ProfileNamed(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("u2f: no profile %q; use %s", name, strings.Join(names, ", "))
}

// ParseProfile reads a profile from JSON. What the text leaves out is as in the profile that its "base" names, or,
// without one, as in [DefaultProfile]. A field that no profile has, or a value that no key can have, is an error that says what
// to write.
func ParseProfile(text []byte) (Profile, error) {
	in := struct {
		Base string `json:"base"`
		*Profile
	}{Base: DefaultProfile}
	if err := json.Unmarshal(text, &struct{ Base *string }{&in.Base}); err != nil {
		return Profile{}, fmt.Errorf("u2f: the profile is no JSON object with a base that is a string: %w", err)
	}
	p, err := ProfileNamed(in.Base)
	if err != nil {
		return Profile{}, err
	}
	in.Profile = &p
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return Profile{}, fmt.Errorf("u2f: the profile cannot be read: %w", err)
	}
	if err := p.Check(); err != nil {
		return Profile{}, err
	}
	return p, nil
}

// From the specification.
const (
	leastMaxMsgSize = 1024 // Section 6.4: the default, which every authenticator supports
	mostMaxMsgSize  = 7609 // Section 11.2.4: what 129 packets carry
	leastMLDSA      = 4608 // FIPS 204, Section 4: a public key of 1312 bytes and a signature of 2420, with all that goes beside them
	leastMinPIN     = 4    // Section 6.5.1
	mostMinPIN      = 63   // Section 6.5.1: bytes of the longest PIN
)

// Our choice: more would be a mistake in the file.
const (
	mostSlots   = 100_000
	mostWait    = Duration(24 * time.Hour)
	mostList    = 1000
	longestName = 32
)

// Check reports the first value that no key can have, with what to use instead.
func (p Profile) Check() error {
	switch {
	case p.Name == "" || len(p.Name) > longestName || strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "":
		return fmt.Errorf("u2f: a profile is called %.40q; use 1 to %d lower-case letters, digits, dots and hyphens", p.Name, longestName)
	case len(p.Versions) == 0:
		return fmt.Errorf("u2f: profile %q has no versions; use U2F_V2, FIDO_2_0, FIDO_2_1 or FIDO_2_3", p.Name)
	case !p.CTAP1() && !p.CTAP2():
		return fmt.Errorf("u2f: profile %q speaks neither CTAP1 nor CTAP2", p.Name)
	case p.AAGUID != AAGUID{} && !p.CTAP2():
		return fmt.Errorf("u2f: profile %q speaks CTAP1 only, which has no AAGUID; leave it zero", p.Name)
	case p.AAGUID != AAGUID{} && p.Attestation == FIDOU2F:
		return fmt.Errorf("u2f: profile %q attests with fido-u2f, which has no AAGUID; leave it zero, or use packed", p.Name)
	case p.AAGUID != AAGUID{} && slices.Contains(p.AttestationFormats, "fido-u2f"):
		return fmt.Errorf("u2f: profile %q has fido-u2f in attestation_formats, which has no AAGUID; leave one of them out", p.Name)
	case len(p.Algorithms) == 0:
		return fmt.Errorf("u2f: profile %q has no algorithms; use -7 (ES256) and others of %v", p.Name, cose.Algorithms())
	case p.CTAP1() && !slices.Contains(p.Algorithms, cose.ES256):
		return fmt.Errorf("u2f: profile %q speaks CTAP1, which needs algorithm -7 (ES256)", p.Name)
	case p.BackedUp && !p.BackupEligible:
		return fmt.Errorf("u2f: profile %q has backed_up without backup_eligible; give both, or leave it out", p.Name)
	case p.MakeCredUVNotRqd && len(p.PINUVAuthProtocols) > 0 && !p.Permissions:
		return fmt.Errorf("u2f: profile %q has make_cred_uv_not_rqd, which needs the permissions of 2.1", p.Name)
	}
	for _, check := range []func(Profile) error{Profile.checkWords, Profile.checkNumbers, Profile.checkAnswers, Profile.checkQuirks, Profile.checkAttestation,
		Profile.checkSensor, Profile.checkSettings, Profile.checkExtensions} {
		if err := check(p); err != nil {
			return err
		}
	}
	return nil
}

// checkWords looks at the fields that are words of a list.
func (p Profile) checkWords() error {
	for _, v := range []struct {
		field         string
		words, choice []string
	}{
		{"versions", p.Versions, []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"}},
		{"extensions", p.Extensions, extensions},
		{"transports_for_reset", p.TransportsForReset, []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}},
		{"transports", p.Transports, []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}},
		{"attestation", []string{string(p.Attestation)}, append([]string{string(PackedSelf)}, formats...)},
		{"attestation_formats", p.AttestationFormats, formats},
		{"counter", []string{string(cmp.Or(p.Counter, CountGlobal))}, counters},
		{"cbor", []string{string(p.CBOR)}, []string{"strict", "lenient"}},
	} {
		if err := choose(p.Name, v.field, v.words, v.choice); err != nil {
			return err
		}
	}
	if err := choose(p.Name, "algorithms", p.Algorithms, cose.Algorithms()); err != nil {
		return err
	}
	return choose(p.Name, "pin_uv_auth_protocols", p.PINUVAuthProtocols, []uint64{1, 2})
}

// choose reports the first of words that is not in choice or stands there twice.
func choose[T comparable](profile, field string, words, choice []T) error {
	for i, w := range words {
		if !slices.Contains(choice, w) {
			return fmt.Errorf("u2f: profile %q has %.40q in %s; use %s", profile, fmt.Sprint(w), field, asWritten(choice))
		}
		if slices.Contains(words[:i], w) {
			return fmt.Errorf("u2f: profile %q has %v twice in %s; write it once", profile, w, field)
		}
	}
	return nil
}

// asWritten lists what a field takes as a file has it: algorithms are numbers there.
func asWritten[T any](choice []T) string {
	var list []string
	for _, c := range choice {
		if a, ok := any(c).(cose.Algorithm); ok {
			list = append(list, fmt.Sprintf("%d (%v)", int64(a), a))
			continue
		}
		list = append(list, fmt.Sprint(c))
	}
	return strings.Join(list, ", ")
}

// checkNumbers looks at the fields that have a range.
func (p Profile) checkNumbers() error {
	for _, v := range []struct {
		field            string
		value, low, high int64
	}{
		{"max_msg_size", int64(p.MaxMsgSize), leastMaxMsgSize, mostMaxMsgSize},
		{"max_credential_count_in_list", int64(p.MaxCredentialCountInList), 0, mostList},
		{"resident_slots", int64(p.ResidentSlots), 0, mostSlots},
		{"min_pin_length", int64(p.MinPINLength), leastMinPIN, int64(p.MaxPINLength)},
		{"max_pin_length", int64(p.MaxPINLength), leastMinPIN, mostMinPIN},
		{"max_rpids_for_set_min_pin_length", int64(p.MaxRPIDsForSetMinPINLength), 0, mostRPIDs},
		{"max_large_blob", int64(p.MaxLargeBlob), 0, mostLargeBlob},
	} {
		if v.value < v.low || v.value > v.high {
			return fmt.Errorf("u2f: profile %q has %d for %s; use %d to %d", p.Name, v.value, v.field, v.low, v.high)
		}
	}
	if slices.Contains(p.Algorithms, cose.MLDSA44) && p.MaxMsgSize < leastMLDSA {
		return fmt.Errorf("u2f: profile %q has algorithm -48 (ML-DSA-44), whose answers do not fit max_msg_size %d; use %d or more, or leave it out",
			p.Name, p.MaxMsgSize, leastMLDSA)
	}
	if n := p.MaxCredentialIDLength; n != 0 && (n < credentialIDSize || n > mostMaxMsgSize) {
		return fmt.Errorf("u2f: profile %q has %d for max_credential_id_length; use %d to %d, or 0 for no limit",
			p.Name, n, credentialIDSize, mostMaxMsgSize)
	}
	for _, v := range []struct {
		field      string
		value, low Duration
	}{
		{"touch_timeout", p.TouchTimeout, 1},
		{"touch_kept", p.TouchKept, 1},
		{"next_assertion", p.NextAssertion, 1},
		{"long_touch", p.LongTouch, 1},
		{"reset_window", p.ResetWindow, 0},
	} {
		if v.value < v.low || v.value > mostWait {
			return fmt.Errorf("u2f: profile %q has %s for %s; use more than 0s, at most 24h", p.Name, time.Duration(v.value), v.field)
		}
	}
	return nil
}

// checkAnswers looks at the fields that are errors.
func (p Profile) checkAnswers() error {
	for _, v := range []struct {
		field string
		value Answer
	}{
		{"reset_late_error", p.ResetLateError},
		{"pin_length_error", p.PINLengthError},
		{"subcommand_error", p.SubcommandError},
		{"config_bad_sub_error", p.ConfigSubcommandError},
		{"protocol_error", p.ProtocolError},
		{"uv_option_error", p.UVOptionError},
		{"touch_timeout_error", p.TouchTimeoutError},
	} {
		if ctap.Status(v.value) == ctap.OK {
			return fmt.Errorf("u2f: profile %q has no error for %s; write one, as \"CTAP2_ERR_NOT_ALLOWED\"", p.Name, v.field)
		}
	}
	return nil
}
