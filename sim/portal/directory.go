package portal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// Kinds of records: iam.Snapshot carries them with the account.
const (
	kindRules     = "portalrules"
	kindUser      = "portaluser"
	kindKey       = "portalkey"
	kindSignIn    = "portalsignin"
	kindAssertion = "portalassertion"
	kindSession   = "portalsession"
	kindSent      = "portalsent"
)

// rulesKey is the key of the one record of kindRules.
const rulesKey = "rules"

// letters are those of identifiers and tokens.
const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// An At is when and from where somebody asks for something.
type At struct {
	Now, Wall time.Time // the lab's and the wall's time
	IP, Agent string
	RequestID string
	// Device is the cookie of a trusted device, "" for none.
	Device string
}

// A Directory is the portal of one account: its users and how they sign in. It may be used by many goroutines.
type Directory struct{ account *iam.Service }

// New returns the portal of an account.
func New(account *iam.Service) *Directory { return &Directory{account} }

// Account is the account's number.
func (d *Directory) Account() string { return d.account.Account() }

// Weakened lists the rules of the account's verifier that are weakened on purpose: they hold here as well.
func (d *Directory) Weakened() []string { return d.account.Settings().Weakened() }

// Messages returns what came to the simulated inboxes and phones, the newest first.
func (d *Directory) Messages(ctx context.Context) ([]iam.Message, error) {
	return d.account.Messages(ctx)
}

// A turn is one operation in its transaction.
type turn struct {
	*iam.Records
	at    At
	rules Rules
	kept  bool // what was written stays although the operation is refused
}

// update decides an operation. params are what the journal says of it.
func (d *Directory) update(ctx context.Context, at At, action string, params []iam.Fact, f func(*turn) error) error {
	call := iam.Call{Service: "portal", Action: action, Region: "us-east-1", Now: at.Now, Wall: at.Wall, SourceIP: at.IP,
		UserAgent: at.Agent, RequestID: at.RequestID}
	return d.account.Beside(ctx, call, params, iam.Told{Own: true}, func(b *iam.Beside) error {
		var refused error
		err := b.Update(ctx, func(r *iam.Records) error {
			refused = nil
			t := &turn{Records: r, at: at, rules: DefaultRules()}
			if _, err := t.load(kindRules, rulesKey, &t.rules); err != nil {
				return err
			}
			err := f(t)
			if t.kept && errors.As(err, new(*iam.Error)) {
				refused, err = err, nil
			}
			return err
		})
		return cmp.Or(err, refused)
	})
}

// view reads.
func (d *Directory) view(ctx context.Context, f func(tx iam.Tx) error) error {
	return d.account.Look(ctx, f)
}

// load reads a record into v and reports whether it is there.
func (t *turn) load(kind, key string, v any) (bool, error) { return load(t.Tx, kind, key, v) }

func load(tx iam.Tx, kind, key string, v any) (bool, error) {
	b, err := tx.Get(kind, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("the record %s %q is damaged: %w", kind, key, err)
	}
	return true, nil
}

// store writes a record.
func (t *turn) store(kind, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.Put(kind, key, b)
}

// draw returns n letters that nobody can guess.
func (t *turn) draw(what string, n int) string { return t.Draw("portal "+what).Text(n, letters) }

// hashed is what is stored of a token that nobody can guess.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// sweep deletes what is over among the records of a kind. ended reads one and says whether it is.
func (t *turn) sweep(kind string, ended func(b []byte) (bool, error)) error {
	records, err := t.Scan(kind, "", "", 0)
	if err != nil {
		return err
	}
	for _, r := range records {
		over, err := ended(r.Value)
		if err != nil {
			return fmt.Errorf("the record %s %q is damaged: %w", kind, r.Key, err)
		}
		if over {
			if err := t.Delete(kind, r.Key); err != nil {
				return err
			}
		}
	}
	return nil
}

// refused makes a refusal. Rule and section are for the journal, the text for the person.
func refused(rule, section, text string, args ...any) *iam.Error {
	return &iam.Error{Code: "PortalRefused", Status: http.StatusForbidden, Rule: rule, Section: section, Message: fmt.Sprintf(text, args...)}
}

// wrong is refused for what cannot be meant.
func wrong(text string, args ...any) *iam.Error {
	return &iam.Error{Code: "PortalInvalid", Status: http.StatusBadRequest, Rule: "form", Section: "Lab notes", Message: fmt.Sprintf(text, args...)}
}

// section is where most of the portal's rules are written.
const section = "AWS MFA, Section 6.3"

// Rules returns the rules in force.
func (d *Directory) Rules(ctx context.Context) (Rules, error) {
	r := DefaultRules()
	err := d.view(ctx, func(tx iam.Tx) error {
		_, err := load(tx, kindRules, rulesKey, &r)
		return err
	})
	return r, err
}

// SetRules changes rules: "mode=never". They hold from then on, for sign-ins under way as well.
func (d *Directory) SetRules(ctx context.Context, at At, changes []string) (Rules, error) {
	var r Rules
	facts := make([]iam.Fact, len(changes))
	for i, c := range changes {
		facts[i] = iam.Fact{Name: "set", Value: c}
	}
	err := d.update(ctx, at, "SetRules", facts, func(t *turn) (err error) {
		if r, err = t.rules.Changed(changes); err != nil {
			return wrong("%v", err)
		}
		return t.store(kindRules, rulesKey, r)
	})
	return r, err
}
