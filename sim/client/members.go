package client

import (
	"errors"

	"github.com/fxamacker/cbor/v2"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// moreInfo are the members of authenticatorGetInfo that matter to a client only. See CTAP Section 6.4.
type moreInfo struct {
	MaxLargeBlobs  uint64 `cbor:"11,keyasint"` // maxSerializedLargeBlobArray, bytes
	ForcePINChange bool   `cbor:"12,keyasint"`
	MaxCredBlob    uint64 `cbor:"15,keyasint"` // maxCredBlobLength, bytes
	UVAttempts     uint64 `cbor:"17,keyasint"` // preferredPlatformUvAttempts; 0: not said
}

// more returns what else the key says of itself; a member of the wrong type is one that it does not say.
func (k *key) more() *moreInfo {
	if k.rest == nil {
		k.rest = &moreInfo{}
		if unmarshal(k.said, k.rest) != nil {
			k.rest = &moreInfo{}
		}
	}
	return k.rest
}

// moreMade are members of an answer to authenticatorMakeCredential. See CTAP Section 6.1.
type moreMade struct {
	LargeBlobKey []byte          `cbor:"5,keyasint"`
	Unsigned     cbor.RawMessage `cbor:"6,keyasint"` // unsignedExtensionOutputs
}

// moreAsserted are members of an answer to authenticatorGetAssertion. See CTAP Section 6.2.
type moreAsserted struct {
	LargeBlobKey []byte          `cbor:"7,keyasint"`
	Unsigned     cbor.RawMessage `cbor:"8,keyasint"` // unsignedExtensionOutputs
}

// unsigned returns what the extension largeBlob says, nothing where it is not there or cannot be read. See CTAP Section 12.4.
func unsigned(outputs cbor.RawMessage) ctap.LargeBlobOutput {
	if outputs == nil {
		return ctap.LargeBlobOutput{}
	}
	said, err := ctap.ParseLargeBlobUnsigned(outputs)
	if err != nil {
		return ctap.LargeBlobOutput{}
	}
	return said
}

// outcome are the authenticator extension outputs that a client looks at. See CTAP Section 12.
type outcome struct {
	// CredBlob is whether a blob was stored at creation, and the blob at assertion.
	CredBlob     cbor.RawMessage `cbor:"credBlob"`
	HMACSecret   cbor.RawMessage `cbor:"hmac-secret"` // true at creation, encrypted outputs at assertion
	HMACSecretMC []byte          `cbor:"hmac-secret-mc"`
}

var errMembers = errors.New("a member of the key's answer has the wrong type")

// decoder reads answers that ctap's parsers have found well-formed and canonical.
var decoder = func() cbor.DecMode {
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, MaxNestedLevels: 8}.DecMode()
	if err != nil {
		panic("client: internal error: " + err.Error())
	}
	return mode
}()

// encoder writes CTAP2 canonical CBOR. See CTAP Section 8.
var encoder = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic("client: internal error: " + err.Error())
	}
	return mode
}()

func unmarshal(b []byte, v any) error {
	if err := decoder.Unmarshal(b, v); err != nil {
		return errMembers
	}
	return nil
}

// marshal returns the CBOR of a value of ours.
func marshal(v any) []byte {
	b, err := encoder.Marshal(v)
	if err != nil {
		panic("client: internal error: " + err.Error())
	}
	return b
}

// boolean reports whether an extension's output is true.
func boolean(b cbor.RawMessage) bool { return len(b) == 1 && b[0] == 0xf5 }

// byteString returns an extension's output that is bytes, nil for any other.
func byteString(b cbor.RawMessage) (v []byte) {
	if decoder.Unmarshal(b, &v) != nil {
		return nil
	}
	return v
}
