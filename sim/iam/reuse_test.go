package iam_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnOldPasswordDoesNotComeBackAtSignIn holds that the account's policy counts at the sign-in page as it does for
// ChangePassword.
func TestAnOldPasswordDoesNotComeBackAtSignIn(t *testing.T) {
	d := door(t)
	d.must("UpdateAccountPasswordPolicy", "MinimumPasswordLength", "6", "PasswordReusePrevention", "2")
	d.must("UpdateLoginProfile", "UserName", "bob", "Password", "another1", "PasswordResetRequired", "true")
	s, e := d.step("BeginSignIn", "UserName", "bob", "Password", "another1")
	require.Nil(t, e)
	require.True(t, s.ChangePassword)
	for _, password := range []string{"opensesame", "another1"} {
		_, e = d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", password)
		require.NotNil(t, e)
		require.Equal(t, "PasswordPolicyViolation", e.Code, password)
	}
	s, e = d.step("ChangePasswordAtSignIn", "SignInId", s.ID, "Password", "brand-new-1")
	require.Nil(t, e)
	require.NotNil(t, s.Session)
}
