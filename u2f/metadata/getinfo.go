package metadata

import (
	"encoding/hex"
	"fmt"
)

// members are the names of what authenticatorGetInfo answers, by number. Those of one key alone, encIdentifier and
// encCredStoreState, are not for a model. See Statement, AuthenticatorGetInfo, and CTAP 2.3,
// Section 6.4.
var members = map[int]string{
	0x01: "versions", 0x02: "extensions", 0x03: "aaguid", 0x04: "options", 0x05: "maxMsgSize", 0x06: "pinUvAuthProtocols",
	0x07: "maxCredentialCountInList", 0x08: "maxCredentialIdLength", 0x09: "transports", 0x0a: "algorithms",
	0x0b: "maxSerializedLargeBlobArray", 0x0c: "forcePINChange", 0x0d: "minPINLength", 0x0e: "firmwareVersion",
	0x0f: "maxCredBlobLength", 0x10: "maxRPIDsForSetMinPINLength", 0x11: "preferredPlatformUvAttempts", 0x12: "uvModality",
	0x13: "certifications", 0x14: "remainingDiscoverableCredentials", 0x15: "vendorPrototypeConfigCommands",
	0x16: "attestationFormats", 0x17: "uvCountSinceLastPinEntry", 0x18: "longTouchForReset", 0x1a: "transportsForReset",
	0x1b: "pinComplexityPolicy", 0x1c: "pinComplexityPolicyURL", 0x1d: "maxPINLength", 0x1f: "authenticatorConfigCommands",
}

// named returns the members under their names, as JSON has them: an AAGUID as 32 hexadecimal digits. See Statement,
// AuthenticatorGetInfo.
func named(info map[int]any) map[string]any {
	out := map[string]any{}
	for number, value := range info {
		if name := members[number]; name != "" {
			out[name] = jsonOf(value)
		}
	}
	return out
}

// jsonOf returns a value of CBOR as encoding/json writes it.
func jsonOf(value any) any {
	switch v := value.(type) {
	case []byte:
		return hex.EncodeToString(v)
	case []any:
		list := []any{}
		for _, item := range v {
			list = append(list, jsonOf(item))
		}
		return list
	case map[any]any:
		m := map[string]any{}
		for key, item := range v {
			m[fmt.Sprint(key)] = jsonOf(item)
		}
		return m
	}
	return value
}
