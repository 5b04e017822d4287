package console_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The ten conditions of AWS MFA, Section 4.2, in the order of its table, each as it decides for who has signed in at the console
// without MFA, and with MFA just now and two hours ago. There is no row of a console session in which the keys are absent: that is what
// access keys are for.
func TestTheConditionsOfMFAForSessionsOfTheConsole(t *testing.T) {
	const present, age = "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"
	for _, tt := range []struct {
		operator, key, value string
		without, fresh, old  bool
	}{
		{"Bool", present, "true", false, true, true},
		{"BoolIfExists", present, "true", false, true, true},
		{"Bool", present, "false", true, false, false},
		{"BoolIfExists", present, "false", true, false, false},
		{"Null", present, "false", true, true, true},
		{"Null", present, "true", false, false, false},
		{"NumericLessThan", age, "300", false, true, false},
		{"NumericGreaterThan", age, "3600", false, false, true},
		{"NumericGreaterThanIfExists", age, "3600", true, false, true},
		{"Null", age, "true", true, false, false},
	} {
		t.Run(tt.operator+" "+tt.key+" "+tt.value, func(t *testing.T) {
			l := newLab(t)
			code := l.browser().signInAs("bob").app("phone")
			l.must("iam", "CreateUser", "UserName", "alice")
			l.must("iam", "CreateLoginProfile", "UserName", "alice", "Password", "Open-Sesame-1")
			without, with := l.browser().signInAs("alice"), l.browser().signIn("bob")
			require.Equal(t, "/console/home", with.send("/signin/mfa", "mfaCode", code()).at.Path)
			document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "iam:ListUsers",
				"Resource": "*", "Condition": map[string]any{tt.operator: map[string]any{tt.key: tt.value}}}}})
			require.NoError(t, err)
			l.must("iam", "DetachUserPolicy", "UserName", "bob", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess")
			for _, name := range []string{"alice", "bob"} {
				l.must("iam", "PutUserPolicy", "UserName", name, "PolicyName", "grid", "PolicyDocument", string(document))
			}
			may := func(b *browser) bool { return b.open("/iam/users").status == http.StatusOK }
			require.Equal(t, tt.without, may(without), "without MFA")
			require.Equal(t, tt.fresh, may(with), "with MFA just now")
			l.now = l.now.Add(2 * time.Hour)
			require.Equal(t, tt.without, may(without), "without MFA, later")
			require.Equal(t, tt.old, may(with), "with MFA two hours ago")
		})
	}
}
