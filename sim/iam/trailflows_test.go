package iam_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/trail"
)

// A script plays a flow and says what must not be found in its records.
type script func(t *testing.T) (c *clerk, from int, secrets []string)

// flows are the flows of Section 7, each with its records in testdata/trail.
var flows = map[string]script{
	"a-fob-is-enrolled":     enrolFlow,
	"a-session-with-mfa":    sessionFlow,
	"a-role-with-mfa":       roleFlow,
	"a-federated-user":      federatedFlow,
	"a-console-sign-in":     consoleFlow,
	"a-security-key":        keyFlow,
	"root-at-the-console":   rootFlow,
	"a-new-user-with-a-key": userFlow,

	"a-name-that-is-taken":              takenFlow,
	"a-password-that-has-to-be-changed": renewalFlow,
	"root-with-a-device":                rootDeviceFlow,
	"two-kinds-of-devices":              choiceFlow,
	"a-role-at-the-console":             switchFlow,
}

func enrolFlow(t *testing.T) (*clerk, int, []string) {
	c := newCounter(t)
	from := len(c.events())
	made := c.must("CreateVirtualMFADevice", "VirtualMFADeviceName", "phone")
	seed := field(made, "Base32StringSeed")
	text, err := base64.StdEncoding.DecodeString(seed)
	require.NoError(t, err)
	_, e := c.do("EnableMFADevice", form(append(codes("000000", "999999"), "UserName", "bob", "SerialNumber", fob)...))
	require.NotNil(t, e)
	one, two := c.code(-1), c.code(0)
	c.enable()
	_, e = c.do("EnableMFADevice", form(append(codes(one, two), "UserName", "bob", "SerialNumber", fob)...))
	require.NotNil(t, e)
	c.wait(time.Minute)
	three, four := c.code(-1), c.code(0)
	c.must("ResyncMFADevice", append(codes(three, four), "UserName", "bob", "SerialNumber", fob)...)
	c.must("DeactivateMFADevice", "UserName", "bob", "SerialNumber", fob)
	return c.clerk, from, []string{seed, string(text), one, two, three, four, "999999"}
}

func sessionFlow(t *testing.T) (*clerk, int, []string) {
	s := newStage(t, "")
	from, code := len(s.events()), s.code(0)
	answer, e := s.login(fob, code)
	require.Nil(t, e)
	_, e = s.login(fob, code)
	require.NotNil(t, e)
	_, e = s.by(s.key(), "GetSessionToken", "SerialNumber", fob)
	require.NotNil(t, e)
	plain, e := s.by(s.key(), "GetSessionToken", "DurationSeconds", "900")
	require.Nil(t, e)
	_, e = s.by(s.signing(answer), "iam:ListMFADevices")
	require.Nil(t, e)
	_, e = s.by(s.signing(plain), "iam:ListMFADevices")
	require.NotNil(t, e)
	return s.clerk, from, []string{code, field(answer, "SecretAccessKey"), field(answer, "SessionToken"), field(plain, "SecretAccessKey")}
}

func roleFlow(t *testing.T) (*clerk, int, []string) {
	s := newStage(t, needsMFA)
	from, code := len(s.events()), s.code(0)
	role := []string{"RoleArn", deployer, "RoleSessionName", "demo"}
	_, e := s.by(s.key(), "AssumeRole", role...)
	require.NotNil(t, e)
	answer, e := s.by(s.key(), "AssumeRole", append(role, "SerialNumber", fob, "TokenCode", code, "DurationSeconds", "900",
		"SourceIdentity", "bob", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue")...)
	require.Nil(t, e)
	_, e = s.by(s.signing(answer), "iam:ListUsers")
	require.Nil(t, e)
	return s.clerk, from, []string{code, field(answer, "SecretAccessKey"), field(answer, "SessionToken")}
}

func federatedFlow(t *testing.T) (*clerk, int, []string) {
	s := newStage(t, "")
	from := len(s.events())
	answer, e := s.by(s.key(), "GetFederationToken", "Name", "carol")
	require.Nil(t, e)
	_, e = s.by(s.signing(answer), "GetCallerIdentity")
	require.Nil(t, e)
	return s.clerk, from, []string{field(answer, "SecretAccessKey"), field(answer, "SessionToken")}
}

func consoleFlow(t *testing.T) (*clerk, int, []string) {
	d := door(t)
	seed, _ := d.app("phone")
	from, code := len(d.events()), d.code(seed)
	_, e := d.step("BeginSignIn", "UserName", "bob", "Password", "hunter2")
	require.NotNil(t, e)
	_, e = d.step("BeginSignIn", "UserName", "mypassword", "Password", "hunter2")
	require.NotNil(t, e)
	s := d.knocks()
	_, e = d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", "000000")
	require.NotNil(t, e)
	done, e := d.step("FinishSignInWithCode", "SignInId", s.ID, "Code", code)
	require.Nil(t, e)
	other := *d.clerk
	other.caller = d.callerOf(done.Session)
	_, refusal := other.do("ListUsers", nil)
	require.NotNil(t, refusal)
	return d.clerk, from, []string{"hunter2", "opensesame", "mypassword", "000000", code, done.Session.SecretAccessKey, done.Session.SessionToken}
}

func keyFlow(t *testing.T) (*clerk, int, []string) {
	d := newDesk(t)
	from := len(d.events())
	f, _ := d.bobsKey(1)
	c := d.signingIn()
	answer := f.assert(t, c.Options, claim{})
	session, e := d.signedIn("bob", c, answer)
	require.Nil(t, e)
	return d.clerk, from, []string{answer, session.SecretAccessKey, session.SessionToken}
}

func rootFlow(t *testing.T) (*clerk, int, []string) {
	d := newDesk(t)
	from := len(d.events())
	_, e := d.signin("SetRootPassword", "Password", "rootsesame")
	require.Nil(t, e)
	d.wait(time.Minute)
	done, e := d.step("BeginSignIn", "Email", iam.DefaultRootEmail, "Password", "rootsesame")
	require.Nil(t, e)
	_, e = d.step("BeginSignIn", "Email", iam.DefaultRootEmail, "Password", "hunter2")
	require.NotNil(t, e)
	return d.clerk, from, []string{"rootsesame", "hunter2", done.Session.SecretAccessKey, done.Session.SessionToken}
}

func userFlow(t *testing.T) (*clerk, int, []string) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "carol", "Tags.member.1.Key", "team", "Tags.member.1.Value", "blue")
	key := c.must("CreateAccessKey", "UserName", "carol")
	c.must("CreateLoginProfile", "UserName", "carol", "Password", "hunter2")
	_, e := c.do("DeleteUser", form("UserName", "carol"))
	require.NotNil(t, e)
	return c, 0, []string{"hunter2", field(key, "SecretAccessKey")}
}

func TestTheRecordsOfEachFlow(t *testing.T) {
	for name, play := range flows {
		t.Run(name, func(t *testing.T) {
			c, from, secrets := play(t)
			var records []trail.Record
			for _, e := range c.events()[from:] {
				if e.Who.Kind == trail.Root && (e.Name == "GetUser" || e.Name == "AttachUserPolicy") {
					continue // the test's own, to call as bob
				}
				records = append(records, e.Record("123456789012"))
			}
			got, err := json.MarshalIndent(records, "", "  ")
			require.NoError(t, err)
			file := filepath.Join("testdata", "trail", name+".json")
			if os.Getenv("MFALAB_UPDATE") != "" {
				require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), string(got))
			for _, secret := range secrets {
				require.NotEmpty(t, secret)
				require.NotContains(t, string(got), secret)
			}
		})
	}
}
