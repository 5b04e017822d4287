package iam

import (
	"encoding/json"
	"slices"
	"strings"
)

// From reference_iam-quotas.
const (
	groupsQuota   = 300
	groupsPerUser = 10
)

// groupOperations are the operations on groups and on who is in them. A group is no principal: it signs nothing and cannot be named
// in a policy's Principal; it is a way to give policies to users (id_groups). So none of these changes what a group may do, only
// whom its policies reach, from the next call on.
var groupOperations = []*operation{
	{service: "iam", name: "CreateGroup", on: onNewGroup, writes: true, run: (*operating).createGroup, params: []param{
		{"Path", pathShape, false}, {"GroupName", groupNameShape, true}}},
	{service: "iam", name: "GetGroup", on: onGroup, run: (*operating).getGroup, params: []param{
		{"GroupName", groupNameShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "UpdateGroup", on: onGroup, writes: true, run: (*operating).updateGroup, params: []param{
		{"GroupName", groupNameShape, true}, {"NewPath", pathShape, false}, {"NewGroupName", groupNameShape, false}}},
	{service: "iam", name: "DeleteGroup", on: onGroup, writes: true, run: (*operating).deleteGroup, params: []param{
		{"GroupName", groupNameShape, true}}},
	{service: "iam", name: "ListGroups", on: onAll("group"), run: (*operating).listGroups, params: []param{
		{"PathPrefix", pathPrefixShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "ListGroupsForUser", on: onUser, run: (*operating).listGroupsForUser, params: []param{
		{"UserName", existingUserNameShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "AddUserToGroup", on: onGroup, writes: true, run: (*operating).addUserToGroup, params: []param{
		{"GroupName", groupNameShape, true}, {"UserName", existingUserNameShape, true}}},
	{service: "iam", name: "RemoveUserFromGroup", on: onGroup, writes: true, run: (*operating).removeUserFromGroup, params: []param{
		{"GroupName", groupNameShape, true}, {"UserName", existingUserNameShape, true}}},
}

// onNewGroup is the group that the call makes.
func onNewGroup(o *operating) (target, error) {
	return target{arn: o.iamARN("group" + o.pathOr("Path") + o.param("GroupName"))}, nil
}

// groupXML is a group as answers show it.
type groupXML struct {
	Path       string
	GroupName  string
	GroupID    string `xml:"GroupId"`
	Arn        string
	CreateDate string
}

// describeGroup returns g as answers show it.
func (o *operating) describeGroup(g *Group) groupXML {
	return groupXML{g.Path, g.Name, g.ID, g.arn(o.account.ID), stamp(g.Created)}
}

type groupResult struct{ Group groupXML }

// createGroup implements CreateGroup. It looks at the path before the name, as with users.
func (o *operating) createGroup() (any, error) {
	name := o.param("GroupName")
	path, err := o.path("Path")
	if err != nil {
		return nil, err
	}
	if err := o.checkFreeGroup(name); err != nil {
		return nil, err
	}
	if o.account.Groups >= groupsQuota {
		return nil, o.refuse("QuotaExceeded", "GroupsPerAccount", groupsQuota)
	}
	g := &Group{ID: o.drawID("AGPA", 17), Name: name, Path: path, Created: o.today()}
	o.account.Groups++
	return groupResult{o.describeGroup(g)}, putGroup(o.Tx, g)
}

// checkFreeGroup refuses a name that another group has, whatever its case.
func (o *operating) checkFreeGroup(name string) error {
	taken, err := o.Get(kindGroup, lower(name))
	if err == nil && taken != nil {
		err = o.refuse("GroupExists", name)
	}
	return err
}

type getGroupResult struct {
	Group groupXML
	Users list[userXML]
	tail
}

// getGroup implements GetGroup: the group and a page of its users, in the order of their IDs.
func (o *operating) getGroup() (any, error) {
	g, err := o.groupNamed(o.param("GroupName"))
	if err != nil {
		return nil, err
	}
	ids, err := o.members(g)
	if err != nil {
		return nil, err
	}
	ids, end, err := page(o, ids, func(id string) string { return id })
	if err != nil {
		return nil, err
	}
	var users []userXML
	for _, id := range ids {
		u, err := userWithID(o.Tx, id)
		if err != nil {
			return nil, err
		}
		if u != nil {
			users = append(users, o.describe(u))
		}
	}
	return getGroupResult{o.describeGroup(g), list[userXML]{users}, end}, nil
}

// members returns the IDs of the users in g. Who is in a group is written twice, here and in the user's own record: the users of
// a group are asked for by people, the groups of a user by every decision about one.
func (o *operating) members(g *Group) ([]string, error) {
	records, err := o.Scan(kindMember, g.ID+" ", "", 0)
	var ids []string
	for _, r := range records {
		ids = append(ids, strings.TrimPrefix(r.Key, g.ID+" "))
	}
	return ids, err
}

// updateGroup implements UpdateGroup. Users know their groups by ID and stay.
func (o *operating) updateGroup() (any, error) {
	g, err := o.groupNamed(o.param("GroupName"))
	if err != nil {
		return nil, err
	}
	if o.Params.Has("NewPath") {
		if g.Path, err = o.path("NewPath"); err != nil {
			return nil, err
		}
	}
	if name := o.param("NewGroupName"); name != "" {
		if !strings.EqualFold(g.Name, name) {
			if err := o.checkFreeGroup(name); err != nil {
				return nil, err
			}
			if err := o.Delete(kindGroup, lower(g.Name)); err != nil {
				return nil, err
			}
		}
		g.Name = name
	}
	return nil, putGroup(o.Tx, g)
}

// deleteGroup implements DeleteGroup; a group in use stays. What stands in the way is said one thing at a time, policies before
// users: the order is our reading, as with users.
func (o *operating) deleteGroup() (any, error) {
	g, err := o.groupNamed(o.param("GroupName"))
	if err != nil {
		return nil, err
	}
	if err := o.checkUnused(g.ID, &g.holding); err != nil {
		return nil, err
	}
	if ids, err := o.members(g); err != nil || len(ids) > 0 {
		return nil, either(err, o.refuse("UserInGroup"))
	}
	if err := o.Delete(kindGroupID, g.ID); err != nil {
		return nil, err
	}
	o.account.Groups--
	if err := o.putAccount(); err != nil {
		return nil, err
	}
	return nil, o.Delete(kindGroup, lower(g.Name))
}

type listGroupsResult struct {
	Groups list[groupXML]
	tail
}

// listGroups implements ListGroups, in the order of the names.
func (o *operating) listGroups() (any, error) {
	prefix := o.pathOr("PathPrefix")
	groups, end, err := scanPage(o, kindGroup, func(r Record) (groupXML, bool, error) {
		g := &Group{}
		if err := json.Unmarshal(r.Value, g); err != nil {
			return groupXML{}, false, damaged(kindGroup, r.Key, err)
		}
		return o.describeGroup(g), strings.HasPrefix(g.Path, prefix), nil
	})
	return listGroupsResult{list[groupXML]{groups}, end}, err
}

// listGroupsForUser implements ListGroupsForUser, in the order of the groups' names.
func (o *operating) listGroupsForUser() (any, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	var groups []groupXML
	for _, id := range u.Groups {
		g, err := groupWithID(o.Tx, id)
		if err != nil {
			return nil, err
		}
		if g != nil {
			groups = append(groups, o.describeGroup(g))
		}
	}
	byName := func(g groupXML) string { return lower(g.GroupName) }
	slices.SortFunc(groups, func(a, b groupXML) int { return strings.Compare(byName(a), byName(b)) })
	groups, end, err := page(o, groups, byName)
	return listGroupsResult{list[groupXML]{groups}, end}, err
}

// membership returns the user and the group of a call. The user is looked for first (recorded).
func (o *operating) membership() (*User, *Group, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, nil, err
	}
	g, err := o.groupNamed(o.param("GroupName"))
	return u, g, err
}

// addUserToGroup implements AddUserToGroup: who is in the group already stays so (recorded).
func (o *operating) addUserToGroup() (any, error) {
	u, g, err := o.membership()
	if err != nil || slices.Contains(u.Groups, g.ID) {
		return nil, err
	}
	if len(u.Groups) >= groupsPerUser {
		return nil, o.refuse("QuotaExceeded", "GroupsPerUser", groupsPerUser)
	}
	u.Groups = append(u.Groups, g.ID)
	if err := o.Put(kindMember, g.ID+" "+u.ID, []byte("user")); err != nil {
		return nil, err
	}
	return nil, putUser(o.Tx, u)
}

// removeUserFromGroup implements RemoveUserFromGroup: who is not in it is none of its users, and to be taken out changes nothing.
// The policies of the group stop to count with this transaction, for sessions that were begun before, too.
func (o *operating) removeUserFromGroup() (any, error) {
	u, g, err := o.membership()
	if err != nil {
		return nil, err
	}
	u.Groups = slices.DeleteFunc(u.Groups, func(id string) bool { return id == g.ID })
	if err := o.Delete(kindMember, g.ID+" "+u.ID); err != nil {
		return nil, err
	}
	return nil, putUser(o.Tx, u)
}

// checkUnused refuses to delete what has policies: users, groups and roles alike. Attached ones come first and inline ones after
// (both texts recorded, for roles).
func (o *operating) checkUnused(id string, h *holding) error {
	if len(h.Attached) > 0 {
		return o.refuse("StillAttached")
	}
	inline, err := inlineNames(o.Tx, id)
	if err == nil && len(inline) > 0 {
		err = o.refuse("StillInline")
	}
	return err
}

// either returns err, or other where there is no err.
func either(err error, other *Error) error {
	if err != nil {
		return err
	}
	return other
}

// groupWithID returns the group with that ID, or nil where there is none.
func groupWithID(tx Tx, id string) (*Group, error) {
	key, err := tx.Get(kindGroupID, id)
	if err != nil || key == nil {
		return nil, err
	}
	g := &Group{}
	found, err := get(tx, kindGroup, string(key), g)
	if err != nil || !found {
		return nil, err
	}
	return g, nil
}

// putGroup stores g.
func putGroup(tx Tx, g *Group) error {
	key := lower(g.Name)
	if err := tx.Put(kindGroupID, g.ID, []byte(key)); err != nil {
		return err
	}
	return put(tx, kindGroup, key, g)
}

// arn returns the ARN of g in account.
func (g *Group) arn(account string) string {
	return "arn:aws:iam::" + account + ":group" + g.Path + g.Name
}

// groupNamed returns the group with that name, whatever its case, or NoSuchEntity.
func (o *operating) groupNamed(name string) (*Group, error) {
	g := &Group{}
	found, err := get(o.Tx, kindGroup, lower(name), g)
	if err == nil && !found {
		err = o.refuse("NoSuchGroup", name)
	}
	return g, err
}

// onGroup is the group that the call names. One that is not there goes by the ARN that its name makes, so that a denial does not
// tell whether it is.
func onGroup(o *operating) (target, error) {
	name := o.param("GroupName")
	g := &Group{}
	found, err := get(o.Tx, kindGroup, lower(name), g)
	t := target{arn: o.iamARN("group/" + name), shown: "group " + name}
	if found {
		t.arn = g.arn(o.Service.Account())
	}
	return t, err
}
