package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// getInfo implements authenticatorGetInfo. See Section 6.4.
func (k *Key) getInfo(time.Time, []byte) ([]byte, error) {
	p := &k.profile
	info := ctap.GetInfoResponse{
		Versions: p.Versions, Extensions: p.Extensions, AAGUID: p.AAGUID, Options: k.options(),
		MaxMsgSize: uint64(p.MaxMsgSize), Protocols: p.PINUVAuthProtocols,
		MaxCredentialCountInList: uint64(p.MaxCredentialCountInList),
		MaxCredentialIDLength:    uint64(p.MaxCredentialIDLength),
		Transports:               p.Transports, FirmwareVersion: p.FirmwareVersion, AttestationFormats: p.AttestationFormats,
	}
	if said := p.Quirks.AdvertisedAlgorithms; p.SayAlgorithms || len(said) > 0 {
		if len(said) == 0 {
			said = p.Algorithms
		}
		for _, a := range said {
			info.Algorithms = append(info.Algorithms, int64(a))
		}
	}
	if p.SayMinPINLength && len(p.PINUVAuthProtocols) > 0 {
		info.MinPINLength = uint64(p.MinPINLength)
	}
	if p.SayRemaining && p.ResidentSlots > 0 {
		info.RemainingCredentials = new(uint64(max(0, p.ResidentSlots-len(k.residents))))
	}
	if k.sensor() {
		info.PreferredPlatformUVAttempts, info.UVModality = uint64(p.Sensor.PlatformAttempts), fingerprintInternal
		if p.Sensor.SayUVCount {
			info.UVCountSinceLastPINEntry = new(uint64(k.uv.count))
		}
	}
	return info.Append(nil), nil
}

// options returns the option IDs of Section 6.4. One that is absent means what its default says.
func (k *Key) options() map[string]bool {
	p := &k.profile
	options := map[string]bool{"rk": p.ResidentSlots > 0, "up": true, "plat": false}
	if len(p.PINUVAuthProtocols) == 0 {
		return options
	}
	options["clientPin"] = k.pinSet()
	if p.Permissions {
		options["pinUvAuthToken"] = true
	}
	if p.CredentialManagement {
		options["credMgmt"], options["credentialMgmtPreview"] = true, true
	}
	if p.MakeCredUVNotRqd {
		options["makeCredUvNotRqd"] = true
	}
	k.sensorOptions(options)
	return options
}
