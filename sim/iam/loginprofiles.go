package iam

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/bcrypt"
)

// passwordCost is bcrypt's cost. Our choice: about 15 ms, enough for passwords of a lab. It is a variable for the tests of
// this package alone, which hash hundreds under the race detector.
var passwordCost = 8

// absentHash returns what the password of a user who is not there is compared with, so that it takes as long: it has
// passwordCost. Its salt and its 31 bytes were random, and are no password's that anybody knows; to hash one when the program
// starts would take every command 15 ms.
func absentHash() []byte {
	return fmt.Appendf(nil, "$2a$%02d$.4Sh9ISn14nsPxm9EALitu4W5HLmLQD1nMk0nmN4zPc9P.gRNYxpW", passwordCost)
}

// hashPassword prepares the hash of a call's Password, "" where it has none.
func hashPassword(call Call) (any, error) {
	password := call.Params.Get("Password")
	if password == "" {
		return "", nil
	}
	hash, err := bcrypt.GenerateFromPassword(digested(password), passwordCost)
	return string(hash), err
}

// digested returns what bcrypt is given for a password: it takes 72 bytes at most and a password has up to 128
// characters of two, so the password goes through SHA-256 first, and through base64 because bcrypt ends at a zero byte.
func digested(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}

// loginProfileXML is a login profile as answers show it.
type loginProfileXML struct {
	UserName              string
	CreateDate            string
	PasswordResetRequired bool
}

type loginProfileResult struct{ LoginProfile loginProfileXML }

// describeLoginProfile returns a user's login profile without anything about the password itself.
func describeLoginProfile(u *User) loginProfileResult {
	p := u.LoginProfile
	return loginProfileResult{loginProfileXML{u.Name, stamp(p.Created), p.ResetRequired}}
}

// createLoginProfile implements CreateLoginProfile.
func (o *operating) createLoginProfile() (any, error) {
	u, err := o.iamUser()
	if err != nil {
		return nil, err
	}
	if u.LoginProfile != nil {
		return nil, o.refuse("LoginProfileExists", u.Name)
	}
	if err := o.checkPassword(o.param("Password")); err != nil {
		return nil, err
	}
	u.LoginProfile = &LoginProfile{
		Hash: o.prepared.(string), Created: o.today(), Changed: o.today(),
		ResetRequired: o.param("PasswordResetRequired") == "true",
	}
	return describeLoginProfile(u), putUser(o.Tx, u)
}

// getLoginProfile implements GetLoginProfile, by which people find out whether a user has a password.
func (o *operating) getLoginProfile() (any, error) {
	u, err := o.profiledUser()
	if err != nil {
		return nil, err
	}
	return describeLoginProfile(u), nil
}

// updateLoginProfile implements UpdateLoginProfile. What is left out stays as it was.
func (o *operating) updateLoginProfile() (any, error) {
	u, err := o.settledProfile()
	if err != nil {
		return nil, err
	}
	if err := o.checkPassword(o.param("Password")); err != nil {
		return nil, err
	}
	if hash := o.prepared.(string); hash != "" {
		u.LoginProfile.change(hash, o.today())
	}
	if o.Params.Has("PasswordResetRequired") {
		u.LoginProfile.ResetRequired = o.param("PasswordResetRequired") == "true"
	}
	return nil, putUser(o.Tx, u)
}

// deleteLoginProfile implements DeleteLoginProfile. Sign-ins that are under way end; sessions that were begun go on.
func (o *operating) deleteLoginProfile() (any, error) {
	u, err := o.settledProfile()
	if err != nil {
		return nil, err
	}
	u.LoginProfile = nil
	return nil, putUser(o.Tx, u)
}

// iamUser is subject for operations that root cannot do to itself by its own key (API_CreateLoginProfile).
func (o *operating) iamUser() (*User, error) {
	if !o.Params.Has("UserName") && o.Caller.IsRoot() {
		return nil, o.refuse("MustNameUser")
	}
	return o.subject()
}

// profiledUser returns the user that a call is about, who must have a login profile.
func (o *operating) profiledUser() (*User, error) {
	u, err := o.iamUser()
	if err == nil && u.LoginProfile == nil {
		err = o.refuse("NoSuchLoginProfile", u.Name)
	}
	return u, err
}

// settledProfile is profiledUser for operations that change a profile, which a new one does not let happen.
func (o *operating) settledProfile() (*User, error) {
	u, err := o.profiledUser()
	if err == nil && o.young(u.LoginProfile.Created) {
		err = o.refuse("LoginProfileSettling", u.Name)
	}
	return u, err
}
