package iam_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

func TestAGroupsLife(t *testing.T) {
	c := newClerk(t)
	made := c.must("CreateGroup", "GroupName", "Tax", "Path", "/office/")
	require.Regexp(t, `^<Group><Path>/office/</Path><GroupName>Tax</GroupName><GroupId>AGPA[A-Z2-7]{17}</GroupId>`+
		`<Arn>arn:aws:iam::123456789012:group/office/Tax</Arn><CreateDate>2026-02-17T09:44:55Z</CreateDate></Group>$`, made)
	require.Equal(t, "EntityAlreadyExists: Group with name TAX already exists.", c.refused("CreateGroup", "GroupName", "TAX").Error())
	require.Equal(t, "NoSuchEntity: The group with name none cannot be found.", c.refused("GetGroup", "GroupName", "none").Error())
	for _, name := range []string{"bob", "eve"} {
		c.must("CreateUser", "UserName", name)
		c.must("AddUserToGroup", "GroupName", "tax", "UserName", name)
		c.must("AddUserToGroup", "GroupName", "tax", "UserName", name)
	}
	require.ElementsMatch(t, []string{"bob", "eve"}, fields(c.must("GetGroup", "GroupName", "Tax"), "UserName"))
	require.Equal(t, []string{"Tax"}, fields(c.must("ListGroupsForUser", "UserName", "bob"), "GroupName"))
	page := c.must("GetGroup", "GroupName", "Tax", "MaxItems", "1")
	require.Contains(t, page, "<IsTruncated>true</IsTruncated>")
	require.Contains(t, c.must("GetGroup", "GroupName", "Tax", "MaxItems", "1", "Marker", field(page, "Marker")), "<IsTruncated>false</IsTruncated>")

	t.Run("a group that is renamed keeps its users and policies", func(t *testing.T) {
		c.must("AttachGroupPolicy", "GroupName", "Tax", "PolicyArn", administrator)
		c.must("CreateGroup", "GroupName", "other")
		require.Equal(t, "EntityAlreadyExists: Group with name Other already exists.",
			c.refused("UpdateGroup", "GroupName", "Tax", "NewGroupName", "Other").Error())
		c.must("UpdateGroup", "GroupName", "Tax", "NewGroupName", "Taxes", "NewPath", "/")
		require.Equal(t, "NoSuchEntity", c.refused("GetGroup", "GroupName", "Tax").Code)
		require.Equal(t, []string{"Taxes"}, fields(c.must("ListGroupsForUser", "UserName", "bob"), "GroupName"))
		c.mere("bob").must("ListUsers")
	})
	t.Run("a user who is renamed stays in the group", func(t *testing.T) {
		c.must("UpdateUser", "UserName", "bob", "NewUserName", "robert")
		require.ElementsMatch(t, []string{"robert", "eve"}, fields(c.must("GetGroup", "GroupName", "Taxes"), "UserName"))
	})
	t.Run("who leaves loses its policies", func(t *testing.T) {
		require.Equal(t, "NoSuchEntity: The user with name any cannot be found.",
			c.refused("RemoveUserFromGroup", "GroupName", "none", "UserName", "any").Error(), "the user is looked for first")
		c.must("RemoveUserFromGroup", "GroupName", "Taxes", "UserName", "robert")
		c.mere("robert").refused("ListUsers")
	})
	t.Run("nothing in use is deleted", func(t *testing.T) {
		require.Equal(t, "Cannot delete entity, must detach all policies first.", c.refused("DeleteGroup", "GroupName", "Taxes").Message)
		c.must("DetachGroupPolicy", "GroupName", "Taxes", "PolicyArn", administrator)
		c.must("PutGroupPolicy", "GroupName", "Taxes", "PolicyName", "p", "PolicyDocument", document("Allow", "s3:*", "*", ""))
		require.Equal(t, "Cannot delete entity, must delete policies first.", c.refused("DeleteGroup", "GroupName", "Taxes").Message)
		c.must("DeleteGroupPolicy", "GroupName", "Taxes", "PolicyName", "p")
		require.Equal(t, "NoSuchEntity: The group policy with name p cannot be found.",
			c.refused("GetGroupPolicy", "GroupName", "Taxes", "PolicyName", "p").Error())
		require.Equal(t, "Cannot delete entity, must remove users from group first.", c.refused("DeleteGroup", "GroupName", "Taxes").Message)
		require.Equal(t, "Cannot delete entity, must remove users from group first.", c.refused("DeleteUser", "UserName", "eve").Message)
		c.must("RemoveUserFromGroup", "GroupName", "Taxes", "UserName", "eve")
		c.must("DeleteGroup", "GroupName", "Taxes")
		require.Equal(t, []string{"other"}, fields(c.must("ListGroups"), "GroupName"))
		c.must("DeleteUser", "UserName", "eve")
	})
}

func TestAUserIsInTenGroupsAtMost(t *testing.T) {
	c := newClerk(t)
	c.must("CreateUser", "UserName", "bob")
	for i := range 11 {
		c.must("CreateGroup", "GroupName", fmt.Sprint("g", i))
		if i < 10 {
			c.must("AddUserToGroup", "GroupName", fmt.Sprint("g", i), "UserName", "bob")
		}
	}
	require.Equal(t, "LimitExceeded: Cannot exceed quota for GroupsPerUser: 10",
		c.refused("AddUserToGroup", "GroupName", "g10", "UserName", "bob").Error())
	require.Contains(t, c.must("GetAccountSummary"), "<key>Groups</key><value>11</value>")
}
