package metadata

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A BioReport is what is said of how well a model verifies its users: a certification of its sensor. See Service,
// BiometricStatusReport.
type BioReport struct {
	Level        uint16 `json:"certLevel"`               // that was achieved, from 1 on
	Modality     string `json:"modality"`                // how it verifies users: "fingerprint_internal"
	Since        string `json:"effectiveDate,omitempty"` // "2026-03-01"; empty: as long as it is there
	Descriptor   string `json:"certificationDescriptor,omitempty"`
	Number       string `json:"certificateNumber,omitempty"`
	Policy       string `json:"certificationPolicyVersion,omitempty"`
	Requirements string `json:"certificationRequirementsVersion,omitempty"`
}

// biometrics are the ways to verify a user that look at the user. See FIDO Registry of Predefined Values 2.2, Section 3.1.
var biometrics = []string{fingerprint, "voiceprint_internal", "faceprint_internal", "eyeprint_internal", "handprint_internal"}

// Check reports what a report has that the specification does not let it have.
func (r BioReport) Check() error {
	if r.Level == 0 {
		return errors.New("a biometric certification has a level, from 1 on")
	}
	if !slices.Contains(biometrics, r.Modality) {
		return fmt.Errorf("%.40q is no way to verify a user by what he is: there are %q", r.Modality, biometrics)
	}
	if _, err := time.Parse(time.DateOnly, r.Since); r.Since != "" && err != nil {
		return fmt.Errorf("%.20q is no day: write it as 2026-03-01", r.Since)
	}
	return nil
}

// Verifies reports whether a statement says that keys of its model verify users in a way: that is what a report is about.
func (s *Statement) Verifies(modality string) bool {
	return slices.ContainsFunc(s.Verifications, func(together []Verification) bool {
		return slices.ContainsFunc(together, func(v Verification) bool { return v.Method == modality })
	})
}

// WithBiometrics returns e with what is said of its model's sensors.
func (e Entry) WithBiometrics(reports []BioReport) Entry {
	e.Biometrics = reports
	return e
}
