package iam_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fixture returns one of the policies that people really use.
func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies", name+".json"))
	require.NoError(t, err)
	return string(b)
}

func TestSimulateAUsersPolicies(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	c.must("CreateGroup", "GroupName", "all")
	c.must("AddUserToGroup", "GroupName", "all", "UserName", "bob")
	c.must("PutGroupPolicy", "GroupName", "all", "PolicyName", "force", "PolicyDocument", fixture(t, "1-force-mfa"))
	simulate := func(more ...string) string {
		return c.must("SimulatePrincipalPolicy", append([]string{"PolicySourceArn", "arn:aws:iam::123456789012:user/bob",
			"ActionNames.member.1", "iam:GetAccountSummary", "ActionNames.member.2", "s3:GetObject", "ActionNames.member.3", "iam:ListVirtualMFADevices"}, more...)...)
	}
	mfa := func(value string) []string {
		return []string{"ContextEntries.member.1.ContextKeyName", "aws:MultiFactorAuthPresent", "ContextEntries.member.1.ContextKeyType", "boolean",
			"ContextEntries.member.1.ContextKeyValues.member.1", value}
	}
	bare := simulate()
	require.Equal(t, []string{"explicitDeny", "explicitDeny", "allowed"}, fields(bare, "EvalDecision"))
	require.Contains(t, bare, "<MissingContextValues><member>aws:MultiFactorAuthPresent</member></MissingContextValues>")
	require.Contains(t, bare, "<SourcePolicyId>force</SourcePolicyId><SourcePolicyType>IAM Policy</SourcePolicyType><StartPosition><Line>63</Line>")
	with := simulate(mfa("true")...)
	require.Equal(t, []string{"allowed", "implicitDeny", "allowed"}, fields(with, "EvalDecision"))
	require.Contains(t, with, "<MissingContextValues></MissingContextValues>")
	require.Equal(t, []string{"explicitDeny", "explicitDeny", "allowed"}, fields(simulate(mfa("false")...), "EvalDecision"))

	keys := c.must("GetContextKeysForPrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:user/bob")
	require.Equal(t, "<ContextKeyNames><member>aws:MultiFactorAuthPresent</member><member>aws:username</member></ContextKeyNames>", keys)
	require.Equal(t, keys, c.must("GetContextKeysForCustomPolicy", "PolicyInputList.member.1", fixture(t, "1-force-mfa")))
	page := simulate("MaxItems", "2")
	require.Equal(t, []string{"iam:ListVirtualMFADevices"}, fields(simulate("MaxItems", "2", "Marker", field(page, "Marker")), "EvalActionName"))

	require.Equal(t, "404 NoSuchEntity: The user with name eve cannot be found.",
		said(c.refused("SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:user/eve", "ActionNames.member.1", "s3:GetObject")))
	require.Equal(t, "InvalidInput", c.refused("SimulatePrincipalPolicy", "PolicySourceArn", "arn:aws:iam::123456789012:root", "ActionNames.member.1", "s3:GetObject").Code)
	require.Contains(t, said(c.refused("SimulateCustomPolicy", "ActionNames.member.1", "s3:GetObject")), "'policyInputList' failed to satisfy constraint: Member must not be null")
	require.Equal(t, "400 InvalidInput: Syntax errors in policy.", said(c.refused("SimulateCustomPolicy", "PolicyInputList.member.1", "{", "ActionNames.member.1", "s3:GetObject")))
}

func TestSimulateWithABoundaryAndAResourcePolicy(t *testing.T) {
	c := newClerk(t)
	answer := c.must("SimulateCustomPolicy", "PolicyInputList.member.1", document("Allow", "s3:*", "*", ""),
		"PermissionsBoundaryPolicyInputList.member.1", document("Allow", "s3:Get*", "*", ""),
		"ActionNames.member.1", "s3:GetObject", "ActionNames.member.2", "s3:PutObject", "ResourceArns.member.1", "arn:aws:s3:::a/b", "ResourceArns.member.2", "arn:aws:s3:::a/c")
	require.Equal(t, []string{"allowed", "allowed", "implicitDeny", "implicitDeny"}, fields(answer, "EvalDecision"))
	require.Equal(t, []string{"true", "true", "false", "false"}, fields(answer, "AllowedByPermissionsBoundary"))
	bucket := strings.Replace(document("Deny", "s3:PutObject", "arn:aws:s3:::a/*", ""), `"Action"`, `"Principal":"*","Action"`, 1)
	ask := []string{"PolicyInputList.member.1", document("Allow", "s3:*", "*", ""), "ActionNames.member.1", "s3:PutObject",
		"ResourceArns.member.1", "arn:aws:s3:::a/b", "ResourcePolicy", bucket}
	require.Equal(t, "InvalidInput", c.refused("SimulateCustomPolicy", ask...).Code)
	require.Contains(t, c.must("SimulateCustomPolicy", append(ask, "CallerArn", "arn:aws:iam::123456789012:user/bob")...), "explicitDeny")
}

func TestWhoMayDoWhatInOneList(t *testing.T) {
	c := newClerk(t)
	managed(c, "s3:*")
	c.must("CreateUser", "UserName", "bob", "PermissionsBoundary", look)
	c.must("CreateGroup", "GroupName", "all")
	c.must("AddUserToGroup", "GroupName", "all", "UserName", "bob")
	c.must("CreateRole", "RoleName", "ops", "AssumeRolePolicyDocument", trust)
	c.must("AttachRolePolicy", "RoleName", "ops", "PolicyArn", administrator)
	c.may("bob", "own", document("Allow", "s3:*", "*", ""))
	all := c.must("GetAccountAuthorizationDetails")
	require.Regexp(t, `<UserPolicyList><member><PolicyName>own</PolicyName><PolicyDocument>%7B%22Version`, all)
	require.Contains(t, all, `<GroupList><member>all</member></GroupList>`)
	require.Contains(t, all, `<RolePolicyList></RolePolicyList><AttachedManagedPolicies><member><PolicyName>AdministratorAccess</PolicyName>`)
	require.Equal(t, []string{"v1", "v1"}, fields(all, "VersionId"), "the account's policy, and the one of AWS's that is attached")
	roles := c.must("GetAccountAuthorizationDetails", "Filter.member.1", "Role")
	require.Equal(t, []string{"ops"}, fields(roles, "RoleName"))
	require.Empty(t, fields(roles, "UserName"))
	var paged []string
	for answer := c.must("GetAccountAuthorizationDetails", "MaxItems", "1"); ; {
		paged = append(paged, fields(answer, "Arn")...)
		if field(answer, "Marker") == "" {
			break
		}
		answer = c.must("GetAccountAuthorizationDetails", "MaxItems", "1", "Marker", field(answer, "Marker"))
	}
	require.Equal(t, fields(all, "Arn"), paged)
}

func TestWhatTheAccountNeverHas(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	require.Equal(t, "<SSHPublicKeys></SSHPublicKeys><IsTruncated>false</IsTruncated>", c.must("ListSSHPublicKeys", "UserName", "bob"))
	for _, action := range []string{"ListSigningCertificates", "ListServiceSpecificCredentials"} {
		require.Equal(t, "NoSuchEntity", c.refused(action, "UserName", "eve").Code)
		c.must(action, "UserName", "bob")
	}
	c.must("ListInstanceProfiles")
	require.Equal(t, "NoSuchEntity", c.refused("ListInstanceProfilesForRole", "RoleName", "none").Code)
}
