package iam_test

import (
	"encoding/base32"
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// takenFlow is the wizard that was cancelled: its device is there, unassigned, and in the way of the next one.
func takenFlow(t *testing.T) (*clerk, int, []string) {
	c := newClerk(t)
	seed := field(c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "phone", "Path", "/team/"), "Base32StringSeed")
	_, e := c.do("CreateVirtualMFADevice", form("VirtualMFADeviceName", "phone", "Path", "/team/"))
	require.NotNil(t, e)
	c.must("DeleteVirtualMFADevice", "SerialNumber", "arn:aws:iam::123456789012:mfa/team/phone")
	return c, 0, []string{seed}
}

// renewalFlow is who has a device and must choose another password before the session begins.
func renewalFlow(t *testing.T) (*clerk, int, []string) {
	d := door(t)
	seed, _ := d.app("phone")
	d.must("UpdateLoginProfile", "UserName", "bob", "PasswordResetRequired", "true")
	from, code := len(d.events()), d.code(seed)
	s := d.knocks()
	_, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Nil(t, e)
	_, e = d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "weak")
	require.NotNil(t, e)
	done, e := d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "Open-Sesame-1")
	require.Nil(t, e)
	return d.clerk, from, []string{code, "opensesame", "weak", "Open-Sesame-1", done.Session.SecretAccessKey, done.Session.SessionToken}
}

// rootDeviceFlow is root, who enrols a device in the console and signs in with it.
func rootDeviceFlow(t *testing.T) (*clerk, int, []string) {
	d := newDesk(t)
	_, e := d.signin("SetRootPassword", "Password", "rootsesame")
	require.Nil(t, e)
	made := d.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "root-account-mfa-device")
	text, err := base64.StdEncoding.DecodeString(field(made, "Base32StringSeed"))
	require.NoError(t, err)
	seed, err := base32.StdEncoding.DecodeString(string(text))
	require.NoError(t, err)
	from, n := len(d.events()), d.now.Unix()/30
	_, e = d.signin("EnableMFADevice", append(codes(codeOf(seed, n-1), codeOf(seed, n)), "SerialNumber", field(made, "SerialNumber"))...)
	require.Nil(t, e)
	d.wait(time.Minute)
	s, e := d.step("BeginSignIn", "Email", iam.DefaultRootEmail, "Password", "rootsesame")
	require.Nil(t, e)
	code := d.code(seed)
	done, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Nil(t, e)
	other := *d.clerk
	other.caller = d.callerOf(done.Session)
	other.must("ListUsers")
	return d.clerk, from, []string{"rootsesame", code, string(text), done.Session.SecretAccessKey, done.Session.SessionToken}
}

// choiceFlow is who has a security key and an app, and takes the app.
func choiceFlow(t *testing.T) (*clerk, int, []string) {
	d := door(t)
	d.bobsKey(1)
	seed, _ := d.app("phone")
	from, code := len(d.events()), d.code(seed)
	s := d.knocks()
	done, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Nil(t, e)
	return d.clerk, from, []string{code, "opensesame", done.Session.SecretAccessKey, done.Session.SessionToken}
}

// switchFlow is who is refused a role that wants MFA, signs in with a device, takes the role, looks around and goes back.
func switchFlow(t *testing.T) (*clerk, int, []string) {
	d := door(t)
	d.must("CreateRole", "RoleName", "deployer", "AssumeRolePolicyDocument", `{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`)
	asked := []string{"Account", "123456789012", "RoleName", "deployer", "RedirectTo", "https://console.aws.amazon.com/console/home"}
	as := func(s *iam.ConsoleSession) *desk {
		other := *d.clerk
		other.caller = d.callerOf(s)
		return &desk{clerk: &other}
	}
	plain := d.knocks()
	seed, _ := d.app("phone")
	from, code := len(d.events()), d.code(seed)
	_, e := as(plain.Session).signin("SwitchRole", asked...)
	require.NotNil(t, e)
	require.Equal(t, "Invalid information in one or more fields. Check your information or contact your administrator.", e.Message)
	done, e := d.step("FinishSignInWithCode", "SignInId", d.knocks().ID, "Code", code)
	require.Nil(t, e)
	d.wait(time.Minute)
	result, e := as(done.Session).signin("SwitchRole", asked...)
	require.Nil(t, e)
	role := result.(*iam.RoleSwitch)
	_, e = as(role.Session).signin("SwitchRole", asked...)
	require.NotNil(t, e, "it is the user who switches, never the role")
	_, e = as(role.Session).do("ListUsers", nil)
	require.NotNil(t, e)
	_, e = as(role.Session).signin("ExitRole")
	require.Nil(t, e)
	_, e = as(done.Session).signin("ExitRole")
	require.NotNil(t, e)
	return d.clerk, from, []string{code, done.Session.SecretAccessKey, done.Session.SessionToken, role.Session.SecretAccessKey, role.Session.SessionToken}
}
