package metadata

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/mfalab/mfalab/u2f/attest"
)

// An Entry is what the BLOB says of a model. See Service, MetadataBLOBPayloadEntry.
type Entry struct {
	AAGUID         string      `json:"aaguid,omitempty"`
	KeyIdentifiers []string    `json:"attestationCertificateKeyIdentifiers,omitempty"`
	Statement      *Statement  `json:"metadataStatement"`
	Biometrics     []BioReport `json:"biometricStatusReports,omitempty"`
	Reports        []Report    `json:"statusReports"`
	Changed        string      `json:"timeOfLastStatusChange"`
	RoguesAt       string      `json:"rogueListURL,omitempty"`
	RoguesHash     string      `json:"rogueListHash,omitempty"`
}

// Our choice: the dates between which nothing of the lab's ends.
const (
	began = "2020-01-01"
	// Never is when the next BLOB is due unless somebody says otherwise: this one changes when somebody changes it, and whoever has
	// it asks whether it is still the same.
	Never = "2099-12-31"
)

// NewEntry returns the entry of a model. That it is not certified is the first that was said of it; changed is the day on which
// the reports became what they are, that of the newest where it is empty.
func NewEntry(s *Statement, reports []Report, changed string) Entry {
	all := append([]Report{{Status: NotCertified, Since: began}}, reports...)
	changed = cmp.Or(changed, all[len(all)-1].Since, began)
	return Entry{AAGUID: s.AAGUID, KeyIdentifiers: s.KeyIdentifiers, Statement: s, Reports: all, Changed: changed}
}

// A Rogue is one authenticator that is not to be trusted, known by its secret key, which somebody has taken out of it. See
// Service, RogueListEntry.
type Rogue struct {
	Key  string `json:"sk"`   // base64url
	Date string `json:"date"` // since when
}

// WithRogues returns e with the address of the list of its model's rogues, and the hash over the list as it lies there: SHA-256,
// the hash of ES256, over its base64url. See Service, MetadataBLOBPayloadEntry.
func (e Entry) WithRogues(at string, list []byte) Entry {
	sum := sha256.Sum256(encode(nil, list))
	e.RoguesAt, e.RoguesHash = at, base64.RawURLEncoding.EncodeToString(sum[:])
	return e
}

// A BLOB is all that is published of models. See Service, MetadataBLOBPayload.
type BLOB struct {
	Number     uint64 // rises with each change
	NextUpdate string // "2026-03-01"
	Entries    []Entry
}

var encode = base64.RawURLEncoding.AppendEncode

// Sign returns b as relying parties fetch it: a JWS in compact form (RFC 7515, Section 7.1) under root, or what is no such thing
// in the way that fault names. The chain in x5c ends before the root, as FIDO's own does: some verifiers take no certificate
// twice. See Service, "Metadata BLOB".
func (b BLOB) Sign(root *attest.Root, fault Fault) ([]byte, error) {
	return b.forge(root, fault)
}

// payload is what is signed.
func (b BLOB) payload() ([]byte, error) {
	return json.Marshal(struct {
		LegalHeader string  `json:"legalHeader"`
		Number      uint64  `json:"no"`
		NextUpdate  string  `json:"nextUpdate"`
		Entries     []Entry `json:"entries"`
	}{legal, b.Number, b.NextUpdate, b.Entries})
}
