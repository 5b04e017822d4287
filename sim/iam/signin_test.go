package iam_test

import (
	"encoding/base32"
	"encoding/base64"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

const wrong = "Your authentication information is incorrect. Please try again."

// door is a desk whose user bob has a password.
func door(t testing.TB, settings ...string) *desk {
	d := newDesk(t, settings...)
	d.must("CreateLoginProfile", "UserName", "bob", "Password", "opensesame")
	d.wait(time.Minute)
	return d
}

// step calls one of the operations of a sign-in, as nobody.
func (d *desk) step(action string, params ...string) (*iam.SignIn, *iam.Error) {
	d.t.Helper()
	other := *d.clerk
	other.caller = iam.Caller{}
	result, e := (&desk{clerk: &other}).signin(action, params...)
	if e != nil {
		return nil, e
	}
	return result.(*iam.SignIn), nil
}

// knocks gives bob's password.
func (d *desk) knocks() *iam.SignIn {
	d.t.Helper()
	s, e := d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.Nil(d.t, e)
	return s
}

// app enrols a virtual device of that name for bob and returns its seed and its serial number.
func (d *desk) app(name string) (seed []byte, serial string) {
	d.t.Helper()
	made := d.must("CreateVirtualMFADevice", "VirtualMFADeviceName", name)
	text, err := base64.StdEncoding.DecodeString(field(made, "Base32StringSeed"))
	require.NoError(d.t, err)
	seed, err = base32.StdEncoding.DecodeString(string(text))
	require.NoError(d.t, err)
	n := d.now.Unix() / 30
	serial = field(made, "SerialNumber")
	d.must("EnableMFADevice", append(codes(codeOf(seed, n-1), codeOf(seed, n)), "UserName", "bob", "SerialNumber", serial)...)
	d.wait(30 * time.Second)
	return seed, serial
}

func (d *desk) code(seed []byte) string { return codeOf(seed, d.now.Unix()/30) }

// caller returns who a session is.
func (d *desk) callerOf(s *iam.ConsoleSession) iam.Caller {
	d.t.Helper()
	_, caller, err := d.service.Credential(d.t.Context(), s.AccessKeyID, s.SessionToken, d.now)
	require.NoError(d.t, err)
	return caller
}

func TestSigningInWithAPasswordAlone(t *testing.T) {
	d := door(t)
	s, e := d.step("BeginSignIn", "UserName", "BOB", "Password", "opensesame")
	require.Nil(t, e)
	require.NotNil(t, s.Session)
	require.Empty(t, s.ID)
	require.Equal(t, d.now.Add(12*time.Hour), s.Session.Expires)
	caller := d.callerOf(s.Session)
	require.Equal(t, "bob", caller.UserName)
	require.True(t, caller.Session.Console)
	require.False(t, caller.Session.MFA)
	other := *d.clerk
	other.caller = caller
	d.may("bob", "look", document("Allow", "iam:GetUser", "*", `{"Bool":{"aws:MultiFactorAuthPresent":"false"}}`))
	require.Equal(t, "bob", field(other.must("GetUser", "UserName", "bob"), "UserName"), "a console session calls IAM without MFA")
	require.Contains(t, d.must("GetUser", "UserName", "bob"), "PasswordLastUsed")

	_, e = (&desk{clerk: &other}).signin("SignOut")
	require.Nil(t, e)
	_, _, err := d.service.Credential(t.Context(), s.Session.AccessKeyID, s.Session.SessionToken, d.now)
	require.ErrorContains(t, err, "InvalidClientTokenId")
}

func TestWhatIsWrongWithASignInIsNotSaid(t *testing.T) {
	d := door(t)
	d.must("CreateUser", "UserName", "nologin")
	for name, params := range map[string][]string{
		"a wrong password":            {"UserName", "bob", "Password", "x"},
		"a user who is not there":     {"UserName", "nobody", "Password", "opensesame"},
		"a user without a password":   {"UserName", "nologin", "Password", "opensesame"},
		"a root that has no password": {"Email", iam.DefaultRootEmail, "Password", "opensesame"},
		"an address that is nobody's": {"Email", "eve@example.com", "Password", "opensesame"},
		"nobody at all":               {"Password", "opensesame"},
	} {
		t.Run(name, func(t *testing.T) {
			_, e := d.step("BeginSignIn", params...)
			require.NotNil(t, e)
			require.Equal(t, wrong, e.Message)
			require.Equal(t, 403, e.Status)
		})
	}
}

func TestRefusedPasswordsAreCountedForTheUser(t *testing.T) {
	d := door(t, "lockout=3", "lockout-time=30s")
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			_, err := d.service.Do(t.Context(), iam.Call{Service: "signin", Action: "BeginSignIn", Now: d.now, Wall: d.now,
				Params: url.Values(form("UserName", "bob", "Password", "guess"))})
			require.ErrorContains(t, err, wrong)
		})
	}
	running.Wait()
	_, e := d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.NotNil(t, e, "three browsers have used up the tries of all")
	d.wait(30 * time.Second)
	require.NotNil(t, d.knocks().Session)
	_, e = d.step("BeginSignIn", "UserName", "bob", "Password", "guess")
	require.NotNil(t, e)
	require.NotNil(t, d.knocks().Session, "the count began anew")
}

func TestSigningInWithACode(t *testing.T) {
	d := door(t)
	seed, serial := d.app("phone")
	other, otherSerial := d.app("tablet")
	s := d.knocks()
	require.True(t, s.Codes)
	require.False(t, s.Keys)
	require.Nil(t, s.Session)
	_, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", "000000")
	require.Equal(t, wrong, e.Message)

	// The person does not say which device it is.
	code := d.code(other)
	done, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Nil(t, e)
	require.Equal(t, otherSerial, done.Session.SerialNumber)
	require.True(t, d.callerOf(done.Session).Session.MFA)
	_, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", d.code(seed))
	require.Contains(t, e.Message, "sign in again", "a sign-in is finished once")

	s = d.knocks()
	_, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Equal(t, "replay", e.Rule)
	done, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", d.code(seed))
	require.Nil(t, e)
	require.Equal(t, serial, done.Session.SerialNumber)
}

func TestACodeSignsInOnce(t *testing.T) {
	d := door(t)
	seed, _ := d.app("phone")
	var won atomic.Int64
	var running sync.WaitGroup
	code := d.code(seed)
	for range 16 {
		id := d.knocks().ID
		running.Go(func() {
			_, err := d.service.Do(t.Context(), iam.Call{Service: "signin", Action: "FinishSignInWithCode", Now: d.now, Wall: d.now,
				Params: url.Values(form("SignInId", id, "Code", code))})
			if err == nil {
				won.Add(1)
			}
		})
	}
	running.Wait()
	require.EqualValues(t, 1, won.Load())
}

func TestADriftedDeviceIsResynchronisedBeforeTheSignIn(t *testing.T) {
	d := door(t)
	seed, _ := d.app("phone")
	n := d.now.Unix()/30 + 9 // where it has gone
	s := d.knocks()
	for range 3 {
		_, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", codeOf(seed, n))
		require.Equal(t, "window", e.Rule)
	}
	require.True(t, d.knocks().Resync)
	_, e := d.step("ResyncAtSignIn", append(codes(codeOf(seed, n), codeOf(seed, n)), "SignInId", s.ID)...)
	require.Equal(t, "consecutive", e.Rule)
	s, e = d.step("ResyncAtSignIn", append(codes(codeOf(seed, n), codeOf(seed, n+1)), "SignInId", s.ID)...)
	require.Nil(t, e)
	require.Nil(t, s.Session, "the codes are burnt; the next one signs in")
	require.False(t, s.Resync)
	s, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", codeOf(seed, n+2))
	require.Nil(t, e)
	require.NotNil(t, s.Session)
}

func TestSigningInWithASecurityKeyAfterThePassword(t *testing.T) {
	d := door(t)
	f, serial := d.bobsKey(1)
	s := d.knocks()
	require.True(t, s.Keys)
	require.False(t, s.Codes)
	c := d.begin("BeginSecurityKeySignIn", "SignInId", s.ID)
	s, e := d.step("FinishSecurityKeySignIn", "SignInId", s.ID, "CeremonyId", c.ID, "Response", f.assert(t, c.Options, claim{}))
	require.Nil(t, e)
	require.Equal(t, serial, s.Session.SerialNumber)
	_, e = d.signin("BeginSecurityKeySignIn", "SignInId", "AAAAAAAAAAAAAAAAAAAAAAAAAA")
	require.Contains(t, e.Message, "sign in again")
}

func TestAPasswordThatHasToBeChanged(t *testing.T) {
	d := door(t)
	seed, _ := d.app("phone")
	d.must("UpdateLoginProfile", "UserName", "bob", "PasswordResetRequired", "true")
	s := d.knocks()
	_, e := d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "another-A1")
	require.NotNil(t, e, "the device comes first")
	s, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", d.code(seed))
	require.Nil(t, e)
	require.True(t, s.ChangePassword)
	require.Nil(t, s.Session)
	_, e = d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "opensesame")
	require.Equal(t, "PasswordPolicyViolation", e.Code)
	s, e = d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "another-A1")
	require.Nil(t, e)
	require.NotNil(t, s.Session)
	_, e = d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.Equal(t, wrong, e.Message)
}

func TestASignInEnds(t *testing.T) {
	for name, end := range map[string]func(d *desk){
		"with its time":          func(d *desk) { d.wait(15 * time.Minute) },
		"with another password":  func(d *desk) { d.must("UpdateLoginProfile", "UserName", "bob", "Password", "another-A1") },
		"with its login profile": func(d *desk) { d.must("DeleteLoginProfile", "UserName", "bob") },
		"with its user's sixteen others": func(d *desk) {
			d.wait(time.Second)
			for range 16 {
				d.knocks()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := door(t)
			seed, _ := d.app("phone")
			s := d.knocks()
			end(d)
			_, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", d.code(seed))
			require.NotNil(t, e)
			require.Contains(t, e.Message, "sign in again")
		})
	}
}

func TestRootSignsInByAddress(t *testing.T) {
	d := door(t)
	_, e := d.signin("SetRootPassword", "Email", "ceo@example.com", "Password", "rootsesame")
	require.Nil(t, e)
	_, e = d.step("BeginSignIn", "Email", iam.DefaultRootEmail, "Password", "rootsesame")
	require.Equal(t, wrong, e.Message)
	s, e := d.step("BeginSignIn", "Email", "ceo@example.com", "Password", "rootsesame")
	require.Nil(t, e)
	root := d.callerOf(s.Session)
	require.True(t, root.IsRoot())

	// Root's own device has no name to call it by: the console's operations take the caller's.
	made := d.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "root-account-mfa-device")
	text, err := base64.StdEncoding.DecodeString(field(made, "Base32StringSeed"))
	require.NoError(t, err)
	seed, err := base32.StdEncoding.DecodeString(string(text))
	require.NoError(t, err)
	n := d.now.Unix() / 30
	_, e = d.signin("EnableMFADevice", append(codes(codeOf(seed, n-1), codeOf(seed, n)), "SerialNumber", field(made, "SerialNumber"))...)
	require.Nil(t, e)
	s, e = d.step("BeginSignIn", "Email", "ceo@example.com", "Password", "rootsesame")
	require.Nil(t, e)
	require.True(t, s.Codes)

	bob := *d.clerk
	bob.caller = d.as("bob").caller
	_, e = (&desk{clerk: &bob}).signin("SetRootPassword", "Password", "mine")
	require.Equal(t, "AccessDenied", e.Code)
}
