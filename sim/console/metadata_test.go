package console_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// A publisher publishes metadata of the keyring's model, and remembers which rules the account said were broken.
type publisher struct {
	t       testing.TB
	root    *attest.Root
	blob    metadata.BLOB
	fault   metadata.Fault
	revoked []attest.Revocation // by the root, and by the issuer of the metadata's signer
	rule    string
}

// newPublisher returns a publisher, and a lab that looks up what it publishes.
func newPublisher(t testing.TB, settings ...string) (*publisher, *lab) {
	root, err := attest.NewRoot(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	p := &publisher{t: t, root: root, blob: metadata.BLOB{Number: 2, NextUpdate: metadata.Never}}
	for _, name := range []string{"ctap2.1", "ctap2.3"} {
		profile, err := u2f.ProfileNamed(name)
		require.NoError(t, err)
		key, err := u2f.New(u2f.Config{Profile: profile, Flash: &flash.Memory{}, Root: root})
		require.NoError(t, err)
		require.NoError(t, key.PowerUp(time.Time{}, make([]byte, 32)))
		key.CBOR(time.Time{}, 1, []byte{4})
		reply, _ := key.Reply(time.Time{})
		s, err := metadata.NewStatement(metadata.Product{Name: name, Attestations: profile.Attestations(), Root: root.Certificate()}, reply[1:])
		require.NoError(t, err)
		p.blob.Entries = append(p.blob.Entries, metadata.NewEntry(s, nil, ""))
	}
	return p, newLabOf(t, iam.Config{Metadata: p.published, Record: func(d iam.Decision) {
		if d.Rule != "" {
			p.rule = d.Rule
		}
	}}, append(settings, "attestation=direct")...)
}

func (p *publisher) published(context.Context) (iam.Published, error) {
	blob, err := p.blob.Sign(p.root, p.fault)
	require.NoError(p.t, err)
	signer, err := p.root.NewSigner(attest.NoFlaw)
	require.NoError(p.t, err)
	list := attest.RevocationList{Number: 1, ThisUpdate: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NextUpdate: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC), Revoked: p.revoked}
	byRoot, err := p.root.RevocationList(list)
	require.NoError(p.t, err)
	bySigner, err := signer.RevocationList(list)
	require.NoError(p.t, err)
	return iam.Published{BLOB: blob, Root: p.root.Certificate(), Revoked: [][]byte{byRoot, bySigner}}, nil
}

// say reports statuses of the keyring's model, and nothing else.
func (p *publisher) say(reports ...metadata.Report) {
	p.blob.Entries[0] = metadata.NewEntry(p.blob.Entries[0].Statement, reports, "")
	p.blob.Number++
}

// revoke revokes a certificate.
func (p *publisher) revoke(der []byte) {
	c, err := x509.ParseCertificate(der)
	require.NoError(p.t, err)
	p.revoked = append(p.revoked, attest.Revocation{Serial: c.SerialNumber, At: c.NotBefore, Reason: "keyCompromise"})
}

// enrolled takes a new key to a new wizard, and says which rule refused it, "" for none.
func (p *publisher) enrolled(b *browser) string {
	p.rule = ""
	if o := b.keyring().enrol(nil); o.Error == "" {
		b.send("/iam/mfa/bob/remove", "serial", p.serial(b))
		return ""
	}
	return p.rule
}

// serial is that of bob's only key.
func (p *publisher) serial(b *browser) string {
	m := serialOnPage.FindStringSubmatch(b.open("/iam/users/bob").page)
	require.NotNil(p.t, m, b.page)
	return m[1]
}

// A model with a status that tells of a weakness, or of its end, is refused where keys are enrolled; the others are not. Whoever has a
// key keeps it, as at AWS: certifications are looked at when a key is registered.
func TestTheStatusOfAModelDecidesWhetherItIsEnrolled(t *testing.T) {
	bad := map[metadata.Status]bool{"USER_VERIFICATION_BYPASS": true, "ATTESTATION_KEY_COMPROMISE": true, "USER_KEY_REMOTE_COMPROMISE": true,
		"USER_KEY_PHYSICAL_COMPROMISE": true, "RETIRED": true, "REVOKED": true}
	p, l := newPublisher(t)
	b := l.browser().signInAs("bob")
	for _, s := range metadata.Statuses() {
		p.say(metadata.Report{Status: s, Since: "2026-01-01"}.Completed())
		want := ""
		if bad[s] {
			want = "attestation-status"
		}
		require.Equal(t, want, p.enrolled(b), s)
	}
	p.say(metadata.Report{Status: "REVOKED", Since: "2099-01-01"})
	require.Empty(t, p.enrolled(b), "from a day on that has not come")
	p.say(metadata.Report{Status: "REVOKED", Since: "2020-02-01", Sunset: "2021-01-01"})
	require.Empty(t, p.enrolled(b), "until a day that is over")
	p.say(metadata.Report{Status: "FIDO_CERTIFIED_L2", Since: "2026-01-01"})
	k := b.keyring()
	require.Empty(t, k.enrol(nil).Error)
	require.Contains(t, b.open("/iam/users/bob").page, "attested (packed), FIDO L2")
	require.Contains(t, b.page, "attestation asked for, and held against the lab's metadata")
	p.say(metadata.Report{Status: "REVOKED", Since: "2026-01-01"})
	b.open("/signout")
	require.Empty(t, k.sign(nil).Error)
	require.Contains(t, b.open("/iam/users/bob").page, "FIDO L2", "as it was when the key was registered")
}

// What is published in a way that nobody should believe is not believed, and says so.
func TestMetadataThatAreNotBelieved(t *testing.T) {
	p, l := newPublisher(t)
	b := l.browser().signInAs("bob")
	require.Empty(t, p.enrolled(b))
	for _, kind := range metadata.Faults() {
		p.fault = kind.Name
		want := "metadata"
		if kind.Name == "statement" {
			want = "attestation"
		}
		require.Equal(t, want, p.enrolled(b), kind.Name)
	}
	p.fault = ""
	require.Empty(t, p.enrolled(b))
	p.blob.NextUpdate = "2021-01-01"
	require.Empty(t, p.enrolled(b), "what is overdue is all that there is")
	p.blob.Entries = p.blob.Entries[1:]
	require.Equal(t, "attestation-trust", p.enrolled(b), "nothing is known of the model")
}

// A key whose certificate has been revoked is not enrolled, and nothing is believed of who signs the metadata with one.
func TestRevokedCertificatesAreNotBelieved(t *testing.T) {
	p, l := newPublisher(t)
	b := l.browser().signInAs("bob")
	signer, err := p.root.NewSigner(attest.NoFlaw)
	require.NoError(t, err)
	profile, err := u2f.ProfileNamed("ctap2.1")
	require.NoError(t, err)
	batch, err := p.root.NewBatch(attest.Model{Name: profile.Name, AAGUID: profile.AAGUID})
	require.NoError(t, err)
	p.revoked = []attest.Revocation{{Serial: big.NewInt(1), At: time.Now().Truncate(time.Second)}}
	require.Empty(t, p.enrolled(b), "another's certificate")
	for name, tt := range map[string]struct {
		der  []byte
		rule string
	}{"batch": {batch.Certificate(), "attestation-revoked"}, "signer": {signer.Certificate(), "metadata"}, "issuer": {signer.Chain()[1], "metadata"}} {
		p.revoked = nil
		p.revoke(tt.der)
		require.Equal(t, tt.rule, p.enrolled(b), name)
	}
}

// Policies ask for certifications when a key is registered, by the conditions of AWS MFA, Section 5: a model that has none, or a lower
// one, is refused; the first step, which knows no model yet, is not.
func TestPoliciesAskForCertifications(t *testing.T) {
	allow := func(condition string) string {
		return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","NotAction":"iam:EnableMFADevice","Resource":"*"},
			{"Effect":"Allow","Action":"iam:EnableMFADevice","Resource":"*","Condition":{"StringEquals":{"iam:RegisterSecurityKey":"Create"}}},
			{"Effect":"Allow","Action":"iam:EnableMFADevice","Resource":"*","Condition":{"StringEquals":{"iam:RegisterSecurityKey":"Activate",%s}}}]}`, condition)
	}
	p, l := newPublisher(t)
	l.must("iam", "DetachUserPolicy", "UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
	for _, tt := range []struct {
		condition string
		refused   []metadata.Report
		enrolled  []metadata.Report
	}{
		{`"iam:FIDO-certification":["L2","L2plus","L3","L3plus"]`,
			[]metadata.Report{{Status: "NOT_FIDO_CERTIFIED"}, {Status: "FIDO_CERTIFIED"}, {Status: "FIDO_CERTIFIED_L1"}, {Status: "FIDO_CERTIFIED_L1plus"},
				{Status: "FIDO_CERTIFIED_L2", Since: "2099-01-01"}, {Status: "FIDO_CERTIFIED_L2", Sunset: "2026-02-01"}},
			[]metadata.Report{{Status: "FIDO_CERTIFIED_L2"}, {Status: "FIDO_CERTIFIED_L2plus"}, {Status: "FIDO_CERTIFIED_L3"}, {Status: "FIDO_CERTIFIED_L3plus"}}},
		{`"iam:FIDO-FIPS-140-2-certification":["L2","L3"]`,
			[]metadata.Report{{Status: "FIDO_CERTIFIED_L2"}, {Status: "FIPS140_CERTIFIED_L2"}, {Status: "FIPS140_CERTIFIED_L1", FIPSRevision: 2, FIPSLevel: 3}},
			[]metadata.Report{{Status: "FIPS140_CERTIFIED_L2", FIPSRevision: 2, FIPSLevel: 3}}},
		{`"iam:FIDO-FIPS-140-3-certification":"L1"`,
			[]metadata.Report{{Status: "FIPS140_CERTIFIED_L1", FIPSRevision: 2, FIPSLevel: 1}, {Status: "FIPS140_CERTIFIED_L4"}},
			[]metadata.Report{{Status: "FIPS140_CERTIFIED_L1"}}},
	} {
		l.must("iam", "PutUserPolicy", "UserName", "bob", "PolicyName", "certified", "PolicyDocument", allow(tt.condition))
		b := l.browser().signInAs("bob")
		enrol := func(r metadata.Report) outcome {
			p.say(r.Completed())
			return b.keyring().enrol(nil)
		}
		for _, r := range tt.refused {
			require.Contains(t, enrol(r).Error, "is not authorized to perform: iam:EnableMFADevice", "%s: %s", tt.condition, asJSON(r))
		}
		for _, r := range tt.enrolled {
			require.Empty(t, enrol(r).Error, "%s: %s", tt.condition, asJSON(r))
			b.send("/iam/mfa/bob/remove", "serial", p.serial(b))
		}
	}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
