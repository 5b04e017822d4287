package iam_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}`

func TestARolesLife(t *testing.T) {
	c := newClerk(t)
	made := c.must("CreateRole", "RoleName", "Ops", "Path", "/team/", "AssumeRolePolicyDocument", trust, "Description", "operators")
	require.Regexp(t, `^<Role><Path>/team/</Path><RoleName>Ops</RoleName><RoleId>AROA[A-Z2-7]{17}</RoleId>`+
		`<Arn>arn:aws:iam::123456789012:role/team/Ops</Arn><CreateDate>2026-02-17T09:44:55Z</CreateDate><AssumeRolePolicyDocument>%7B`, made)
	require.Equal(t, "Role with name OPS already exists.", c.refused("CreateRole", "RoleName", "OPS", "AssumeRolePolicyDocument", trust).Message)
	require.Equal(t, "3600", field(c.must("GetRole", "RoleName", "ops"), "MaxSessionDuration"))
	c.must("UpdateRole", "RoleName", "Ops", "MaxSessionDuration", "7200")
	whole := c.must("GetRole", "RoleName", "Ops")
	require.Equal(t, "7200 operators", field(whole, "MaxSessionDuration")+" "+field(whole, "Description"))
	c.must("TagRole", "RoleName", "Ops", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "tax")
	require.Equal(t, []string{"Team"}, fields(c.must("ListRoleTags", "RoleName", "Ops"), "Key"))

	t.Run("its policies count for its sessions", func(t *testing.T) {
		session := *c
		id := field(made, "RoleId")
		session.caller = iam.Caller{UserID: id + ":me", ARN: "arn:aws:sts::123456789012:assumed-role/Ops/me",
			Session: &iam.Session{UserID: id, MFA: true}}
		e := session.refused("ListUsers")
		require.Contains(t, e.Message, "User: arn:aws:sts::123456789012:assumed-role/Ops/me is not authorized to perform: iam:ListUsers")
		c.must("PutRolePolicy", "RoleName", "Ops", "PolicyName", "p", "PolicyDocument", document("Allow", "iam:ListUsers", "*",
			`{"StringEquals":{"aws:PrincipalTag/Team":"tax","aws:PrincipalType":"AssumedRole"},"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::123456789012:role/team/Ops"}}`))
		session.must("ListUsers")
	})
	t.Run("nothing in use is deleted", func(t *testing.T) {
		require.Equal(t, "Cannot delete entity, must delete policies first.", c.refused("DeleteRole", "RoleName", "Ops").Message)
		c.must("DeleteRolePolicy", "RoleName", "Ops", "PolicyName", "p")
		c.must("DeleteRole", "RoleName", "Ops")
		require.Equal(t, "NoSuchEntity: The role with name Ops cannot be found.", c.refused("GetRole", "RoleName", "Ops").Error())
	})
}

func TestWhomARoleTrusts(t *testing.T) {
	c := newClerk(t)
	who := func(principal string) string { return strings.Replace(trust, `"123456789012"`, `"`+principal+`"`, 1) }
	for _, text := range []string{"{", "no"} {
		require.Equal(t, "MalformedPolicyDocument: This policy contains invalid Json",
			c.refused("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", text).Error())
	}
	nobody := "arn:aws:iam::123456789012:user/bob"
	require.Equal(t, `MalformedPolicyDocument: Invalid principal in policy: "AWS":"`+nobody+`"`,
		c.refused("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", who(nobody)).Error())
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateRole", "RoleName", "r", "AssumeRolePolicyDocument", who(nobody))
	c.must("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", who("arn:aws:iam::123456789012:role/r"))
	c.refused("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", who("arn:aws:iam::123456789012:role/x/r"))
	require.Equal(t, "LimitExceeded: Cannot exceed quota for ACLSizePerRole: 2048",
		c.refused("UpdateAssumeRolePolicy", "RoleName", "r", "PolicyDocument", strings.Replace(trust, `"123456789012"`,
			`["123456789012"`+strings.Repeat(`,"arn:aws:iam::210987654321:user/somebody"`, 60)+`]`, 1)).Error())
}
