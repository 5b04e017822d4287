package iam

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/go-webauthn/webauthn/metadata"
	"github.com/go-webauthn/webauthn/metadata/providers/memory"
	"github.com/google/uuid"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// The condition keys of enrolling a security key: IAM User Guide, reference_policies_iam-condition-keys.
const (
	registerSecurityKey policy.Key = "iam:RegisterSecurityKey"
	fidoCertification   string     = "FIDO"
	fips2Certification  string     = "FIDO-FIPS-140-2"
)

// models is what is published of models of keys.
type models struct {
	provider metadata.Provider
	entries  map[uuid.UUID]*metadata.Entry
}

// published reads the metadata that the account was told to look up, nil where there are none.
func (s *Service) published(ctx context.Context) (*models, error) {
	if s.metadata == nil || !s.settings.Attestation {
		return nil, nil
	}
	blob, root, err := s.metadata(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := x509.ParseCertificate(root); err != nil {
		return nil, fmt.Errorf("the root of the metadata: %w", err)
	}
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(root)))
	if err != nil {
		return nil, err
	}
	payload, err := decoder.DecodeBytes(blob)
	if err != nil {
		return nil, err
	}
	parsed, err := decoder.Parse(payload)
	if err != nil {
		return nil, err
	}
	m := &models{entries: parsed.ToMap()}
	m.provider, err = memory.New(memory.WithMetadata(m.entries), memory.WithMetadataKeyIdentifiers(parsed.ToKeyIdentifierMap()),
		memory.WithValidateEntry(true), memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateTrustAnchor(true),
		memory.WithValidateStatus(true), memory.WithValidateAttestationTypes(true), memory.WithValidateEntryKeyIdentifier(true),
		memory.WithValidateAAGUID(true), memory.WithValidateAttestationFormats(true))
	return m, err
}

// certifications are what GetMFADevice shows of a model: FIDO's levels and those of FIPS 140, by the last report of each. See
// FIDO Metadata Service 3.1, Section 3.1.4.
func (m *models) certifications(aaguid []byte) map[string]string {
	id, err := uuid.FromBytes(aaguid)
	if m == nil || err != nil || m.entries[id] == nil {
		return nil
	}
	out := map[string]string{}
	for _, r := range m.entries[id].StatusReports {
		word := string(r.Status)
		if level, ok := strings.CutPrefix(word, "FIDO_CERTIFIED_"); ok {
			out[fidoCertification] = level
		}
		if level, ok := strings.CutPrefix(word, "FIPS140_CERTIFIED_"); ok {
			out[fips2Certification] = level
		}
	}
	return out
}

// lookAtCreated is parseCreated, with what is published of models.
func (s *Service) lookAtCreated(ctx context.Context, call Call) (any, error) {
	v, err := parseCreated(call)
	if err != nil {
		return nil, err
	}
	p := v.(presented)
	p.models, err = s.published(ctx)
	return p, err
}

// onKeyBegun and onKeyMade are the user who is to have a security key. Policies can tell the two steps apart, and in the second
// ask for certifications: that the model really is what the answer says is judged after them, so that nobody gains by lying.
func onKeyBegun(o *operating) (target, error) {
	return onEnrolling(o, "Create", nil)
}

func onKeyMade(o *operating) (target, error) {
	p := o.prepared.(presented)
	if p.err != nil {
		return onEnrolling(o, "Activate", nil)
	}
	return onEnrolling(o, "Activate", p.models.certifications(p.created.Response.AttestationObject.AuthData.AttData.AAGUID))
}

func onEnrolling(o *operating, step string, certifications map[string]string) (target, error) {
	t, err := onUser(o)
	set := t.set
	t.set = func(c *policy.Context) {
		if set != nil {
			set(c)
		}
		c.Set(registerSecurityKey, step)
		for name, level := range certifications {
			c.Set(policy.Key("iam:"+name+"-certification"), level)
		}
	}
	return t, err
}
