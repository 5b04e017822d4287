package iam

import (
	"encoding/json"
	"strings"
	"time"
)

// usersQuota is how many users an account has room for: IAM User Guide, reference_iam-quotas.
const usersQuota = 5000

// userOperations are the operations on users and what belongs to them. Which of them default to the caller, and which
// lengths a name may have in each, is the service model's (Appendix A.2), uneven as it is.
var userOperations = []*operation{
	{service: "iam", name: "CreateUser", on: onNewUser, writes: true, run: (*operating).createUser, params: []param{
		{"Path", pathShape, false}, {"UserName", userNameShape, true},
		{"PermissionsBoundary", boundaryShape, false}, {"Tags", tagsShape, false}}},
	{service: "iam", name: "GetUser", on: onUser, run: (*operating).getUser, params: []param{
		{"UserName", existingUserNameShape, false}}},
	{service: "iam", name: "UpdateUser", on: onUser, writes: true, run: (*operating).updateUser, params: []param{
		{"UserName", existingUserNameShape, true}, {"NewPath", pathShape, false}, {"NewUserName", userNameShape, false}}},
	{service: "iam", name: "DeleteUser", on: onUser, writes: true, run: (*operating).deleteUser, params: []param{
		{"UserName", existingUserNameShape, true}}},
	{service: "iam", name: "ListUsers", on: onAll("user"), run: (*operating).listUsers, params: []param{
		{"PathPrefix", pathPrefixShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "TagUser", on: onUser, writes: true, run: (*operating).tagUser, params: []param{
		{"UserName", existingUserNameShape, true}, {"Tags", tagsShape, true}}},
	{service: "iam", name: "UntagUser", on: onUser, writes: true, run: (*operating).untagUser, params: []param{
		{"UserName", existingUserNameShape, true}, {"TagKeys", tagKeysShape, true}}},
	{service: "iam", name: "ListUserTags", on: onUser, run: (*operating).listUserTags, params: []param{
		{"UserName", existingUserNameShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},

	{service: "iam", name: "PutUserPermissionsBoundary", on: onPoliciedUser, writes: true, run: (*operating).putUserBoundary,
		params: []param{{"UserName", userNameShape, true}, {"PermissionsBoundary", boundaryShape, true}}},
	{service: "iam", name: "DeleteUserPermissionsBoundary", on: onPoliciedUser, writes: true, run: (*operating).deleteUserBoundary,
		params: []param{{"UserName", userNameShape, true}}},

	{service: "iam", name: "CreateLoginProfile", on: onUser, writes: true, prepare: hashPassword,
		run: (*operating).createLoginProfile, params: []param{{"UserName", userNameShape, false},
			{"Password", passwordShape, true}, {"PasswordResetRequired", boolValueShape, false}}},
	{service: "iam", name: "GetLoginProfile", on: onUser, run: (*operating).getLoginProfile, params: []param{
		{"UserName", userNameShape, false}}},
	{service: "iam", name: "UpdateLoginProfile", on: onUser, writes: true, prepare: hashPassword,
		run: (*operating).updateLoginProfile, params: []param{{"UserName", userNameShape, true},
			{"Password", passwordShape, false}, {"PasswordResetRequired", boolValueShape, false}}},
	{service: "iam", name: "DeleteLoginProfile", on: onUser, writes: true, run: (*operating).deleteLoginProfile, params: []param{
		{"UserName", userNameShape, false}}},

	{service: "iam", name: "CreateAccessKey", on: onUser, writes: true, run: (*operating).createAccessKey, params: []param{
		{"UserName", existingUserNameShape, false}}},
	{service: "iam", name: "UpdateAccessKey", on: onUser, writes: true, run: (*operating).updateAccessKey, params: []param{
		{"UserName", existingUserNameShape, false}, {"AccessKeyId", accessKeyIDShape, true}, {"Status", keyStatusShape, true}}},
	{service: "iam", name: "DeleteAccessKey", on: onUser, writes: true, run: (*operating).deleteAccessKey, params: []param{
		{"UserName", existingUserNameShape, false}, {"AccessKeyId", accessKeyIDShape, true}}},
	{service: "iam", name: "ListAccessKeys", on: onUser, run: (*operating).listAccessKeys, params: []param{
		{"UserName", existingUserNameShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "GetAccessKeyLastUsed", on: onKeyOwner, run: (*operating).getAccessKeyLastUsed, params: []param{
		{"AccessKeyId", accessKeyIDShape, true}}},
}

// userXML is a user as answers show it. Root has no name and no path.
type userXML struct {
	Path                string `xml:",omitempty"`
	UserName            string `xml:",omitempty"`
	UserID              string `xml:"UserId"`
	Arn                 string
	CreateDate          string
	PasswordLastUsed    string       `xml:",omitempty"`
	PermissionsBoundary *boundaryXML `xml:",omitempty"`
	Tags                *list[Tag]   `xml:",omitempty"`
}

// describe returns u as a list shows it: without its tags.
func (o *operating) describe(u *User) userXML {
	x := userXML{
		Path: u.Path, UserName: u.Name, UserID: u.ID, Arn: u.arn(o.account.ID),
		CreateDate: stamp(u.Created), PasswordLastUsed: stamp(u.PasswordLastUsed),
	}
	if u.ID == Root {
		x.Path, x.UserID = "", o.account.ID
	}
	return x
}

// userResult answers the operations on one user.
type userResult struct{ User userXML }

// withTags is describe for the answers about one user, which show its tags and its boundary.
func (o *operating) withTags(u *User) userResult {
	x := o.describe(u)
	x.Tags, x.PermissionsBoundary = tagsXML(u.Tags), describeBoundary(&u.holding)
	return userResult{x}
}

// createUser implements CreateUser. What is wrong with the request itself comes first, then the name, then the quota; the
// real order is not recorded.
func (o *operating) createUser() (any, error) {
	name := o.param("UserName")
	path, err := o.path("Path")
	if err != nil {
		return nil, err
	}
	tags, err := o.tagsParam()
	if err != nil {
		return nil, err
	}
	if err := o.checkFree(name); err != nil {
		return nil, err
	}
	boundary, err := o.boundaryParam()
	if err != nil {
		return nil, err
	}
	if o.account.Users >= usersQuota {
		return nil, o.refuse("UserLimit", usersQuota)
	}
	if err := o.closeGrave(name); err != nil {
		return nil, err
	}
	u := &User{ID: o.drawID("AIDA", 17), Name: name, Path: path, Created: o.today(), Tags: tags}
	o.account.Users++
	if err := o.bind(u.ID, "user", &u.holding, boundary); err != nil {
		return nil, err
	}
	return o.withTags(u), putUser(o.Tx, u)
}

// path returns the path in a parameter, "/" where it is left out. The service model has a pattern for it, but the real
// service answers with words of its own.
func (o *operating) path(name string) (string, error) {
	if !o.Params.Has(name) {
		return "/", nil
	}
	path := o.param(name)
	if !pathPattern.MatchString(path) {
		return "", o.refuse("InvalidPath")
	}
	return path, nil
}

// checkFree refuses a name that another user has, whatever its case (API_CreateUser).
func (o *operating) checkFree(name string) error {
	taken, err := o.Get(kindUser, strings.ToLower(name))
	if err == nil && taken != nil {
		err = o.refuse("UserExists", name)
	}
	return err
}

// getUser implements GetUser: without a name it answers who calls.
func (o *operating) getUser() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	return o.withTags(u), nil
}

// updateUser implements UpdateUser. Either change may be left out, and both may be.
func (o *operating) updateUser() (any, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	if err := o.checkSettled(u); err != nil {
		return nil, err
	}
	if o.Params.Has("NewPath") {
		if u.Path, err = o.path("NewPath"); err != nil {
			return nil, err
		}
	}
	if name := o.param("NewUserName"); name != "" {
		if err := o.rename(u, name); err != nil {
			return nil, err
		}
	}
	return nil, putUser(o.Tx, u)
}

// rename takes u from its old name to a new one, which may be the old one in other letters. Everything else knows a user
// by ID and follows.
func (o *operating) rename(u *User, name string) error {
	if !strings.EqualFold(u.Name, name) {
		if err := o.checkFree(name); err != nil {
			return err
		}
		if err := o.Delete(kindUser, strings.ToLower(u.Name)); err != nil {
			return err
		}
	}
	u.Name = name
	return nil
}

// deleteUser implements DeleteUser. What stands in the way is said one thing at a time; the texts are the real service's,
// their order is our reading. A grave remembers the name, because a
// user made anew under it is not to be changed at once.
func (o *operating) deleteUser() (any, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	if err := o.checkUnused(u.ID, &u.holding); err != nil {
		return nil, err
	}
	switch {
	case len(u.Groups) > 0:
		return nil, o.refuse("UserInGroup")
	case len(u.Devices) > 0:
		return nil, o.refuse("UserHasDevice")
	case u.LoginProfile != nil:
		return nil, o.refuse("UserHasLoginProfile")
	case len(u.AccessKeys) > 0:
		return nil, o.refuse("UserHasAccessKey")
	}
	if err := o.checkBelongings(u.ID); err != nil {
		return nil, err
	}
	key := strings.ToLower(u.Name)
	if err := o.Delete(kindUser, key); err != nil {
		return nil, err
	}
	if err := o.Delete(kindUserID, u.ID); err != nil {
		return nil, err
	}
	if err := put(o.Tx, kindGrave, key, o.today()); err != nil {
		return nil, err
	}
	if err := o.unbound(u.ID, &u.holding); err != nil {
		return nil, err
	}
	o.account.Users--
	return nil, o.putAccount()
}

// closeGrave forgets that a user of this name was deleted, if that is long enough ago.
func (o *operating) closeGrave(name string) error {
	var died time.Time
	found, err := get(o.Tx, kindGrave, strings.ToLower(name), &died)
	if err != nil || !found || o.young(died) {
		return err
	}
	return o.Delete(kindGrave, strings.ToLower(name))
}

// checkSettled refuses to change a user that was just created under the name of one just deleted (API_EnableMFADevice,
// EntityTemporarilyUnmodifiable).
func (o *operating) checkSettled(u *User) error {
	grave, err := o.Get(kindGrave, strings.ToLower(u.Name))
	if err == nil && grave != nil && o.young(u.Created) {
		err = o.refuse("UserSettling", u.Name)
	}
	return err
}

// young reports whether t is less than the settling time ago. What is in the future, because the clock was set back, is
// not.
func (o *operating) young(t time.Time) bool {
	return !o.Now.Before(t) && o.Now.Before(t.Add(o.settings.Settle))
}

type listUsersResult struct {
	Users list[userXML]
	tail
}

// listUsers implements ListUsers, in the order of the names in lower case. It reads records until a page is full, however
// few of them have the prefix.
func (o *operating) listUsers() (any, error) {
	prefix := o.param("PathPrefix")
	users, end, err := scanPage(o, kindUser, func(r Record) (userXML, bool, error) {
		u := &User{}
		if err := json.Unmarshal(r.Value, u); err != nil {
			return userXML{}, false, damaged(kindUser, r.Key, err)
		}
		return o.describe(u), strings.HasPrefix(u.Path, prefix), nil
	})
	return listUsersResult{list[userXML]{users}, end}, err
}

// userNamed returns the user with that name, whatever its case, or NoSuchEntity.
func (o *operating) userNamed(name string) (*User, error) {
	if u := o.read; u != nil && strings.EqualFold(u.Name, name) {
		o.read = nil
		return u, nil
	}
	u := &User{}
	found, err := get(o.Tx, kindUser, strings.ToLower(name), u)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, o.refuse("NoSuchUser", name)
	}
	return u, nil
}

// userWithID returns the user with that ID, root too, or nil where there is none.
func userWithID(tx Tx, id string) (*User, error) {
	u := &User{}
	if id == Root {
		_, err := get(tx, kindAccount, rootKey, u)
		return u, err
	}
	key, err := tx.Get(kindUserID, id)
	if err != nil || key == nil {
		return nil, err
	}
	_, err = get(tx, kindUser, string(key), u)
	return u, err
}

// putUser stores u, root too.
func putUser(tx Tx, u *User) error {
	if u.ID == Root {
		return put(tx, kindAccount, rootKey, u)
	}
	key := strings.ToLower(u.Name)
	if err := tx.Put(kindUserID, u.ID, []byte(key)); err != nil {
		return err
	}
	return put(tx, kindUser, key, u)
}

// subject returns the user that a call is about: the one named in UserName, or the caller where that is left out.
func (o *operating) subject() (*User, error) {
	if name := o.param("UserName"); name != "" {
		return o.userNamed(name)
	}
	if !o.Caller.IsRoot() && !strings.HasPrefix(o.Caller.UserID, "AIDA") {
		return nil, o.refuse("MustNameUser")
	}
	u, err := userWithID(o.Tx, o.Caller.UserID)
	if err == nil && u == nil {
		err = o.refuse("InvalidClientTokenId")
	}
	return u, err
}

// arn returns the ARN of u in account.
func (u *User) arn(account string) string {
	if u.ID == Root {
		return "arn:aws:iam::" + account + ":root"
	}
	return "arn:aws:iam::" + account + ":user" + u.Path + u.Name
}
