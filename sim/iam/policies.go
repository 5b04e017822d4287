package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// From reference_iam-quotas.
const (
	policiesQuota = 1500
	versionsQuota = 5
)

// policyOperations are the operations on managed policies and their versions. AWS's own policies are there for whoever reads or
// attaches, and refuse every change with a text of their own for each (recorded), before anything else is looked at.
var policyOperations = []*operation{
	{service: "iam", name: "CreatePolicy", on: onNewPolicy, writes: true, run: (*operating).createPolicy, params: []param{
		{"PolicyName", policyNameShape, true}, {"Path", policyPathShape, false}, {"PolicyDocument", documentShape, true},
		{"Description", policyTextShape, false}, {"Tags", tagsShape, false}}},
	{service: "iam", name: "GetPolicy", on: onPolicy, run: (*operating).getPolicy, params: []param{{"PolicyArn", policyARNShape, true}}},
	{service: "iam", name: "DeletePolicy", on: onPolicy, writes: true, run: (*operating).deletePolicy, params: []param{
		{"PolicyArn", policyARNShape, true}}},
	{service: "iam", name: "ListPolicies", on: onPolicies, run: (*operating).listPolicies, params: []param{
		{"Scope", policyScopeShape, false}, {"OnlyAttached", boolValueShape, false}, {"PathPrefix", policyPathShape, false},
		{"PolicyUsageFilter", policyUsageShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "CreatePolicyVersion", on: onPolicy, writes: true, run: (*operating).createPolicyVersion, params: []param{
		{"PolicyArn", policyARNShape, true}, {"PolicyDocument", documentShape, true}, {"SetAsDefault", boolValueShape, false}}},
	{service: "iam", name: "GetPolicyVersion", on: onPolicy, run: (*operating).getPolicyVersion, params: []param{
		{"PolicyArn", policyARNShape, true}, {"VersionId", versionShape, true}}},
	{service: "iam", name: "DeletePolicyVersion", on: onPolicy, writes: true, run: (*operating).deletePolicyVersion, params: []param{
		{"PolicyArn", policyARNShape, true}, {"VersionId", versionShape, true}}},
	{service: "iam", name: "SetDefaultPolicyVersion", on: onPolicy, writes: true, run: (*operating).setDefaultPolicyVersion,
		params: []param{{"PolicyArn", policyARNShape, true}, {"VersionId", versionShape, true}}},
	{service: "iam", name: "ListPolicyVersions", on: onPolicy, run: (*operating).listPolicyVersions, params: []param{
		{"PolicyArn", policyARNShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "ListEntitiesForPolicy", on: onPolicy, run: (*operating).listEntitiesForPolicy, params: []param{
		{"PolicyArn", policyARNShape, true}, {"EntityFilter", entityFilterShape, false}, {"PathPrefix", pathPrefixShape, false},
		{"PolicyUsageFilter", policyUsageShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "TagPolicy", on: onPolicy, writes: true, run: (*operating).tagPolicy, params: []param{
		{"PolicyArn", policyARNShape, true}, {"Tags", tagsShape, true}}},
	{service: "iam", name: "UntagPolicy", on: onPolicy, writes: true, run: (*operating).untagPolicy, params: []param{
		{"PolicyArn", policyARNShape, true}, {"TagKeys", tagKeysShape, true}}},
	{service: "iam", name: "ListPolicyTags", on: onPolicy, run: (*operating).listPolicyTags, params: []param{
		{"PolicyArn", policyARNShape, true}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
}

// onPolicy is the managed policy that the call names.
func onPolicy(o *operating) (target, error) {
	arn := o.param("PolicyArn")
	p, err := o.managed(o.Tx, arn)
	t := target{arn: arn, shown: "policy " + arn}
	if p != nil {
		t.set = tagged(p.Tags)
	}
	return t, err
}

// onNewPolicy is the managed policy that the call makes.
func onNewPolicy(o *operating) (target, error) {
	name := o.param("PolicyName")
	return target{arn: o.iamARN("policy" + o.pathOr("Path") + name), shown: "policy " + name}, nil
}

// onPolicies is the list of policies, which knows no resource.
func onPolicies(o *operating) (target, error) {
	return target{arn: "*", shown: "policy path " + o.pathOr("PathPrefix")}, nil
}

// policyXML is a managed policy as answers show it. Lists leave out description and tags, as the real ones do.
type policyXML struct {
	PolicyName                    string
	PolicyID                      string `xml:"PolicyId"`
	Arn                           string
	Path                          string
	DefaultVersionID              string `xml:"DefaultVersionId"`
	AttachmentCount               int
	PermissionsBoundaryUsageCount int
	IsAttachable                  bool
	Description                   string `xml:",omitempty"`
	CreateDate                    string
	UpdateDate                    string
	Tags                          *list[Tag] `xml:",omitempty"`
}

type policyResult struct{ Policy policyXML }

// describePolicy returns p as a list shows it: without description and tags.
func (o *operating) describePolicy(p *ManagedPolicy) (policyXML, error) {
	arn := o.arnOf(p)
	x := policyXML{PolicyName: p.Name, PolicyID: p.ID, Arn: arn, Path: p.Path, DefaultVersionID: p.Default, IsAttachable: true,
		CreateDate: stamp(p.Created), UpdateDate: stamp(p.Updated)}
	var err error
	if x.AttachmentCount, err = o.uses(arn, attachedUse); err == nil {
		x.PermissionsBoundaryUsageCount, err = o.uses(arn, boundaryUse)
	}
	return x, err
}

// uses counts how often a managed policy is used in that way. It counts the records of use and keeps no number: a number could
// come to differ from what it counts.
func (o *operating) uses(arn, use string) (int, error) {
	records, err := o.Scan(kindUsage, usageKey(arn, use, ""), "", 0)
	return len(records), err
}

// createPolicy implements CreatePolicy. It looks at tags first, then at the name, then at the document; the order is
// ours.
func (o *operating) createPolicy() (any, error) {
	name, text := o.param("PolicyName"), o.param("PolicyDocument")
	tags, err := o.tagsNamed("DuplicatePolicyTagKeys")
	if err != nil {
		return nil, err
	}
	if taken, err := o.Get(kindPolicy, lower(name)); err != nil || taken != nil {
		return nil, either(err, o.refuse("PolicyExists", name))
	}
	if err := o.checkManaged(text); err != nil {
		return nil, err
	}
	if o.account.Policies >= policiesQuota {
		return nil, o.refuse("QuotaExceeded", "PoliciesPerAccount", policiesQuota)
	}
	o.account.Policies++
	p := &ManagedPolicy{ID: o.drawID("ANPA", 17), Name: name, Path: o.pathOr("Path"), Description: o.param("Description"), Created: o.today(),
		Tags: tags}
	if err := o.addVersion(p, text, true); err != nil {
		return nil, err
	}
	x, err := o.describePolicy(p)
	x.Tags = tagsXML(tags)
	return policyResult{x}, err
}

// checkManaged refuses a document that is malformed or too long for a managed policy.
func (o *operating) checkManaged(text string) error {
	if err := o.checkDocument(policy.Identity, text); err != nil {
		return err
	}
	return o.malformed(policy.Managed.Check(policy.Size(text), ""))
}

// addVersion stores p with another version. The document is a record of its own, because a policy is read for its name and default
// version far more often than for its text, and up to five texts of 6 KiB hang on it.
func (o *operating) addVersion(p *ManagedPolicy, text string, isDefault bool) error {
	p.Last++
	p.Updated = o.today()
	v := PolicyVersion{fmt.Sprint("v", p.Last), o.today()}
	p.Versions = append(p.Versions, v)
	if isDefault {
		p.Default = v.ID
	}
	if err := o.Put(kindDocument, p.ID+" "+v.ID, []byte(text)); err != nil {
		return err
	}
	return putPolicy(o.Tx, p)
}

// putPolicy stores p under its name, which is unique in the account whatever its case and path.
func putPolicy(tx Tx, p *ManagedPolicy) error { return put(tx, kindPolicy, lower(p.Name), p) }

// policyParam returns the managed policy that the call names, of the account's or of AWS's.
func (o *operating) policyParam() (*ManagedPolicy, error) {
	return o.attachable(o.param("PolicyArn"), "NoSuchPolicy")
}

// ownPolicy is policyParam for what only the account's own policies can have done to them; foreign is the answer for AWS's.
func (o *operating) ownPolicy(foreign string) (*ManagedPolicy, error) {
	if strings.HasPrefix(o.param("PolicyArn"), "arn:aws:iam::aws:") {
		return nil, o.refuse(foreign)
	}
	return o.policyParam()
}

// getPolicy implements GetPolicy, of the account's and of AWS's own alike.
func (o *operating) getPolicy() (any, error) {
	p, err := o.policyParam()
	if err != nil {
		return nil, err
	}
	x, err := o.describePolicy(p)
	x.Description, x.Tags = p.Description, tagsXML(p.Tags)
	return policyResult{x}, err
}

// deletePolicy implements DeletePolicy: nobody may use it, and the default version has to be the only one. As a boundary it is in
// use, too; a user whose boundary went would have none, and be able to do more than before.
func (o *operating) deletePolicy() (any, error) {
	p, err := o.ownPolicy("ForeignPolicyDelete")
	if err != nil {
		return nil, err
	}
	if used, err := o.Scan(kindUsage, o.arnOf(p)+" ", "", 1); err != nil || len(used) > 0 {
		return nil, either(err, o.refuse("PolicyInUse"))
	}
	if len(p.Versions) > 1 {
		return nil, o.refuse("PolicyHasVersions")
	}
	if err := o.Delete(kindDocument, p.ID+" "+p.Default); err != nil {
		return nil, err
	}
	o.account.Policies--
	if err := o.putAccount(); err != nil {
		return nil, err
	}
	return nil, o.Delete(kindPolicy, lower(p.Name))
}

type listPoliciesResult struct {
	Policies list[policyXML]
	tail
}

// listPolicies implements ListPolicies: AWS's by name, then the account's own by name.
func (o *operating) listPolicies() (any, error) {
	p, err := o.newPager()
	if err != nil {
		return nil, err
	}
	const ofAWS = "!" // stands before every character that a name may have
	scope := o.param("Scope")
	var out []policyXML
	if scope != "Local" && (p.after == "" || strings.HasPrefix(p.after, ofAWS)) {
		for _, arn := range awsPolicyNames {
			x, belongs, err := o.listed(&awsPolicies[arn].ManagedPolicy)
			key := ofAWS + lower(x.PolicyName)
			if err != nil {
				return nil, err
			}
			if !belongs || !p.past(key) {
				continue
			}
			if p.full(len(out)) {
				break
			}
			out, p.last = append(out, x), key
		}
	}
	if strings.HasPrefix(p.after, ofAWS) {
		p.after = ""
	}
	if scope != "AWS" && !p.truncated {
		out, err = walk(p, kindPolicy, out, func(r Record) (policyXML, bool, error) {
			own := &ManagedPolicy{}
			if err := json.Unmarshal(r.Value, own); err != nil {
				return policyXML{}, false, damaged(kindPolicy, r.Key, err)
			}
			return o.listed(own)
		})
		if err != nil {
			return nil, err
		}
	}
	end, err := p.end()
	return listPoliciesResult{list[policyXML]{out}, end}, err
}

// listed returns p as a list shows it, and whether the call's filters let it through. PolicyUsageFilter says more than OnlyAttached
// and counts where both are given: a policy that is only a boundary is attached to nobody.
func (o *operating) listed(p *ManagedPolicy) (policyXML, bool, error) {
	if !strings.HasPrefix(p.Path, o.pathOr("PathPrefix")) {
		return policyXML{}, false, nil
	}
	x, err := o.describePolicy(p)
	switch o.param("PolicyUsageFilter") {
	case "PermissionsPolicy":
		return x, x.AttachmentCount > 0, err
	case "PermissionsBoundary":
		return x, x.PermissionsBoundaryUsageCount > 0, err
	}
	return x, o.param("OnlyAttached") != "true" || x.AttachmentCount > 0, err
}

func (o *operating) tagPolicy() (any, error) { return o.retagPolicy(o.addTags) }

func (o *operating) untagPolicy() (any, error) { return o.retagPolicy(o.removeTags) }

// retagPolicy changes the tags of a policy of the account; AWS's own have none and take none.
func (o *operating) retagPolicy(change func([]Tag) ([]Tag, error)) (any, error) {
	p, err := o.ownPolicy("ForeignPolicyUpdate")
	if err != nil {
		return nil, err
	}
	if p.Tags, err = change(p.Tags); err != nil {
		return nil, err
	}
	return nil, putPolicy(o.Tx, p)
}

func (o *operating) listPolicyTags() (any, error) {
	p, err := o.policyParam()
	if err != nil {
		return nil, err
	}
	return o.listTags(p.Tags)
}

// errNoPolicy is behind a version whose document is not in the store.
var errNoPolicy = errors.New("the policy is gone")

// managed returns the managed policy with that ARN, of the account's or of AWS's, or nil where there is none. Names are unique
// without their path, and the records go by them; an ARN with another path, or of another account, names none.
func (s *Service) managed(tx Tx, arn string) (*ManagedPolicy, error) {
	if p := awsPolicies[arn]; p != nil {
		return &p.ManagedPolicy, nil
	}
	p := &ManagedPolicy{}
	found, err := get(tx, kindPolicy, lower(arn[strings.LastIndexByte(arn, '/')+1:]), p)
	if err != nil || !found || p.arn(s.Account()) != arn {
		return nil, err
	}
	return p, nil
}

// documentText returns the text of a version of p. Of AWS's there is one version, the default; which ones came before it the lab
// does not know.
func documentText(tx Tx, p *ManagedPolicy, version string) (string, error) {
	if a := awsPolicies[p.arn("aws")]; a != nil && a.ID == p.ID {
		return a.text, nil
	}
	b, err := tx.Get(kindDocument, p.ID+" "+version)
	if err == nil && b == nil {
		err = damaged(kindDocument, p.ID+" "+version, errNoPolicy)
	}
	return string(b), err
}

// arn returns the ARN of p in account.
func (p *ManagedPolicy) arn(account string) string {
	return "arn:aws:iam::" + account + ":policy" + p.Path + p.Name
}
