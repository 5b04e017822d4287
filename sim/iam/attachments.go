package iam

import (
	"net/url"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// attachedQuota is how many managed policies one user, group or role may have: IAM User Guide, reference_iam-quotas.
const attachedQuota = 10

// A bearer is a user, a group or a role as what policies hang on.
type bearer struct {
	word string // "user", "group" or "role"
	id   string
	name string
	*holding
	quota policy.Quota // of its inline policies together
	save  func() error
}

// bearerKinds are the three, with the shape that their names have in most operations and in those that attach.
var bearerKinds = []struct {
	word          string // "User"
	name          shape
	attaching     shape
	bearer        func(*operating) (*bearer, error)
	on, onChanged func(*operating) (target, error)
}{
	{"User", existingUserNameShape, userNameShape, (*operating).userBearer, onUser, onPoliciedUser},
	{"Group", groupNameShape, groupNameShape, (*operating).groupBearer, onGroup, onGroup},
	{"Role", roleNameShape, roleNameShape, (*operating).roleBearer, onRole, onPoliciedRole},
}

// attachmentOperations are the operations on the policies of users, groups and roles: the same seven for each.
var attachmentOperations = func() []*operation {
	var ops []*operation
	for _, k := range bearerKinds {
		name, attaching := param{k.word + "Name", k.name, true}, param{k.word + "Name", k.attaching, true}
		policyName := param{"PolicyName", policyNameShape, true}
		arn, marker, most := param{"PolicyArn", policyARNShape, true}, param{"Marker", markerShape, false}, param{"MaxItems", maxItemsShape, false}
		on := func(run func(*operating, *bearer) (any, error)) func(*operating) (any, error) {
			return func(o *operating) (any, error) {
				b, err := k.bearer(o)
				if err != nil {
					return nil, err
				}
				return run(o, b)
			}
		}
		ops = append(ops,
			&operation{service: "iam", name: "Attach" + k.word + "Policy", writes: true, on: k.onChanged,
				run: on((*operating).attachPolicy), params: []param{attaching, arn}},
			&operation{service: "iam", name: "Detach" + k.word + "Policy", writes: true, on: k.onChanged,
				run: on((*operating).detachPolicy), params: []param{attaching, arn}},
			&operation{service: "iam", name: "ListAttached" + k.word + "Policies", on: k.on,
				run:    on((*operating).listAttachedPolicies),
				params: []param{attaching, {"PathPrefix", policyPathShape, false}, marker, most}},
			&operation{service: "iam", name: "Put" + k.word + "Policy", writes: true, on: k.onChanged,
				run: on((*operating).putInlinePolicy), params: []param{name, policyName, {"PolicyDocument", documentShape, true}}},
			&operation{service: "iam", name: "Get" + k.word + "Policy", on: k.on,
				run: on((*operating).getInlinePolicy), params: []param{name, policyName}},
			&operation{service: "iam", name: "Delete" + k.word + "Policy", writes: true, on: k.onChanged,
				run: on((*operating).deleteInlinePolicy), params: []param{name, policyName}},
			&operation{service: "iam", name: "List" + k.word + "Policies", on: k.on,
				run: on((*operating).listInlinePolicies), params: []param{name, marker, most}})
	}
	return ops
}()

// userBearer is the user that the call names, as who bears policies.
func (o *operating) userBearer() (*bearer, error) {
	u, err := o.userNamed(o.param("UserName"))
	if err != nil {
		return nil, err
	}
	return &bearer{"user", u.ID, u.Name, &u.holding, policy.InlineUser, func() error { return putUser(o.Tx, u) }}, nil
}

// groupBearer is userBearer for groups.
func (o *operating) groupBearer() (*bearer, error) {
	g, err := o.groupNamed(o.param("GroupName"))
	if err != nil {
		return nil, err
	}
	return &bearer{"group", g.ID, g.Name, &g.holding, policy.InlineGroup, func() error { return putGroup(o.Tx, g) }}, nil
}

// roleBearer is userBearer for roles.
func (o *operating) roleBearer() (*bearer, error) {
	r, err := o.roleNamed(o.param("RoleName"))
	if err != nil {
		return nil, err
	}
	return &bearer{"role", r.ID, r.Name, &r.holding, policy.InlineRole, func() error { return putRole(o.Tx, r) }}, nil
}

// capital returns the bearer's word as names of operations and quotas have it.
func (b *bearer) capital() string { return strings.ToUpper(b.word[:1]) + b.word[1:] }

// attachPolicy implements AttachUserPolicy and its kin. What is attached already stays so (recorded).
func (o *operating) attachPolicy(b *bearer) (any, error) {
	p, err := o.attachable(o.param("PolicyArn"), "NotAttachable")
	if err != nil {
		return nil, err
	}
	arn := o.arnOf(p)
	if slices.Contains(b.Attached, arn) {
		return nil, nil
	}
	if len(b.Attached) >= attachedQuota {
		return nil, o.refuse("AttachedLimit", b.capital(), attachedQuota)
	}
	b.Attached = append(b.Attached, arn)
	if err := o.Put(kindUsage, usageKey(arn, attachedUse, b.id), []byte(b.word)); err != nil {
		return nil, err
	}
	return nil, b.save()
}

// detachPolicy implements DetachUserPolicy and its kin.
func (o *operating) detachPolicy(b *bearer) (any, error) {
	arn := o.param("PolicyArn")
	if !boundaryPattern.MatchString(arn) {
		return nil, o.refuse("InvalidPolicyARN", arn)
	}
	at := slices.Index(b.Attached, arn)
	if at < 0 {
		return nil, o.refuse("NoSuchPolicy", arn)
	}
	b.Attached = slices.Delete(b.Attached, at, at+1)
	if err := o.Delete(kindUsage, usageKey(arn, attachedUse, b.id)); err != nil {
		return nil, err
	}
	return nil, b.save()
}

// attachable returns the managed policy with that ARN, or refuses with the text of that ID.
func (o *operating) attachable(arn, text string) (*ManagedPolicy, error) {
	if !boundaryPattern.MatchString(arn) {
		return nil, o.refuse("InvalidPolicyARN", arn)
	}
	p, err := o.managed(o.Tx, arn)
	if err == nil && p == nil {
		err = o.refuse(text, arn)
	}
	return p, err
}

type attachedPolicyXML struct {
	PolicyName string
	PolicyArn  string
}

type listAttachedResult struct {
	AttachedPolicies list[attachedPolicyXML]
	tail
}

// listAttachedPolicies implements ListAttachedUserPolicies and its kin, in the order of the ARNs.
func (o *operating) listAttachedPolicies(b *bearer) (any, error) {
	prefix := o.pathOr("PathPrefix")
	var in []string
	for _, arn := range slices.Sorted(slices.Values(b.Attached)) {
		if strings.HasPrefix(pathOfARN(arn), prefix) {
			in = append(in, arn)
		}
	}
	in, end, err := page(o, in, func(arn string) string { return arn })
	return listAttachedResult{list[attachedPolicyXML]{attachedXML(in)}, end}, err
}

func attachedXML(arns []string) []attachedPolicyXML {
	var out []attachedPolicyXML
	for _, arn := range arns {
		out = append(out, attachedPolicyXML{arn[strings.LastIndexByte(arn, '/')+1:], arn})
	}
	return out
}

// pathOfARN returns the path of a managed policy, from its ARN.
func pathOfARN(arn string) string {
	_, rest, _ := strings.Cut(arn, ":policy")
	return rest[:strings.LastIndexByte(rest, '/')+1]
}

// putInlinePolicy implements PutUserPolicy and its kin: one of that name is replaced.
func (o *operating) putInlinePolicy(b *bearer) (any, error) {
	name, text := o.param("PolicyName"), o.param("PolicyDocument")
	if err := o.checkDocument(policy.Identity, text); err != nil {
		return nil, err
	}
	have, err := o.Scan(kindDocument, b.id+" ", "", 0)
	if err != nil {
		return nil, err
	}
	size := policy.Size(text)
	for _, r := range have {
		if r.Key != b.id+" "+name {
			size += policy.Size(string(r.Value))
		}
	}
	if err := b.quota.Check(size, b.name); err != nil {
		return nil, o.malformed(err)
	}
	return nil, o.Put(kindDocument, b.id+" "+name, []byte(text))
}

// inlinePolicy returns the text of the bearer's policy that the call names.
func (o *operating) inlinePolicy(b *bearer) (string, error) {
	text, err := o.Get(kindDocument, b.id+" "+o.param("PolicyName"))
	if err == nil && text == nil {
		err = o.refuse("NoSuchInlinePolicy", b.word, o.param("PolicyName"))
	}
	return string(text), err
}

// inlineResult answers GetUserPolicy and its kin.
type inlineResult struct {
	UserName       string `xml:",omitempty"`
	GroupName      string `xml:",omitempty"`
	RoleName       string `xml:",omitempty"`
	PolicyName     string
	PolicyDocument string // percent-encoded
}

// getInlinePolicy implements GetUserPolicy, GetGroupPolicy and GetRolePolicy.
func (o *operating) getInlinePolicy(b *bearer) (any, error) {
	text, err := o.inlinePolicy(b)
	if err != nil {
		return nil, err
	}
	r := inlineResult{PolicyName: o.param("PolicyName"), PolicyDocument: percentEncoded(text)}
	*map[string]*string{"user": &r.UserName, "group": &r.GroupName, "role": &r.RoleName}[b.word] = b.name
	return r, nil
}

// deleteInlinePolicy implements DeleteUserPolicy, DeleteGroupPolicy and DeleteRolePolicy. One that is not there is
// an error, other than with tags.
func (o *operating) deleteInlinePolicy(b *bearer) (any, error) {
	if _, err := o.inlinePolicy(b); err != nil {
		return nil, err
	}
	return nil, o.Delete(kindDocument, b.id+" "+o.param("PolicyName"))
}

type listInlineResult struct {
	PolicyNames list[string]
	tail
}

// listInlinePolicies implements ListUserPolicies, ListGroupPolicies and ListRolePolicies: names alone.
func (o *operating) listInlinePolicies(b *bearer) (any, error) {
	names, err := inlineNames(o.Tx, b.id)
	if err != nil {
		return nil, err
	}
	names, end, err := page(o, names, func(name string) string { return name })
	return listInlineResult{list[string]{names}, end}, err
}

// inlineNames returns the names of the inline policies of a user, group or role, in their order.
func inlineNames(tx Tx, id string) ([]string, error) {
	records, err := tx.Scan(kindDocument, id+" ", "", 0)
	var names []string
	for _, r := range records {
		names = append(names, strings.TrimPrefix(r.Key, id+" "))
	}
	return names, err
}

// checkDocument refuses a document that is not well formed. The journal hears what is wrong with it; a client hears what
// the real service would say.
func (o *operating) checkDocument(kind policy.Kind, text string) error {
	_, err := o.parsed(kind, text)
	return o.malformed(err)
}

// malformed is the answer to a fault of a document, nil for none.
func (o *operating) malformed(err error) error {
	fault, ok := err.(*policy.Error)
	if !ok {
		return err
	}
	if fault.Detail != "" {
		o.decision.Facts = append(o.decision.Facts, Fact{"detail", fault.Detail})
	}
	return &Error{Code: fault.Code, Status: fault.Status, Message: fault.Message, Rule: "policy-document",
		Section: "IAM User Guide, reference_policies_grammar"}
}

// percentEncoded is how answers carry documents: RFC 3986, Section 2.1.
func percentEncoded(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// Uses of a managed policy.
const (
	attachedUse = "attached"
	boundaryUse = "boundary"
)

// usageKey is the key of the record that a policy is used; with "" for the ID it is where those of one use begin.
func usageKey(arn, use, id string) string { return arn + " " + use + " " + id }

// arnOf returns the ARN of a managed policy, which may be one of AWS's.
func (o *operating) arnOf(p *ManagedPolicy) string {
	if a := awsPolicies[p.arn("aws")]; a != nil && a.ID == p.ID {
		return p.arn("aws")
	}
	return p.arn(o.Service.Account())
}
