package ctap

import (
	"encoding/hex"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// A Member is one of authenticatorGetInfo's answer, for people to read. See CTAP 2.3, Section 6.4.
type Member struct {
	Number uint64 `json:"member"`
	Name   string `json:"name"` // as the specification calls it
	// Value is what JSON has for it. A byte string is in hexadecimal, but for the AAGUID in its usual form and a URL, which
	// are text; of an algorithm there is the number only.
	Value any `json:"value"`
}

// members are the names of the members of authenticatorGetInfo's answer.
var members = map[uint64]string{
	0x01: "versions", 0x02: "extensions", 0x03: "aaguid", 0x04: "options", 0x05: "maxMsgSize", 0x06: "pinUvAuthProtocols",
	0x07: "maxCredentialCountInList", 0x08: "maxCredentialIdLength", 0x09: "transports", 0x0a: "algorithms",
	0x0b: "maxSerializedLargeBlobArray", 0x0c: "forcePINChange", 0x0d: "minPINLength", 0x0e: "firmwareVersion",
	0x0f: "maxCredBlobLength", 0x10: "maxRPIDsForSetMinPINLength", 0x11: "preferredPlatformUvAttempts", 0x12: "uvModality",
	0x13: "certifications", 0x14: "remainingDiscoverableCredentials", 0x15: "vendorPrototypeConfigCommands",
	0x16: "attestationFormats", 0x17: "uvCountSinceLastPinEntry", 0x18: "longTouchForReset", 0x19: "encIdentifier",
	0x1a: "transportsForReset", 0x1b: "pinComplexityPolicy", 0x1c: "pinComplexityPolicyURL", 0x1d: "maxPINLength",
	0x1e: "encCredStoreState", 0x1f: "authenticatorConfigCommands",
}

// The members whose byte strings are not shown in hexadecimal, and the one of maps.
const (
	memberAAGUID     = 0x03
	memberAlgorithms = 0x0a
	memberPolicyURL  = 0x1c
)

// InfoMembers returns the members of what follows the status byte of an answer to authenticatorGetInfo, in their order.
func InfoMembers(b []byte) ([]Member, error) {
	var list []Member
	r := newReader(b)
	for n := r.count(majorMap); r.left(n); n-- {
		m := Member{Number: r.parameter()}
		if m.Name = members[m.Number]; m.Name == "" {
			m.Name = fmt.Sprintf("0x%02x", m.Number)
		}
		var err error
		if m.Value, err = shown(m.Number, r.encoded()); err != nil {
			r.fail(ErrInvalidCBOR)
		}
		list = append(list, m)
	}
	return list, r.end()
}

// shown returns a value as JSON has it.
func shown(number uint64, encoded []byte) (any, error) {
	switch number {
	case memberAlgorithms:
		var list []struct {
			Alg int64 `cbor:"alg"`
		}
		err := cbor.Unmarshal(encoded, &list)
		numbers := []int64{}
		for _, a := range list {
			numbers = append(numbers, a.Alg)
		}
		return numbers, err
	case memberAAGUID:
		var id []byte
		err := cbor.Unmarshal(encoded, &id)
		if err == nil && len(id) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), nil
		}
		return hex.EncodeToString(id), err
	}
	var v any
	if err := cbor.Unmarshal(encoded, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case []byte:
		if number == memberPolicyURL {
			return string(v), nil
		}
		return hex.EncodeToString(v), nil
	case map[any]any: // options, certifications: names
		named := map[string]any{}
		for name, value := range v {
			named[fmt.Sprint(name)] = value
		}
		return named, nil
	}
	return v, nil
}
