package iam_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

func TestAccountAlias(t *testing.T) {
	c := newClerk(t)
	listed := func(want string) {
		t.Helper()
		require.Equal(t, want+"<IsTruncated>false</IsTruncated>", c.must("ListAccountAliases"))
	}
	listed("<AccountAliases></AccountAliases>")
	c.must("CreateAccountAlias", "AccountAlias", "lab")
	listed("<AccountAliases><member>lab</member></AccountAliases>")
	require.Equal(t, "The account alias lab already exists.", c.refused("CreateAccountAlias", "AccountAlias", "lab").Message)
	c.must("CreateAccountAlias", "AccountAlias", "other-lab")
	listed("<AccountAliases><member>other-lab</member></AccountAliases>")
	require.Equal(t, "NoSuchEntity", c.refused("DeleteAccountAlias", "AccountAlias", "lab").Code)
	c.must("DeleteAccountAlias", "AccountAlias", "other-lab")
	listed("<AccountAliases></AccountAliases>")
}

// summary returns the account's summary as KEY=VALUE.
func (c *clerk) summary() []string {
	answer := c.must("GetAccountSummary")
	var out []string
	values := fields(answer, "value")
	for i, key := range fields(answer, "key") {
		out = append(out, key+"="+values[i])
	}
	return out
}

func TestAccountSummary(t *testing.T) {
	c := newClerk(t)
	t.Run("an empty account has every recorded key", func(t *testing.T) {
		require.Equal(t, strings.Fields(`AccessKeysPerUserQuota=2 AccountAccessKeysPresent=0 AccountMFAEnabled=0
			AccountPasswordPresent=0 AccountSigningCertificatesPresent=0 AssumeRolePolicySizeQuota=2048
			AttachedPoliciesPerGroupQuota=10 AttachedPoliciesPerRoleQuota=10 AttachedPoliciesPerUserQuota=10
			GlobalEndpointTokenVersion=1 GroupPolicySizeQuota=5120 Groups=0 GroupsPerUserQuota=10 GroupsQuota=300
			InstanceProfiles=0 InstanceProfilesQuota=1000 MFADevices=0 MFADevicesInUse=0 Policies=0 PoliciesQuota=1500
			PolicySizeQuota=6144 PolicyVersionsInUse=0 PolicyVersionsInUseQuota=10000 Providers=0
			RolePolicySizeQuota=10240 Roles=0 RolesQuota=1000 ServerCertificates=0 ServerCertificatesQuota=20
			SigningCertificatesPerUserQuota=2 UserPolicySizeQuota=2048 Users=0 UsersQuota=5000
			VersionsPerPolicyQuota=5`), c.summary())
	})
	t.Run("a map is made of entries", func(t *testing.T) {
		require.True(t, strings.HasPrefix(c.must("GetAccountSummary"),
			"<SummaryMap><entry><key>AccessKeysPerUserQuota</key><value>2</value></entry><entry>"))
	})
	t.Run("users are counted", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c"} {
			c.must("CreateUser", "UserName", name)
		}
		c.must("DeleteUser", "UserName", "b")
		require.Contains(t, c.summary(), "Users=2")
	})
	t.Run("devices are counted, a fob in the factory's box is not the account's", func(t *testing.T) {
		c.edit("mfa", "GAHT00000001", func(d map[string]any) {})
		c.edit("mfa", "GAHT00000002", func(d map[string]any) { d["userId"] = "AIDAX" })
		c.edit("mfa", "virtual-1", func(d map[string]any) { d["virtual"] = true })
		c.edit("mfa", "virtual-2", func(d map[string]any) { d["virtual"], d["userId"] = true, "AIDAX" })
		require.Subset(t, c.summary(), []string{"MFADevices=3", "MFADevicesInUse=2", "AccountMFAEnabled=0"})
	})
	t.Run("root's key, device and password have their entries", func(t *testing.T) {
		c.must("CreateAccessKey")
		c.edit("account", "root", func(u map[string]any) {
			u["devices"], u["loginProfile"] = []string{"virtual-1"}, map[string]any{"hash": ""}
		})
		require.Subset(t, c.summary(), []string{"AccountAccessKeysPresent=1", "AccountMFAEnabled=1", "AccountPasswordPresent=1"})
	})
}

func BenchmarkAccountSummary5000(b *testing.B) {
	c := bigAccount(b)
	b.ReportAllocs()
	for b.Loop() {
		c.must("GetAccountSummary")
	}
}

// bigAccount returns an account with 5,000 users, each with a key, a password and a virtual device.
func bigAccount(b *testing.B) *clerk {
	c := newClerk(b)
	for i := range 5000 {
		name := fmt.Sprintf("user%04d", i)
		c.must("CreateUser", "UserName", name)
		c.must("CreateAccessKey", "UserName", name)
		c.edit("user", name, func(u map[string]any) {
			u["loginProfile"], u["devices"] = iam.LoginProfile{Hash: "x"}, []string{name}
		})
		c.edit("mfa", name, func(d map[string]any) { d["serial"], d["virtual"], d["userId"] = name, true, name })
	}
	return c
}
