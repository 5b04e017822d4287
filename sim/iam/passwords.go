package iam

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// A PasswordPolicy is what the account asks of its users' passwords: IAM User Guide,
// id_credentials_passwords_account-policy.
type PasswordPolicy struct {
	MinLength  int  `json:"minLength"`
	Symbols    bool `json:"symbols,omitempty"`
	Numbers    bool `json:"numbers,omitempty"`
	Uppercase  bool `json:"uppercase,omitempty"`
	Lowercase  bool `json:"lowercase,omitempty"`
	UsersMay   bool `json:"usersMay,omitempty"`   // every user may change its own
	MaxAge     int  `json:"maxAge,omitempty"`     // days, 0 for ever
	Reuse      int  `json:"reuse,omitempty"`      // so many old passwords may not come back
	HardExpiry bool `json:"hardExpiry,omitempty"` // who has let it expire cannot choose another
}

const (
	// minPasswordLength is MinimumPasswordLength where none is given: API_UpdateAccountPasswordPolicy.
	minPasswordLength = 6
	// passwordsKept is the largest PasswordReusePrevention.
	passwordsKept = 24
)

// passwordOperations are the operations on the policy, and the one with which users change their own password.
var passwordOperations = []*operation{
	{service: "iam", name: "GetAccountPasswordPolicy", run: (*operating).getPasswordPolicy},
	{service: "iam", name: "UpdateAccountPasswordPolicy", writes: true, run: (*operating).updatePasswordPolicy, params: []param{
		{"MinimumPasswordLength", shape{min: 6, max: 128, kind: number}, false}, {"RequireSymbols", boolValueShape, false},
		{"RequireNumbers", boolValueShape, false}, {"RequireUppercaseCharacters", boolValueShape, false},
		{"RequireLowercaseCharacters", boolValueShape, false}, {"AllowUsersToChangePassword", boolValueShape, false},
		{"PasswordReusePrevention", shape{min: 1, max: passwordsKept, kind: number}, false},
		{"MaxPasswordAge", shape{min: 1, max: 1095, kind: number}, false}, {"HardExpiry", boolValueShape, false}}},
	{service: "iam", name: "DeleteAccountPasswordPolicy", writes: true, run: (*operating).deletePasswordPolicy},
	{service: "iam", name: "ChangePassword", on: onSelf, writes: true, look: (*Service).lookAtPasswords, run: (*operating).changePassword,
		params: []param{{"OldPassword", passwordShape, true}, {"NewPassword", passwordShape, true}}},
}

// onSelf is the caller. A password policy may let every user change its own password, policies or no.
func onSelf(o *operating) (target, error) {
	t, err := onUser(o)
	if err == nil && o.account.Passwords != nil && o.account.Passwords.UsersMay {
		t.granted = true
	}
	return t, err
}

type passwordPolicyXML struct {
	MinimumPasswordLength      int
	RequireSymbols             bool
	RequireNumbers             bool
	RequireUppercaseCharacters bool
	RequireLowercaseCharacters bool
	AllowUsersToChangePassword bool
	ExpirePasswords            bool
	MaxPasswordAge             int `xml:",omitempty"`
	PasswordReusePrevention    int `xml:",omitempty"`
	HardExpiry                 bool
}

type passwordPolicyResult struct{ PasswordPolicy passwordPolicyXML }

// getPasswordPolicy implements GetAccountPasswordPolicy. AWS's default policy is not the account's: where that is in
// force, there is none (recorded).
func (o *operating) getPasswordPolicy() (any, error) {
	p := o.account.Passwords
	if p == nil {
		return nil, o.refuse("NoPasswordPolicy", o.account.ID)
	}
	return passwordPolicyResult{passwordPolicyXML{p.MinLength, p.Symbols, p.Numbers, p.Uppercase, p.Lowercase, p.UsersMay, p.MaxAge > 0,
		p.MaxAge, p.Reuse, p.HardExpiry}}, nil
}

// updatePasswordPolicy implements UpdateAccountPasswordPolicy: what is left out goes back to its default.
func (o *operating) updatePasswordPolicy() (any, error) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(o.param(name)); err == nil {
			return n
		}
		return otherwise
	}
	is := func(name string) bool { return o.param(name) == "true" }
	o.account.Passwords = &PasswordPolicy{MinLength: number("MinimumPasswordLength", minPasswordLength), Symbols: is("RequireSymbols"),
		Numbers: is("RequireNumbers"), Uppercase: is("RequireUppercaseCharacters"), Lowercase: is("RequireLowercaseCharacters"),
		UsersMay: is("AllowUsersToChangePassword"), MaxAge: number("MaxPasswordAge", 0), Reuse: number("PasswordReusePrevention", 0),
		HardExpiry: is("HardExpiry")}
	return nil, o.putAccount()
}

// deletePasswordPolicy implements DeleteAccountPasswordPolicy, after which AWS's default policy is in force.
func (o *operating) deletePasswordPolicy() (any, error) {
	if o.account.Passwords == nil {
		return nil, o.refuse("NoAccountPolicy")
	}
	o.account.Passwords = nil
	return nil, o.putAccount()
}

// changing is what was found out about the passwords of ChangePassword before its transaction.
type changing struct {
	password        // the old one
	hash     string // of the new one
	used     int    // how many passwords ago the new one was there; -1 never
}

// lookAtPasswords compares the passwords of a call with those that are stored, outside of any transaction because it is slow.
func (s *Service) lookAtPasswords(ctx context.Context, call Call) (any, error) {
	u := &User{}
	err := s.store.View(ctx, func(tx Tx) error {
		found, err := userWithID(tx, holder(call.Caller))
		if found != nil {
			u = found
		}
		return err
	})
	if err != nil || u.LoginProfile == nil {
		return changing{}, err
	}
	is := func(hash, name string) bool {
		return compare([]byte(hash), digested(call.Params.Get(name))) == nil
	}
	c := changing{password: password{u.LoginProfile.Hash, is(u.LoginProfile.Hash, "OldPassword")}}
	if !c.right {
		return c, nil
	}
	all := append([]string{u.LoginProfile.Hash}, u.LoginProfile.Previous...)
	c.used = slices.IndexFunc(all, func(hash string) bool { return is(hash, "NewPassword") })
	hash, err := bcrypt.GenerateFromPassword(digested(call.Params.Get("NewPassword")), passwordCost)
	c.hash = string(hash)
	return c, err
}

// changePassword implements ChangePassword, for users alone.
func (o *operating) changePassword() (any, error) {
	if !strings.HasPrefix(o.Caller.UserID, "AIDA") {
		return nil, o.refuse("OnlyUsers")
	}
	u, err := userWithID(o.Tx, o.Caller.UserID)
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, o.refuse("InvalidClientTokenId")
	case u.LoginProfile == nil:
		return nil, o.refuse("NoSuchLoginProfile", u.Name)
	case o.young(u.LoginProfile.Created):
		return nil, o.refuse("LoginProfileSettling", u.Name)
	}
	c := o.prepared.(changing)
	if !c.right || c.password.hash != u.LoginProfile.Hash {
		return nil, o.refuse("OldPassword")
	}
	if err := o.checkPassword(o.param("NewPassword")); err != nil {
		return nil, err
	}
	if p := o.account.Passwords; p != nil && c.used >= 0 && c.used < p.Reuse {
		return nil, o.refuse("PasswordReused")
	}
	u.LoginProfile.change(c.hash, o.today())
	u.LoginProfile.ResetRequired = false
	return nil, putUser(o.Tx, u)
}

// change gives p another password, and remembers the old one.
func (p *LoginProfile) change(hash string, now time.Time) {
	p.Previous = append([]string{p.Hash}, p.Previous...)
	p.Previous = p.Previous[:min(len(p.Previous), passwordsKept-1)]
	p.Hash, p.Changed = hash, now
}

// expires returns when p's password has to be changed, the zero time for never.
func (p *LoginProfile) expires(policy *PasswordPolicy) time.Time {
	if policy == nil || policy.MaxAge == 0 {
		return time.Time{}
	}
	return p.Changed.AddDate(0, 0, policy.MaxAge)
}

// mustChange reports whether u may do nothing at the console before it has another password.
func (o *operating) mustChange(u *User) bool {
	end := u.LoginProfile.expires(o.account.Passwords)
	return u.LoginProfile.ResetRequired || u.ID != Root && !end.IsZero() && !o.Now.Before(end)
}

// checkHardExpiry refuses who has let the password expire where an administrator has to give another.
func (o *operating) checkHardExpiry(u *User) error {
	if p := o.account.Passwords; p != nil && p.HardExpiry && !u.LoginProfile.ResetRequired && o.mustChange(u) {
		return o.refuse("PasswordExpired")
	}
	return nil
}
