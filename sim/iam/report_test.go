package iam_test

import (
	"encoding/base64"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const started = "<State>STARTED</State><Description>No report exists. Starting a new report generation task</Description>"

// report makes a report and returns its text.
func (c *clerk) report() string {
	c.must("GenerateCredentialReport")
	text, err := base64.StdEncoding.DecodeString(field(c.must("GetCredentialReport"), "Content"))
	require.NoError(c.t, err)
	return string(text)
}

func TestCredentialReportText(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob", "Path", `/a,"b"/`)
	c.must("CreateUser", "UserName", "Alice")
	c.must("CreateLoginProfile", "UserName", "alice", "Password", "x")
	old := field(c.must("CreateAccessKey", "UserName", "alice"), "AccessKeyId")
	c.edit("key", old, func(k map[string]any) {
		k["lastUsed"], k["lastUsedService"], k["lastUsedRegion"] = "2026-03-01T00:00:00Z", "sts", "eu-west-1"
	})
	c.wait(time.Hour)
	c.must("CreateAccessKey", "UserName", "alice")
	c.must("UpdateAccessKey", "UserName", "alice", "AccessKeyId", old, "Status", "Inactive")
	c.must("UpdateLoginProfile", "UserName", "alice", "Password", "y")
	c.edit("user", "alice", func(u map[string]any) { u["devices"] = []string{"GAHT12345678"} })
	require.Equal(t, `user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,`+
		`password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,`+
		`access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,`+
		`access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,`+
		`cert_1_last_rotated,cert_2_active,cert_2_last_rotated
<root_account>,arn:aws:iam::123456789012:root,2026-02-17T09:44:55+00:00,not_supported,no_information,not_supported,not_supported,`+
		`false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
Alice,arn:aws:iam::123456789012:user/Alice,2026-02-17T09:44:55+00:00,true,no_information,2026-02-17T10:44:55+00:00,N/A,`+
		`true,false,2026-02-17T09:44:55+00:00,2026-03-01T00:00:00+00:00,eu-west-1,sts,`+
		`true,2026-02-17T10:44:55+00:00,N/A,N/A,N/A,false,N/A,false,N/A
bob,"arn:aws:iam::123456789012:user/a,""b""/bob",2026-02-17T09:44:55+00:00,false,N/A,N/A,N/A,`+
		`false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
`, c.report())
	t.Run("a password that was used says when", func(t *testing.T) {
		c.edit("user", "alice", func(u map[string]any) { u["passwordLastUsed"] = "2026-02-17T11:00:00Z" })
		c.edit("account", "root", func(u map[string]any) { u["passwordLastUsed"] = "2026-02-17T12:00:00Z" })
		c.wait(4 * time.Hour)
		rows, err := csv.NewReader(strings.NewReader(c.report())).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{"2026-02-17T12:00:00+00:00", "2026-02-17T11:00:00+00:00", "N/A"},
			[]string{rows[1][4], rows[2][4], rows[3][4]})
	})
}

func TestCredentialReportAges(t *testing.T) {
	c := newClerk(t)
	e := c.refused("GetCredentialReport")
	require.Equal(t, "ReportNotPresent", e.Code)
	require.Equal(t, 410, e.Status)
	require.True(t, e.NoMessage)

	require.Equal(t, started, c.must("GenerateCredentialReport"))
	require.Equal(t, "<State>COMPLETE</State>", c.must("GenerateCredentialReport"))
	answer := c.must("GetCredentialReport")
	require.Equal(t, "text/csv", field(answer, "ReportFormat"))
	require.Equal(t, "2026-02-17T09:44:55Z", field(answer, "GeneratedTime"))

	c.must("CreateUser", "UserName", "bob")
	c.now = c.now.Truncate(time.Second).Add(4*time.Hour - time.Second)
	require.Equal(t, "<State>COMPLETE</State>", c.must("GenerateCredentialReport"))
	require.Equal(t, answer, c.must("GetCredentialReport"), "for four hours it stays as it was")

	c.wait(time.Second)
	e = c.refused("GetCredentialReport")
	require.Equal(t, "ReportExpired", e.Code)
	require.Equal(t, 410, e.Status)
	require.Equal(t, started, c.must("GenerateCredentialReport"))
	require.NotEqual(t, field(answer, "Content"), field(c.must("GetCredentialReport"), "Content"))

	t.Run("one from the future of a clock that was set back is not good", func(t *testing.T) {
		c.wait(-24 * time.Hour)
		require.Equal(t, "ReportExpired", c.refused("GetCredentialReport").Code)
		require.Equal(t, started, c.must("GenerateCredentialReport"))
	})
}

func BenchmarkCredentialReport5000(b *testing.B) {
	c := bigAccount(b)
	b.ReportAllocs()
	for b.Loop() {
		c.must("GenerateCredentialReport")
		c.wait(4 * time.Hour)
	}
}
