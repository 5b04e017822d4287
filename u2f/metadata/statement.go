package metadata

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// A Product is what a statement says of a model besides what its keys say themselves.
type Product struct {
	Name string // for people
	// Attestations are the ways in which keys of the model attest: formats, or "packed-self".
	Attestations []string
	Algorithms   []int64
	Root         []byte // the certificate that attestations end at, DER
	// KeyIdentifiers are SHA-1 of the public keys of the certificates that attest, for a model that has no AAGUID: RFC 5280,
	// Section 4.2.1.2, method 1.
	KeyIdentifiers [][]byte
	// Fingers are how many fingerprints a key of the model can have enrolled, and FingerRetries after how many that are wrong it
	// looks at none before a PIN was right. See Statement, BiometricAccuracyDescriptor.
	Fingers, FingerRetries int
}

// A Version is one of a family's protocols. See Statement, Version dictionary.
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
}

// A Verification is a way to verify a user. See Statement, VerificationMethodDescriptor.
type Verification struct {
	Method string        `json:"userVerificationMethod"`
	Code   *CodeAccuracy `json:"caDesc,omitempty"`
	Finger *BioAccuracy  `json:"baDesc,omitempty"`
}

// A CodeAccuracy is how hard a PIN is to guess. See Statement, CodeAccuracyDescriptor.
type CodeAccuracy struct {
	Base          int `json:"base"` // how many characters there are to choose from
	MinLength     int `json:"minLength"`
	MaxRetries    int `json:"maxRetries"`
	BlockSlowdown int `json:"blockSlowdown"` // seconds; 0: blocked for good
}

// A BioAccuracy is how hard a fingerprint is to fake. See Statement, BiometricAccuracyDescriptor.
type BioAccuracy struct {
	MaxTemplates  int `json:"maxTemplates"`
	MaxRetries    int `json:"maxRetries"`
	BlockSlowdown int `json:"blockSlowdown"`
}

// A Statement describes a model of keys. See Statement, "Metadata Keys".
type Statement struct {
	LegalHeader     string            `json:"legalHeader"`
	AAGUID          string            `json:"aaguid,omitempty"`
	KeyIdentifiers  []string          `json:"attestationCertificateKeyIdentifiers,omitempty"`
	FriendlyNames   map[string]string `json:"friendlyNames"`
	Description     string            `json:"description"`
	Version         uint64            `json:"authenticatorVersion"`
	Family          string            `json:"protocolFamily"`
	Schema          int               `json:"schema"`
	UPV             []Version         `json:"upv"`
	Algorithms      []string          `json:"authenticationAlgorithms"`
	Encodings       []string          `json:"publicKeyAlgAndEncodings"`
	Attestations    []string          `json:"attestationTypes"`
	Verifications   [][]Verification  `json:"userVerificationDetails"`
	KeyProtection   []string          `json:"keyProtection"`
	Restricted      bool              `json:"isKeyRestricted"`
	Fresh           bool              `json:"isFreshUserVerificationRequired"`
	Matcher         []string          `json:"matcherProtection"`
	CryptoStrength  int               `json:"cryptoStrength"`
	AttachmentHint  []string          `json:"attachmentHint"`
	TCDisplay       []string          `json:"tcDisplay"`
	Roots           [][]byte          `json:"attestationRootCertificates"` // base64
	GetInfo         map[string]any    `json:"authenticatorGetInfo,omitempty"`
	SupportedBackup string            `json:"multiDeviceCredentialSupport,omitempty"`
}

// From the specification.
const (
	schema = 3 // Statement, "Metadata Keys"
	// Words of the FIDO Registry of Predefined Values 2.2.
	presence    = "presence_internal"
	passcode    = "passcode_external"
	fingerprint = "fingerprint_internal"
	nothing     = "none"
	software    = "software"
)

// Our choice.
const (
	legal          = "Made by mfalab for tests. Nothing of it is certified, and no key of it is to be trusted."
	cryptoStrength = 128 // bits, of P-256
	pinBase        = 64  // of a PIN that may be any text
	pinRetries     = 8   // CTAP Section 6.5.2.2
)

// signatures are the FIDO Registry's names of COSE's algorithms. See FIDO Registry of Predefined Values 2.2, "Authentication Algorithms".
var signatures = map[int64]string{
	-7: "secp256r1_ecdsa_sha256_raw", -35: "secp384r1_ecdsa_sha384_raw", -8: "ed25519_eddsa_sha512_raw", -257: "rsassa_pkcsv15_sha256_raw",
}

// attestations are the Registry's names of ways to attest. See FIDO Registry of Predefined Values 2.2, "Authenticator Attestation Types".
var attestations = map[string][]string{"packed": {full}, "packed-self": {"basic_surrogate"}, "fido-u2f": {full}, "none": {"none"},
	"tpm": {attCA}, "android-key": {full}, "android-safetynet": {full}, "apple": {"anonca"}, "compound": {full, attCA}}

// What several formats share.
const (
	full  = "basic_full"
	attCA = "attca"
)

// attestationTypes are the Registry's names of the ways of a product, each once.
func (p *Product) attestationTypes() (types []string, err error) {
	for _, way := range p.Attestations {
		if attestations[way] == nil {
			return nil, fmt.Errorf("metadata: the attestation %q of %q is not known", way, p.Name)
		}
		for _, name := range attestations[way] {
			if !slices.Contains(types, name) {
				types = append(types, name)
			}
		}
	}
	return types, nil
}

// versions are the protocols by what getInfo calls them: CTAP 2.x is version 1.x of the family. See Statement, Version dictionary.
var versions = map[string]Version{"FIDO_2_0": {1, 0}, "FIDO_2_1": {1, 1}, "FIDO_2_2": {1, 2}, "FIDO_2_3": {1, 3}}

// NewStatement returns the statement of a model whose keys answer authenticatorGetInfo with these bytes, which follow the
// status; without any it is one of keys that know U2F only.
func NewStatement(p Product, getInfo []byte) (*Statement, error) {
	types, err := p.attestationTypes()
	if err != nil {
		return nil, err
	}
	s := &Statement{LegalHeader: legal, FriendlyNames: map[string]string{"en-US": p.Name}, Description: p.Name, Version: 1, Schema: schema,
		Encodings: []string{"cose"}, Attestations: types, KeyProtection: []string{software}, Restricted: true, Fresh: true,
		Matcher: []string{software}, CryptoStrength: cryptoStrength, AttachmentHint: []string{"external", "wired"}, TCDisplay: []string{}}
	s.Roots = [][]byte{p.Root}
	algorithms := p.Algorithms
	if len(getInfo) == 0 {
		s.u2f(p)
	} else if err := s.fido2(p, getInfo, &algorithms); err != nil {
		return nil, err
	}
	for _, a := range algorithms {
		if word := signatures[a]; word != "" {
			s.Algorithms = append(s.Algorithms, word)
		}
	}
	if len(s.Algorithms) == 0 {
		return nil, fmt.Errorf("metadata: none of the algorithms %v of %q has a name in the FIDO Registry", algorithms, p.Name)
	}
	return s, nil
}

// u2f fills in what is so of every key of U2F.
func (s *Statement) u2f(p Product) {
	s.Family, s.UPV, s.Encodings = "u2f", []Version{{1, 2}}, []string{"ecc_x962_raw"}
	s.Verifications = [][]Verification{{{Method: presence}}}
	for _, id := range p.KeyIdentifiers {
		s.KeyIdentifiers = append(s.KeyIdentifiers, hex.EncodeToString(id))
	}
}

// fido2 fills in what the key says.
func (s *Statement) fido2(p Product, getInfo []byte, algorithms *[]int64) error {
	var info struct {
		Versions   []string        `cbor:"1,keyasint"`
		AAGUID     [16]byte        `cbor:"3,keyasint"`
		Options    map[string]bool `cbor:"4,keyasint"`
		Transports []string        `cbor:"9,keyasint"`
		MinPIN     int             `cbor:"13,keyasint"`
		Firmware   uint64          `cbor:"14,keyasint"`
		Algorithms []struct {
			Alg int64 `cbor:"alg"`
		} `cbor:"10,keyasint"`
	}
	var all map[int]any
	if err := errors.Join(cbor.Unmarshal(getInfo, &info), cbor.Unmarshal(getInfo, &all)); err != nil {
		return fmt.Errorf("metadata: what %q answers to authenticatorGetInfo cannot be read: %w", p.Name, err)
	}
	s.Family, s.AAGUID, s.GetInfo = "fido2", uuid(info.AAGUID), named(all)
	s.Version = max(s.Version, info.Firmware)
	for _, v := range info.Versions {
		if upv, known := versions[v]; known {
			s.UPV = append(s.UPV, upv)
		}
	}
	if len(info.Algorithms) > 0 {
		*algorithms = nil
		for _, a := range info.Algorithms {
			*algorithms = append(*algorithms, a.Alg)
		}
	}
	if slices.Contains(info.Transports, "nfc") {
		s.AttachmentHint = append(s.AttachmentHint, "wireless", "nfc")
	}
	s.verifications(info.Options, max(info.MinPIN, 4), BioAccuracy{MaxTemplates: p.Fingers, MaxRetries: p.FingerRetries})
	return nil
}

// verifications fills in the ways in which a user can be verified: any of them, each of one or several together. See
// Statement, VerificationMethodANDCombinations.
func (s *Statement) verifications(options map[string]bool, minPIN int, accuracy BioAccuracy) {
	touch := Verification{Method: presence}
	s.Verifications = [][]Verification{{{Method: nothing}}, {touch}}
	if _, pin := options["clientPin"]; pin {
		code := Verification{Method: passcode, Code: &CodeAccuracy{Base: pinBase, MinLength: minPIN, MaxRetries: pinRetries}}
		s.Verifications = append(s.Verifications, []Verification{code}, []Verification{touch, code})
	}
	_, uv := options["uv"]
	if _, bio := options["bioEnroll"]; bio || uv {
		finger := Verification{Method: fingerprint, Finger: &accuracy}
		s.Verifications = append(s.Verifications, []Verification{finger}, []Verification{touch, finger})
	}
}

// uuid writes an AAGUID as RFC 9562 does.
func uuid(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
