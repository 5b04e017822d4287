package live

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/trail"
)

// what a person or a client keeps to itself: no file that the lab writes has it in clear, but for the records of keys
// and seeds that have to be there to check anybody.
func TestNoSecretIsWrittenDown(t *testing.T) {
	opt := still()
	opt.Ephemeral, opt.Dir = false, filepath.Join(t.TempDir(), "lab")
	l := opened(t, opt)
	fob, err := l.NewFob(t.Context(), FobSpec{})
	require.NoError(t, err)
	var secrets []string // in no file at all
	code := func() string {
		s, err := l.Press(t.Context(), Fobs, fob.Serial, PressOptions{Next: true})
		require.NoError(t, err)
		secrets = append(secrets, s.Code)
		return s.Code
	}
	root := l.IAM().RootCaller()
	ask := func(caller iam.Caller, service, action string, params ...string) (any, error) {
		form := url.Values{}
		for i := 0; i < len(params); i += 2 {
			form.Set(params[i], params[i+1])
		}
		return l.As(t.Context(), caller, service, action, form)
	}
	must := func(action string, params ...string) string {
		result, err := ask(root, "iam", action, params...)
		require.NoError(t, err)
		b, err := xml.Marshal(result)
		require.NoError(t, err)
		return string(b)
	}
	element := func(answer, name string) string {
		m := regexp.MustCompile("<" + name + ">([^<]+)<").FindStringSubmatch(answer)
		require.NotNil(t, m, "%s has no %s", answer, name)
		return m[1]
	}
	must("CreateUser", "UserName", "bob")
	must("CreateLoginProfile", "UserName", "bob", "Password", "correct horse battery")
	secrets = append(secrets, "correct horse battery", "wrong horse", "horse typed as name")
	key := element(must("CreateAccessKey", "UserName", "bob"), "SecretAccessKey")
	seed, err := base64.StdEncoding.DecodeString(element(must("CreateVirtualMFADevice", "VirtualMFADeviceName", "phone"), "Base32StringSeed"))
	require.NoError(t, err)
	must("EnableMFADevice", "UserName", "bob", "SerialNumber", fob.Serial, "AuthenticationCode1", code(), "AuthenticationCode2", code())
	bob := iam.Caller{UserID: element(must("GetUser", "UserName", "bob"), "UserId"), UserName: "bob", ARN: "arn:aws:iam::123456789012:user/bob"}
	good := code()
	for range 2 { // once it is taken, once it is a replay
		result, err := ask(bob, "sts", "GetSessionToken", "SerialNumber", fob.Serial, "TokenCode", good)
		if err == nil {
			b, err := xml.Marshal(result)
			require.NoError(t, err)
			secrets = append(secrets, element(string(b), "SessionToken"))
		}
	}
	for _, params := range [][]string{{"UserName", "bob", "Password", "wrong horse"}, {"UserName", "horse typed as name", "Password", "x"}} {
		_, err := ask(iam.Caller{}, "signin", "BeginSignIn", params...)
		require.Error(t, err)
	}
	begun, err := ask(iam.Caller{}, "signin", "BeginSignIn", "UserName", "bob", "Password", "correct horse battery")
	require.NoError(t, err)
	done, err := ask(iam.Caller{}, "signin", "FinishSignInWithCode", "SignInId", begun.(*iam.SignIn).ID, "Code", code())
	require.NoError(t, err)
	session := done.(*iam.SignIn).Session
	secrets = append(secrets, session.SessionToken)

	events, _, err := l.IAM().EventsAfter(t.Context(), trail.Filter{}, 0, 0)
	require.NoError(t, err)
	require.Greater(t, len(events), 10)
	for _, e := range events {
		row, err := e.AppendJSON(nil)
		require.NoError(t, err)
		for _, secret := range append(secrets, key, string(seed), session.SecretAccessKey) {
			require.NotContains(t, string(row), secret)
			require.NotContains(t, e.Record("123456789012").JSON(), secret)
		}
	}
	require.NoError(t, l.Close())
	files := 0
	require.NoError(t, filepath.WalkDir(opt.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, secret := range secrets {
			// A fob's own file holds the code that its LCD shows.
			if strings.Contains(path, "fobs") && len(secret) == 6 {
				continue
			}
			require.False(t, bytes.Contains(b, []byte(secret)), "%s holds %q", path, secret)
		}
		if strings.HasSuffix(path, ".jsonl") || strings.HasSuffix(path, ".log") {
			for _, secret := range []string{key, string(seed), session.SecretAccessKey} {
				require.False(t, bytes.Contains(b, []byte(secret)), "%s holds a key or a seed", path)
			}
		}
		return nil
	}))
	require.Greater(t, files, 4)
}
