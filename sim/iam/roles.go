package iam

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// rolesQuota is how many roles an account has room for: reference_iam-quotas.
const rolesQuota = 1000

// defaultRoleSession is MaxSessionDuration where none is given, in seconds: API_CreateRole.
const defaultRoleSession = 3600

// roleOperations are the operations on roles.
var roleOperations = []*operation{
	{service: "iam", name: "CreateRole", on: onNewRole, writes: true, run: (*operating).createRole, params: []param{
		{"Path", pathShape, false}, {"RoleName", roleNameShape, true}, {"AssumeRolePolicyDocument", documentShape, true},
		{"Description", roleDescriptionShape, false}, {"MaxSessionDuration", maxSessionShape, false},
		{"PermissionsBoundary", boundaryShape, false}, {"Tags", tagsShape, false}}},
	{service: "iam", name: "GetRole", on: onRole, run: (*operating).getRole, params: []param{{"RoleName", roleNameShape, true}}},
	{service: "iam", name: "UpdateRole", on: onRole, writes: true, run: (*operating).updateRole, params: []param{
		{"RoleName", roleNameShape, true}, {"Description", roleDescriptionShape, false}, {"MaxSessionDuration", maxSessionShape, false}}},
	{service: "iam", name: "UpdateRoleDescription", on: onRole, writes: true, run: (*operating).updateRoleDescription,
		params: []param{{"RoleName", roleNameShape, true}, {"Description", roleDescriptionShape, true}}},
	{service: "iam", name: "UpdateAssumeRolePolicy", on: onRole, writes: true, run: (*operating).updateAssumeRolePolicy,
		params: []param{{"RoleName", roleNameShape, true}, {"PolicyDocument", documentShape, true}}},
	{service: "iam", name: "DeleteRole", on: onRole, writes: true, run: (*operating).deleteRole, params: []param{
		{"RoleName", roleNameShape, true}}},
	{service: "iam", name: "ListRoles", on: onAll("role"), run: (*operating).listRoles, params: []param{
		{"PathPrefix", pathPrefixShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "TagRole", on: onRole, writes: true, run: (*operating).tagRole, params: []param{
		{"RoleName", roleNameShape, true}, {"Tags", tagsShape, true}}},
	{service: "iam", name: "UntagRole", on: onRole, writes: true, run: (*operating).untagRole, params: []param{
		{"RoleName", roleNameShape, true}, {"TagKeys", tagKeysShape, true}}},
	{service: "iam", name: "ListRoleTags", on: onRole, run: (*operating).listRoleTags, params: []param{
		{"RoleName", roleNameShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "PutRolePermissionsBoundary", on: onPoliciedRole, writes: true, run: (*operating).putRoleBoundary,
		params: []param{{"RoleName", roleNameShape, true}, {"PermissionsBoundary", boundaryShape, true}}},
	{service: "iam", name: "DeleteRolePermissionsBoundary", on: onPoliciedRole, writes: true, run: (*operating).deleteRoleBoundary,
		params: []param{{"RoleName", roleNameShape, true}}},
}

// onNewRole is the role that the call makes.
func onNewRole(o *operating) (target, error) {
	return target{arn: o.iamARN("role" + o.pathOr("Path") + o.param("RoleName")), set: withBoundary(o, nil, "")}, nil
}

// roleXML is a role as answers show it.
type roleXML struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	Arn                      string
	CreateDate               string
	AssumeRolePolicyDocument string       // percent-encoded
	Description              string       `xml:",omitempty"`
	MaxSessionDuration       int64        `xml:",omitempty"`
	PermissionsBoundary      *boundaryXML `xml:",omitempty"`
	Tags                     *list[Tag]   `xml:",omitempty"`
	RoleLastUsed             *roleUsedXML `xml:",omitempty"`
}

// roleUsedXML is when a role was last used, empty for never.
type roleUsedXML struct {
	LastUsedDate string `xml:",omitempty"`
	Region       string `xml:",omitempty"`
}

// describeRole returns r as a list shows it.
func (o *operating) describeRole(r *Role) roleXML {
	return roleXML{Path: r.Path, RoleName: r.Name, RoleID: r.ID, Arn: r.arn(o.account.ID), CreateDate: stamp(r.Created),
		AssumeRolePolicyDocument: percentEncoded(r.Trust), Description: r.Description, MaxSessionDuration: r.MaxSession}
}

// wholeRole is describeRole for the answers about one role.
func (o *operating) wholeRole(r *Role) roleXML {
	x := o.describeRole(r)
	x.Tags, x.PermissionsBoundary = tagsXML(r.Tags), describeBoundary(&r.holding)
	x.RoleLastUsed = &roleUsedXML{stamp(r.LastUsed), r.LastUsedRegion}
	return x
}

type roleResult struct{ Role roleXML }

// createRole implements CreateRole. It looks at path and tags first, then at the name, the trust policy, the
// boundary and last at the quota; the order is ours.
func (o *operating) createRole() (any, error) {
	name, trust := o.param("RoleName"), o.param("AssumeRolePolicyDocument")
	path, err := o.path("Path")
	if err != nil {
		return nil, err
	}
	tags, err := o.tagsParam()
	if err != nil {
		return nil, err
	}
	if taken, err := roleNamed(o.Tx, name); err != nil || taken != nil {
		return nil, either(err, o.refuse("RoleExists", name))
	}
	if err := o.checkTrust(trust); err != nil {
		return nil, err
	}
	boundary, err := o.boundaryParam()
	if err != nil {
		return nil, err
	}
	if o.account.Roles >= rolesQuota {
		return nil, o.refuse("QuotaExceeded", "RolesPerAccount", rolesQuota)
	}
	r := &Role{ID: o.drawID("AROA", 17), Name: name, Path: path, Created: o.today(), Description: o.param("Description"),
		Trust: trust, MaxSession: o.maxSession(defaultRoleSession), Tags: tags}
	o.account.Roles++
	if err := o.bind(r.ID, "role", &r.holding, boundary); err != nil {
		return nil, err
	}
	x := o.wholeRole(r)
	x.MaxSessionDuration, x.RoleLastUsed = 0, nil // they are in GetRole only
	return roleResult{x}, putRole(o.Tx, r)
}

// maxSession returns MaxSessionDuration, or what there is where the call does not give it.
func (o *operating) maxSession(have int64) int64 {
	if n, err := strconv.ParseInt(o.param("MaxSessionDuration"), 10, 64); err == nil {
		return n
	}
	return have
}

// checkTrust refuses a trust policy that is malformed, too long, or names a user or role of this account that is not there:
// the real service keeps its principals by their IDs and so has to find them.
func (o *operating) checkTrust(text string) error {
	d, err := o.parsed(policy.Trust, text)
	if err == nil {
		err = policy.TrustPolicy.Check(policy.Size(text), "")
	}
	if err != nil {
		return o.malformed(err)
	}
	for _, s := range d.Statements {
		for _, p := range s.Principals {
			if err := o.checkPrincipal(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkPrincipal refuses a user or role of this account that is not there. Those of other accounts are believed: the
// lab has no other account to ask.
func (o *operating) checkPrincipal(p policy.Principal) error {
	rest, own := strings.CutPrefix(p.Name, o.iamARN(""))
	kind, path, named := strings.Cut(rest, "/")
	if p.Type != "AWS" || !own || !named {
		return nil
	}
	var arn string
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch kind {
	case "user":
		u := &User{}
		if found, err := get(o.Tx, kindUser, lower(name), u); err != nil {
			return err
		} else if found {
			arn = u.arn(o.account.ID)
		}
	case "role":
		r, err := roleNamed(o.Tx, name)
		if err != nil {
			return err
		}
		if r != nil {
			arn = r.arn(o.account.ID)
		}
	}
	if arn != p.Name {
		return o.refuse("InvalidPrincipal", p.Type, p.Name)
	}
	return nil
}

// getRole implements GetRole.
func (o *operating) getRole() (any, error) {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return nil, err
	}
	return roleResult{o.wholeRole(r)}, nil
}

type updateRoleResult struct{}

// updateRole implements UpdateRole. What is left out stays as it was.
func (o *operating) updateRole() (any, error) {
	return updateRoleResult{}, o.changeRole(func(r *Role) error {
		if o.Params.Has("Description") {
			r.Description = o.param("Description")
		}
		r.MaxSession = o.maxSession(r.MaxSession)
		return nil
	})
}

// updateRoleDescription implements UpdateRoleDescription, the older operation, which answers with the role.
func (o *operating) updateRoleDescription() (any, error) {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return nil, err
	}
	r.Description = o.param("Description")
	return roleResult{o.wholeRole(r)}, putRole(o.Tx, r)
}

// updateAssumeRolePolicy implements UpdateAssumeRolePolicy. Sessions that were begun under the old one go on: trust
// is asked when a session begins, and never again.
func (o *operating) updateAssumeRolePolicy() (any, error) {
	return nil, o.changeRole(func(r *Role) error {
		r.Trust = o.param("PolicyDocument")
		return o.checkTrust(r.Trust)
	})
}

// changeRole stores the role that the call names with a change.
func (o *operating) changeRole(change func(*Role) error) error {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return err
	}
	if err := change(r); err != nil {
		return err
	}
	return putRole(o.Tx, r)
}

// deleteRole implements DeleteRole. Sessions of the role end with it.
func (o *operating) deleteRole() (any, error) {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return nil, err
	}
	if err := o.checkUnused(r.ID, &r.holding); err != nil {
		return nil, err
	}
	if err := o.unbound(r.ID, &r.holding); err != nil {
		return nil, err
	}
	if err := o.Delete(kindRoleID, r.ID); err != nil {
		return nil, err
	}
	o.account.Roles--
	if err := o.putAccount(); err != nil {
		return nil, err
	}
	return nil, o.Delete(kindRole, lower(r.Name))
}

type listRolesResult struct {
	Roles list[roleXML]
	tail
}

// listRoles implements ListRoles, in the order of the names.
func (o *operating) listRoles() (any, error) {
	prefix := o.pathOr("PathPrefix")
	roles, end, err := scanPage(o, kindRole, func(rec Record) (roleXML, bool, error) {
		r := &Role{}
		if err := json.Unmarshal(rec.Value, r); err != nil {
			return roleXML{}, false, damaged(kindRole, rec.Key, err)
		}
		return o.describeRole(r), strings.HasPrefix(r.Path, prefix), nil
	})
	return listRolesResult{list[roleXML]{roles}, end}, err
}

func (o *operating) tagRole() (any, error) { return nil, o.retagRole(o.addTags) }

func (o *operating) untagRole() (any, error) { return nil, o.retagRole(o.removeTags) }

// retagRole changes the tags of the role that the call names.
func (o *operating) retagRole(change func([]Tag) ([]Tag, error)) error {
	return o.changeRole(func(r *Role) (err error) {
		r.Tags, err = change(r.Tags)
		return err
	})
}

// listRoleTags implements ListRoleTags.
func (o *operating) listRoleTags() (any, error) {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return nil, err
	}
	return o.listTags(r.Tags)
}

// roleNamed returns the role with that name, whatever its case, or nil where there is none.
func roleNamed(tx Tx, name string) (*Role, error) {
	r := &Role{}
	found, err := get(tx, kindRole, lower(name), r)
	if err != nil || !found {
		return nil, err
	}
	return r, nil
}

// roleWithID returns the role with that ID, or nil where there is none.
func roleWithID(tx Tx, id string) (*Role, error) {
	key, err := tx.Get(kindRoleID, id)
	if err != nil || key == nil {
		return nil, err
	}
	return roleNamed(tx, string(key))
}

// putRole stores r.
func putRole(tx Tx, r *Role) error {
	key := lower(r.Name)
	if err := tx.Put(kindRoleID, r.ID, []byte(key)); err != nil {
		return err
	}
	return put(tx, kindRole, key, r)
}

// arn returns the ARN of r in account.
func (r *Role) arn(account string) string {
	return "arn:aws:iam::" + account + ":role" + r.Path + r.Name
}

// roleNamed returns the role with that name, or NoSuchEntity.
func (o *operating) roleNamed(name string) (*Role, error) {
	r, err := roleNamed(o.Tx, name)
	if err == nil && r == nil {
		err = o.refuse("NoSuchRole", name)
	}
	return r, err
}

// onRole is the role that the call names.
func onRole(o *operating) (target, error) {
	r, t, err := o.roleTarget()
	if r != nil {
		t.set = tagged(r.Tags)
	}
	return t, err
}

// onPoliciedRole is onRole for operations that ask for the role's boundary.
func onPoliciedRole(o *operating) (target, error) {
	r, t, err := o.roleTarget()
	if r != nil {
		t.set = withBoundary(o, r.Tags, r.Boundary)
	}
	return t, err
}

func (o *operating) roleTarget() (*Role, target, error) {
	name := o.param("RoleName")
	r, err := roleNamed(o.Tx, name)
	if err != nil || r == nil {
		return nil, target{arn: o.iamARN("role/" + name), shown: "role " + name}, err
	}
	return r, target{arn: r.arn(o.Service.Account()), shown: "role " + name}, nil
}
