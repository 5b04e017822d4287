package iam

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// From the IAM User Guide, "Signing in to the console": how long a console session lasts at most.
const consoleSession = 12 * time.Hour

// Our choices about signing in.
const (
	// signInTime is how long somebody may take between password and the end of the sign-in.
	signInTime = 15 * time.Minute
	// signInsKept is how many sign-ins of one user can be under way at a time.
	signInsKept = 16
	// DefaultRootEmail is root's name until it is given another.
	DefaultRootEmail = "root@example.com"
)

// signInOperations are what the sign-in pages do. They belong to no service with a version, like those of security keys: on
// the wire there is none. A sign-in begins with the password; what follows names it by its ID, which is good for that user
// and that password only, until it is finished:
//
//	BeginSignIn ──▶ no device ───────────────────────────────────────┐
//	     │                                                           ▼
//	     └──▶ devices ── FinishSignInWithCode, FinishSecurityKeySignIn ──▶ session, or password to be changed
//	              └─ ResyncAtSignIn ─┘                                     └─ ChangePasswordAtSignIn ──▶ session
var signInOperations = []*operation{
	{service: "signin", name: "BeginSignIn", writes: true, look: (*Service).lookAtPassword, run: (*operating).beginSignInOf, params: []param{
		{"UserName", signInNameShape, false}, {"Email", emailShape, false}, {"Password", passwordShape, true}}},
	{service: "signin", name: "LookAtSignIn", run: (*operating).lookAtSignIn, params: []param{{"SignInId", ceremonyIDShape, true}}},
	{service: "signin", name: "FinishSignInWithCode", writes: true, run: (*operating).signInWithCode, params: []param{
		{"SignInId", ceremonyIDShape, true}, {"Code", signInCodeShape, true}}},
	{service: "signin", name: "ResyncAtSignIn", writes: true, run: (*operating).resyncAtSignIn, params: []param{
		{"SignInId", ceremonyIDShape, true}, {"AuthenticationCode1", signInCodeShape, true}, {"AuthenticationCode2", signInCodeShape, true}}},
	{service: "signin", name: "ChangePasswordAtSignIn", writes: true, prepare: hashPassword, run: (*operating).changeAtSignIn, params: []param{
		{"SignInId", ceremonyIDShape, true}, {"Password", passwordShape, true}}},
	{service: "signin", name: "SignOut", writes: true, run: (*operating).signOut},
	{service: "signin", name: "SetRootPassword", writes: true, prepare: hashPassword, run: (*operating).setRootPassword, params: []param{
		{"Email", emailShape, false}, {"Password", passwordShape, true}}},
	{service: "signin", name: "EnableMFADevice", needs: "iam:EnableMFADevice", on: onUser, writes: true, run: (*operating).enableMFADevice, params: []param{
		{"UserName", existingUserNameShape, false}, {"SerialNumber", serialNumberShape, true},
		{"AuthenticationCode1", authCodeShape, true}, {"AuthenticationCode2", authCodeShape, true}}},
	{service: "signin", name: "ResyncMFADevice", needs: "iam:ResyncMFADevice", on: onUser, writes: true, run: (*operating).resyncMFADevice, params: []param{
		{"UserName", existingUserNameShape, false}, {"SerialNumber", serialNumberShape, true},
		{"AuthenticationCode1", authCodeShape, true}, {"AuthenticationCode2", authCodeShape, true}}},
}

// The shapes of these parameters: what a person types is judged, not refused for its form.
var (
	signInNameShape = shape{min: 1, max: 128}
	emailShape      = shape{min: 1, max: 254}
	signInCodeShape = hidden(shape{min: 1, max: 64})
)

// A SignIn is how far somebody has come in signing in: the result of the operations that do it.
type SignIn struct {
	ID       string // SignInId of the next step; "" where Session is there
	UserID   string
	UserName string // "" for root
	// Codes and Keys say what the user's devices are; both false: there is none, or one has been used.
	Codes, Keys bool
	// Resync says that so many codes have been refused that the user should resynchronise the device.
	Resync bool
	// ChangePassword says that all that is left is a new password.
	ChangePassword bool
	Session        *ConsoleSession // nil while something is left
}

// A ConsoleSession is the session of who has signed in. This is the only place in which its keys are shown.
type ConsoleSession struct {
	AccessKeyID, SecretAccessKey, SessionToken string

	SerialNumber string    // of the device that was used, "" for none
	Expires      time.Time // lab time
}

// String leaves the secrets out.
func (c *ConsoleSession) String() string { return c.AccessKeyID }

// GoString is String.
func (c *ConsoleSession) GoString() string { return c.String() }

// Format writes String, whatever the verb.
func (c *ConsoleSession) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// signIn is the record of a sign-in under way.
type signIn struct {
	ID      string    `json:"id"`
	UserID  string    `json:"userId"`
	Hash    string    `json:"hash"`             // of the password that was given: another one ends the sign-in
	Expires time.Time `json:"expires"`          // lab time
	Serial  string    `json:"serial,omitempty"` // of the device that was used
	// Recovery is root's way in without the device, nil as long as nobody asked for it.
	Recovery *recovery `json:"recovery,omitempty"`
}

// password is what was found out about a password before the transaction.
type password struct {
	hash  string // that it was compared with
	right bool
}

// compare is where every comparison of passwords goes through, so that a test can count them.
var compare = bcrypt.CompareHashAndPassword

// lookAtPassword compares the call's password with the one that is stored, outside of any transaction because it is slow.
func (s *Service) lookAtPassword(ctx context.Context, call Call) (any, error) {
	var hash string
	err := s.store.View(ctx, func(tx Tx) error {
		o := &operating{Service: s, Tx: tx, Call: call}
		u, err := o.signingIn()
		if err == nil && u != nil && u.LoginProfile != nil {
			hash = u.LoginProfile.Hash
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	against := []byte(hash)
	if hash == "" {
		against = absentHash()
	}
	wrong := compare(against, digested(call.Params.Get("Password")))
	return password{hash, wrong == nil && hash != ""}, nil
}

// signingIn returns the user whose name or e-mail address was typed, nil if there is none.
func (o *operating) signingIn() (*User, error) {
	if email := o.param("Email"); email != "" {
		if err := o.loadAccount(); err != nil {
			return nil, err
		}
		if email != o.account.email() {
			return nil, nil
		}
		u, err := userWithID(o.Tx, Root)
		o.signing = u
		return u, err
	}
	u := &User{}
	found, err := get(o.Tx, kindUser, strings.ToLower(o.param("UserName")), u)
	if err != nil || !found {
		return nil, err
	}
	o.signing = u
	return u, nil
}

// email is what root signs in with.
func (a *Account) email() string { return cmp.Or(a.Email, DefaultRootEmail) }

// beginSignInOf judges name and password. Whatever is wrong, the answer is one and the same. Refusals are counted for the
// user, whichever browser they come from; with the setting lockout they lock the password as they lock a device.
func (o *operating) beginSignInOf() (any, error) {
	u, err := o.signingIn()
	if err != nil {
		return nil, err
	}
	given := o.prepared.(password)
	if u == nil || u.LoginProfile == nil || u.LoginProfile.Hash != given.hash {
		return nil, o.refuseStranger()
	}
	p := u.LoginProfile
	if locked := p.locked(o.Now, &o.settings); locked || !given.right {
		if !locked {
			p.refuse(o.Now, &o.settings)
		}
		e := o.refuse("SignInFailed")
		e.counted = true
		o.decision.Facts = []Fact{{"failures", p.Failures}, {"locked", locked}}
		return nil, cmp.Or[error](putUser(o.Tx, u), e)
	}
	p.Throttle = Throttle{}
	if err := putUser(o.Tx, u); err != nil {
		return nil, err
	}
	s := &signIn{UserID: u.ID, Hash: p.Hash}
	if err := o.beginning(s); err != nil {
		return nil, err
	}
	return o.goOn(u, s)
}

// strangers is the key of the count of sign-ins in names that nobody has.
const strangers = "nobody"

// refuseStranger refuses somebody who is not there, or has no password. It is counted and stored as for somebody who is, because
// otherwise it would be quicker.
func (o *operating) refuseStranger() error {
	var t Throttle
	if _, err := get(o.Tx, kindThrottle, strangers, &t); err != nil {
		return err
	}
	t.refuse(o.Now, &o.settings)
	e := o.refuse("SignInFailed")
	e.counted = true
	return cmp.Or[error](put(o.Tx, kindThrottle, strangers, t), e)
}

// beginning stores a new sign-in. Those that have expired go, and the oldest ones of a user who begins too many.
func (o *operating) beginning(s *signIn) error {
	records, err := o.Scan(kindSignIn, "", "", 0)
	if err != nil {
		return err
	}
	var gone, own []signIn
	for _, r := range records {
		var old signIn
		if err := json.Unmarshal(r.Value, &old); err != nil {
			return damaged(kindSignIn, r.Key, err)
		}
		switch {
		case !o.Now.Before(old.Expires):
			gone = append(gone, old)
		case old.UserID == s.UserID:
			own = append(own, old)
		}
	}
	slices.SortStableFunc(own, func(a, b signIn) int { return b.Expires.Compare(a.Expires) })
	gone = append(gone, own[min(len(own), signInsKept-1):]...)
	for _, old := range gone {
		if err := o.Delete(kindSignIn, old.ID); err != nil {
			return err
		}
	}
	s.ID, s.Expires = o.drawID("", 26), o.Now.Round(0).UTC().Add(signInTime)
	return put(o.Tx, kindSignIn, s.ID, s)
}

// underWay returns the sign-in that the call names and whose it is.
func (o *operating) underWay() (*signIn, *User, error) {
	s := &signIn{}
	found, err := get(o.Tx, kindSignIn, o.param("SignInId"), s)
	if err != nil {
		return nil, nil, err
	}
	u := &User{}
	if found {
		if u, err = userWithID(o.Tx, s.UserID); err != nil {
			return nil, nil, err
		}
	}
	if !found || !o.Now.Before(s.Expires) || u == nil || u.LoginProfile == nil || u.LoginProfile.Hash != s.Hash {
		return nil, nil, o.refuse("NoSignIn")
	}
	o.signing = u
	return s, u, nil
}

// lookAtSignIn says what is left to do of a sign-in.
func (o *operating) lookAtSignIn() (any, error) {
	s, u, err := o.underWay()
	if err != nil {
		return nil, err
	}
	return o.left(u, s)
}

// left says what is left to do.
func (o *operating) left(u *User, s *signIn) (*SignIn, error) {
	r := &SignIn{ID: s.ID, UserID: u.ID, UserName: u.Name}
	if s.Serial == "" && (s.Recovery == nil || !s.Recovery.Answered) {
		for _, serial := range u.Devices {
			d, err := o.deviceNumbered(serial)
			if err != nil {
				return nil, err
			}
			r.Keys = r.Keys || d.Key != nil
			r.Codes = r.Codes || d.Key == nil
			r.Resync = r.Resync || d.Key == nil && d.Failures >= o.settings.ResyncPrompt
		}
	}
	r.ChangePassword = !r.Keys && !r.Codes && o.mustChange(u)
	return r, o.checkHardExpiry(u)
}

// goOn says what is left to do, and begins the session where nothing is.
func (o *operating) goOn(u *User, s *signIn) (any, error) {
	r, err := o.left(u, s)
	if err != nil || r.Keys || r.Codes {
		return r, err
	}
	if r.ChangePassword {
		return r, put(o.Tx, kindSignIn, s.ID, s)
	}
	if err := o.Delete(kindSignIn, s.ID); err != nil {
		return nil, err
	}
	u.PasswordLastUsed = o.today()
	if err := putUser(o.Tx, u); err != nil {
		return nil, err
	}
	x, token, err := o.newConsoleSession(u.ID, s.Serial)
	if err != nil {
		return nil, err
	}
	r.ID, r.Session = "", &ConsoleSession{x.AccessKeyID, x.Secret, token, s.Serial, x.Expires}
	return r, nil
}

// newConsoleSession begins a session for which somebody signed in: unlike those of GetSessionToken it may call IAM with MFA
// and without. See id_credentials_temp_request.
func (o *operating) newConsoleSession(userID, serial string) (*Session, string, error) {
	x, token, err := o.newSession(userID, serial, cmp.Or(o.settings.ConsoleSession, consoleSession))
	if err != nil {
		return nil, "", err
	}
	x.Console = true
	return x, token, put(o.Tx, kindSession, x.AccessKeyID, x)
}

// signInWithCode judges a code. With several devices that show codes the person does not say which: it is the one whose
// code it is. One that is nobody's counts against each of them.
func (o *operating) signInWithCode() (any, error) {
	s, u, err := o.underWay()
	if err != nil {
		return nil, err
	}
	if s.Serial != "" {
		return o.goOn(u, s)
	}
	devices, err := o.codeDevices(u)
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return nil, o.refuse("NoSignIn")
	}
	code := func(v *Verifier) Verdict { return v.Login(o.param("Code"), o.Now, &o.settings) }
	d := o.theOneThat(devices, code)
	if d == nil {
		return nil, o.againstAll(devices, code)
	}
	if err := o.judge(d, "SignInCodeFailed", code); err != nil {
		return nil, err
	}
	if err := o.putDevice(d); err != nil {
		return nil, err
	}
	s.Serial = d.Serial
	return o.goOn(u, s)
}

// codeDevices returns u's devices that show codes.
func (o *operating) codeDevices(u *User) ([]*device, error) {
	var out []*device
	for _, serial := range u.Devices {
		d, err := o.deviceNumbered(serial)
		if err != nil {
			return nil, err
		}
		if d.Key == nil {
			out = append(out, d)
		}
	}
	return out, nil
}

// theOneThat returns the device whose verifier accepts, nil for none.
func (o *operating) theOneThat(devices []*device, codes func(*Verifier) Verdict) *device {
	for _, d := range devices {
		if o.rehearsed != nil && o.rehearsed.verifier.Seed == d.Seed && o.rehearsed.verdict.Accepted {
			return d
		}
		if v := d.Verifier; codes(&v).Accepted {
			return d
		}
	}
	return nil
}

// againstAll counts a refusal for each device. It reports the one whose verifier knew most.
func (o *operating) againstAll(devices []*device, codes func(*Verifier) Verdict) error {
	slices.SortStableFunc(devices, func(a, b *device) int { // who knows the code comes last and has the last word
		x, y := a.Verifier, b.Verifier
		return one(codes(&x).Known) - one(codes(&y).Known)
	})
	var refusal error
	for _, d := range devices {
		o.rehearsed = nil
		if refusal = o.judge(d, "SignInCodeFailed", codes); refusal == nil {
			return o.refuse("SignInCodeFailed") // cannot be: nobody accepted just now
		}
	}
	return refusal
}

// resyncAtSignIn finds a device again that has drifted out of the window, for somebody who knows the password and cannot
// sign in (IAM User Guide, console_sign-in-mfa). Its codes are burnt: the next one signs in.
func (o *operating) resyncAtSignIn() (any, error) {
	s, u, err := o.underWay()
	if err != nil {
		return nil, err
	}
	devices, err := o.codeDevices(u)
	if err != nil {
		return nil, err
	}
	if len(devices) == 0 {
		return nil, o.refuse("NoSignIn")
	}
	sync := func(v *Verifier) Verdict {
		return v.Sync(o.param("AuthenticationCode1"), o.param("AuthenticationCode2"), o.Now, &o.settings)
	}
	d := o.theOneThat(devices, sync)
	if d == nil {
		return nil, o.againstAll(devices, sync)
	}
	if err := o.judge(d, "SignInCodeFailed", sync); err != nil {
		return nil, err
	}
	if err := o.putDevice(d); err != nil {
		return nil, err
	}
	return o.goOn(u, s)
}

// changeAtSignIn gives a user who has to change the password the new one, and the session.
func (o *operating) changeAtSignIn() (any, error) {
	s, u, err := o.underWay()
	if err != nil {
		return nil, err
	}
	if !o.mustChange(u) || s.Serial == "" && len(u.Devices) > 0 {
		return nil, o.refuse("NoSignIn")
	}
	if compare([]byte(u.LoginProfile.Hash), digested(o.param("Password"))) == nil {
		return nil, o.refuse("SamePassword")
	}
	if err := o.checkPassword(o.param("Password")); err != nil {
		return nil, err
	}
	if p := o.account.Passwords; p != nil { // the one in force is the first of those that may not come back
		for _, hash := range u.LoginProfile.Previous[:max(0, min(len(u.LoginProfile.Previous), p.Reuse-1))] {
			if compare([]byte(hash), digested(o.param("Password"))) == nil {
				return nil, o.refuse("PasswordReused")
			}
		}
	}
	u.LoginProfile.change(o.prepared.(string), o.today())
	u.LoginProfile.ResetRequired = false
	s.Hash = u.LoginProfile.Hash
	return o.goOn(u, s)
}

// signOut ends the caller's session, and in a role's the user's as well.
func (o *operating) signOut() (any, error) {
	if o.Caller.Session == nil {
		return nil, o.refuse("NoSignIn")
	}
	if from := o.Caller.Session.From; from != "" {
		if err := o.Delete(kindSession, from); err != nil {
			return nil, err
		}
	}
	return nil, o.Delete(kindSession, o.Caller.Session.AccessKeyID)
}

// setRootPassword gives root a password, and another e-mail address if one is given. Root has no operation for it.
func (o *operating) setRootPassword() (any, error) {
	if !o.Caller.IsRoot() {
		return nil, o.refuse("AccessDenied", o.Caller.ARN, o.Call.Service, o.Action)
	}
	u, err := userWithID(o.Tx, Root)
	if err != nil {
		return nil, err
	}
	if email := o.param("Email"); email != "" {
		o.account.Email = email
		if err := o.putAccount(); err != nil {
			return nil, err
		}
	}
	if u.LoginProfile == nil {
		u.LoginProfile = &LoginProfile{Created: o.today()}
	}
	u.LoginProfile.Hash, u.LoginProfile.Changed = o.prepared.(string), o.today()
	return nil, putUser(o.Tx, u)
}

// HasRootPassword reports whether root has a password to sign in with.
func (s *Service) HasRootPassword(ctx context.Context) (has bool, err error) {
	err = s.store.View(ctx, func(tx Tx) error {
		u, err := userWithID(tx, Root)
		has = err == nil && u.LoginProfile != nil
		return err
	})
	return has, err
}
