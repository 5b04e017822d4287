package iam

import (
	"encoding/json"
	"slices"
)

// detailOperations is GetAccountAuthorizationDetails: who may do what in the account, in one list.
var detailOperations = []*operation{
	{service: "iam", name: "GetAccountAuthorizationDetails", run: (*operating).authorizationDetails, params: []param{
		{"Filter", textsShape, false}, {"MaxItems", maxItemsShape, false}, {"Marker", markerShape, false}}},
}

// detailsResult is the answer of GetAccountAuthorizationDetails: one page of users, groups, roles and policies, in
// that order.
type detailsResult struct {
	UserDetailList  list[userDetailXML]
	GroupDetailList list[groupDetailXML]
	RoleDetailList  list[roleDetailXML]
	Policies        list[policyDetailXML]
	tail
}

// heldXML is what hangs on a user, group or role.
type heldXML struct {
	inline   list[documentXML]
	attached list[attachedPolicyXML]
}

// documentXML is an inline policy with its document, percent-encoded.
type documentXML struct{ PolicyName, PolicyDocument string }

type userDetailXML struct {
	userXML
	UserPolicyList          list[documentXML]
	GroupList               list[string]
	AttachedManagedPolicies list[attachedPolicyXML]
}

type groupDetailXML struct {
	groupXML
	GroupPolicyList         list[documentXML]
	AttachedManagedPolicies list[attachedPolicyXML]
}

type roleDetailXML struct {
	roleXML
	InstanceProfileList     list[string]
	RolePolicyList          list[documentXML]
	AttachedManagedPolicies list[attachedPolicyXML]
}

type policyDetailXML struct {
	policyXML
	PolicyVersionList list[versionXML]
}

// detail is one entry of the list before it is described: its place, and what describes it.
type detail struct {
	key      string
	describe func(*detailsResult) error
}

// authorizationDetails implements GetAccountAuthorizationDetails: users, groups, roles, the account's policies, and those
// of AWS's that somebody has. It is one list in five parts and pages go through all of it by one marker, hence the digit before each
// key. An entry is described when the page that it is on is known, because to describe one reads all that hangs on it.
func (o *operating) authorizationDetails() (any, error) {
	filter := textsIn("Filter", o.Call)
	var all []detail
	for _, k := range []struct {
		name, kind, prefix string
		describe           func(*operating, []byte, *detailsResult) error
	}{
		{"User", kindUser, "1", (*operating).detailUser}, {"Group", kindGroup, "2", (*operating).detailGroup},
		{"Role", kindRole, "3", (*operating).detailRole}, {"LocalManagedPolicy", kindPolicy, "4", (*operating).detailOwnPolicy},
	} {
		if len(filter) > 0 && !slices.Contains(filter, k.name) {
			continue
		}
		records, err := o.Scan(k.kind, "", "", 0)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			all = append(all, detail{k.prefix + r.Key, func(d *detailsResult) error {
				if err := k.describe(o, r.Value, d); err != nil {
					return damaged(k.kind, r.Key, err)
				}
				return nil
			}})
		}
	}
	if len(filter) == 0 || slices.Contains(filter, "AWSManagedPolicy") {
		for _, arn := range awsPolicyNames {
			p := &awsPolicies[arn].ManagedPolicy
			used, err := o.uses(arn, attachedUse)
			if err != nil {
				return nil, err
			}
			if used > 0 {
				all = append(all, detail{"5" + lower(p.Name), func(d *detailsResult) error { return o.detailPolicy(p, d) }})
			}
		}
	}
	all, end, err := page(o, all, func(d detail) string { return d.key })
	result := detailsResult{tail: end}
	for _, d := range all {
		if err := d.describe(&result); err != nil {
			return nil, err
		}
	}
	return result, err
}

// held returns what hangs on the user, group or role with that ID.
func (o *operating) held(id string, h *holding) (heldXML, error) {
	names, err := inlineNames(o.Tx, id)
	if err != nil {
		return heldXML{}, err
	}
	x := heldXML{attached: list[attachedPolicyXML]{attachedXML(h.Attached)}}
	for _, name := range names {
		text, err := o.Get(kindDocument, id+" "+name)
		if err != nil {
			return heldXML{}, err
		}
		x.inline.Members = append(x.inline.Members, documentXML{name, percentEncoded(string(text))})
	}
	return x, nil
}

// detailUser adds a user with everything that decides about it.
func (o *operating) detailUser(record []byte, d *detailsResult) error {
	u := &User{}
	if err := json.Unmarshal(record, u); err != nil {
		return err
	}
	h, err := o.held(u.ID, &u.holding)
	if err != nil {
		return err
	}
	x := userDetailXML{userXML: o.withTags(u).User, UserPolicyList: h.inline, AttachedManagedPolicies: h.attached}
	for _, id := range u.Groups {
		g, err := groupWithID(o.Tx, id)
		if err != nil {
			return err
		}
		if g != nil {
			x.GroupList.Members = append(x.GroupList.Members, g.Name)
		}
	}
	d.UserDetailList.Members = append(d.UserDetailList.Members, x)
	return nil
}

// detailGroup adds a group.
func (o *operating) detailGroup(record []byte, d *detailsResult) error {
	g := &Group{}
	if err := json.Unmarshal(record, g); err != nil {
		return err
	}
	h, err := o.held(g.ID, &g.holding)
	d.GroupDetailList.Members = append(d.GroupDetailList.Members, groupDetailXML{o.describeGroup(g), h.inline, h.attached})
	return err
}

// detailRole adds a role, its trust policy with it: who may do what does not end with what the role may do, and who looks for roles
// that can be assumed without MFA looks here.
func (o *operating) detailRole(record []byte, d *detailsResult) error {
	r := &Role{}
	if err := json.Unmarshal(record, r); err != nil {
		return err
	}
	h, err := o.held(r.ID, &r.holding)
	d.RoleDetailList.Members = append(d.RoleDetailList.Members, roleDetailXML{roleXML: o.wholeRole(r), RolePolicyList: h.inline,
		AttachedManagedPolicies: h.attached})
	return err
}

// detailOwnPolicy adds a managed policy of the account.
func (o *operating) detailOwnPolicy(record []byte, d *detailsResult) error {
	p := &ManagedPolicy{}
	if err := json.Unmarshal(record, p); err != nil {
		return err
	}
	return o.detailPolicy(p, d)
}

// detailPolicy adds a managed policy with all of its versions: an auditor wants to see what somebody could go back
// to.
func (o *operating) detailPolicy(p *ManagedPolicy, d *detailsResult) error {
	x, err := o.describePolicy(p)
	if err != nil {
		return err
	}
	x.Description = p.Description
	detail := policyDetailXML{policyXML: x}
	for _, v := range slices.Backward(p.Versions) {
		version := describeVersion(p, v)
		text, err := documentText(o.Tx, p, v.ID)
		if err != nil {
			return err
		}
		version.Document = percentEncoded(text)
		detail.PolicyVersionList.Members = append(detail.PolicyVersionList.Members, version)
	}
	d.Policies.Members = append(d.Policies.Members, detail)
	return nil
}
