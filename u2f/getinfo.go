package u2f

import (
	"slices"
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
		MaxCredentialIDLength:    uint64(k.maxCredentialID()),
		Transports:               p.Transports, FirmwareVersion: p.FirmwareVersion, AttestationFormats: p.saidFormats(),
	}
	if said := p.Quirks.AdvertisedAlgorithms; p.SayAlgorithms || len(said) > 0 {
		if len(said) == 0 {
			said = k.algorithms()
		}
		info.Algorithms = make([]int64, 0, len(said))
		for _, a := range said {
			info.Algorithms = append(info.Algorithms, int64(a))
		}
	}
	if p.SayMinPINLength && len(p.PINUVAuthProtocols) > 0 {
		info.MinPINLength = uint64(k.settings.MinPIN)
	}
	if k.settings.AlwaysUV { // Section 7.2.4
		info.Versions = slices.DeleteFunc(slices.Clone(p.Versions), func(v string) bool { return v == u2fVersion })
	}
	if err := k.sayMore(&info); err != nil {
		return nil, err
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
	return info.Append(make([]byte, 0, 1024)), nil
}

// sayMore adds what belongs to settings, blobs and the members of 2.3.
func (k *Key) sayMore(info *ctap.GetInfoResponse) error {
	p := &k.profile
	info.MaxLargeBlobs, info.MaxCredBlobLength = uint64(p.MaxLargeBlobs), uint64(p.MaxCredBlobLength)
	if p.configures(ctap.SetMinPINLength) {
		info.ForcePINChange = new(k.mustChangePIN())
		info.MaxRPIDs = new(uint64(p.MaxRPIDsForSetMinPINLength))
	}
	if p.SayConfigCommands {
		info.ConfigCommands = p.ConfigCommands
	}
	if p.SayLongTouchForReset {
		info.LongTouchForReset = &k.settings.LongTouch
	}
	if p.PINPolicy.Say {
		info.PINComplexityPolicy, info.PINComplexityPolicyURL = &k.settings.Complexity, p.PINPolicy.URL
	}
	if p.SayMaxPINLength {
		info.MaxPINLength = uint64(p.MaxPINLength)
	}
	info.TransportsForReset = p.TransportsForReset
	if !p.EncIdentifier && !p.EncCredStoreState {
		return nil
	}
	o, err := k.opaques()
	if err != nil {
		return err
	}
	if p.EncIdentifier {
		info.EncIdentifier = k.seal(o.identifier, k.deviceIdentifier())
	}
	if p.EncCredStoreState {
		info.EncCredStoreState = k.seal(o.state, k.storeState())
	}
	return nil
}

// mostOptions is how many there can be.
const mostOptions = 24

// options returns the option IDs of Section 6.4. One that is absent means what its default says.
func (k *Key) options() map[string]bool {
	p := &k.profile
	options := make(map[string]bool, mostOptions)
	options["rk"], options["up"], options["plat"] = p.ResidentSlots > 0, true, false
	if len(p.PINUVAuthProtocols) == 0 {
		return options
	}
	options["clientPin"] = k.pinSet()
	if p.Permissions {
		options["pinUvAuthToken"] = true
	}
	if p.CredentialManagement {
		options["credentialMgmtPreview"] = true
		if p.Permissions {
			options["credMgmt"] = true
		}
	}
	for _, o := range [...]struct {
		name  string
		there bool
	}{
		{"makeCredUvNotRqd", k.uvNotRequired()},
		{"largeBlobs", p.MaxLargeBlobs > 0},
		{"authnrCfg", len(p.ConfigCommands) > 0},
		{"setMinPINLength", p.configures(ctap.SetMinPINLength)},
		{"perCredMgmtRO", p.PersistentTokens},
	} {
		if o.there {
			options[o.name] = true
		}
	}
	if p.saysAlwaysUV() {
		options["alwaysUv"] = k.settings.AlwaysUV
	}
	if p.enterprise() {
		options["ep"] = k.settings.Enterprise
	}
	k.sensorOptions(options)
	return options
}
