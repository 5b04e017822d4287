package iam

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

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
	fips3Certification  string     = "FIDO-FIPS-140-3"
)

// Published is what the account looks up of models of keys.
type Published struct {
	BLOB    []byte   // of FIDO's Metadata Service
	Root    []byte   // the certificate that its signature leads to, DER
	Revoked [][]byte // lists of revoked certificates, DER
}

// models is what is published of models of keys.
type models struct {
	provider metadata.Provider
	entries  map[uuid.UUID]*metadata.Entry
	revoked  revoked
	at       time.Time // the wall's clock: reports hold from one day to another
	trouble  error     // why what is published is not believed
}

// published reads the metadata that the account was told to look up, nil where there are none.
func (s *Service) published(ctx context.Context, wall time.Time) (*models, error) {
	if s.metadata == nil || !s.settings.Attestation {
		return nil, nil
	}
	p, err := s.metadata(ctx)
	if err != nil {
		return nil, err
	}
	m := &models{at: wall}
	m.trouble = m.read(p, &s.newest)
	return m, nil
}

// read believes p, or says why not. See FIDO Metadata Service 3.1.1, "Metadata BLOB object processing rules".
func (m *models) read(p Published, newest *newestBLOB) error {
	root, err := x509.ParseCertificate(p.Root)
	if err != nil {
		return fmt.Errorf("the root of the metadata: %w", err)
	}
	decoder, err := metadata.NewDecoder(metadata.WithRootCertificate(base64.StdEncoding.EncodeToString(p.Root)))
	if err != nil {
		return err
	}
	payload, err := decoder.DecodeBytes(p.BLOB)
	if err != nil {
		return err
	}
	if m.revoked, err = readRevoked(root, p); err != nil {
		return err
	}
	parsed, err := decoder.Parse(payload)
	if err != nil {
		return err
	}
	if err := newest.follow(p.Root, parsed.Parsed.Number); err != nil {
		return err
	}
	m.entries = parsed.ToMap()
	m.provider, err = memory.New(memory.WithMetadata(m.entries), memory.WithMetadataKeyIdentifiers(parsed.ToKeyIdentifierMap()),
		memory.WithValidateEntry(true), memory.WithValidateEntryPermitZeroAAGUID(false), memory.WithValidateTrustAnchor(true),
		memory.WithValidateStatus(true), memory.WithValidateAttestationTypes(true), memory.WithValidateEntryKeyIdentifier(true),
		memory.WithValidateAAGUID(true), memory.WithValidateAttestationFormats(true))
	return err
}

// newestBLOB is the number of the newest BLOB that was seen under a root.
type newestBLOB struct {
	mu     sync.Mutex
	root   []byte
	number int
}

// follow refuses a BLOB that is older than one that was seen.
func (n *newestBLOB) follow(root []byte, number int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if bytes.Equal(n.root, root) && number < n.number {
		return fmt.Errorf("the metadata have the number %d, and there were some with %d", number, n.number)
	}
	n.root, n.number = root, number
	return nil
}

// certifications are what GetMFADevice shows of a model: FIDO's levels and those of FIPS 140, by the last report of each that holds. See
// FIDO Metadata Service 3.1.1, StatusReport.
func (m *models) certifications(aaguid []byte) map[string]string {
	id, err := uuid.FromBytes(aaguid)
	if m == nil || err != nil || m.entries[id] == nil {
		return nil
	}
	out := map[string]string{}
	for _, r := range metadata.EffectiveStatusReports(m.entries[id].StatusReports, m.at) {
		word := string(r.Status)
		if level, ok := strings.CutPrefix(word, "FIDO_CERTIFIED_"); ok {
			out[fidoCertification] = level
		}
		if level, ok := strings.CutPrefix(word, "FIPS140_CERTIFIED_"); ok {
			name := fips2Certification
			if r.FIPSRevision == 3 {
				name = fips3Certification
			}
			out[name] = level
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
	p.models, err = s.published(ctx, call.Wall)
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
