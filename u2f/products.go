package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// previewSign is an extension of a draft that current products name. Here it is named and does nothing.
const previewSign = "previewSign"

// yubikey58 returns what a YubiKey of firmware 5.8.0 says of itself, and its limits.
func yubikey58(p Profile) Profile {
	p.Name = "yubikey-5.8"
	p.Versions = []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"}
	p.Extensions = []string{ctap.CredProtect, ctap.HMACSecret, ctap.LargeBlobKey, ctap.CredBlob, ctap.MinPINLength, ctap.HMACSecretMC,
		ctap.ThirdPartyPayment, previewSign}
	p.AAGUID = AAGUID{0xf4, 0xce, 0x5f, 0xc0, 0x57, 0xd3, 0x46, 0xf5, 0xa7, 0x36, 0xef, 0xb7, 0xd5, 0xbc, 0x63, 0xb5}
	p.Transports = []string{"nfc", "smart-card", "usb"}
	p.TransportsForReset = []string{"nfc", "smart-card", "usb"}
	p.Algorithms = []cose.Algorithm{cose.ES256, cose.EdDSA, cose.ES384}
	p.FirmwareVersion = 0x050800
	p.MaxMsgSize, p.ResidentSlots = 1536, 100
	p.ConfigCommands, p.EnterpriseRPs, p.MaxRPIDsForSetMinPINLength = []uint64{2, 3}, nil, 1
	p.PINPolicy = PINPolicy{Say: true}
	return p
}

// yubikey54 returns what a YubiKey 5 NFC of firmware 5.4.3 says of itself, and its limits: a key of CTAP 2.0 with the
// preview of credential management.
func yubikey54(p Profile) Profile {
	p.Name = "yubikey-5.4"
	p.Versions = []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE"}
	p.Extensions = []string{ctap.CredProtect, ctap.HMACSecret}
	p.AAGUID = AAGUID{0x2f, 0xc0, 0x57, 0x9f, 0x81, 0x13, 0x47, 0xea, 0xb1, 0x16, 0xbb, 0x5a, 0x8d, 0xb9, 0x20, 0x2a}
	p.Transports = []string{"nfc", "usb"}
	p.SayAlgorithms, p.SayMinPINLength = true, true
	p.FirmwareVersion = 0x050403
	p.MaxCredentialCountInList, p.MaxCredentialIDLength = 8, 128
	p.PINUVAuthProtocols = []uint64{2, 1}
	p.CredentialManagement = true
	p.ResetWindow = Duration(5 * time.Second)
	return p
}
