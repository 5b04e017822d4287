package u2f

import (
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/ctap"
)

// extensions are those that a profile may name.
var extensions = []string{ctap.CredProtect, ctap.CredBlob, ctap.LargeBlobKey, ctap.LargeBlob, ctap.MinPINLength,
	ctap.PINComplexityPolicy, ctap.HMACSecret, ctap.HMACSecretMC, ctap.ThirdPartyPayment, previewSign}

// From the specification.
const (
	leastLargeBlobs = 1024 // Section 6.4, maxSerializedLargeBlobArray
	leastCredBlob   = 32   // Section 6.4, maxCredBlobLength
)

// Our choice: more would be a mistake in the file.
const (
	mostRPIDs      = 100
	mostLargeBlobs = 1 << 20
	mostLargeBlob  = 1 << 16
	mostCredBlob   = 1024
	longestRPID    = 253 // of a domain name, RFC 1035 Section 2.3.4
)

// configures reports whether authenticatorConfig has a subcommand.
func (p *Profile) configures(s ctap.ConfigSubcommand) bool {
	return slices.Contains(p.ConfigCommands, uint64(s))
}

// enterprise reports whether the key is enterprise attestation capable. See Section 7.1.
func (p *Profile) enterprise() bool { return p.configures(ctap.EnableEnterpriseAttestation) }

// saysAlwaysUV reports whether getInfo has the option alwaysUv. See Section 7.2.
func (p *Profile) saysAlwaysUV() bool { return p.AlwaysUV || p.configures(ctap.ToggleAlwaysUV) }

// checkSettings looks at what authenticatorConfig changes, and at what depends on it.
func (p Profile) checkSettings() error {
	if err := choose(p.Name, "config_commands", p.ConfigCommands, []uint64{1, 2, 3, 4}); err != nil {
		return err
	}
	withPIN := p.CTAP2() && len(p.PINUVAuthProtocols) > 0 && p.Permissions
	for _, v := range []struct {
		field string
		there bool
		holds bool
		needs string
	}{
		{"config_commands", len(p.ConfigCommands) > 0, withPIN, "pin_uv_auth_protocols and permissions"},
		{"always_uv", p.AlwaysUV, withPIN, "pin_uv_auth_protocols and permissions"},
		{"persistent_tokens", p.PersistentTokens, withPIN && p.CredentialManagement, "permissions and credential_management"},
		{"enc_identifier", p.EncIdentifier, p.PersistentTokens, "persistent_tokens"},
		{"enc_cred_store_state", p.EncCredStoreState, p.PersistentTokens, "persistent_tokens"},
		{"enterprise_rp_ids", len(p.EnterpriseRPs) > 0, p.enterprise(), "config command 1"},
		{"max_rpids_for_set_min_pin_length", p.MaxRPIDsForSetMinPINLength > 0, p.configures(ctap.SetMinPINLength), "config command 3"},
		{"config command 4", p.configures(ctap.EnableLongTouchForReset), p.SayLongTouchForReset, "say_long_touch_for_reset"},
		{"max_serialized_large_blob_array", p.MaxLargeBlobs > 0, p.CTAP2(), "CTAP2"},
	} {
		if v.there && !v.holds {
			return fmt.Errorf("u2f: profile %q has %s, which needs %s", p.Name, v.field, v.needs)
		}
	}
	for _, rp := range p.EnterpriseRPs {
		if rp == "" || len(rp) > longestRPID {
			return fmt.Errorf("u2f: profile %q has %.40q in enterprise_rp_ids; use the ID of a relying party, as \"example.com\"", p.Name, rp)
		}
	}
	if err := choose(p.Name, "enterprise_rp_ids", p.EnterpriseRPs, p.EnterpriseRPs); err != nil {
		return err
	}
	return p.PINPolicy.check(p.Name)
}

// checkExtensions looks at what extensions need, and at their limits.
func (p Profile) checkExtensions() error {
	for _, v := range []struct {
		name  string
		holds bool
		needs string
	}{
		{ctap.HMACSecret, len(p.PINUVAuthProtocols) > 0, "pin_uv_auth_protocols"},
		{ctap.HMACSecretMC, p.extends(ctap.HMACSecret), "the extension hmac-secret beside it"},
		{ctap.CredBlob, p.extends(ctap.CredProtect), "the extension credProtect beside it"},
		{ctap.CredBlob, p.MaxCredBlobLength > 0, "max_cred_blob_length"},
		{ctap.LargeBlobKey, p.MaxLargeBlobs > 0, "max_serialized_large_blob_array"},
		{ctap.LargeBlob, p.MaxLargeBlobs == 0, "max_serialized_large_blob_array 0, and no extension largeBlobKey"},
		{ctap.LargeBlob, p.MaxLargeBlob > 0, "max_large_blob"},
		{ctap.MinPINLength, p.configures(ctap.SetMinPINLength), "config command 3"},
		{ctap.PINComplexityPolicy, p.configures(ctap.SetMinPINLength) && p.PINPolicy.Say, "config command 3 and pin_policy.say"},
	} {
		if p.extends(v.name) && !v.holds {
			return fmt.Errorf("u2f: profile %q has the extension %s, which needs %s", p.Name, v.name, v.needs)
		}
	}
	for _, v := range []struct {
		field              string
		value, least, most int
	}{
		{"max_serialized_large_blob_array", p.MaxLargeBlobs, leastLargeBlobs, mostLargeBlobs},
		{"max_cred_blob_length", p.MaxCredBlobLength, leastCredBlob, mostCredBlob},
	} {
		if v.value != 0 && (v.value < v.least || v.value > v.most) {
			return fmt.Errorf("u2f: profile %q has %d for %s; use %d to %d, or 0 for none", p.Name, v.value, v.field, v.least, v.most)
		}
	}
	return nil
}
