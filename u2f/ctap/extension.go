package ctap

// The extensions that are known here. Sections are those of CTAP 2.3, which numbers them anew.
const (
	CredProtect         = "credProtect"         // Section 12.1
	CredBlob            = "credBlob"            // Section 12.2
	LargeBlobKey        = "largeBlobKey"        // Section 12.3
	LargeBlob           = "largeBlob"           // Section 12.4
	MinPINLength        = "minPinLength"        // Section 12.5
	PINComplexityPolicy = "pinComplexityPolicy" // Section 12.6
	HMACSecret          = "hmac-secret"         // Section 12.7
	HMACSecretMC        = "hmac-secret-mc"      // Section 12.8
	ThirdPartyPayment   = "thirdPartyPayment"   // Section 12.9
)

// ParseBytes reads the value of an extension that is a byte string; another type is ErrCBORUnexpectedType.
func ParseBytes(value []byte) ([]byte, error) {
	r := newReader(value)
	v := r.bytes()
	return v, r.end()
}

// ParseBool reads the value of an extension that is false or true; another type is ErrCBORUnexpectedType.
func ParseBool(value []byte) (bool, error) {
	r := newReader(value)
	v := r.boolean()
	return v, r.end()
}

// ParseCredProtect reads the level of credProtect; one that is not 1, 2 or 3 is ErrInvalidParameter. See Section 12.1.
func ParseCredProtect(value []byte) (level byte, err error) {
	r := newReader(value)
	v := r.unsigned()
	if err := r.end(); err != nil {
		return 0, err
	}
	if v < 1 || v > 3 {
		return 0, ErrInvalidParameter
	}
	return byte(v), nil
}

// HMACSecretInput is the input of hmac-secret to authenticatorGetAssertion. See Section 12.5.
type HMACSecretInput struct {
	KeyAgreement []byte // 0x01 a COSE_Key, as it is encoded
	SaltEnc      []byte // 0x02
	SaltAuth     []byte // 0x03
	Protocol     uint64 // 0x04 pinUvAuthProtocol; 1 where it is absent
}

// ParseHMACSecretInput reads the input of hmac-secret; it fails with ErrCBORUnexpectedType, and with ErrMissingParameter
// for the first three parameters. The result refers to value. See Section 12.5.
func ParseHMACSecretInput(value []byte) (HMACSecretInput, error) {
	h := HMACSecretInput{Protocol: 1}
	r := newReader(value)
	for n := r.count(majorMap); r.left(n); n-- {
		switch r.parameter() {
		case 0x01:
			if r.major() != majorMap {
				r.fail(ErrCBORUnexpectedType)
			}
			h.KeyAgreement = r.encoded()
		case 0x02:
			h.SaltEnc = r.bytes()
		case 0x03:
			h.SaltAuth = r.bytes()
		case 0x04:
			h.Protocol = r.unsigned()
		default:
			r.skip()
		}
	}
	r.require(h.KeyAgreement != nil && h.SaltEnc != nil && h.SaltAuth != nil)
	if err := r.end(); err != nil {
		return HMACSecretInput{}, err
	}
	return h, nil
}

// Append appends the input in canonical form. The protocol is left out where it is 1 or 0.
func (h *HMACSecretInput) Append(b []byte) []byte {
	var m mapBuilder
	m.encoded(0x01, h.KeyAgreement)
	m.bytes(0x02, h.SaltEnc)
	m.bytes(0x03, h.SaltAuth)
	if h.Protocol > 1 {
		m.unsigned(0x04, h.Protocol)
	}
	return m.appendTo(b)
}

// EncodeBool returns the value of an extension that is false or true.
func EncodeBool(v bool) []byte { return appendBool(nil, v) }

// EncodeUint returns the value of an extension that is an unsigned integer.
func EncodeUint(v uint64) []byte { return appendShort(nil, majorUnsigned, v) }

// EncodeBytes returns the value of an extension that is a byte string.
func EncodeBytes(v []byte) []byte { return appendBytes(nil, v) }

// AppendExtensions appends a map of extensions, which must be in canonical order: shorter names first, then by bytes.
func AppendExtensions(b []byte, list []Extension) []byte { return appendExtensions(b, list) }

// ParseExtensions reads a map of extensions. The result refers to b.
func ParseExtensions(b []byte) ([]Extension, error) {
	r := newReader(b)
	list := r.extensions()
	return list, r.end()
}
