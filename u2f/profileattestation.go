package u2f

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/cose"
)

// formats are those of attestation statements.
var formats = []string{string(Packed), string(FIDOU2F), string(None), string(TPM), string(AndroidKey), string(SafetyNet), string(Apple), string(Compound)}

// roomForChain is how long an answer may get whose attestation has certificates of an authority's; our choice, more than any
// is.
const roomForChain = 6144

// checkAttestation looks at whether what the key attests with has room in its answers.
func (p Profile) checkAttestation() error {
	kind, _, err := attest.ParseMutation(cmp.Or(p.Quirks.ForgedAttestation, string(p.Attestation)))
	if err != nil {
		return fmt.Errorf("u2f: profile %q has %.60q in the quirk forged_attestation: %w", p.Name, p.Quirks.ForgedAttestation, err)
	}
	for _, kind := range append([]string{kind, string(p.Attestation)}, p.AttestationFormats...) {
		if slices.Contains(formats[3:], kind) && p.MaxMsgSize < roomForChain {
			return fmt.Errorf("u2f: profile %q attests with %s, which needs max_msg_size of %d", p.Name, kind, roomForChain)
		}
	}
	return nil
}

// Attestations are the ways in which credentials of the key may come attested: the profile's, those that the platform may ask
// for, what is forged, and "packed-self" where a credential has to speak for itself.
func (p *Profile) Attestations() (ways []string) {
	add := func(way string) {
		if !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	if kind, _, err := attest.ParseMutation(p.Quirks.ForgedAttestation); err == nil {
		if kind == attest.KindEnterprise {
			kind = attest.FormatPacked
		}
		add(kind)
	}
	add(string(p.Attestation))
	for _, format := range p.AttestationFormats {
		add(format)
	}
	if slices.ContainsFunc(p.Algorithms, func(a cose.Algorithm) bool {
		return slices.ContainsFunc(ways, func(way string) bool { return !attest.Attests(way, a) })
	}) {
		add(string(PackedSelf))
	}
	return ways
}

// saidFormats are those that getInfo says: where it says any, the one that credentials come with is among them.
func (p *Profile) saidFormats() []string {
	kind, _, err := attest.ParseMutation(cmp.Or(p.Quirks.ForgedAttestation, string(p.Attestation)))
	format := attest.FormatOf(kind)
	if len(p.AttestationFormats) == 0 || err != nil || format == attest.FormatNone || slices.Contains(p.AttestationFormats, format) {
		return p.AttestationFormats
	}
	return append([]string{format}, p.AttestationFormats...)
}
