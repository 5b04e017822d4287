package metadata

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Status is what is known of a model. See Service, AuthenticatorStatus.
type Status string

// statuses are all there are, in the order of Service, AuthenticatorStatus.
var statuses = []Status{"NOT_FIDO_CERTIFIED", "FIDO_CERTIFIED", "USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE",
	"USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE", "UPDATE_AVAILABLE", "RETIRED", "REVOKED", "SELF_ASSERTION_SUBMITTED",
	"FIDO_CERTIFIED_L1", "FIDO_CERTIFIED_L1plus", "FIDO_CERTIFIED_L2", "FIDO_CERTIFIED_L2plus", "FIDO_CERTIFIED_L3",
	"FIDO_CERTIFIED_L3plus", "FIPS140_CERTIFIED_L1", "FIPS140_CERTIFIED_L2", "FIPS140_CERTIFIED_L3", "FIPS140_CERTIFIED_L4"}

// NotCertified is the status of a model of which nothing is known.
const NotCertified Status = "NOT_FIDO_CERTIFIED"

// Statuses returns all that there are.
func Statuses() []Status { return slices.Clone(statuses) }

// ParseStatus reads a status as people write it: in small letters if they like, with hyphens or underscores.
func ParseStatus(s string) (Status, error) {
	word := strings.ReplaceAll(s, "-", "_")
	var words []string
	for _, known := range statuses {
		if strings.EqualFold(word, string(known)) {
			return known, nil
		}
		words = append(words, strings.ReplaceAll(strings.ToLower(string(known)), "_", "-"))
	}
	return "", fmt.Errorf("there is no status %.40q: there are %s", s, strings.Join(words, ", "))
}

// A Report is since when a model has a status. See Service, StatusReport.
type Report struct {
	Status Status `json:"status"`
	Since  string `json:"effectiveDate"` // "2026-03-01"
}

// An Entry is what the BLOB says of a model. See Service, MetadataBLOBPayloadEntry.
type Entry struct {
	AAGUID         string     `json:"aaguid,omitempty"`
	KeyIdentifiers []string   `json:"attestationCertificateKeyIdentifiers,omitempty"`
	Statement      *Statement `json:"metadataStatement"`
	Reports        []Report   `json:"statusReports"`
	Changed        string     `json:"timeOfLastStatusChange"`
}

// Our choice: the dates between which nothing of the lab's ends.
const (
	began      = "2020-01-01"
	nextUpdate = "2099-12-31" // the BLOB changes when somebody changes it: whoever has it asks whether it is still the same
)

// NewEntry returns the entry of a model. Without reports it is not certified.
func NewEntry(s *Statement, reports []Report) Entry {
	all := append([]Report{{NotCertified, began}}, reports...)
	return Entry{s.AAGUID, s.KeyIdentifiers, s, all, all[len(all)-1].Since}
}

// A Signer signs for the holder of the first of its certificates, by ES256.
type Signer interface {
	SignJWS(message []byte) ([]byte, error)
	Certificate() []byte
}

// NewBLOB returns entries as relying parties fetch them: a JWS in compact form. number rises with each change. The chain in
// x5c ends with root, which relying parties have, because some want to see it there. See Service, MetadataBLOBPayload and
// "Metadata BLOB".
func NewBLOB(number uint64, entries []Entry, by Signer, root []byte) ([]byte, error) {
	header, err := json.Marshal(map[string]any{"alg": "ES256", "typ": "JWT", "x5c": [][]byte{by.Certificate(), root}})
	if err != nil {
		return nil, err
	}
	payload, err := json.Marshal(struct {
		LegalHeader string  `json:"legalHeader"`
		Number      uint64  `json:"no"`
		NextUpdate  string  `json:"nextUpdate"`
		Entries     []Entry `json:"entries"`
	}{legal, number, nextUpdate, entries})
	if err != nil {
		return nil, err
	}
	encode := base64.RawURLEncoding.AppendEncode
	blob := encode(append(encode(nil, header), '.'), payload)
	signature, err := by.SignJWS(blob)
	if err != nil {
		return nil, err
	}
	return encode(append(blob, '.'), signature), nil
}
