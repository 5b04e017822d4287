package live

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
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
	Profile string          `json:"profile"`
	AAGUID  string          `json:"aaguid,omitempty"`
	Status  metadata.Status `json:"status"` // the newest
	Since   string          `json:"since"`
	// Reports are its history: the first is that it is not certified, number 0, which nobody takes back.
	Reports []metadata.Report `json:"reports"`
	Rogues  []metadata.Rogue  `json:"rogues,omitempty"`
	// Biometrics are what is said of the model's sensor.
	Biometrics []metadata.BioReport `json:"biometrics,omitempty"`
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

// modelNamed returns the model of that AAGUID or profile.
func (l *Lab) modelNamed(name string) (*u2f.Profile, error) {
	for _, p := range l.models() {
		if p.Key.Name == name || p.Key.AAGUID != (u2f.AAGUID{}) && strings.EqualFold(p.Key.AAGUID.String(), name) {
			return &p.Key, nil
		}
	}
	return nil, fmt.Errorf("there is no model %.60q: `mfalab mds status` lists them", name)
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
	m := Model{Profile: p.Name, Reports: metadata.NewEntry(&metadata.Statement{}, l.reports(p), "").Reports, Rogues: l.state.Publishing.Rogues[modelID(p)],
		Biometrics: l.state.Publishing.Biometrics[modelID(p)]}
	if modelID(p) != p.Name {
		m.AAGUID = modelID(p)
	}
	newest := m.Reports[len(m.Reports)-1]
	m.Status, m.Since = newest.Status, newest.Since
	return m
}

// remodel changes what is said of a model, and remembers the day on which that was: by the wall's clock, for relying parties hold
// metadata against theirs.
func (l *Lab) remodel(ctx context.Context, name string, change func(w *sim.World, p *u2f.Profile, today string) error) (m Model, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		p, err := l.modelNamed(name)
		if err != nil {
			return err
		}
		today := l.opt.Wall().UTC().Format(time.DateOnly)
		if err := change(w, p, today); err != nil {
			return err
		}
		l.state.Publishing.changed(modelID(p), today)
		l.unsaved = true
		m = l.model(p)
		return nil
	})
	if err != nil {
		return m, err
	}
	return m, l.Save(ctx)
}

// SetModelStatus gives a model, named by its AAGUID or by its profile, a status: behind the others, or in the place of the one with
// that number in its history where it is not 0. A report without a day is one of today.
func (l *Lab) SetModelStatus(ctx context.Context, name string, r metadata.Report, number int) (m Model, err error) {
	if r.Status, err = metadata.ParseStatus(string(r.Status)); err != nil {
		return m, err
	}
	r = r.Completed()
	if err := r.Check(); err != nil {
		return m, err
	}
	return l.remodel(ctx, name, func(w *sim.World, p *u2f.Profile, today string) error {
		if r.Since == "" {
			r.Since = today
		}
		made := ModelReport{modelID(p), r}
		if number == 0 {
			l.state.Metadata = append(l.state.Metadata, made)
		} else {
			i, err := l.reportNumbered(p, number)
			if err != nil {
				return err
			}
			l.state.Metadata[i] = made
		}
		w.Record("model.status", sim.String("profile", p.Name), sim.String("status", string(r.Status)))
		return nil
	})
}

// reportNumbered returns where a model's report of that number is.
func (l *Lab) reportNumbered(p *u2f.Profile, number int) (int, error) {
	n := 0
	for i, r := range l.state.Metadata {
		if r.Model == modelID(p) {
			if n++; n == number {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("the history of %q has no report %d that could be changed: `mfalab mds status %[1]s` shows it", p.Name, number)
}

// DropModelStatus takes a report of a model's history back, all of them where number is 0.
func (l *Lab) DropModelStatus(ctx context.Context, name string, number int) (Model, error) {
	return l.remodel(ctx, name, func(w *sim.World, p *u2f.Profile, _ string) error {
		if number == 0 {
			l.state.Metadata = slices.DeleteFunc(l.state.Metadata, func(r ModelReport) bool { return r.Model == modelID(p) })
		} else {
			i, err := l.reportNumbered(p, number)
			if err != nil {
				return err
			}
			l.state.Metadata = slices.Delete(l.state.Metadata, i, i+1)
		}
		w.Record("model.status.dropped", sim.String("profile", p.Name))
		return nil
	})
}

// AddRogue writes one authenticator of a model, known by its secret key in base64url, into the model's list of rogues; without a key
// the list is emptied.
func (l *Lab) AddRogue(ctx context.Context, name string, r metadata.Rogue) (Model, error) {
	if _, err := base64.RawURLEncoding.DecodeString(r.Key); err != nil {
		return Model{}, fmt.Errorf("the secret key of a rogue is written in base64url: %w", err)
	}
	if _, err := time.Parse(time.DateOnly, r.Date); r.Date != "" && err != nil {
		return Model{}, fmt.Errorf("%.20q is no day: write it as 2026-03-01", r.Date)
	}
	return l.remodel(ctx, name, func(w *sim.World, p *u2f.Profile, today string) error {
		if r.Date == "" {
			r.Date = today
		}
		w.Record("model.rogue", sim.String("profile", p.Name))
		l.state.Publishing.rogue(modelID(p), r)
		return nil
	})
}

// presented is a product as all keys of its model together are, and the ways in which they attest: a key can be told to come with
// another attestation while it runs.
func (l *Lab) presented(p KeyProfile) (_ KeyProfile, ways []string) {
	ways = p.Key.Attestations()
	for _, k := range l.bench.allKeys() {
		other := &k.profile.Key
		if modelID(other) != modelID(&p.Key) || !other.CTAP2() {
			continue
		}
		for _, way := range other.Attestations() {
			if slices.Contains(ways, way) {
				continue
			}
			ways = append(ways, way)
			for _, format := range formatsIn(way) {
				if !slices.Contains(p.Key.AttestationFormats, format) {
					p.Key.AttestationFormats = append(slices.Clone(p.Key.AttestationFormats), format)
				}
			}
			p.Key.MaxMsgSize = max(p.Key.MaxMsgSize, other.MaxMsgSize)
		}
	}
	return p, ways
}

// formatsIn are the formats of the statements of which one is made that attests so: verifiers look each of a compound's up. Statements
// of U2F have no AAGUID, and are of another model.
func formatsIn(way string) []string {
	switch format := attest.FormatOf(way); format {
	case attest.FormatFIDOU2F:
		return nil
	case attest.FormatCompound:
		return []string{format, attest.FormatPacked, attest.FormatTPM}
	default:
		return []string{format}
	}
}

// statementsKept bounds the memory. Our choice: more models than anybody has on a bench.
const statementsKept = 256

// statement returns the statement of a product, which is made once for what its keys are.
func (l *Lab) statement(root *attest.Root, product KeyProfile) (*metadata.Statement, error) {
	p, ways := l.presented(product)
	of, err := json.Marshal(struct {
		KeyProfile
		Ways []string
	}{p, ways})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(of, root.Certificate()...))
	if s := l.statements[sum]; s != nil {
		return s, nil
	}
	s, err := statement(root, &p, ways)
	if err != nil {
		return nil, err
	}
	if l.statements == nil || len(l.statements) >= statementsKept {
		l.statements = map[[sha256.Size]byte]*metadata.Statement{}
	}
	l.statements[sum] = s
	return s, nil
}

// statement asks a key of a product, fresh from the factory, what it is.
func statement(root *attest.Root, p *KeyProfile, ways []string) (*metadata.Statement, error) {
	about := metadata.Product{Name: p.USB.Name + " " + p.Key.Name, Attestations: ways, Root: root.Certificate(),
		Fingers: p.Key.Sensor.Templates, FingerRetries: p.Key.Sensor.Retries}
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
