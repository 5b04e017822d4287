package u2f_test

import "github.com/fxamacker/cbor/v2"

// The other side's CBOR: an encoder and a decoder that share no code with the key's.
var (
	encoder = func() cbor.EncMode {
		mode, err := cbor.CTAP2EncOptions().EncMode()
		if err != nil {
			panic(err)
		}
		return mode
	}()
	decoder = func() cbor.DecMode {
		mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
			TagsMd: cbor.TagsForbidden, IntDec: cbor.IntDecConvertSignedOrFail}.DecMode()
		if err != nil {
			panic(err)
		}
		return mode
	}()
)
