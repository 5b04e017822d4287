package attest

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/u2f/cose"
)

// The other attestation statement format identifiers. See Web Authentication Level 3, Sections 8.4, 8.5, 8.8 and 8.9.
const (
	FormatAndroidKey = "android-key"
	FormatSafetyNet  = "android-safetynet"
	FormatApple      = "apple"
	FormatCompound   = "compound"
)

// What is no format of its own, but a way to fill in one: both are packed.
const (
	KindSelf       = "packed-self"       // signed by the credential itself
	KindEnterprise = "packed-enterprise" // with a certificate that tells a serial number
)

// Kinds returns the kinds of statement that an [Attester] makes: the formats, and the kinds of packed statements.
func Kinds() []string {
	return []string{FormatPacked, KindSelf, KindEnterprise, FormatFIDOU2F, FormatNone, FormatTPM, FormatAndroidKey, FormatSafetyNet,
		FormatApple, FormatCompound}
}

// FormatOf returns the format of a kind of statement.
func FormatOf(kind string) string {
	if kind == KindSelf || kind == KindEnterprise {
		return FormatPacked
	}
	return kind
}

// Attests reports whether a kind can say anything of a credential of an algorithm: a TPM has ECDSA and RSA keys, U2F has
// ES256 only, and a certificate names no key of ML-DSA.
func Attests(kind string, a cose.Algorithm) bool {
	switch kind {
	case FormatFIDOU2F:
		return a == cose.ES256
	case FormatTPM, FormatCompound:
		return a == cose.ES256 || a == cose.ES384 || a == cose.RS256
	case FormatAndroidKey, FormatApple:
		return a != cose.MLDSA44
	}
	return true
}

// A Subject is a new credential that something is to be said of.
type Subject struct {
	AuthData       []byte
	ClientDataHash []byte           // 32 bytes
	Credential     *cose.PrivateKey // whose public half is in AuthData
	Now            time.Time        // when a telephone looked at itself, for android-safetynet and android-key
}

// An Attestation is what a new credential comes with.
type Attestation struct {
	Format    string
	AuthData  []byte // the subject's; fido-u2f takes the AAGUID out, and a mutation may change it
	Statement []byte // CBOR
}

// An Attester makes the statements of keys of one model, with certificates under the root. Its secrets come from the root's
// seed; RSA keys, which take a tenth of a second, are made when they are needed. It is not for several goroutines at once, and
// its text forms say nothing of its secrets.
type Attester struct {
	root     *Root
	stranger *Root // whom nobody trusts
	model    Model
	keys     map[string]*cose.PrivateKey
}

// NewAttester returns the attester of a model.
func (r *Root) NewAttester(m Model) (*Attester, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	stranger, err := NewRoot(derive(r.seed, "stranger", Model{}))
	return &Attester{root: r, stranger: stranger, model: m, keys: map[string]*cose.PrivateKey{}}, err
}

// Attest makes a statement of a kind, wrong in one thing where wrong is not nil, whose kind it has then to be. The same
// arguments give the same bytes.
func (a *Attester) Attest(kind string, wrong *Mutation, s Subject) (Attestation, error) {
	if err := checkSigned(s.AuthData, s.ClientDataHash); err != nil {
		return Attestation{}, err
	}
	if s.Credential == nil || !Attests(kind, s.Credential.Algorithm()) {
		return Attestation{}, fmt.Errorf("attest: %s says nothing of a credential of %v: use another kind", kind, s.Credential)
	}
	if wrong != nil && wrong.Kind != kind {
		return Attestation{}, fmt.Errorf("attest: the mutation %s is none of %s", wrong, kind)
	}
	d, err := a.draft(kind, s)
	if err != nil {
		return Attestation{}, err
	}
	if err := d.complete(wrong); err != nil {
		return Attestation{}, fmt.Errorf("attest: %w", err)
	}
	return Attestation{Format: d.format, AuthData: d.authData, Statement: d.encode()}, nil
}

// draft returns what a right statement of a kind is made from.
func (a *Attester) draft(kind string, s Subject) (*draft, error) {
	make := map[string]func(*draft) error{FormatPacked: draftPacked, KindSelf: draftSelf, KindEnterprise: draftEnterprise,
		FormatFIDOU2F: draftFIDOU2F, FormatNone: draftNone, FormatTPM: draftTPM, FormatAndroidKey: draftAndroidKey,
		FormatSafetyNet: draftSafetyNet, FormatApple: draftApple, FormatCompound: draftCompound}[kind]
	if make == nil {
		return nil, fmt.Errorf("attest: there is no attestation %.40q: there are %s", kind, strings.Join(Kinds(), ", "))
	}
	d := &draft{attester: a, subject: s, format: FormatOf(kind), authData: slices.Clone(s.AuthData)}
	d.toSign = (*draft).signedData
	d.finish = (*draft).conclude
	return d, make(d)
}

// secret returns the key of a purpose. Those of batches are the ones of [Root.NewBatch] and its like.
func (a *Attester) secret(algorithm cose.Algorithm, purpose string, m Model) (*cose.PrivateKey, error) {
	if k := a.keys[purpose]; k != nil {
		return k, nil
	}
	k, err := cose.NewPrivateKey(algorithm, derive(a.root.seed, purpose+" key", m))
	if err == nil {
		a.keys[purpose] = k
	}
	return k, err
}

// Format writes what a is, for every verb.
func (a *Attester) Format(f fmt.State, _ rune) { fmt.Fprint(f, "attest.Attester") }

// LogValue is like Format, for log/slog.
func (a *Attester) LogValue() slog.Value { return slog.StringValue("attest.Attester") }

// A leaf is the certificate of who signs, before it is issued.
type leaf struct {
	template *x509.Certificate
	public   any
	by       *authority
	version  byte // 0 is the third
}

// A draft is a statement before it is signed. A mutation changes it before, and what came of it after.
type draft struct {
	attester *Attester
	subject  Subject
	format   string
	authData []byte

	leaf   *leaf
	behind [][]byte // the certificates that follow it
	key    *cose.PrivateKey
	says   int64 // the algorithm that is said
	toSign func(*draft) ([]byte, error)
	finish func(*draft) error

	tpm      *tpmDraft
	android  *keyDescription
	response *safetyNet
	nonce    []byte
	parts    []*draft // of a compound

	x5c     [][]byte
	members members
	encoded []byte // instead of the members
}

// complete makes the statement: the mutation's first half, certificates, signature, members, its second half.
func (d *draft) complete(wrong *Mutation) error {
	if wrong != nil && wrong.before != nil {
		if err := wrong.before(d); err != nil {
			return err
		}
	}
	if err := d.finish(d); err != nil {
		return err
	}
	if wrong != nil && wrong.after != nil {
		return wrong.after(d)
	}
	return nil
}

// encode returns the statement as CBOR.
func (d *draft) encode() []byte {
	if d.encoded != nil {
		return d.encoded
	}
	return d.members.append(nil)
}

// signedData is what most formats sign: Section 8.2.
func (d *draft) signedData() ([]byte, error) {
	return slices.Concat(d.authData, d.subject.ClientDataHash), nil
}

// sign returns the signature.
func (d *draft) sign() ([]byte, error) {
	message, err := d.toSign(d)
	if err != nil {
		return nil, err
	}
	return d.key.Sign(message)
}

// issue makes the certificates.
func (d *draft) issue() error {
	certificate, err := d.leaf.by.issue(d.leaf.template, d.leaf.public)
	if err == nil && d.leaf.version != 0 {
		certificate, err = renumber(certificate, d.leaf.version, d.leaf.by)
	}
	d.x5c = append([][]byte{certificate}, d.behind...)
	return err
}

// conclude fills in what most formats have: alg, sig, and x5c where somebody else than the credential signs.
func (d *draft) conclude() error {
	if d.leaf != nil {
		if err := d.issue(); err != nil {
			return err
		}
		d.members.setChain("x5c", d.x5c)
	}
	if d.key == nil {
		return nil
	}
	signature, err := d.sign()
	if err != nil {
		return err
	}
	d.members.setInt("alg", d.says)
	d.members.setBytes("sig", signature)
	return nil
}

// signs says who does.
func (d *draft) signs(key *cose.PrivateKey) {
	d.key, d.says = key, int64(key.Algorithm())
}
