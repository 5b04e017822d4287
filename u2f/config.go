package u2f

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// configuring is one row of the table of Section 6.11.
type configuring struct {
	name    string
	section string
	run     func(k *Key, r *ctap.ConfigRequest) error
}

var configurings = [...]configuring{
	ctap.EnableEnterpriseAttestation: {"enableEnterpriseAttestation", "6.11.1", (*Key).enableEnterprise},
	ctap.ToggleAlwaysUV:              {"toggleAlwaysUv", "6.11.2", (*Key).toggleAlwaysUV},
	ctap.SetMinPINLength:             {"setMinPINLength", "6.11.4", (*Key).setMinPINLength},
	ctap.EnableLongTouchForReset:     {"enableLongTouchForReset", "6.11.5", (*Key).enableLongTouch},
}

// config implements authenticatorConfig. See Section 6.11, whose order of steps is that of the errors.
func (k *Key) config(now time.Time, req []byte) ([]byte, error) {
	r, err := ctap.ParseConfigRequest(req)
	if err != nil {
		return nil, err
	}
	if !k.profile.configures(r.Subcommand) {
		return nil, k.profile.ConfigSubcommandError
	}
	if err := k.authorizeConfig(now, &r); err != nil {
		return nil, err
	}
	c := &configurings[r.Subcommand]
	if err := c.run(k, &r); err != nil {
		return nil, err
	}
	k.observe(Event{Name: Configured, At: now, Command: c.name})
	return nil, nil
}

// authorizeConfig checks pinUvAuthParam: Section 6.11, steps 3 and 4. A key that verifies no user yet asks for nothing,
// and one that leaves the factory with alwaysUv lets that be switched off.
func (k *Key) authorizeConfig(now time.Time, r *ctap.ConfigRequest) error {
	if !k.protected() && (!k.settings.AlwaysUV || r.Subcommand == ctap.ToggleAlwaysUV) {
		return nil
	}
	message := append(slices.Clone(configPrefix[:]), byte(r.Subcommand))
	return k.authorizeWith(now, r.Protocol, r.UVAuthParam, append(message, r.Params...), ctap.PermissionACFG)
}

// configPrefix is what pinUvAuthParam of authenticatorConfig is over, before the subcommand: Section 6.11, step 4.
var configPrefix = [33]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, cmdConfig}

// authorizeWith checks the pinUvAuthParam of a command that needs a permission without a relying party: Section 6.11,
// step 4, and Section 6.10.2.
func (k *Key) authorizeWith(now time.Time, protocol *uint64, param, message []byte, permission ctap.Permissions) error {
	switch {
	case param == nil:
		return ctap.ErrPUATRequired
	case protocol == nil:
		return ctap.ErrMissingParameter
	case !slices.Contains(k.profile.PINUVAuthProtocols, *protocol):
		return ctap.ErrInvalidParameter
	}
	_, err := k.authorize(now, *protocol, param, message, byte(permission), "")
	return err
}

// enableEnterprise implements enableEnterpriseAttestation, which only reset undoes. See Section 6.11.1.
func (k *Key) enableEnterprise(*ctap.ConfigRequest) error {
	s := k.settings
	s.Enterprise = true
	return k.storeSettings(s)
}

// toggleAlwaysUV implements toggleAlwaysUv. See Section 6.11.2.
func (k *Key) toggleAlwaysUV(*ctap.ConfigRequest) error {
	s := k.settings
	s.AlwaysUV = !s.AlwaysUV
	return k.storeSettings(s)
}

// setMinPINLength implements setMinPINLength: one write. See Section 6.11.4.
func (k *Key) setMinPINLength(r *ctap.ConfigRequest) error {
	if r.Params == nil {
		return ctap.ErrMissingParameter
	}
	p, err := ctap.ParseMinPINLengthParams(r.Params)
	if err != nil {
		return err
	}
	s, force := k.settings, p.ForceChangePIN
	if n := p.NewMinPINLength; n != nil {
		if *n < uint64(s.MinPIN) || *n > uint64(k.profile.MaxPINLength) {
			return ctap.ErrPINPolicyViolation
		}
		s.MinPIN = int(*n)
	}
	switch {
	case force && !k.pinSet():
		return ctap.ErrPINNotSet
	case p.PINComplexityPolicy && !k.profile.PINPolicy.Say:
		return ctap.ErrInvalidParameter
	case p.RPIDs != nil && k.profile.MaxRPIDsForSetMinPINLength == 0:
		return ctap.ErrInvalidParameter
	case len(p.RPIDs) > k.profile.MaxRPIDsForSetMinPINLength:
		return ctap.ErrKeyStoreFull
	case slices.ContainsFunc(p.RPIDs, func(id string) bool { return len(id) > longestRPID }):
		return ctap.ErrKeyStoreFull
	}
	if p.RPIDs != nil {
		s.RPIDs = p.RPIDs
	}
	force = force || k.pinSet() && (int(k.pin.codePoints) < s.MinPIN || p.PINComplexityPolicy && !s.Complexity)
	s.Complexity = s.Complexity || p.PINComplexityPolicy
	if force {
		s.Change = k.pin.number + 1
	}
	if err := k.storeSettings(s); err != nil {
		return err
	}
	if force {
		k.dropTokens()
	}
	return nil
}

// enableLongTouch implements enableLongTouchForReset, which only reset undoes. See CTAP 2.3, Section 6.11.
func (k *Key) enableLongTouch(*ctap.ConfigRequest) error {
	s := k.settings
	s.LongTouch = true
	return k.storeSettings(s)
}
