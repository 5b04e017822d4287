package u2f

import (
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// getUVRetries implements getUVRetries, which a blocked sensor answers too. See Section 6.5.5.3.
func (k *Key) getUVRetries(time.Time, pinuv.Protocol, *ctap.ClientPINRequest) (ctap.ClientPINResponse, error) {
	return ctap.ClientPINResponse{UVRetries: new(uint64(k.uv.retries))}, nil
}

// offeredToUV are the permissions that a fingerprint may be exchanged for on this key. See Section 6.5.5.7.3, step 4.
func (k *Key) offeredToUV() ctap.Permissions {
	offered := k.offered()&^(ctap.PermissionBE|ctap.PermissionPCMR) | needRP // one that lasts is the PIN's
	if k.profile.Sensor.UVBioEnroll {
		offered |= ctap.PermissionBE
	}
	if !k.profile.Sensor.UVAcfg {
		offered &^= ctap.PermissionACFG
	}
	return offered
}

// getTokenUsingUV implements getPinUvAuthTokenUsingUvWithPermissions. See Section 6.5.5.7.3, steps 2 to 17.
func (k *Key) getTokenUsingUV(now time.Time, p pinuv.Protocol, r *ctap.ClientPINRequest) ([]byte, error) {
	switch asked := *r.Permissions; {
	case asked&needRP != 0 && r.RPID == nil:
		return nil, ctap.ErrMissingParameter
	case asked == 0:
		return nil, ctap.ErrInvalidParameter
	case asked&defined&^k.offeredToUV() != 0:
		return nil, ctap.ErrUnauthorizedPermission
	case !k.uvEnabled():
		return nil, ctap.ErrNotAllowed
	case k.uv.retries == 0:
		return nil, ctap.ErrUVBlocked
	}
	secret, err := k.decapsulate(p, r.KeyAgreement)
	if err != nil {
		return nil, err
	}
	attempts := 1 // the platform tries again, unless the key says that it does so itself
	if k.profile.Sensor.PlatformAttempts == 1 {
		attempts = k.profile.Sensor.InternalAttempts
	}
	what := Request{Command: nameClientPIN}
	if r.RPID != nil {
		what.RP = *r.RPID
	}
	granted, rpID := *r.Permissions&k.offeredToUV(), r.RPID
	return k.performBuiltInUV(now, what, attempts, func(now time.Time, err error) ([]byte, error) {
		switch {
		case err == ctap.ErrOperationDenied && k.uv.retries == 0:
			return nil, ctap.ErrUVBlocked
		case err == ctap.ErrOperationDenied:
			return nil, ctap.ErrUVInvalid
		case err != nil:
			return nil, err
		}
		token := k.newToken(now, p, granted, rpID)
		k.token.userPresent = true // a finger has touched the key
		enc, err := secret.Encrypt(&k.random, token)
		if err != nil {
			return nil, err
		}
		answer := ctap.ClientPINResponse{UVAuthToken: enc}
		return answer.Append(nil), nil
	})
}

// sensorOptions adds the options of built-in user verification. See Section 6.4.
func (k *Key) sensorOptions(options map[string]bool) {
	if k.profile.NoMcGaPermissionsWithClientPin {
		options["noMcGaPermissionsWithClientPin"] = true
	}
	s := &k.profile.Sensor
	if !k.sensor() {
		return
	}
	options["uv"], options["bioEnroll"] = k.uvEnabled(), k.uvEnabled()
	if s.Preview {
		options["userVerificationMgmtPreview"] = k.uvEnabled()
	}
	if s.UVBioEnroll {
		options["uvBioEnroll"] = true
	}
	if s.UVAcfg {
		options["uvAcfg"] = true
	}
}
