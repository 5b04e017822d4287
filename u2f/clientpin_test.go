package u2f

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/pinuv"
)

// Each error of each subcommand, with the step of its section that demands it. A step that comes first wins: each row
// changes one thing in a request that is good.
func TestClientPINErrors(t *testing.T) {
	type row struct {
		section string
		name    string
		pin     bool // a PIN is set
		request func(h *platform) ctap.ClientPINRequest
		change  func(h *platform, r *ctap.ClientPINRequest)
		want    ctap.Status
		spent   uint64 // attempts
	}
	set := func(h *platform) ctap.ClientPINRequest { return h.setPINRequest(padded(goodPIN)) }
	change := func(h *platform) ctap.ClientPINRequest { return h.changePINRequest(goodPIN, padded("567890")) }
	old := func(h *platform) ctap.ClientPINRequest { r, _ := h.tokenRequest(goodPIN, 0, ""); return r }
	token := func(h *platform) ctap.ClientPINRequest {
		r, _ := h.tokenRequest(goodPIN, ctap.PermissionMC, "example.com")
		return r
	}
	agreement := func(h *platform) ctap.ClientPINRequest {
		return ctap.ClientPINRequest{Protocol: new(uint64(h.p)), Subcommand: ctap.GetKeyAgreement}
	}
	drop := func(what string) func(*platform, *ctap.ClientPINRequest) {
		return func(_ *platform, r *ctap.ClientPINRequest) {
			switch what {
			case "pinUvAuthProtocol":
				r.Protocol = nil
			case "keyAgreement":
				r.KeyAgreement = nil
			case "pinUvAuthParam":
				r.UVAuthParam = nil
			case "newPinEnc":
				r.NewPINEnc = nil
			case "pinHashEnc":
				r.PINHashEnc = nil
			case "permissions":
				r.Permissions = nil
			case "rpId":
				r.RPID = nil
			}
		}
	}
	third := func(_ *platform, r *ctap.ClientPINRequest) { r.Protocol = new(uint64(3)) }
	off := func(h *platform, r *ctap.ClientPINRequest) { r.KeyAgreement = offCurve(h.t) }
	signing := func(h *platform, r *ctap.ClientPINRequest) { r.KeyAgreement = signingKey(h.t) }
	forged := func(_ *platform, r *ctap.ClientPINRequest) { r.UVAuthParam[0] ^= 1 }
	permissions := func(p ctap.Permissions) func(*platform, *ctap.ClientPINRequest) {
		return func(_ *platform, r *ctap.ClientPINRequest) { r.Permissions = &p }
	}
	subcommand := func(s ctap.ClientPINSubcommand) func(h *platform) ctap.ClientPINRequest {
		return func(*platform) ctap.ClientPINRequest { return ctap.ClientPINRequest{Subcommand: s} }
	}
	rows := []row{
		{"6.5.5", "a subcommand that no edition has", false, subcommand(0x08), nil, ctap.ErrInvalidSubcommand, 0},
		{"6.5.5", "subcommand 0", false, subcommand(0), nil, ctap.ErrInvalidSubcommand, 0},
		{"6.5.5", "a subcommand beyond the table", false, subcommand(1 << 60), nil, ctap.ErrInvalidSubcommand, 0},
		{"6.5.5.3", "getUVRetries of a key without built-in UV", false, subcommand(ctap.GetUVRetries), nil, ctap.ErrInvalidSubcommand, 0},
		{"6.5.5.7.3", "built-in UV of a key without it", true, subcommand(ctap.GetPINUVAuthTokenUsingUVWithPermissions), nil, ctap.ErrInvalidSubcommand, 0},

		{"6.5.5.4, step 3", "getKeyAgreement without a protocol", false, agreement, drop("pinUvAuthProtocol"), ctap.ErrMissingParameter, 0},
		{"6.5.5.4, step 4", "getKeyAgreement with protocol 3", false, agreement, third, ctap.ErrInvalidParameter, 0},

		{"6.5.5.5, step 1", "setPIN without a protocol", false, set, drop("pinUvAuthProtocol"), ctap.ErrMissingParameter, 0},
		{"6.5.5.5, step 1", "setPIN without keyAgreement", false, set, drop("keyAgreement"), ctap.ErrMissingParameter, 0},
		{"6.5.5.5, step 1", "setPIN without pinUvAuthParam", false, set, drop("pinUvAuthParam"), ctap.ErrMissingParameter, 0},
		{"6.5.5.5, step 1", "setPIN without newPinEnc", false, set, drop("newPinEnc"), ctap.ErrMissingParameter, 0},
		{"6.5.5.5, step 2", "setPIN with protocol 3", true, set, third, ctap.ErrInvalidParameter, 0},
		{"6.5.5.5, step 3", "setPIN where there is a PIN", true, set, off, ctap.ErrPINAuthInvalid, 0},
		{"6.5.5.5, step 4", "setPIN with a point off the curve", false, set, off, ctap.ErrInvalidParameter, 0},
		{"6.5.5.5, step 4", "setPIN with a key for signatures", false, set, signing, ctap.ErrInvalidParameter, 0},
		{"6.5.5.5, step 5", "setPIN with a forged pinUvAuthParam", false, set, forged, ctap.ErrPINAuthInvalid, 0},
		{"6.5.5.5, step 5", "setPIN with an empty pinUvAuthParam", false, set,
			func(_ *platform, r *ctap.ClientPINRequest) { r.UVAuthParam = []byte{} }, ctap.ErrPINAuthInvalid, 0},

		{"6.5.5.6, step 1", "changePIN without a protocol", true, change, drop("pinUvAuthProtocol"), ctap.ErrMissingParameter, 0},
		{"6.5.5.6, step 1", "changePIN without keyAgreement", true, change, drop("keyAgreement"), ctap.ErrMissingParameter, 0},
		{"6.5.5.6, step 1", "changePIN without pinUvAuthParam", true, change, drop("pinUvAuthParam"), ctap.ErrMissingParameter, 0},
		{"6.5.5.6, step 1", "changePIN without newPinEnc", true, change, drop("newPinEnc"), ctap.ErrMissingParameter, 0},
		{"6.5.5.6, step 1", "changePIN without pinHashEnc", true, change, drop("pinHashEnc"), ctap.ErrMissingParameter, 0},
		{"6.5.5.6, step 2", "changePIN with protocol 3", true, change, third, ctap.ErrInvalidParameter, 0},
		{"6.5.5.6", "changePIN where there is no PIN", false, change, off, ctap.ErrPINNotSet, 0},
		{"6.5.5.6, step 4", "changePIN with a point off the curve", true, change, off, ctap.ErrInvalidParameter, 0},
		{"6.5.5.6, step 5", "changePIN with a forged pinUvAuthParam", true, change, forged, ctap.ErrPINAuthInvalid, 0},
		{"6.5.5.6, step 7", "changePIN with a wrong PIN", true, func(h *platform) ctap.ClientPINRequest {
			return h.changePINRequest(wrongPIN, padded("567890"))
		}, nil, ctap.ErrPINInvalid, 1},
		{"6.5.5.6, step 10", "changePIN to a PIN that is not padded", true, func(h *platform) ctap.ClientPINRequest {
			return h.changePINRequest(goodPIN, []byte("567890..........")) // 16 bytes
		}, nil, ctap.ErrInvalidParameter, 0},
		{"6.5.5.6, step 12", "changePIN to a PIN that is too short", true, func(h *platform) ctap.ClientPINRequest {
			return h.changePINRequest(goodPIN, padded("567"))
		}, nil, ctap.ErrPINPolicyViolation, 0},

		{"6.5.5.7.1, step 1", "getPinToken without a protocol", true, old, drop("pinUvAuthProtocol"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.1, step 1", "getPinToken without keyAgreement", true, old, drop("keyAgreement"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.1, step 1", "getPinToken without pinHashEnc", true, old, drop("pinHashEnc"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.1, step 2", "getPinToken with protocol 3", true, old, third, ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.1, step 3", "getPinToken with permissions", true, old, permissions(ctap.PermissionMC), ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.1, step 4", "getPinToken with rpId", true, old,
			func(_ *platform, r *ctap.ClientPINRequest) { r.RPID = new("example.com") }, ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.1", "getPinToken where there is no PIN", false, old, off, ctap.ErrPINNotSet, 0},
		{"6.5.5.7.1, step 6", "getPinToken with a point off the curve", true, old, off, ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.1, step 9", "getPinToken with a wrong PIN", true, func(h *platform) ctap.ClientPINRequest {
			r, _ := h.tokenRequest(wrongPIN, 0, "")
			return r
		}, nil, ctap.ErrPINInvalid, 1},
		{"6.5.5.7.1, step 9.1", "getPinToken with half a block", true, old,
			func(_ *platform, r *ctap.ClientPINRequest) { r.PINHashEnc = r.PINHashEnc[8:] }, ctap.ErrPINInvalid, 1},
		{"6.5.5.7.1, step 9.1", "getPinToken with an empty pinHashEnc", true, old,
			func(_ *platform, r *ctap.ClientPINRequest) { r.PINHashEnc = []byte{} }, ctap.ErrPINInvalid, 1},

		{"6.5.5.7.2, step 1", "a token without a protocol", true, token, drop("pinUvAuthProtocol"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.2, step 1", "a token without keyAgreement", true, token, drop("keyAgreement"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.2, step 1", "a token without pinHashEnc", true, token, drop("pinHashEnc"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.2, step 1", "a token without permissions", true, token, drop("permissions"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7, table", "mc without rpId", true, token, drop("rpId"), ctap.ErrMissingParameter, 0},
		{"6.5.5.7.2, step 2", "a token with protocol 3", true, token, third, ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.2, step 3", "a token without any permission", true, token, permissions(0), ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.2, step 4", "be, which getInfo does not have", true, token, permissions(ctap.PermissionBE), ctap.ErrUnauthorizedPermission, 0},
		{"6.5.5.7.2, step 4", "be, which getInfo does not have", true, token, permissions(ctap.PermissionBE), ctap.ErrUnauthorizedPermission, 0},
		{"6.5.5.7.2, step 4", "pcmr, which 2.1 has not, beside mc", true, token, permissions(ctap.PermissionPCMR | ctap.PermissionMC), ctap.ErrUnauthorizedPermission, 0},
		{"6.5.5.7.2", "a token where there is no PIN", false, token, off, ctap.ErrPINNotSet, 0},
		{"6.5.5.7.2, step 6", "a token with a point off the curve", true, token, off, ctap.ErrInvalidParameter, 0},
		{"6.5.5.7.2, step 9", "a token with a wrong PIN", true, func(h *platform) ctap.ClientPINRequest {
			r, _ := h.tokenRequest(wrongPIN, ctap.PermissionGA, "example.com")
			return r
		}, nil, ctap.ErrPINInvalid, 1},
	}
	for _, c := range rows {
		for _, protocol := range []pinuv.Protocol{pinuv.One, pinuv.Two} {
			t.Run(c.section+": "+c.name, func(t *testing.T) {
				h := newPlatform(t, "ctap2.1")
				h.p = protocol
				if c.pin {
					require.Equal(t, ctap.OK, h.setPIN(goodPIN))
				}
				r := c.request(h)
				if c.change != nil {
					c.change(h, &r)
				}
				before := snapshot(t, h.flash)
				_, status := h.send(r)
				require.Equal(t, c.want, status)
				left, powerCycle := h.retries()
				require.Equal(t, maxPINRetries-c.spent, left)
				require.False(t, powerCycle)
				after := snapshot(t, h.flash)
				delete(before, recordRetries)
				delete(after, recordRetries)
				require.Equal(t, before, after, "an error leaves flash as it was, but for the attempts")
				require.Equal(t, c.pin, h.k.pinSet())
			})
		}
	}
}
