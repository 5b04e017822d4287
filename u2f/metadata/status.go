package metadata

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
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

// A Report is what is said of a model from a day on. See Service, StatusReport.
type Report struct {
	Status Status `json:"status"`
	Since  string `json:"effectiveDate,omitempty"` // "2026-03-01"; empty: as long as it is there
	// Version is the firmware from which on this is so.
	Version uint32 `json:"authenticatorVersion,omitempty"`
	// Batch and Certificate are the attestation certificate that this is about, DER: of a batch, or the one that is compromised.
	Batch       []byte `json:"batchCertificate,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
	URL         string `json:"url,omitempty"` // https, where more is to be read
	// What follows is of certifications: what was evaluated, the certificate's number, and the editions of policy and requirements.
	Descriptor   string   `json:"certificationDescriptor,omitempty"`
	Number       string   `json:"certificateNumber,omitempty"`
	Policy       string   `json:"certificationPolicyVersion,omitempty"`
	Profiles     []string `json:"certificationProfiles,omitempty"` // "consumer", "enterprise"
	Requirements string   `json:"certificationRequirementsVersion,omitempty"`
	Sunset       string   `json:"sunsetDate,omitempty"` // from then on it is so no more
	// FIPSRevision and FIPSLevel are those of FIPS 140 alone: 2 or 3, and the level of physical security.
	FIPSRevision uint32 `json:"fipsRevision,omitempty"`
	FIPSLevel    uint32 `json:"fipsPhysicalSecurityLevel,omitempty"`
}

// fips is how the statuses begin that have a revision and a physical level.
const fips = "FIPS140_CERTIFIED_L"

// Check reports what a report has that the specification does not let it have.
func (r Report) Check() error {
	if !slices.Contains(statuses, r.Status) {
		return fmt.Errorf("there is no status %.40q", r.Status)
	}
	for _, day := range []string{r.Since, r.Sunset} {
		if _, err := time.Parse(time.DateOnly, day); day != "" && err != nil {
			return fmt.Errorf("%.20q is no day: write it as 2026-03-01", day)
		}
	}
	for _, der := range [][]byte{r.Batch, r.Certificate} {
		if _, err := x509.ParseCertificate(der); len(der) > 0 && err != nil {
			return fmt.Errorf("the certificate of a status: %w", err)
		}
	}
	if u, err := url.Parse(r.URL); r.URL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("%.60q is no address of https, which a status needs", r.URL)
	}
	switch evaluated := strings.HasPrefix(string(r.Status), fips); {
	case !evaluated && (r.FIPSRevision != 0 || r.FIPSLevel != 0):
		return fmt.Errorf("the status %s has no revision and no level of FIPS 140", r.Status)
	case evaluated && (r.FIPSRevision != 2 && r.FIPSRevision != 3 || r.FIPSLevel < 1 || r.FIPSLevel > 4):
		return errors.New("a certification by FIPS 140 has the revision 2 or 3 and a physical level of 1 to 4")
	}
	return nil
}

// Completed returns r with what a status of FIPS 140 cannot be without: revision 3, and the overall level as the physical one.
func (r Report) Completed() Report {
	if level, ok := strings.CutPrefix(string(r.Status), fips); ok && len(level) == 1 {
		if r.FIPSRevision == 0 {
			r.FIPSRevision = 3
		}
		if r.FIPSLevel == 0 {
			r.FIPSLevel = uint32(level[0] - '0')
		}
	}
	return r
}
