package u2f_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// What the default key says that those before it did not, and a key with a policy on PINs and a sensor that is enough for
// settings. See 2.3 Section 6.4.
func TestGetInfoOf23(t *testing.T) {
	info := newRig(t, "ctap2.3", nil).info()
	require.Equal(t, []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1", "FIDO_2_3"}, info.Versions)
	require.Equal(t, []string{"credProtect", "credBlob", "largeBlobKey", "minPinLength", "pinComplexityPolicy", "hmac-secret",
		"hmac-secret-mc", "thirdPartyPayment"}, info.Extensions)
	require.Equal(t, []int64{-7, -8, -35, -257, -48}, info.Algorithms)
	require.Equal(t, map[string]bool{"rk": true, "up": true, "plat": false, "clientPin": false, "pinUvAuthToken": true, "makeCredUvNotRqd": true,
		"credMgmt": true, "credentialMgmtPreview": true, "perCredMgmtRO": true, "alwaysUv": false, "authnrCfg": true, "ep": false,
		"largeBlobs": true, "setMinPINLength": true}, info.Options)
	require.Equal(t, []string{"packed"}, info.AttestationFormats)
	require.Len(t, info.EncIdentifier, 32, "an IV of 16 bytes and as many of the identifier")
	require.Len(t, info.EncCredStoreState, 32)
	info.EncIdentifier, info.EncCredStoreState = nil, nil
	require.Equal(t, ctap.Latest{LongTouchForReset: new(false), TransportsForReset: []string{"usb"}, PINComplexityPolicy: new(false),
		MaxPINLength: 63, ConfigCommands: []uint64{1, 2, 3, 4}}, info.Latest)

	strict := newRig(t, "bio", func(p *u2f.Profile) {
		p.PINPolicy.Enforced, p.PINPolicy.URL = true, "https://lab.example/pins"
		p.Sensor.UVAcfg = true
	}).info()
	require.Equal(t, new(true), strict.PINComplexityPolicy)
	require.Equal(t, "https://lab.example/pins", strict.PINComplexityPolicyURL)
	require.True(t, strict.Options["uvAcfg"])
	require.True(t, strict.Options["uvBioEnroll"])
}
