package iam

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mfalab/mfalab/sim"
)

// Config is what a Service needs.
type Config struct {
	// Store is written by this Service alone: it remembers whose the access keys are.
	Store Store
	// Account is the account's 12-digit number, used when the store is empty; "" means DefaultAccount.
	Account string
	// Chance gives the IDs, keys and seeds of a new account and of everything made in it later.
	Chance sim.Chance
	// Settings are the rules; the zero value means Defaults.
	Settings Settings
	// Texts replaces answers' texts by their ID (see Texts).
	Texts map[string]string
	// Root makes the certificate, in DER, that the attestation of security keys has to lead to where it is asked for, from
	// the account's chance; it may be nil where it is not.
	Root func(sim.Chance) ([]byte, error)
	// Metadata looks up what is published of models of keys. Where attestation is asked for it takes the place of Root; it may be
	// nil. It is called outside of transactions.
	Metadata func(context.Context) (Published, error)
	// Record hears of every call after it has been decided and stored; it may be nil. It is called on the caller's
	// goroutine.
	Record func(Decision)
}

// DefaultAccount is the account number of a lab that was not given one. Our choice: it is the number of AWS's examples.
const DefaultAccount = "123456789012"

// A Service is the relying party of one account. It may be used by many goroutines.
type Service struct {
	store     Store
	known     signers
	standings standings
	documents documents
	devices   remembered
	events    trailed
	lookups   paced
	origin    atomic.Pointer[origin]
	settings  Settings
	texts     map[string]text
	record    func(Decision)
	root      func(sim.Chance) ([]byte, error)
	metadata  func(context.Context) (Published, error)
	newest    newestBLOB
	sound     bool // no rule is weakened
}

// origin is what an account grows from; restoring a saved account replaces it.
type origin struct {
	chance sim.Chance
	number string // 12 digits
}

// Account is the record of the account itself.
type Account struct {
	ID      string    `json:"id"`
	Alias   string    `json:"alias,omitempty"`
	Created time.Time `json:"created"`
	// Drawn counts the values drawn from chance so far, so that none is drawn twice, after a restart neither.
	Drawn uint64 `json:"drawn"`
	// Email is root's e-mail address; "" is DefaultRootEmail.
	Email string `json:"email,omitempty"`
	// BillingAccess is whether policies can let IAM users and roles see the bills.
	BillingAccess bool `json:"billingAccess,omitempty"`
	// Users counts the IAM users.
	Users int `json:"users"`
	// Groups, Roles and Policies count those; AWS's own policies are not the account's.
	Groups   int `json:"groups,omitempty"`
	Roles    int `json:"roles,omitempty"`
	Policies int `json:"policies,omitempty"`
	// Edition is which rules the account was made for: 0 is from before it had policies.
	Edition int `json:"edition,omitempty"`
	// Passwords is the account's policy for passwords; nil where it has none of its own.
	Passwords *PasswordPolicy `json:"passwords,omitempty"`
	// VirtualDevices counts the virtual MFA devices.
	VirtualDevices int64 `json:"virtualDevices,omitempty"`
}

// New returns the service of the account in cfg.Store, and creates account and root at now when the store is empty.
func New(ctx context.Context, cfg Config, now time.Time) (*Service, error) {
	if cfg.Account == "" {
		cfg.Account = DefaultAccount
	}
	if !accountShape.match.MatchString(cfg.Account) {
		return nil, fmt.Errorf("the account %q is no account number: give 12 digits", cfg.Account)
	}
	texts, err := correctedTexts(cfg.Texts)
	if err != nil {
		return nil, err
	}
	if cfg.Settings == (Settings{}) {
		cfg.Settings = Defaults()
	}
	s := &Service{settings: cfg.Settings, texts: texts, record: cfg.Record, root: cfg.Root, metadata: cfg.Metadata,
		sound: len(cfg.Settings.Weakened()) == 0}
	s.store = watched{cfg.Store, &s.known, &s.standings}
	s.origin.Store(&origin{cfg.Chance, cfg.Account})
	return s, s.store.Update(ctx, func(tx Tx) error {
		account := &Account{}
		found, err := get(tx, kindAccount, accountKey, account)
		if found {
			s.origin.Store(&origin{cfg.Chance, account.ID})
		}
		if err != nil {
			return err
		}
		if found {
			return s.adopt(tx, account)
		}
		return s.found(tx, now)
	})
}

// found makes the account and its root user.
func (s *Service) found(tx Tx, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	if err := put(tx, kindAccount, accountKey, &Account{ID: s.Account(), Created: now, Edition: edition}); err != nil {
		return err
	}
	return put(tx, kindAccount, rootKey, &User{ID: Root, Path: "/", Created: now})
}

// chance is where everything that looks random comes from.
func (s *Service) chance() sim.Chance { return s.origin.Load().chance }

// Account returns the account's 12-digit number.
func (s *Service) Account() string { return s.origin.Load().number }

// RootCaller returns the account's root user as a caller, for the lab itself: no key of root's has to exist.
func (s *Service) RootCaller() Caller {
	return Caller{UserID: Root, ARN: (&User{ID: Root}).arn(s.Account())}
}

// Keys of the two records of kindAccount.
const (
	accountKey = "account"
	rootKey    = "root"
)

// Settings returns the rules in force.
func (s *Service) Settings() Settings { return s.settings }

// Do decides one call. The result is a value whose fields encoding/xml writes inside <ActionResult>, or nil where the
// operation has no output. The error is always an *Error: a store that failed is ServiceFailure, and its cause is in the
// Decision only.
func (s *Service) Do(ctx context.Context, call Call) (result any, err error) {
	d := Decision{Call: withoutSecrets(call)}
	result, e := s.decide(ctx, call, &d)
	d.Params = redacted(call, d.stranger)
	s.events.announce()
	if e != nil {
		d.Err = e
		if d.Rule == "" {
			d.Rule, d.Section = e.Rule, e.Section
		}
	}
	if s.record != nil {
		s.record(d)
	}
	if e != nil {
		return nil, e
	}
	return result, nil
}

// withoutSecrets returns call as a record may keep it: without the form, which Decision has in its own way, and without
// the session's key.
func withoutSecrets(call Call) Call {
	call.Params, call.Caller = nil, call.Caller.redacted()
	return call
}

func (s *Service) decide(ctx context.Context, call Call, d *Decision) (any, *Error) {
	op := operations[call.Service+":"+call.Action]
	if op == nil {
		return nil, s.refuse("InvalidAction", call.Action, versions[call.Service])
	}
	c := &deciding{Service: s, op: op, call: call, decision: d}
	if err := c.admit(ctx); err != nil && !errors.As(err, &c.refusal) {
		d.Cause, c.refusal = err, s.refuse("ServiceFailure")
	}
	d.stranger = op.name == "BeginSignIn" && c.signing == nil
	if err := c.leaveTrail(ctx); err != nil {
		d.Cause, c.refusal = errors.Join(d.Cause, err), s.refuse("ServiceFailure")
	}
	if c.refusal != nil {
		return nil, c.refusal
	}
	return c.result, nil
}

// admit takes the call through what can be said without the store, and then to it.
func (c *deciding) admit(ctx context.Context) (err error) {
	if e := c.permitted(c.call); e != nil {
		return e
	}
	if e := c.validate(c.op, c.call); e != nil {
		return e
	}
	switch {
	case c.op.look != nil:
		c.prepared, err = c.op.look(c.Service, ctx, c.call)
	case c.op.prepare != nil:
		c.prepared, err = c.op.prepare(c.call)
	}
	if err != nil {
		return err
	}
	return c.decide(ctx)
}

// deciding is one call on its way through its transactions.
type deciding struct {
	*Service
	seen      uint64 // what standings.changes returned before the transaction
	op        *operation
	call      Call
	decision  *Decision
	prepared  any
	rehearsed *judgement
	result    any
	refusal   *Error // a refusal of which something has to stay; others are returned as errors
	late      bool   // that the access key was used is not written down yet
	trailed   bool   // the event is stored
	signing   *User  // who signs in at the page, once that is known
}

// decide runs the call in one transaction: with the weakness split-check in two.
func (c *deciding) decide(ctx context.Context) error {
	c.seen = c.standings.changes()
	if !c.op.writes {
		return c.read(ctx)
	}
	if c.settings.SplitCheck {
		if err := c.store.View(ctx, c.rehearse); err != nil {
			return err
		}
	}
	err := c.store.Update(ctx, func(tx Tx) error {
		_, err := c.run(tx)
		if err == nil {
			err = c.putEvent(tx)
		}
		if err != nil || c.refusal != nil {
			return err
		}
		return c.used(tx, c.call)
	})
	c.trailed = err == nil
	return err
}

// read runs a call that only reads. That its access key was used is written down afterwards, now and then, with the event.
func (c *deciding) read(ctx context.Context) error {
	return c.store.View(ctx, func(tx Tx) error {
		_, err := c.run(tx)
		if err == nil {
			c.late, err = c.usedLongAgo(tx, c.call)
		}
		return err
	})
}

func (c *deciding) run(tx Tx) (*operating, error) {
	c.result, c.refusal, c.decision.Facts = nil, nil, nil
	o := &operating{Service: c.Service, Tx: tx, Call: c.call, decision: c.decision, prepared: c.prepared, rehearsed: c.rehearsed,
		standingsSeen: c.seen}
	var err error
	c.result, err = o.run(c.op)
	c.signing = o.signing
	if err != nil {
		var refusal *Error
		if errors.As(err, &refusal) && refusal.counted {
			c.refusal, err = refusal, nil
		}
	}
	return o, err
}

// rehearse runs the call without writing anything, to keep what it decides about its codes.
func (c *deciding) rehearse(tx Tx) error {
	o, _ := c.run(rehearsal{tx}) // if it fails here it fails again, and says so, in the transaction that writes
	c.rehearsed = o.judged
	return nil
}

// versions names the API version of each service.
var versions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15", "cloudtrail": "2013-11-01"}

// Version returns the API version of a service, "" for one that there is not.
func Version(service string) string { return versions[service] }

// operating is one operation on its way: the service, the open transaction and the call.
type operating struct {
	*Service
	Tx
	Call
	account  *Account // nil until draw asks for it where the operation is bare
	drawn    uint64
	once     []string // says what happens now and never again; nil where there is nothing of the kind
	failed   error    // of draw
	decision *Decision
	prepared any
	// judged is what was decided about the call's codes; rehearsed what an earlier transaction decided about them.
	judged, rehearsed *judgement
	read              *User // by permit, for userNamed: it is handed out once
	// standingsSeen is what standings.changes returned before the transaction.
	standingsSeen uint64
	signing       *User // who signs in, set by operations of the sign-in page
}

func (o *operating) run(op *operation) (any, error) {
	if !op.bare {
		if err := o.loadAccount(); err != nil {
			return nil, err
		}
	}
	if err := o.permit(op); err != nil {
		return nil, err
	}
	result, err := op.run(o)
	if err = cmp.Or(err, o.failed); err == nil && o.account != nil && o.account.Drawn != o.drawn {
		err = o.putAccount()
	}
	return result, err
}

// loadAccount reads the account's record, which every account has.
func (o *operating) loadAccount() error {
	o.account = &Account{}
	found, err := get(o.Tx, kindAccount, accountKey, o.account)
	if err == nil && !found {
		err = errors.New("the store holds no account")
	}
	o.drawn = o.account.Drawn
	return err
}

func (o *operating) putAccount() error { return put(o.Tx, kindAccount, accountKey, o.account) }

// draw returns a part of chance that no other draw of this account gets: for what happens once in the account's life it
// grows from that, otherwise from a count that is stored.
func (o *operating) draw(what string) sim.Chance {
	if o.once != nil {
		return o.chance().Derive(slices.Concat([]string{"iam", what}, o.once)...)
	}
	if o.account == nil {
		if o.failed = o.loadAccount(); o.failed != nil {
			return o.chance() // run gives up
		}
	}
	o.account.Drawn++
	return o.chance().Derive("iam", what, fmt.Sprint(o.account.Drawn))
}

// drawID returns an identifier: prefix and then n characters A-Z and 2-7, as the real ones have.
func (o *operating) drawID(prefix string, n int) string {
	return prefix + o.draw("id").Text(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

// today returns the lab's time as the records keep it: the service speaks in whole seconds.
func (o *operating) today() time.Time { return o.Now.UTC().Truncate(time.Second) }

// param returns the value of a parameter, "" where it is missing.
func (o *operating) param(name string) string { return o.Params.Get(name) }

// A Decision is one decided call, for the journal, the trail and for evidence. It holds no secret: the call is without
// its parameters, the caller's session without its keys.
type Decision struct {
	Call
	// Params are the call's parameters in the order of the operation's table, with codes and passwords replaced.
	Params []Fact
	// Err is nil where the call succeeded.
	Err *Error
	// Rule and Section say which rule decided, such as "replay", and where it is written.
	Rule, Section string
	// Facts are what the rule looked at: the step that matched, the drift learned.
	Facts []Fact
	// Cause is the store's own error behind a ServiceFailure.
	Cause error
	// stranger says that somebody signed in by a name that there is not: people type passwords where the name belongs.
	stranger bool
}

// A Fact is one named thing in a Decision.
type Fact struct {
	Name  string
	Value any // string, int64 or bool
}

// get reads the record (kind, key) into v and reports whether it is there.
func get(tx Tx, kind, key string, v any) (bool, error) {
	b, err := tx.Get(kind, key)
	if err != nil || b == nil {
		return false, err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return false, damaged(kind, key, err)
	}
	return true, nil
}

func damaged(kind, key string, err error) error {
	return fmt.Errorf("the record %s %q is damaged: %w", kind, key, err)
}

func put(tx Tx, kind, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(kind, key, b)
}

// operation is one row of the table of operations.
type operation struct {
	service string
	name    string
	writes  bool // runs in a transaction that may write
	bare    bool // most calls of it have no use for the account's record
	params  []param
	run     func(*operating) (any, error)
	free    bool // needs no permission
	// needs is the permission that it needs, "" for the one of its own name. Signing in needs none.
	needs string
	// on is what the operation acts on, as policies name it; nil is what has no resource, "*".
	on func(*operating) (target, error)
	// prepare, where there is one, does slow work on a valid call before its transaction begins; run finds what it
	// returned in operating.prepared.
	prepare func(Call) (any, error)
	// look is prepare for what has to read the store first.
	look func(*Service, context.Context, Call) (any, error)
	// asked, where there is one, is requestParameters of an operation whose parameters here are not those of the wire.
	asked func(Call) json.RawMessage
}

// param is one parameter of an operation; its shape says what values it takes.
type param struct {
	name     string // as the client writes it: "UserName"
	shape    shape
	required bool
}

// operations is the table by "service:Action".
var operations = func() map[string]*operation {
	m := map[string]*operation{}
	for _, op := range slices.Concat(deviceOperations, tokenOperations, userOperations, accountOperations, securityKeyOperations,
		deviceDetailsOperations, signInOperations, recoveryOperations, billingOperations, trailOperations, attachmentOperations,
		groupOperations, roleOperations, policyOperations, assumeOperations, switchOperations, messageOperations,
		passwordOperations, simulatorOperations, detailOperations, sshOperations, certificateOperations, serviceCredentialOperations,
		emptyOperations) {
		m[op.service+":"+op.name] = op
	}
	return m
}()

// Operations lists what clients can ask for on the wire as "iam:CreateUser", in the order of the alphabet.
func Operations() []string {
	return slices.Collect(func(yield func(string) bool) {
		for _, name := range slices.Sorted(maps.Keys(operations)) {
			if Version(operations[name].service) != "" && !yield(name) {
				return
			}
		}
	})
}
