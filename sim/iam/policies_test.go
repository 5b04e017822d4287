package iam_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const look = "arn:aws:iam::123456789012:policy/team/Look"

// managed makes the policy look, which allows what it says.
func managed(c *clerk, action string) string {
	c.t.Helper()
	return c.must("CreatePolicy", "PolicyName", "Look", "Path", "/team/", "Description", "to look", "PolicyDocument",
		document("Allow", action, "*", ""), "Tags.member.1.Key", "Team", "Tags.member.1.Value", "tax")
}

func TestAManagedPolicysLife(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	bob := c.mere("bob")
	require.Regexp(t, `^<Policy><PolicyName>Look</PolicyName><PolicyId>ANPA[A-Z2-7]{17}</PolicyId><Arn>`+look+`</Arn><Path>/team/</Path>`+
		`<DefaultVersionId>v1</DefaultVersionId><AttachmentCount>0</AttachmentCount><PermissionsBoundaryUsageCount>0</PermissionsBoundaryUsageCount>`+
		`<IsAttachable>true</IsAttachable><CreateDate>2026-02-17T09:44:55Z</CreateDate><UpdateDate>2026-02-17T09:44:55Z</UpdateDate>`+
		`<Tags><member><Key>Team</Key><Value>tax</Value></member></Tags></Policy>$`, managed(c, "iam:ListUsers"))
	require.Equal(t, "A policy called look already exists. Duplicate names are not allowed.",
		c.refused("CreatePolicy", "PolicyName", "look", "PolicyDocument", document("Allow", "s3:*", "*", "")).Message)
	require.Equal(t, "to look", field(c.must("GetPolicy", "PolicyArn", look), "Description"))
	bob.refused("ListUsers")
	c.must("AttachUserPolicy", "UserName", "bob", "PolicyArn", look)
	c.must("AttachUserPolicy", "UserName", "bob", "PolicyArn", look)
	bob.must("ListUsers")
	require.Equal(t, "1", field(c.must("GetPolicy", "PolicyArn", look), "AttachmentCount"))
	require.Equal(t, "bob", field(c.must("ListEntitiesForPolicy", "PolicyArn", look), "UserName"))
	require.NotContains(t, c.must("ListEntitiesForPolicy", "PolicyArn", look, "EntityFilter", "Role"), "bob")

	t.Run("another version counts when it is the default", func(t *testing.T) {
		require.Contains(t, c.must("CreatePolicyVersion", "PolicyArn", look, "PolicyDocument", document("Allow", "iam:ListGroups", "*", "")),
			"<VersionId>v2</VersionId><IsDefaultVersion>false</IsDefaultVersion>")
		bob.must("ListUsers")
		bob.refused("ListGroups")
		c.must("SetDefaultPolicyVersion", "PolicyArn", look, "VersionId", "v2")
		bob.refused("ListUsers")
		bob.must("ListGroups")
		got := field(c.must("GetPolicyVersion", "PolicyArn", look, "VersionId", "v1"), "Document")
		text, err := url.PathUnescape(got)
		require.NoError(t, err)
		require.Equal(t, document("Allow", "iam:ListUsers", "*", ""), text)
		require.NotContains(t, got, "+")
	})
	t.Run("five versions are the limit, and numbers are not given twice", func(t *testing.T) {
		for range 3 {
			c.must("CreatePolicyVersion", "PolicyArn", look, "PolicyDocument", document("Allow", "iam:ListGroups", "*", ""), "SetAsDefault", "true")
		}
		require.Equal(t, "LimitExceeded: A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
			c.refused("CreatePolicyVersion", "PolicyArn", look, "PolicyDocument", document("Allow", "s3:*", "*", "")).Error())
		require.Equal(t, "DeleteConflict: Cannot delete the default version of a policy.",
			c.refused("DeletePolicyVersion", "PolicyArn", look, "VersionId", "v5").Error())
		c.must("DeletePolicyVersion", "PolicyArn", look, "VersionId", "v3")
		require.Equal(t, []string{"v5", "v4", "v2", "v1"}, fields(c.must("ListPolicyVersions", "PolicyArn", look), "VersionId"))
		c.must("CreatePolicyVersion", "PolicyArn", look, "PolicyDocument", document("Allow", "s3:*", "*", ""))
		page := c.must("ListPolicyVersions", "PolicyArn", look, "MaxItems", "2")
		require.Equal(t, []string{"v6", "v5"}, fields(page, "VersionId"))
		require.Equal(t, []string{"v4", "v2", "v1"}, fields(c.must("ListPolicyVersions", "PolicyArn", look, "Marker", field(page, "Marker")), "VersionId"))
		require.Equal(t, "Policy "+look+" version v9 does not exist or is not attachable.",
			c.refused("GetPolicyVersion", "PolicyArn", look, "VersionId", "v9").Message)
	})
	t.Run("nothing in use is deleted", func(t *testing.T) {
		require.Equal(t, "Cannot delete a policy attached to entities.", c.refused("DeletePolicy", "PolicyArn", look).Message)
		c.must("DetachUserPolicy", "UserName", "bob", "PolicyArn", look)
		require.Contains(t, c.refused("DeletePolicy", "PolicyArn", look).Message, "more than one version")
		for _, v := range []string{"v6", "v4", "v2", "v1"} {
			c.must("DeletePolicyVersion", "PolicyArn", look, "VersionId", v)
		}
		c.must("DeletePolicy", "PolicyArn", look)
		require.Equal(t, "NoSuchEntity: Policy "+look+" was not found.", c.refused("DeletePolicy", "PolicyArn", look).Error())
		require.Equal(t, "NoSuchEntity: Policy "+look+" does not exist or is not attachable.",
			c.refused("AttachUserPolicy", "UserName", "bob", "PolicyArn", look).Error())
		for key := range c.dump() {
			require.NotRegexp(t, "^(policy|document|usage) ", key)
		}
	})
}

func TestAWSsPoliciesAreNobodysToChange(t *testing.T) {
	c := newClerk(t)
	for action, want := range map[string]string{
		"DeletePolicy":            "Cannot delete policies outside your own account.",
		"DeletePolicyVersion":     "Cannot delete policy versions for policies outside your own account.",
		"CreatePolicyVersion":     "Cannot update policies outside your own account.",
		"SetDefaultPolicyVersion": "Cannot update policies outside your own account.",
	} {
		e := c.refused(action, "PolicyArn", administrator, "VersionId", "v1", "PolicyDocument", document("Allow", "*", "*", ""))
		require.Equal(t, "AccessDenied: "+want, e.Error())
	}
	managed(c, "s3:*")
	all, local := fields(c.must("ListPolicies"), "PolicyName"), fields(c.must("ListPolicies", "Scope", "Local"), "PolicyName")
	require.Equal(t, []string{"Look"}, local)
	require.Equal(t, append(fields(c.must("ListPolicies", "Scope", "AWS"), "PolicyName"), "Look"), all)
	var paged []string
	for marker := ""; ; {
		params := []string{"MaxItems", "1"}
		if marker != "" {
			params = append(params, "Marker", marker)
		}
		answer := c.must("ListPolicies", params...)
		paged = append(paged, fields(answer, "PolicyName")...)
		if marker = field(answer, "Marker"); marker == "" {
			break
		}
	}
	require.Equal(t, all, paged)
	require.Empty(t, fields(c.must("ListPolicies", "OnlyAttached", "true"), "PolicyName"))
}

func TestBoundariesLimit(t *testing.T) {
	c := newClerk(t)
	managed(c, "iam:ListUsers")
	made := c.must("CreateUser", "UserName", "bob", "PermissionsBoundary", look)
	require.Contains(t, made, "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>"+look)
	bob := c.as("bob")
	bob.must("ListUsers")
	require.Contains(t, bob.refused("ListGroups").Message, "because no permissions boundary allows the iam:ListGroups action")
	require.Equal(t, "Cannot delete a policy attached to entities.", c.refused("DeletePolicy", "PolicyArn", look).Message)
	require.Equal(t, "1", field(c.must("GetPolicy", "PolicyArn", look), "PermissionsBoundaryUsageCount"))
	c.must("DeleteUserPermissionsBoundary", "UserName", "bob")
	bob.must("ListGroups")
	require.Equal(t, "NoSuchEntity", c.refused("DeleteUserPermissionsBoundary", "UserName", "bob").Code)
	c.must("PutUserPermissionsBoundary", "UserName", "bob", "PermissionsBoundary", look)
	bob.refused("ListGroups")
	c.powerless("bob")
	c.must("DeleteUser", "UserName", "bob")
	c.must("DeletePolicy", "PolicyArn", look)
}

func TestInlinePolicies(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	text := document("Allow", "iam:ListUsers", "*", `{"StringLike":{"aws:UserAgent":"a b/c+d%é"}}`)
	c.may("bob", "one", text)
	got, err := url.PathUnescape(field(c.must("GetUserPolicy", "UserName", "bob", "PolicyName", "one"), "PolicyDocument"))
	require.NoError(t, err)
	require.Equal(t, text, got)
	c.may("bob", "two", document("Allow", "s3:*", "*", ""))
	c.may("bob", "two", document("Allow", "ec2:*", "*", ""))
	require.Equal(t, []string{"<member>one</member><member>two</member>"},
		[]string{strings.Split(strings.Split(c.must("ListUserPolicies", "UserName", "bob"), "<PolicyNames>")[1], "</PolicyNames>")[0]})
	for name, test := range map[string]struct{ text, want string }{
		"no JSON":      {"{", "400 MalformedPolicyDocument Syntax errors in policy."},
		"a principal":  {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}`, "400 MalformedPolicyDocument Policy document should not specify a principal."},
		"no resources": {`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}`, "400 MalformedPolicyDocument Policy statement must contain resources."},
		"too long":     {document("Allow", "s3:"+strings.Repeat("x", 2100), "*", ""), "409 LimitExceeded Maximum policy size of 2048 bytes exceeded for user bob"},
	} {
		e := c.refused("PutUserPolicy", "UserName", "bob", "PolicyName", "bad", "PolicyDocument", test.text)
		require.Equal(t, test.want, fmt.Sprint(e.Status, " ", e.Code, " ", e.Message), name)
	}
	require.Equal(t, "ValidationError: ARN longpolicynamebutnoarn is not valid.",
		c.refused("AttachUserPolicy", "UserName", "bob", "PolicyArn", "longpolicynamebutnoarn").Error())
	require.Equal(t, "Cannot delete entity, must delete policies first.", c.refused("DeleteUser", "UserName", "bob").Message)
}
