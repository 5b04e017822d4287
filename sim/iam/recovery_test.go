package iam_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// lostDevice returns a desk whose root has a password and a security key that is lost, and a sign-in that waits for it.
func lostDevice(t *testing.T) (*desk, *iam.SignIn) {
	d := newDesk(t)
	_, e := d.signin("SetRootPassword", "Password", "rootsesame")
	require.Nil(t, e)
	c := d.begin("BeginSecurityKeyEnrolment", "SecurityKeyName", "safe")
	_, e = d.signin("FinishSecurityKeyEnrolment", "CeremonyId", c.ID, "Response", newForger(t, 1).create(t, c.Options, claim{}))
	require.Nil(t, e)
	s, e := d.step("BeginSignIn", "Email", iam.DefaultRootEmail, "Password", "rootsesame")
	require.Nil(t, e)
	require.True(t, s.Keys)
	return d, s
}

// recover calls an operation of the way back.
func (d *desk) recover(action string, params ...string) (*iam.Recovery, *iam.Error) {
	d.t.Helper()
	result, e := d.signin(action, params...)
	if e != nil || result == nil {
		return nil, e
	}
	r, _ := result.(*iam.Recovery)
	return r, nil
}

func (d *desk) newest() iam.Message {
	d.t.Helper()
	m, err := d.service.Messages(d.t.Context())
	require.NoError(d.t, err)
	require.NotEmpty(d.t, m)
	return m[0]
}

var sixDigits = regexp.MustCompile(`\d{6}`)

func TestRootComesBackWithoutTheDevice(t *testing.T) {
	d, s := lostDevice(t)
	_, e := d.recover("FinishRootRecovery", "SignInId", s.ID)
	require.NotNil(t, e, "nothing was confirmed")
	r, e := d.recover("BeginRootRecovery", "SignInId", s.ID)
	require.Nil(t, e)
	require.Equal(t, iam.Recovery{Email: iam.DefaultRootEmail, Phone: iam.DefaultRootPhone}, *r)
	mail := d.newest()
	require.Equal(t, "email", mail.Via)
	_, e = d.recover("AnswerRootCall", "Code", "123456")
	require.Contains(t, e.Message, "Nobody is waiting")
	d.wait(time.Second)
	r, e = d.recover("ConfirmRootEmail", "SignInId", s.ID, "Code", sixDigits.FindString(mail.Text))
	require.Nil(t, e)
	require.Regexp(t, `^\d{6}$`, r.Number)
	require.Equal(t, "call", d.newest().Via)
	require.NotContains(t, d.newest().Text, r.Number, "the number is on the page and nowhere else")

	waiting, e := d.recover("FinishRootRecovery", "SignInId", s.ID)
	require.Nil(t, e)
	require.False(t, waiting.Answered)
	_, e = d.recover("AnswerRootCall", "Code", r.Number)
	require.Nil(t, e)
	done, e := d.step("FinishRootRecovery", "SignInId", s.ID)
	require.Nil(t, e)
	caller := d.callerOf(done.Session)
	require.True(t, caller.IsRoot())
	require.False(t, caller.Session.MFA)
}

func TestAWayBackIsNotGuessed(t *testing.T) {
	for name, guess := range map[string]func(d *desk, s *iam.SignIn) *iam.Error{
		"by e-mail": func(d *desk, s *iam.SignIn) *iam.Error {
			_, e := d.recover("ConfirmRootEmail", "SignInId", s.ID, "Code", "x")
			return e
		},
		"by asking for another e-mail each time": func(d *desk, s *iam.SignIn) *iam.Error {
			_, _ = d.recover("BeginRootRecovery", "SignInId", s.ID)
			_, e := d.recover("ConfirmRootEmail", "SignInId", s.ID, "Code", "x")
			return e
		},
		"on the phone": func(d *desk, s *iam.SignIn) *iam.Error {
			if m := d.newest(); m.Via == "email" {
				_, _ = d.recover("ConfirmRootEmail", "SignInId", s.ID, "Code", sixDigits.FindString(m.Text))
			}
			_, e := d.recover("AnswerRootCall", "Code", "x")
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, s := lostDevice(t)
			_, e := d.recover("BeginRootRecovery", "SignInId", s.ID)
			require.Nil(t, e)
			for range 5 {
				d.wait(time.Second)
				require.NotNil(t, guess(d, s))
			}
			_, e = d.signin("LookAtSignIn", "SignInId", s.ID)
			require.Contains(t, e.Message, "sign in again", "five tries and it is over")
		})
	}
}

func TestOnlyRootHasTheWayBack(t *testing.T) {
	d := door(t)
	d.app("phone")
	_, e := d.recover("BeginRootRecovery", "SignInId", d.knocks().ID)
	require.Contains(t, e.Message, "sign in again")
}

func TestInboxesForgetTheOldest(t *testing.T) {
	d, s := lostDevice(t)
	for range 203 {
		d.wait(time.Second)
		_, e := d.recover("BeginRootRecovery", "SignInId", s.ID)
		require.Nil(t, e)
	}
	m, err := d.service.Messages(t.Context())
	require.NoError(t, err)
	require.Len(t, m, 200)
	require.Equal(t, d.now, m[0].At)
}

func TestBillsAreForRootUntilRootSaysOtherwise(t *testing.T) {
	d := newDesk(t)
	bob := *d.clerk
	bob.caller = d.mere("bob").caller
	view := func() *iam.Error { _, e := (&desk{clerk: &bob}).signin("ViewBilling"); return e }
	_, e := d.signin("ViewBilling")
	require.Nil(t, e)
	require.Contains(t, view().Message, "not activated")
	_, e = (&desk{clerk: &bob}).signin("SetBillingAccess", "Enabled", "true")
	require.Contains(t, e.Message, "Only the root user")
	_, e = d.signin("SetBillingAccess", "Enabled", "true")
	require.Nil(t, e)
	require.Contains(t, view().Message, "aws-portal:ViewBilling", "and now a policy has to allow it")
	d.must("PutUserPolicy", "UserName", "bob", "PolicyName", "bills", "PolicyDocument",
		document("Allow", "aws-portal:ViewBilling", "*", ""))
	require.Nil(t, view())
}
