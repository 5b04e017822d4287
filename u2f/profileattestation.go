package u2f

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mfalab/mfalab/u2f/attest"
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

// saidFormats are those that getInfo says: where it says any, the one that credentials come with is among them.
func (p *Profile) saidFormats() []string {
	kind, _, err := attest.ParseMutation(cmp.Or(p.Quirks.ForgedAttestation, string(p.Attestation)))
	format := attest.FormatOf(kind)
	if len(p.AttestationFormats) == 0 || err != nil || format == attest.FormatNone || slices.Contains(p.AttestationFormats, format) {
		return p.AttestationFormats
	}
	return append([]string{format}, p.AttestationFormats...)
}
