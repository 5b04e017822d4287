package live

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/metadata"
)

// MetadataRoot is the path below which the lab publishes what is known of its keys.
const MetadataRoot = "/mds"

// publishing is how the lab publishes its metadata, as lab.json has it.
type publishing struct {
	NextUpdate string         `json:"nextUpdate,omitempty"` // a day; empty is never
	Fault      metadata.Fault `json:"fault,omitempty"`
	// Points says that new keys' certificates name the list that they would stand in; PointedAt are all addresses that they ever
	// named, the newest last.
	Points     bool                            `json:"points,omitempty"`
	PointedAt  []string                        `json:"pointedAt,omitempty"`
	Revoked    []Revocation                    `json:"revoked,omitempty"`
	Lists      uint64                          `json:"lists,omitempty"` // how often a certificate was revoked or restored
	Listed     time.Time                       `json:"listed,omitzero"` // when that was last, by the wall's clock
	Rogues     map[string][]metadata.Rogue     `json:"rogues,omitempty"`
	Biometrics map[string][]metadata.BioReport `json:"biometrics,omitempty"`
	Changes    map[string]string               `json:"changes,omitempty"` // the days on which what is said of models changed
	// Number is that of the BLOB that was published last, with what was in it and when that came to be, by the wall's clock.
	Number uint64    `json:"number,omitempty"`
	Sum    []byte    `json:"sum,omitempty"`
	At     time.Time `json:"at,omitzero"`
}

// copied returns p, sharing nothing.
func (p publishing) copied() publishing {
	p.PointedAt, p.Revoked, p.Sum = slices.Clone(p.PointedAt), slices.Clone(p.Revoked), bytes.Clone(p.Sum)
	p.Rogues, p.Biometrics, p.Changes = maps.Clone(p.Rogues), maps.Clone(p.Biometrics), maps.Clone(p.Changes)
	return p
}

func (p *publishing) changed(model, day string) {
	if p.Changes == nil {
		p.Changes = map[string]string{}
	}
	p.Changes[model] = day
}

func (p *publishing) rogue(model string, r metadata.Rogue) {
	if p.Rogues == nil {
		p.Rogues = map[string][]metadata.Rogue{}
	}
	if r.Key == "" {
		delete(p.Rogues, model)
		return
	}
	p.Rogues[model] = append(slices.Clone(p.Rogues[model]), r)
}

// due returns the day of the next update.
func (p *publishing) due() string {
	if p.NextUpdate == "" {
		return metadata.Never
	}
	return p.NextUpdate
}

// Metadata is what the lab publishes of its keys, for relying parties that look it up.
type Metadata struct {
	Publication
	BLOB       []byte                         // a JWS
	Root       []byte                         // the certificate that everything ends at, DER
	Issuers    map[string][]byte              // the certificates of who issues others, DER, by what they are called below MetadataRoot
	Lists      map[string][]byte              // of revoked certificates, DER, by what they are called below MetadataRoot
	Statements map[string]*metadata.Statement // by profile
	Rogues     map[string][]byte              // lists of rogues, by profile
}

// A Publication says how the lab publishes its metadata.
type Publication struct {
	URL        string         `json:"url,omitempty"` // empty where the lab serves nothing
	Number     uint64         `json:"number"`
	NextUpdate string         `json:"nextUpdate"`
	Fault      metadata.Fault `json:"fault,omitempty"`
	Points     bool           `json:"distributionPoints"` // whether new keys' certificates name the list that they would stand in
	Changed    time.Time      `json:"changed"`            // by the wall's clock
}

// A PublicationChange is what changes in how the lab publishes its metadata: what is nil stays.
type PublicationChange struct {
	NextUpdate *string `json:"nextUpdate,omitempty"` // a day, also one that is over; "never"
	Fault      *string `json:"fault,omitempty"`      // "none" for none
	Points     *bool   `json:"distributionPoints,omitempty"`
}

// publish returns what the lab publishes, at the address at which it does so, and whether that is something new: then the BLOB has
// another number. It is for whose turn it is.
func (l *Lab) publish(root *attest.Root) (out Metadata, fresh bool, err error) {
	p := &l.state.Publishing
	out = Metadata{Root: root.Certificate(), Statements: map[string]*metadata.Statement{}, Rogues: map[string][]byte{}}
	b := metadata.BLOB{NextUpdate: p.due()}
	at := l.published()
	for _, model := range l.models() {
		id, name := modelID(&model.Key), model.Key.Name
		s, err := l.statement(root, model)
		if err != nil {
			return out, false, err
		}
		out.Statements[name] = s
		e := metadata.NewEntry(s, l.reports(&model.Key), p.Changes[id]).WithBiometrics(p.Biometrics[id])
		if list := p.Rogues[id]; len(list) > 0 {
			if out.Rogues[name], err = json.Marshal(list); err != nil {
				return out, false, err
			}
			e = e.WithRogues(at+"/rogues/"+name+".json", out.Rogues[name])
		}
		b.Entries = append(b.Entries, e)
	}
	if fresh, err = l.numbered(&b); err != nil {
		return out, false, err
	}
	if out.BLOB, err = b.Sign(root, p.Fault); err != nil {
		return out, fresh, err
	}
	if out.Lists, out.Issuers, err = l.revocationLists(root); err != nil {
		return out, fresh, err
	}
	out.Publication = Publication{l.at(), p.Number, p.due(), p.Fault, p.Points, p.At}
	return out, fresh, nil
}

// numbered gives b the number of the last BLOB where it says the same, and the next one otherwise.
func (l *Lab) numbered(b *metadata.BLOB) (fresh bool, err error) {
	p := &l.state.Publishing
	text, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	sum := sha256.Sum256(text)
	if fresh = !bytes.Equal(p.Sum, sum[:]); fresh {
		p.Number, p.Sum, p.At = p.Number+1, sum[:], strip(l.opt.Wall()).Truncate(time.Second)
		l.unsaved = true
	}
	b.Number = p.Number
	return fresh, nil
}

// at is the address below which the lab's metadata lie, "" where it serves nothing.
func (l *Lab) at() string {
	if l.url == "" {
		return ""
	}
	return l.url + MetadataRoot
}

// published is at, or where a lab lies that somebody serves.
func (l *Lab) published() string {
	if at := l.at(); at != "" {
		return at
	}
	return "http://localhost:6325" + MetadataRoot
}

// root returns the lab's authority. Where the lab serves what it publishes, the chain of metadata's signer says where.
func (l *Lab) root() (*attest.Root, error) { return attest.NewRoot(l.attestationRoot()) }

// Metadata returns what the lab publishes now.
func (l *Lab) Metadata(ctx context.Context) (Metadata, error) {
	return l.publication(ctx, func(root *attest.Root) *attest.Root {
		if at := l.at(); at != "" {
			return root.PublishedAt(at)
		}
		return root
	})
}

func (l *Lab) publication(ctx context.Context, as func(*attest.Root) *attest.Root) (out Metadata, err error) {
	fresh := false
	err = l.Do(ctx, func(*sim.World) error {
		root, err := l.root()
		if err == nil {
			out, fresh, err = l.publish(as(root))
		}
		return err
	})
	if err == nil && fresh {
		err = l.Save(ctx)
	}
	return out, err
}

// ChangePublication changes how the lab publishes its metadata.
func (l *Lab) ChangePublication(ctx context.Context, c PublicationChange) (Publication, error) {
	var fault metadata.Fault
	if c.Fault != nil {
		var err error
		if fault, err = metadata.ParseFault(*c.Fault); err != nil {
			return Publication{}, err
		}
	}
	day := ""
	if c.NextUpdate != nil && !strings.EqualFold(*c.NextUpdate, "never") {
		if day = *c.NextUpdate; !isDay(day) {
			return Publication{}, fmt.Errorf("%.20q is no day: write it as 2026-03-01, or never", day)
		}
	}
	err := l.Do(ctx, func(w *sim.World) error {
		p := &l.state.Publishing
		if c.NextUpdate != nil {
			p.NextUpdate = day
		}
		if c.Fault != nil {
			p.Fault = fault
		}
		if c.Points != nil {
			if p.Points = *c.Points; p.Points {
				here := l.published()
				p.PointedAt = append(slices.DeleteFunc(p.PointedAt, func(at string) bool { return at == here }), here)
			}
		}
		l.unsaved = true
		w.Record("metadata.published", sim.String("next-update", p.due()), sim.String("fault", string(p.Fault)))
		return nil
	})
	if err != nil {
		return Publication{}, err
	}
	m, err := l.Metadata(ctx)
	if err != nil {
		return Publication{}, err
	}
	return m.Publication, l.Save(ctx)
}

func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// lookUp is how the account reads what the lab publishes. Its certificates name no lists: it has them at hand.
func (l *Lab) lookUp(ctx context.Context) (iam.Published, error) {
	m, err := l.publication(ctx, func(root *attest.Root) *attest.Root { return root })
	return iam.Published{BLOB: m.BLOB, Root: m.Root, Revoked: slices.Collect(maps.Values(m.Lists))}, err
}
