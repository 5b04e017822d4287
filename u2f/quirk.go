package u2f

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// Quirks are what keys in the wild do that no edition asks for, and some that an edition allows and few keys do. The zero
// value is a key that has none. The names are those of the catalogue that browsers test themselves with, where it has
// them.
type Quirks struct {
	// What comes with a credential.
	AlwaysEnterprise      bool   `json:"always_return_enterprise_attestation,omitempty"`      // epAtt is said, although nobody asked for it
	NoneAttestation       bool   `json:"none_attestation,omitempty"`                          // "none", whatever the profile says and the platform prefers
	ForgedAttestation     string `json:"forged_attestation,omitempty"`                        // an attestation that is wrong in one thing, KIND:MUTATION as attest.Mutations has them
	CertWithoutTransports bool   `json:"no_transports_in_attestation_certificate,omitempty"`  // the batch certificate has not the U2F transports extension
	DefaultCredProtect    byte   `json:"default_cred_protect,omitempty"`                      // level 1 to 3 of credentials that were asked for without one
	ForceCredProtect      byte   `json:"force_cred_protect,omitempty"`                        // level 1 to 3 of all, whatever was asked for
	AddExtraExtension     bool   `json:"add_extra_extension,omitempty"`                       // the extensions' outputs have one that nobody asked for
	InvalidUTF8           bool   `json:"allow_invalid_utf8_in_credential_entities,omitempty"` // names are cut in the middle of a character
	EmptyDisplayName      bool   `json:"reject_empty_display_name,omitempty"`                 // CTAP1_ERR_INVALID_LENGTH for a displayName that is there and empty
	MissingDisplayName    bool   `json:"reject_missing_display_name,omitempty"`               // CTAP2_ERR_INVALID_CBOR for a user without one

	// What comes with an assertion.
	IncludeCredential      string `json:"include_credential_in_assertion_response,omitempty"`            // always (as without), if-needed: not with an allowList of one, never
	AttestedInAssertion    bool   `json:"return_attested_cred_data_in_get_assertion_response,omitempty"` // authenticator data has the credential's public key
	OmitUserWithAllowList  bool   `json:"omit_user_entity_on_allow_credentials_requests,omitempty"`      // no user, also for a discoverable credential
	InternalAccountChooser bool   `json:"internal_account_chooser,omitempty"`                            // the user chooses the account on the key: the newest, userSelected

	// What is refused.
	AlwaysUVForUPFalse         bool `json:"always_uv_for_up_false,omitempty"`                    // with alwaysUv, silent assertions need user verification too
	RejectSilent               bool `json:"reject_silent_authentication_requests,omitempty"`     // CTAP2_ERR_UNSUPPORTED_OPTION for "up": false
	RejectLists                bool `json:"reject_large_allow_and_exclude_lists,omitempty"`      // CTAP2_ERR_LIMIT_EXCEEDED for lists of more than one
	RejectExtensions           bool `json:"reject_all_extensions,omitempty"`                     // CTAP2_ERR_UNSUPPORTED_EXTENSION for a request with any
	ImmediateInvalidCredential bool `json:"return_immediate_invalid_credential_error,omitempty"` // CTAP2_ERR_INVALID_CREDENTIAL instead of CTAP2_ERR_NO_CREDENTIALS
	IgnoreU2FCredentials       bool `json:"ignore_u2f_credentials,omitempty"`                    // what U2F_REGISTER made makes no CTAP2 assertions

	// UVFails is user_verification_succeeds of the catalogue, the other way round: no finger is recognised, enrolled or not.
	UVFails bool `json:"user_verification_fails,omitempty"`

	// What else is said.
	AdvertisedAlgorithms []cose.Algorithm  `json:"advertised_algorithms,omitempty"` // getInfo says these instead of those that the key has
	EmptyRPEnumeration   bool              `json:"empty_rp_enumeration,omitempty"`  // enumerateRPsBegin says that there are 0 instead of CTAP2_ERR_NO_CREDENTIALS
	OverrideResponse     map[string]Answer `json:"override_response_map,omitempty"` // commands, by their names in Section 6, that are answered with an error and not executed
}

// The values of IncludeCredential.
const (
	includeAlways   = "always"
	includeIfNeeded = "if-needed"
	includeNever    = "never"
)

// extraExtension is the name and value of what AddExtraExtension adds.
var extraExtension = ctap.Extension{Name: "unsolicited", Value: ctap.EncodeUint(42)}

// checkQuirks reports the first quirk that no key can have, or that this one has no use for.
func (p Profile) checkQuirks() error {
	q := &p.Quirks
	for _, v := range []struct {
		name        string
		asked, good bool
		needs       string
	}{
		{"default_cred_protect", q.DefaultCredProtect != 0, q.DefaultCredProtect <= protectRequired, "a level from 1 to 3"},
		{"force_cred_protect", q.ForceCredProtect != 0, q.ForceCredProtect <= protectRequired, "a level from 1 to 3"},
		{"default_cred_protect", q.DefaultCredProtect != 0, p.extends(ctap.CredProtect), "credProtect in extensions"},
		{"force_cred_protect", q.ForceCredProtect != 0, p.extends(ctap.CredProtect), "credProtect in extensions"},
		{"include_credential_in_assertion_response", q.IncludeCredential != "",
			slices.Contains([]string{includeAlways, includeIfNeeded, includeNever}, q.IncludeCredential), "always, if-needed or never"},
		{"internal_account_chooser", q.InternalAccountChooser, p.ResidentSlots > 0, "resident_slots of 1 or more"},
		{"always_uv_for_up_false", q.AlwaysUVForUPFalse, len(p.PINUVAuthProtocols) > 0, "pin_uv_auth_protocols"},
		{"user_verification_fails", q.UVFails, p.Sensor.Templates > 0, "a sensor"},
		{"ignore_u2f_credentials", q.IgnoreU2FCredentials, p.CTAP1() && p.CTAP2(), "U2F_V2 and a version of CTAP2 in versions"},
		{"empty_rp_enumeration", q.EmptyRPEnumeration, p.CredentialManagement, "credential_management"},
		{"no_transports_in_attestation_certificate", q.CertWithoutTransports, p.CTAP2(), "a version of CTAP2 in versions"},
	} {
		if v.asked && !v.good {
			return fmt.Errorf("u2f: profile %q has the quirk %s, which needs %s; give that, or leave the quirk out", p.Name, v.name, v.needs)
		}
	}
	for name, answer := range q.OverrideResponse {
		if !slices.ContainsFunc(commands[:], func(c command) bool { return c.name == name }) || name == "" {
			return fmt.Errorf("u2f: profile %q has %.40q in the quirk override_response_map; use a command's name, as %q",
				p.Name, name, nameGetAssertion)
		}
		if ctap.Status(answer) == ctap.OK {
			return fmt.Errorf("u2f: profile %q has no error for %s in the quirk override_response_map; write one, as \"CTAP2_ERR_NOT_ALLOWED\"",
				p.Name, name)
		}
	}
	return choose(p.Name, "the quirk advertised_algorithms", slices.Compact(slices.Clone(q.AdvertisedAlgorithms)),
		append(cose.Algorithms(), cose.ECDHES))
}

// overridden returns the answer that a command has instead of its own.
func (k *Key) overridden(cmd byte) error {
	if a, there := k.profile.Quirks.OverrideResponse[commands[cmd].name]; there && commands[cmd].name != "" {
		return a
	}
	return nil
}

// strangeMaking refuses requests for credentials that the specification has nothing against.
func (k *Key) strangeMaking(r *ctap.MakeCredentialRequest, req []byte) error {
	q := &k.profile.Quirks
	if q.RejectExtensions && len(r.Extensions) > 0 {
		return ctap.ErrUnsupportedExtension
	}
	if !q.EmptyDisplayName && !q.MissingDisplayName {
		return nil
	}
	switch there := ctap.HasDisplayName(req); {
	case q.MissingDisplayName && !there:
		return ctap.ErrInvalidCBOR
	case q.EmptyDisplayName && there && r.User.DisplayName == "":
		return ctap.ErrInvalidLength
	}
	return nil
}

// strangeAsking does likewise for assertions.
func (k *Key) strangeAsking(r *ctap.GetAssertionRequest) error {
	q, silent := &k.profile.Quirks, r.Options.UP == ctap.False
	switch {
	case q.RejectExtensions && len(r.Extensions) > 0:
		return ctap.ErrUnsupportedExtension
	case q.RejectSilent && silent:
		return ctap.ErrUnsupportedOption
	}
	return nil
}

// reprotect sets the level of credProtect that the key has a mind of its own about.
func (k *Key) reprotect(m *making) {
	q := &k.profile.Quirks
	switch {
	case q.ForceCredProtect != 0:
		m.protect, m.sayProtect = q.ForceCredProtect, true
	case q.DefaultCredProtect != 0 && !m.sayProtect:
		m.protect, m.sayProtect = q.DefaultCredProtect, true
	}
}

// shorten cuts a name to what the key keeps.
func (k *Key) shorten(name string) string {
	if k.profile.Quirks.InvalidUTF8 {
		return name[:min(len(name), maxName)]
	}
	return shorten(name)
}

// extra adds the extension that nobody asked for to outputs.
func (k *Key) extra(outputs []byte) []byte {
	if !k.profile.Quirks.AddExtraExtension {
		return outputs
	}
	var list []ctap.Extension
	if outputs != nil {
		list, _ = ctap.ParseExtensions(outputs) // they are our own
	}
	list = append(list, extraExtension)
	slices.SortFunc(list, func(x, y ctap.Extension) int {
		return cmp.Or(cmp.Compare(len(x.Name), len(y.Name)), cmp.Compare(x.Name, y.Name))
	})
	return ctap.AppendExtensions(nil, list)
}

// overlooked reports whether an assertion goes without c although it fits.
func (k *Key) overlooked(c *credential) bool { return c.u2f && k.profile.Quirks.IgnoreU2FCredentials }

// credentialInAssertion adds to authenticator data what only a new credential's has.
func (k *Key) credentialInAssertion(data *ctap.AuthData, c *credential, key *cose.PrivateKey) {
	if k.profile.Quirks.AttestedInAssertion {
		data.AAGUID, data.CredentialID, data.PublicKey = k.profile.AAGUID, c.outward(), key.AppendPublicKey(nil)
	}
}

// trim takes out of an assertion what the key leaves out; listed is how many credentials the allowList had.
func (k *Key) trim(answer *ctap.GetAssertionResponse, listed int) {
	q := &k.profile.Quirks
	if q.IncludeCredential == includeNever || q.IncludeCredential == includeIfNeeded && listed == 1 {
		answer.CredentialID = nil
	}
	if q.OmitUserWithAllowList && listed > 0 {
		answer.User = nil
	}
}

// noRPs is the answer of enumerateRPsBegin that there are 0 relying parties.
var noRPs = []byte{0xa1, 0x05, 0x00}

// emptied returns what a listing of relying parties that is empty is answered with.
func (k *Key) emptied(s ctap.CredentialManagementSubcommand, err error) ([]byte, error) {
	if s == ctap.EnumerateRPsBegin && err == ctap.ErrNoCredentials && k.profile.Quirks.EmptyRPEnumeration {
		return bytes.Clone(noRPs), nil
	}
	return nil, err
}

// batch returns what credentials are attested with, by one or the other certificate.
func (k *Key) batch() (*attest.Batch, error) {
	if !k.profile.Quirks.CertWithoutTransports {
		return k.factory.batch, nil
	}
	if k.factory.plain == nil {
		if k.root == nil {
			return nil, fmt.Errorf("u2f: the authority that made the key is gone, so that there is no certificate without transports")
		}
		plain, err := k.root.NewPlainBatch(k.model())
		if err != nil {
			return nil, err
		}
		if k.chip() {
			if plain, err = plain.KeptAs(k.factory.batch.Key()); err != nil {
				return nil, err
			}
		}
		k.factory.plain = plain
	}
	return k.factory.plain, nil
}

// SetProfile changes how the key behaves from now on: what is under way goes on as it began. Another AAGUID would be another
// model, whose certificate the key has not, and is an error, as is what [Profile.Check] reports.
func (k *Key) SetProfile(now time.Time, p Profile) error {
	if err := p.Check(); err != nil {
		return err
	}
	if p.AAGUID != k.profile.AAGUID {
		return fmt.Errorf("u2f: the key was made with AAGUID %s, profile %q has %s; make a new key", k.profile.AAGUID, p.Name, p.AAGUID)
	}
	k.Step(now)
	sensor := k.profile.Sensor
	k.profile = p
	if k.phase == off {
		return nil
	}
	if p.Sensor != sensor {
		if err := k.loadUV(); err != nil {
			return err
		}
	}
	return k.loadSettings() // where the user has changed none, they are the profile's
}
