package live

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
	"github.com/mfalab/mfalab/u2f/flash"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// cmdGetInfo is authenticatorGetInfo. See CTAP 2.3, Section 6.4.
const cmdGetInfo = 0x04

// A ModelReport is a status that somebody has given a model of keys.
type ModelReport struct {
	Model string `json:"model"` // its AAGUID, or the profile's name where it has none
	metadata.Report
}

// A Model is what relying parties are told of a model of keys.
type Model struct {
	Profile string            `json:"profile"`
	AAGUID  string            `json:"aaguid,omitempty"`
	Status  metadata.Status   `json:"status"` // the newest
	Since   string            `json:"since"`
	Reports []metadata.Report `json:"reports"`
}

// Metadata is what the lab publishes of its keys, for relying parties that look it up.
type Metadata struct {
	BLOB       []byte                         // a JWS
	Root       []byte                         // the certificate that signs both keys and BLOB, DER
	Statements map[string]*metadata.Statement // by profile
}

// modelID is how the lab remembers a model.
func modelID(p *u2f.Profile) string {
	if p.AAGUID == (u2f.AAGUID{}) {
		return p.Name
	}
	return p.AAGUID.String()
}

// models returns the products that there are: those that come with mfalab, and those of keys on the bench. Of one AAGUID
// there is one.
func (l *Lab) models() (list []KeyProfile) {
	all := KeyProfiles()
	for _, k := range l.bench.allKeys() {
		all = append(all, k.profile)
	}
	seen := map[string]bool{}
	for _, p := range all {
		if id := modelID(&p.Key); !seen[id] {
			seen[id] = true
			list = append(list, p)
		}
	}
	return list
}

// reports returns the statuses that a model was given.
func (l *Lab) reports(p *u2f.Profile) (list []metadata.Report) {
	for _, r := range l.state.Metadata {
		if r.Model == modelID(p) {
			list = append(list, r.Report)
		}
	}
	return list
}

// Models returns what relying parties are told of the products that there are.
func (l *Lab) Models(ctx context.Context) ([]Model, error) {
	list := []Model{}
	return list, l.Do(ctx, func(*sim.World) error {
		for _, p := range l.models() {
			list = append(list, l.model(&p.Key))
		}
		return nil
	})
}

func (l *Lab) model(p *u2f.Profile) Model {
	m := Model{Profile: p.Name, Reports: metadata.NewEntry(&metadata.Statement{}, l.reports(p)).Reports}
	if modelID(p) != p.Name {
		m.AAGUID = modelID(p)
	}
	newest := m.Reports[len(m.Reports)-1]
	m.Status, m.Since = newest.Status, newest.Since
	return m
}

// SetModelStatus gives a model, named by its AAGUID or by its profile, a status from today on, by the wall's clock: relying
// parties hold metadata against theirs.
func (l *Lab) SetModelStatus(ctx context.Context, name, status string) (m Model, err error) {
	word, err := metadata.ParseStatus(status)
	if err != nil {
		return m, err
	}
	err = l.Do(ctx, func(w *sim.World) error {
		models := l.models()
		i := slices.IndexFunc(models, func(p KeyProfile) bool {
			return p.Key.Name == name || p.Key.AAGUID != (u2f.AAGUID{}) && strings.EqualFold(p.Key.AAGUID.String(), name)
		})
		if i < 0 {
			return fmt.Errorf("there is no model %.60q: `mfalab key status` lists them", name)
		}
		p := &models[i].Key
		since := l.opt.Wall().UTC().Format(time.DateOnly)
		l.state.Metadata = append(l.state.Metadata, ModelReport{modelID(p), metadata.Report{Status: word, Since: since}})
		l.unsaved = true
		w.Record("model.status", sim.String("profile", p.Name), sim.String("status", string(word)))
		m = l.model(p)
		return nil
	})
	if err != nil {
		return m, err
	}
	return m, l.Save(ctx)
}

// Metadata returns what the lab publishes now.
func (l *Lab) Metadata(ctx context.Context) (out Metadata, err error) {
	err = l.Do(ctx, func(*sim.World) error {
		root, err := attest.NewRoot(l.attestationRoot())
		if err != nil {
			return err
		}
		out = Metadata{Root: root.Certificate(), Statements: map[string]*metadata.Statement{}}
		var entries []metadata.Entry
		for _, p := range l.models() {
			s, err := statement(root, &p)
			if err != nil {
				return err
			}
			out.Statements[p.Key.Name] = s
			entries = append(entries, metadata.NewEntry(s, l.reports(&p.Key)))
		}
		signer, err := root.NewSigner()
		if err != nil {
			return err
		}
		out.BLOB, err = metadata.NewBLOB(uint64(1+len(l.state.Metadata)), entries, signer, root.Certificate())
		return err
	})
	return out, err
}

// statement asks a key of a product, fresh from the factory, what it is.
func statement(root *attest.Root, p *KeyProfile) (*metadata.Statement, error) {
	about := metadata.Product{Name: p.USB.Name + " " + p.Key.Name, Attestation: string(p.Key.Attestation), Root: root.Certificate()}
	for _, a := range p.Key.Algorithms {
		about.Algorithms = append(about.Algorithms, int64(a))
	}
	if !p.Key.CTAP2() {
		id, err := keyIdentifier(root, p.Key.Name)
		about.KeyIdentifiers = [][]byte{id}
		if err != nil {
			return nil, err
		}
		return metadata.NewStatement(about, nil)
	}
	k, err := u2f.New(u2f.Config{Profile: p.Key, Flash: &flash.Memory{}, Root: root})
	if err != nil {
		return nil, err
	}
	at := time.Time{}
	if err := k.PowerUp(at, make([]byte, entropySize)); err != nil {
		return nil, err
	}
	k.CBOR(at, labChannel, []byte{cmdGetInfo})
	reply, ok := k.Reply(at)
	if !ok || reply[0] != byte(ctap.OK) {
		return nil, fmt.Errorf("a key of the profile %q does not say what it is", p.Key.Name)
	}
	return metadata.NewStatement(about, reply[1:])
}

// keyIdentifier names the certificate of U2F of a product: RFC 5280, Section 4.2.1.2, method 1.
func keyIdentifier(root *attest.Root, name string) ([]byte, error) {
	batch, err := root.NewU2FBatch(attest.Model{Name: name})
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(batch.Certificate())
	if err != nil {
		return nil, err
	}
	var spki struct {
		Algorithm asn1.RawValue
		PublicKey asn1.BitString
	}
	_, err = asn1.Unmarshal(certificate.RawSubjectPublicKeyInfo, &spki)
	sum := sha1.Sum(spki.PublicKey.Bytes)
	return sum[:], err
}

// lookUp is how the account reads what the lab publishes.
func (l *Lab) lookUp(ctx context.Context) (blob, root []byte, err error) {
	m, err := l.Metadata(ctx)
	return m.BLOB, m.Root, err
}
