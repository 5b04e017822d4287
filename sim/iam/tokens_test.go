package iam_test

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// The texts of refusals, with the spaces that clients compare.
const (
	wrongCode   = "403 AccessDenied MultiFactorAuthentication failed with invalid MFA one time pass code. "
	wrongSerial = "403 AccessDenied MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
	halfAPair   = "403 AccessDenied MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
	badToken    = "403 InvalidClientTokenId The security token included in the request is invalid."
)

func TestGetSessionToken(t *testing.T) {
	c := newCounter(t)
	c.enable()
	used := c.code(0)
	answer, e := c.login(fob, used)
	require.Nil(t, e)
	t.Run("an answer has the recorded fields", func(t *testing.T) {
		require.Regexp(t, `<Credentials><AccessKeyId>ASIA[A-Z2-7]{16}</AccessKeyId><SecretAccessKey>[\w+/]{40}</SecretAccessKey>`+
			`<SessionToken>FwoGZXIvYXdzE[\w+/=]{200,}</SessionToken><Expiration>2026-02-17T21:45:45Z</Expiration></Credentials>`, answer)
		require.Equal(t, "AccessDenied", func() string { _, e := c.login(fob, used); return e.Code }())
	})
	for name, test := range map[string]struct{ serial, code, want, rule string }{
		"a code is good once":                  {fob, used, wrongCode, "replay"},
		"a wrong code":                         {fob, "000000", wrongCode, "code"},
		"a code two steps early":               {fob, c.code(2), wrongCode, "window"},
		"an unknown serial number":             {"GAHT99999999", c.code(1), wrongSerial, "serial"},
		"a fob that is nobody's":               {"GAHT00000002", c.code(1), wrongSerial, "serial"},
		"the user's own ARN":                   {"arn:aws:iam::123456789012:user/bob", c.code(1), wrongSerial, "serial"},
		"a FIDO device":                        {"arn:aws:iam::123456789012:u2f/user/bob/key-ABCDEFGHIJKLMNOPQRSTUVWXYZ", c.code(1), wrongSerial, "serial"},
		"the serial number in the wrong case":  {strings.ToLower(fob), c.code(1), wrongSerial, "serial"},
		"an unknown serial number before code": {"GAHT99999999", "000000", wrongSerial, "serial"},
	} {
		t.Run(name+" is refused, byte for byte", func(t *testing.T) {
			before := c.uncounted()
			_, e := c.login(test.serial, test.code)
			require.Equal(t, test.want, says(e))
			require.Equal(t, test.rule, e.Rule)
			require.Equal(t, before, c.uncounted())
		})
	}
	t.Run("one of the two is not enough", func(t *testing.T) {
		for _, half := range [][]string{{"SerialNumber", fob}, {"TokenCode", c.code(1)}, {"SerialNumber", "GAHT99999999"}} {
			_, e := c.sts("bob", "GetSessionToken", half...)
			require.Equal(t, halfAPair, says(e))
		}
	})
	t.Run("malformed codes break the model's constraints, and are not echoed", func(t *testing.T) {
		for _, code := range []string{"12345", "1234567", "123 456", "-12345", "１２３４５６", "abcdef"} {
			_, e := c.login(fob, code)
			require.Equal(t, "ValidationError", e.Code)
			require.NotContains(t, e.Message, code)
		}
		require.Zero(t, func() int64 { _, e := c.login(fob, c.code(1)); require.Nil(t, e); return c.failures(fob) }())
	})
	t.Run("another user's fob", func(t *testing.T) {
		c.must("CreateUser", "UserName", "eve")
		c.wait(time.Minute)
		_, e := c.sts("eve", "GetSessionToken", "SerialNumber", fob, "TokenCode", c.code(0))
		require.Equal(t, wrongSerial, says(e))
		_, e = c.login(fob, c.code(0))
		require.Nil(t, e, "and that did not burn the code")
	})
}

func TestSessionLength(t *testing.T) {
	c := newCounter(t)
	for name, test := range map[string]struct {
		seconds string
		root    bool
		want    time.Duration
		refused string
	}{
		"a user's default":               {"", false, 12 * time.Hour, ""},
		"a user's least":                 {"900", false, 15 * time.Minute, ""},
		"a user's most":                  {"129600", false, 36 * time.Hour, ""},
		"too short":                      {"899", false, 0, "greater than or equal to 900"},
		"too long":                       {"129601", false, 0, "less than or equal to 129600"},
		"no number":                      {"1h", false, 0, "DurationSeconds"},
		"root's default":                 {"", true, time.Hour, ""},
		"root's most, whatever it wants": {"43200", true, time.Hour, ""},
		"root's least":                   {"900", true, 15 * time.Minute, ""},
	} {
		t.Run(name, func(t *testing.T) {
			call := iam.Call{Service: "sts", Action: "GetSessionToken", Params: form(), Caller: c.as("bob").caller}
			if test.root {
				call.Caller = c.caller
			}
			if test.seconds != "" {
				call.Params.Set("DurationSeconds", test.seconds)
			}
			answer, e := c.call(call)
			if test.refused != "" {
				require.Contains(t, e.Message, test.refused)
				return
			}
			require.Nil(t, e)
			require.Equal(t, c.now.Add(test.want).Format("2006-01-02T15:04:05Z"), field(answer, "Expiration"))
		})
	}
}

// signIn returns what a client has after GetSessionToken.
func (c *counter) signIn(params ...string) (id, token string) {
	answer, e := c.sts("bob", "GetSessionToken", params...)
	require.Nil(c.t, e)
	return field(answer, "AccessKeyId"), field(answer, "SessionToken")
}

func TestExpirationIsWallTimePlusWhatIsLeftInTheLab(t *testing.T) {
	c := newCounter(t)
	caller := c.as("bob").caller
	wall := c.now.Add(-1000 * time.Hour)
	result, err := c.service.Do(t.Context(), iam.Call{Service: "sts", Action: "GetSessionToken", Params: form(), Caller: caller, Now: c.now, Wall: wall})
	require.NoError(t, err)
	answer, err := xml.Marshal(result)
	require.NoError(t, err)
	require.Equal(t, wall.Add(12*time.Hour).Format("2006-01-02T15:04:05Z"), field(string(answer), "Expiration"))
	stored := c.dump()["session "+field(string(answer), "AccessKeyId")]
	require.Contains(t, stored, `"expires":"`+c.now.Add(12*time.Hour).Format(time.RFC3339))
}

func TestCredential(t *testing.T) {
	c := newCounter(t)
	c.enable()
	key := c.must("CreateAccessKey", "UserName", "bob")
	keyID, secret := field(key, "AccessKeyId"), field(key, "SecretAccessKey")
	id, token := c.signIn("SerialNumber", fob, "TokenCode", c.code(0))
	check := func(id, token string) (iam.Caller, error) {
		_, caller, err := c.service.Credential(t.Context(), id, token, c.now)
		return caller, err
	}
	refused := func(t *testing.T, want, id, token string) {
		caller, err := check(id, token)
		require.Equal(t, iam.Caller{}, caller)
		require.Equal(t, want, says(err.(*iam.Error)))
	}
	t.Run("an access key is its user's", func(t *testing.T) {
		got, caller, err := c.service.Credential(t.Context(), keyID, "", c.now)
		require.NoError(t, err)
		require.Equal(t, secret, got)
		require.Equal(t, iam.Caller{AccessKeyID: keyID, UserID: c.as("bob").caller.UserID, UserName: "bob",
			ARN: "arn:aws:iam::123456789012:user/bob"}, caller)
	})
	t.Run("a session says how it began", func(t *testing.T) {
		caller, err := check(id, token)
		require.NoError(t, err)
		require.Equal(t, []any{true, fob, "bob"}, []any{caller.Session.MFA, caller.Session.MFASerial, caller.UserName})
		require.False(t, caller.IsRoot())
	})
	t.Run("what is unknown, mixed up or forged", func(t *testing.T) {
		for name, pair := range map[string][2]string{
			"an unknown key": {"AKIAAAAAAAAAAAAAAAAA", ""}, "an unknown session": {"ASIAAAAAAAAAAAAAAAAA", token},
			"a session without its token": {id, ""}, "a key with a token": {keyID, token},
			"another token": {id, token + "x"}, "nothing": {"", ""},
		} {
			t.Run(name, func(t *testing.T) { refused(t, badToken, pair[0], pair[1]) })
		}
	})
	t.Run("an inactive key", func(t *testing.T) {
		c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", keyID, "Status", "Inactive")
		refused(t, badToken, keyID, "")
		c.must("UpdateAccessKey", "UserName", "bob", "AccessKeyId", keyID, "Status", "Active")
	})
	t.Run("a session ends in lab time", func(t *testing.T) {
		start := c.now
		c.wait(12*time.Hour - 1)
		_, err := check(id, token)
		require.NoError(t, err)
		c.wait(1)
		refused(t, "403 ExpiredToken The security token included in the request is expired", id, token)
		c.now = start
	})
	t.Run("a user made anew inherits nothing", func(t *testing.T) {
		c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", fob)
		c.must("DeleteAccessKey", "UserName", "bob", "AccessKeyId", keyID)
		c.powerless("bob")
		c.must("DeleteUser", "UserName", "bob")
		refused(t, badToken, id, token)
		c.must("CreateUser", "UserName", "bob")
		refused(t, badToken, id, token)
	})
}

func TestGetCallerIdentity(t *testing.T) {
	c := newCounter(t)
	identity := func(caller iam.Caller) string {
		answer, e := c.call(iam.Call{Service: "sts", Action: "GetCallerIdentity", Caller: caller})
		require.Nil(t, e)
		return answer
	}
	bob := c.as("bob").caller
	require.Contains(t, identity(bob), "<UserId>"+bob.UserID+"</UserId><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/bob</Arn>")
	require.Contains(t, identity(c.caller), "<UserId>123456789012</UserId><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:root</Arn>")
}

func TestGetAccessKeyInfo(t *testing.T) {
	c := newCounter(t)
	id, _ := c.signIn()
	answer, e := c.sts("bob", "GetAccessKeyInfo", "AccessKeyId", id)
	require.Nil(t, e)
	require.Equal(t, "123456789012", field(answer, "Account"))
	_, e = c.sts("bob", "GetAccessKeyInfo", "AccessKeyId", "AKIAIOSFODNN7EXAMPLE")
	require.Equal(t, "400 ValidationError The access key ID AKIAIOSFODNN7EXAMPLE is not valid.", says(e))
}

func TestOldSessionsArePruned(t *testing.T) {
	c := newCounter(t)
	for range 100 {
		c.signIn()
	}
	c.wait(48 * time.Hour)
	id, token := c.signIn()
	c.wait(48 * time.Hour)
	for range 100 {
		c.signIn()
	}
	_, _, err := c.service.Credential(t.Context(), id, token, c.now)
	require.Equal(t, "ExpiredToken", err.(*iam.Error).Code, "one that has just expired is still known")
	c.wait(100 * 24 * time.Hour)
	for range 800 {
		c.signIn("DurationSeconds", "900")
	}
	old := 0
	for name, record := range c.dump() {
		if strings.HasPrefix(name, "session ") && strings.Contains(record, `"expires":"2026-02-`) {
			old++
		}
	}
	require.Less(t, old, 20)
}

func TestLastUseOfAnAccessKey(t *testing.T) {
	c := newCounter(t)
	id := field(c.must("CreateAccessKey", "UserName", "bob"), "AccessKeyId")
	bob := c.as("bob").caller
	bob.AccessKeyID = id
	call := func(service, action string, params ...string) {
		c.call(iam.Call{Service: service, Action: action, Params: form(params...), Caller: bob})
	}
	lastUsed := func() string {
		answer := c.must("GetAccessKeyLastUsed", "AccessKeyId", id)
		return field(answer, "LastUsedDate") + " " + field(answer, "ServiceName") + " " + field(answer, "Region")
	}
	t0 := c.now
	call("iam", "ListUsers")
	require.Equal(t, "2026-02-17T09:45:15Z iam us-east-1", lastUsed())
	for _, step := range []struct {
		after           time.Duration
		service, action string
		params          []string
		want            string
	}{
		{15*time.Minute - 15*time.Second, "sts", "GetCallerIdentity", nil, "2026-02-17T09:45:15Z iam us-east-1"},
		{15 * time.Minute, "sts", "GetCallerIdentity", nil, "2026-02-17T10:00:15Z sts us-east-1"},
		{16 * time.Minute, "iam", "CreateUser", []string{"UserName", "eve"}, "2026-02-17T10:01:15Z iam us-east-1"},
		{17 * time.Minute, "iam", "CreateUser", []string{"UserName", "eve"}, "2026-02-17T10:01:15Z iam us-east-1"}, // refused
		{-time.Hour, "iam", "ListUsers", nil, "2026-02-17T08:45:15Z iam us-east-1"},                                // the clock went back
	} {
		c.now = t0.Add(step.after)
		call(step.service, step.action, step.params...)
		require.Equal(t, step.want, lastUsed(), "after %v", step.after)
	}
	t.Run("a key that deletes itself stays deleted", func(t *testing.T) {
		call("iam", "DeleteAccessKey", "UserName", "bob", "AccessKeyId", id)
		require.NotContains(t, c.dump(), "key "+id)
	})
}

func TestDecisionsHoldNoSecret(t *testing.T) {
	c := newCounter(t)
	c.enable()
	code := c.code(0)
	_, e := c.login(fob, code)
	require.Nil(t, e)
	require.NotContains(t, fmt.Sprintf("%+v", *c.last.Load()), code)
	id, token := c.signIn("SerialNumber", fob, "TokenCode", c.code(1))
	secret, caller, err := c.service.Credential(t.Context(), id, token, c.now)
	require.NoError(t, err)
	c.call(iam.Call{Service: "sts", Action: "GetCallerIdentity", Caller: caller})
	require.NotContains(t, fmt.Sprintf("%+v %+v", *c.last.Load(), *c.last.Load().Caller.Session), secret)
	require.True(t, c.last.Load().Caller.Session.MFA)
	require.Equal(t, secret, caller.Session.Secret, "and the caller's own session is left alone")
}
