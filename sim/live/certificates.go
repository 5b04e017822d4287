package live

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim"
	"github.com/mfalab/mfalab/u2f/attest"
	"github.com/mfalab/mfalab/u2f/ctap"
)

// The roles of the lab's certificates, and what the two that exist once are called where they are revoked.
const (
	RoleRoot           = "root"
	RoleAuthority      = "authority"
	RoleMetadataIssuer = "metadata-issuer"
	RoleMetadataSigner = "metadata-signer"
	RoleBatch          = "batch"
	RolePlainBatch     = "batch without transports"
	RoleU2FBatch       = "u2f batch"
	RoleEnterprise     = "enterprise"
)

// A Certificate is one that the lab has made, or would make for a key.
type Certificate struct {
	Role      string      `json:"role"`
	Of        string      `json:"of,omitempty"` // the profile whose keys have it, or the one key's serial number
	Number    string      `json:"number"`       // the certificate's, in hexadecimal
	Subject   string      `json:"subject"`
	Issuer    string      `json:"issuer"`
	NotBefore time.Time   `json:"notBefore"`
	NotAfter  time.Time   `json:"notAfter"`
	List      string      `json:"list,omitempty"` // the address of the list that it names
	Revoked   *Revocation `json:"revoked,omitempty"`
	PEM       string      `json:"pem"`

	serial *big.Int
	byRoot bool
}

// A Revocation says that certificates are good no more.
type Revocation struct {
	// What names them: a profile or AAGUID for those of all its keys, a key's serial number for its enterprise certificate,
	// "metadata-signer" or "metadata-issuer", or one certificate's number in hexadecimal.
	What   string        `json:"what"`
	Reason attest.Reason `json:"reason"`
	At     time.Time     `json:"at"` // lab time
}

// Certificates returns the lab's certificates: the root, the chain of metadata, those of every model, and those of keys that have one
// of their own.
func (l *Lab) Certificates(ctx context.Context) (list []Certificate, err error) {
	err = l.Do(ctx, func(*sim.World) error {
		root, err := l.root()
		if err == nil {
			list, err = l.certificates(root)
		}
		return err
	})
	return list, err
}

// certificates is Certificates for whose turn it is.
func (l *Lab) certificates(root *attest.Root) (list []Certificate, err error) {
	add := func(role, of string, der []byte, made error) {
		if err == nil {
			err = made
		}
		if err == nil {
			var c Certificate
			if c, err = l.described(role, of, der); err == nil {
				list = append(list, c)
			}
		}
	}
	add(RoleRoot, "", root.Certificate(), nil)
	for _, at := range l.variants(root, []string{l.published()}) {
		s, err := at.NewSigner(attest.NoFlaw)
		if err != nil {
			return nil, err
		}
		add(RoleMetadataIssuer, "", s.Chain()[1], nil)
		add(RoleMetadataSigner, "", s.Certificate(), nil)
	}
	issuers := l.variants(root, l.state.Publishing.PointedAt)
	for _, purpose := range attest.Authorities() {
		for _, by := range issuers {
			der, err := by.Authority(purpose)
			add(RoleAuthority, purpose, der, err)
		}
	}
	for _, p := range l.models() {
		model := attest.Model{Name: p.Key.Name, AAGUID: p.Key.AAGUID}
		for _, by := range issuers {
			if p.Key.CTAP2() {
				b, err := by.NewBatch(model)
				add(RoleBatch, p.Key.Name, certificateOf(b), err)
				b, err = by.NewPlainBatch(model)
				add(RolePlainBatch, p.Key.Name, certificateOf(b), err)
			}
			b, err := by.NewU2FBatch(model)
			add(RoleU2FBatch, p.Key.Name, certificateOf(b), err)
		}
	}
	for _, k := range l.bench.allKeys() {
		if !slices.Contains(k.profile.Key.ConfigCommands, uint64(ctap.EnableEnterpriseAttestation)) {
			continue
		}
		for _, by := range issuers {
			b, err := by.NewEnterprise(attest.Model{Name: k.profile.Key.Name, AAGUID: k.profile.Key.AAGUID}, []byte(k.serial))
			add(RoleEnterprise, k.serial, certificateOf(b), err)
		}
	}
	return list, err
}

// variants are the authority that names no lists, and the same at each address.
func (l *Lab) variants(root *attest.Root, addresses []string) []*attest.Root {
	list := []*attest.Root{root}
	for _, at := range addresses {
		list = append(list, root.PublishedAt(at))
	}
	return list
}

func certificateOf(b *attest.Batch) []byte {
	if b == nil {
		return nil
	}
	return b.Certificate()
}

func (l *Lab) described(role, of string, der []byte) (Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, err
	}
	out := Certificate{Role: role, Of: of, Number: fmt.Sprintf("%x", c.SerialNumber), Subject: c.Subject.String(), Issuer: c.Issuer.String(),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		serial: c.SerialNumber, byRoot: role != RoleMetadataSigner}
	if len(c.CRLDistributionPoints) > 0 {
		out.List = c.CRLDistributionPoints[0]
	}
	for _, r := range l.state.Publishing.Revoked {
		if out.named(r.What) {
			out.Revoked = &r
		}
	}
	return out, nil
}

// named reports whether what is revoked names c.
func (c *Certificate) named(what string) bool {
	return strings.EqualFold(what, c.Number) || what == c.Of && c.Of != "" || what == c.Role && c.Of == ""
}

// Revoke revokes certificates from now on, by the lab's clock. The reason may be empty.
func (l *Lab) Revoke(ctx context.Context, what, reason string) ([]Certificate, error) {
	why, err := attest.ParseReason(reason)
	if err != nil {
		return nil, err
	}
	return l.relist(ctx, what, func(w *sim.World, p *publishing, what string) error {
		p.Revoked = append(without(p.Revoked, what), Revocation{what, why, w.Now().Truncate(time.Second)})
		w.Record("certificate.revoked", sim.String("what", what), sim.String("reason", string(why)))
		return nil
	})
}

// Restore takes a revocation back, as only one with the reason certificateHold can be.
func (l *Lab) Restore(ctx context.Context, what string) ([]Certificate, error) {
	return l.relist(ctx, what, func(w *sim.World, p *publishing, what string) error {
		i := slices.IndexFunc(p.Revoked, func(r Revocation) bool { return r.What == what })
		switch {
		case i < 0:
			return fmt.Errorf("%q has not been revoked: `mfalab mds certificates` says what has", what)
		case p.Revoked[i].Reason != "certificateHold":
			return fmt.Errorf("%q was revoked for good: only what is revoked with the reason certificateHold comes back", what)
		}
		p.Revoked = without(p.Revoked, what)
		w.Record("certificate.restored", sim.String("what", what))
		return nil
	})
}

func without(list []Revocation, what string) []Revocation {
	return slices.DeleteFunc(slices.Clone(list), func(r Revocation) bool { return r.What == what })
}

// notNumber is how many bits, at most, a number has that is not taken for a certificate's: one that the lab does not know may be that of a
// key that was thrown away. Ours have 127. Our choice.
const notNumber = 56

// numberIn reads a certificate's number, also as OpenSSL writes it, with colons.
func numberIn(what string) (n *big.Int, isNumber bool) {
	digits := strings.ReplaceAll(what, ":", "")
	n, isNumber = new(big.Int).SetString(digits, 16)
	return n, isNumber && n.BitLen() > notNumber
}

// relist changes the lists of revoked certificates, and returns the certificates that what names.
func (l *Lab) relist(ctx context.Context, what string, change func(w *sim.World, p *publishing, what string) error) (list []Certificate, err error) {
	err = l.Do(ctx, func(w *sim.World) error {
		if p, err := l.modelNamed(what); err == nil {
			what = p.Name
		}
		number, isNumber := numberIn(what)
		if isNumber {
			what = number.Text(16)
		}
		named, err := l.namedCertificates(what)
		if err != nil {
			return err
		}
		if len(named) == 0 && !isNumber {
			return fmt.Errorf("no certificate is called %.60q: `mfalab mds certificates` lists them", what)
		}
		if err := change(w, &l.state.Publishing, what); err != nil {
			return err
		}
		l.state.Publishing.Lists++
		l.state.Publishing.Listed = strip(l.opt.Wall()).Truncate(time.Second)
		l.unsaved = true
		list, err = l.namedCertificates(what)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, l.Save(ctx)
}

func (l *Lab) namedCertificates(what string) ([]Certificate, error) {
	root, err := l.root()
	if err != nil {
		return nil, err
	}
	all, err := l.certificates(root)
	return slices.DeleteFunc(all, func(c Certificate) bool { return c.Role == RoleRoot || !c.named(what) }), err
}

// firstList is when the lists were made that name nobody. Our choice: when the lab's certificates begin.
var firstList = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// revocationLists returns the lists of what the root, the issuer of metadata's signer and the other authorities revoked, and the
// certificates of who revoked it.
func (l *Lab) revocationLists(root *attest.Root) (lists, issuers map[string][]byte, err error) {
	signer, err := root.NewSigner(attest.NoFlaw)
	if err != nil {
		return nil, nil, err
	}
	byRoot, bySigner, byOthers, err := l.revoked()
	if err != nil {
		return nil, nil, err
	}
	list := attest.RevocationList{Number: 1 + l.state.Publishing.Lists, ThisUpdate: l.state.Publishing.Listed, Revoked: byRoot}
	if list.NextUpdate, err = time.Parse(time.DateOnly, l.state.Publishing.due()); err != nil {
		return nil, nil, err
	}
	if list.ThisUpdate.IsZero() {
		list.ThisUpdate = firstList
	}
	if !list.ThisUpdate.Before(list.NextUpdate) {
		list.ThisUpdate = list.NextUpdate.AddDate(0, 0, -1)
	}
	lists = map[string][]byte{}
	issuers = map[string][]byte{attest.RootCertificate: root.Certificate(), attest.MetadataIssuer: signer.Chain()[1]}
	for _, purpose := range attest.Authorities() {
		// Whose certificates the lab does not know stands in the list of each that may have issued it.
		l := list
		l.Revoked = byOthers
		name := strings.ToLower(purpose)
		if lists[name+".crl"], err = root.AuthorityRevocationList(purpose, l); err != nil {
			return nil, nil, err
		}
		if issuers[name+".crt"], err = root.Authority(purpose); err != nil {
			return nil, nil, err
		}
	}
	if lists[attest.RootCRL], err = root.RevocationList(list); err != nil {
		return nil, nil, err
	}
	list.Revoked = bySigner
	lists[attest.MetadataCRL], err = signer.RevocationList(list)
	return lists, issuers, err
}

// revoked returns what is revoked, by who issued it: root, the issuer of metadata's signer, and, for numbers that the lab does not know,
// nobody knows who.
func (l *Lab) revoked() (byRoot, bySigner, byOthers []attest.Revocation, err error) {
	if len(l.state.Publishing.Revoked) == 0 {
		return nil, nil, nil, nil
	}
	root, err := l.root()
	if err != nil {
		return nil, nil, nil, err
	}
	all, err := l.certificates(root)
	if err != nil {
		return nil, nil, nil, err
	}
	known := map[string]bool{}
	for _, c := range all {
		known[c.Number] = true
		switch {
		case c.Revoked == nil || c.Role == RoleRoot:
		case c.byRoot:
			byRoot = append(byRoot, attest.Revocation{Serial: c.serial, At: c.Revoked.At, Reason: c.Revoked.Reason})
		default:
			bySigner = append(bySigner, attest.Revocation{Serial: c.serial, At: c.Revoked.At, Reason: c.Revoked.Reason})
		}
	}
	for _, r := range l.state.Publishing.Revoked {
		if n, ok := numberIn(r.What); ok && !known[r.What] {
			byOthers = append(byOthers, attest.Revocation{Serial: n, At: r.At, Reason: r.Reason})
		}
	}
	return append(byRoot, byOthers...), bySigner, byOthers, nil
}
