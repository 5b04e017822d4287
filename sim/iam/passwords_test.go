package iam_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestThePasswordPolicy(t *testing.T) {
	c := newClerk(t)
	require.Equal(t, "404 NoSuchEntity: The Password Policy with domain name 123456789012 cannot be found.", said(c.refused("GetAccountPasswordPolicy")))
	require.Equal(t, "404 NoSuchEntity: The account policy with name PasswordPolicy cannot be found.", said(c.refused("DeleteAccountPasswordPolicy")))
	require.Equal(t, "400 ValidationError: 3 validation errors detected: Value at 'minimumPasswordLength' failed to satisfy constraint: Member must have value "+
		"less than or equal to 128; Value at 'passwordReusePrevention' failed to satisfy constraint: Member must have value less than or equal to 24; "+
		"Value at 'maxPasswordAge' failed to satisfy constraint: Member must have value less than or equal to 1095",
		said(c.refused("UpdateAccountPasswordPolicy", "MinimumPasswordLength", "129", "PasswordReusePrevention", "25", "MaxPasswordAge", "1096")))
	c.must("UpdateAccountPasswordPolicy", "MinimumPasswordLength", "8", "RequireSymbols", "true", "RequireNumbers", "true",
		"RequireUppercaseCharacters", "true", "RequireLowercaseCharacters", "true")
	require.Equal(t, "<PasswordPolicy><MinimumPasswordLength>8</MinimumPasswordLength><RequireSymbols>true</RequireSymbols>"+
		"<RequireNumbers>true</RequireNumbers><RequireUppercaseCharacters>true</RequireUppercaseCharacters>"+
		"<RequireLowercaseCharacters>true</RequireLowercaseCharacters><AllowUsersToChangePassword>false</AllowUsersToChangePassword>"+
		"<ExpirePasswords>false</ExpirePasswords><HardExpiry>false</HardExpiry></PasswordPolicy>", c.must("GetAccountPasswordPolicy"))
	c.must("CreateUser", "UserName", "bob")
	for password, want := range map[string]string{
		"aA1!":      "have a minimum length of 8",
		"aaaa1111!": "have at least one uppercase letter",
		"AAAA1111!": "have at least one lowercase letter",
		"aaaaAAAA!": "have at least one number",
		"aaaaAAAA1": "have at least one symbol",
	} {
		require.Equal(t, "400 PasswordPolicyViolation: Password should "+want, said(c.refused("CreateLoginProfile", "UserName", "bob", "Password", password)))
	}
	c.must("CreateLoginProfile", "UserName", "bob", "Password", "aaaAAA11!")
	c.wait(time.Minute)
	c.refused("UpdateLoginProfile", "UserName", "bob", "Password", "x")
	c.must("UpdateAccountPasswordPolicy")
	require.Contains(t, c.must("GetAccountPasswordPolicy"), "<MinimumPasswordLength>6</MinimumPasswordLength><RequireSymbols>false")
	c.must("DeleteAccountPasswordPolicy")
	c.must("UpdateLoginProfile", "UserName", "bob", "Password", "x")
}

// TestTheDefaultPasswordPolicy holds that an account without a policy of its own has AWS's: for everybody who calls, but not
// for the lab itself, which gives the users of a plan the passwords that the plan says.
func TestTheDefaultPasswordPolicy(t *testing.T) {
	c := newClerk(t)
	c.must("CreateAccountAlias", "AccountAlias", "acme-labs-1")
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateUser", "UserName", "admin")
	c.must("CreateLoginProfile", "UserName", "admin", "Password", "plan")
	c.wait(time.Minute)
	admin := c.as("admin")
	admin.caller.AccessKeyID = "AKIAADMIN"
	const kinds = "have characters of three of these kinds: uppercase letters, lowercase letters, numbers, symbols"
	for password, want := range map[string]string{
		"aA1!aA1":          "have a minimum length of 8",
		"opensesame":       kinds,
		"OPENsesame":       kinds,
		"12345678901!":     kinds,
		"acme-labs-1":      "not be identical to the name of the account or its email address",
		"ACME-labs-1":      "not be identical to the name of the account or its email address",
		"Root@example.com": "not be identical to the name of the account or its email address",
	} {
		require.Equal(t, "400 PasswordPolicyViolation: Password should "+want,
			said(admin.refused("CreateLoginProfile", "UserName", "bob", "Password", password)), password)
	}
	admin.must("CreateLoginProfile", "UserName", "bob", "Password", "opensesame-1")
	c.wait(time.Minute)
	admin.now = c.now
	require.Contains(t, said(admin.refused("UpdateLoginProfile", "UserName", "bob", "Password", "short")), "minimum length of 8")
	require.Contains(t, said(admin.refused("ChangePassword", "OldPassword", "plan", "NewPassword", "planplan")), kinds)
	admin.must("ChangePassword", "OldPassword", "plan", "NewPassword", "plan-PLAN")
	admin.must("UpdateLoginProfile", "UserName", "bob", "PasswordResetRequired", "true")
	admin.must("UpdateAccountPasswordPolicy")
	admin.must("UpdateLoginProfile", "UserName", "bob", "Password", "simple")
}

func TestUsersChangeTheirPasswords(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateLoginProfile", "UserName", "bob", "Password", "first-1A")
	c.wait(time.Minute)
	bob := c.mere("bob")
	change := func(old, new string) []string { return []string{"OldPassword", old, "NewPassword", new} }
	require.Contains(t, said(bob.refused("ChangePassword", change("first-1A", "second-2B")...)), "iam:ChangePassword on resource: user bob because no identity")
	c.may("bob", "own", document("Allow", "iam:ChangePassword", "arn:aws:iam::*:user/${aws:username}", ""))
	require.Equal(t, "403 AccessDenied: The old password was incorrect.", said(bob.refused("ChangePassword", change("wrong1", "second-2B")...)))
	bob.must("ChangePassword", change("first-1A", "second-2B")...)
	bob.must("ChangePassword", change("second-2B", "first-1A")...)
	require.Equal(t, "400 InvalidUserType: Only IAM Users can change their own password", said(c.refused("ChangePassword", change("a", "b")...)))

	t.Run("the policy lets them, policies or no", func(t *testing.T) {
		c.must("DeleteUserPolicy", "UserName", "bob", "PolicyName", "own")
		bob.refused("ChangePassword", change("first-1A", "second-2B")...)
		c.must("UpdateAccountPasswordPolicy", "AllowUsersToChangePassword", "true", "PasswordReusePrevention", "2")
		require.Equal(t, "400 PasswordPolicyViolation: Password does not conform to the account password policy.",
			said(bob.refused("ChangePassword", change("first-1A", "first-1A")...)))
		require.Contains(t, said(bob.refused("ChangePassword", change("first-1A", "second-2B")...)), "PasswordPolicyViolation")
		bob.must("ChangePassword", change("first-1A", "third-3C")...)
		bob.must("ChangePassword", change("third-3C", "second-2B")...)
	})
}

func TestPasswordsExpire(t *testing.T) {
	d := door(t)
	d.must("UpdateAccountPasswordPolicy", "MaxPasswordAge", "90")
	d.wait(89 * 24 * time.Hour)
	s, e := d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.Nil(t, e)
	require.NotNil(t, s.Session)
	d.wait(2 * 24 * time.Hour)
	s, e = d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.Nil(t, e)
	require.True(t, s.ChangePassword)
	require.Nil(t, s.Session)
	d.must("UpdateAccountPasswordPolicy", "MaxPasswordAge", "90", "HardExpiry", "true")
	_, e = d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame")
	require.Equal(t, "password-expiry", e.Rule)
	d.must("UpdateLoginProfile", "UserName", "bob", "Password", "opensesame2")
	s, e = d.step("BeginSignIn", "UserName", "bob", "Password", "opensesame2")
	require.Nil(t, e)
	require.NotNil(t, s.Session)
}
