package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// simulatorOperations are the policy simulator: Section 4.5 of AWS MFA. It knows of a request what the call says and
// nothing else; never anything of who calls.
var simulatorOperations = func() []*operation {
	source, actions := param{"PolicySourceArn", policyARNShape, true}, param{"ActionNames", textsShape, true}
	inputs := func(required bool) param { return param{"PolicyInputList", textsShape, required} }
	rest := []param{{"PermissionsBoundaryPolicyInputList", textsShape, false}, actions, {"ResourceArns", textsShape, false},
		{"ResourcePolicy", documentShape, false}, {"ResourceOwner", shape{min: 1, max: 2048}, false},
		{"CallerArn", shape{min: 1, max: 2048}, false}, {"ContextEntries", contextShape, false},
		{"ResourceHandlingOption", shape{min: 1, max: 64}, false}, {"MaxItems", maxItemsShape, false}, {"Marker", markerShape, false}}
	return []*operation{
		{service: "iam", name: "SimulatePrincipalPolicy", on: onSource, run: (*operating).simulate,
			params: append([]param{source, inputs(false)}, rest...)},
		{service: "iam", name: "SimulateCustomPolicy", run: (*operating).simulate, params: append([]param{inputs(true)}, rest...)},
		{service: "iam", name: "GetContextKeysForPrincipalPolicy", on: onSource, run: (*operating).contextKeys,
			params: []param{source, inputs(false)}},
		{service: "iam", name: "GetContextKeysForCustomPolicy", run: (*operating).contextKeys, params: []param{inputs(true)}},
	}
}()

// onSource is the user, group or role whose policies are simulated.
func onSource(o *operating) (target, error) { return target{arn: o.param("PolicySourceArn")}, nil }

// simulated returns the policies that a call speaks of: those of PolicySourceArn, where it has one, and those that it
// brings.
func (o *operating) simulated() (set policy.Set, caller policy.Caller, err error) {
	if arn := o.param("PolicySourceArn"); arn != "" {
		if set, caller, err = o.source(arn); err != nil {
			return set, caller, err
		}
	}
	brought, err := o.brought(policy.Identity, "PolicyInputList")
	if err != nil {
		return set, caller, err
	}
	set.Identity = append(slices.Clip(set.Identity), brought...)
	limits, err := o.brought(policy.Boundary, "PermissionsBoundaryPolicyInputList")
	if len(limits) > 0 {
		set.Boundary = limits
	}
	return set, caller, err
}

// source returns the policies of the user, group or role with that ARN. A group has no ARN that could sign anything: its policies
// are simulated as those of a user who has no others. The path in the ARN is not looked at, since names are unique without it.
func (o *operating) source(arn string) (policy.Set, policy.Caller, error) {
	rest, own := strings.CutPrefix(arn, o.iamARN(""))
	kind, path, named := strings.Cut(rest, "/")
	if !own || !named || !slices.Contains([]string{"user", "group", "role"}, kind) {
		return policy.Set{}, policy.Caller{}, o.refuse("NoSource", arn)
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	if kind == "group" {
		g, err := o.groupNamed(name)
		if err != nil {
			return policy.Set{}, policy.Caller{}, err
		}
		identity, err := o.policiesOf(o.Tx, g.ID, g.holding)
		return policy.Set{Identity: identity}, policy.Caller{Type: policy.User, Account: o.account.ID}, err
	}
	caller := policy.Caller{Type: policy.User, Account: o.account.ID, ARN: arn}
	if kind == "role" {
		r, err := o.roleNamed(name)
		if err != nil {
			return policy.Set{}, policy.Caller{}, err
		}
		caller.Type, caller.ID, caller.Base = policy.AssumedRole, r.ID, arn
	} else {
		u, err := o.userNamed(name)
		if err != nil {
			return policy.Set{}, policy.Caller{}, err
		}
		caller.ID = u.ID
	}
	st, err := o.loadStanding(o.Tx, caller.ID)
	if err != nil {
		return policy.Set{}, policy.Caller{}, err
	}
	return policy.Set{Identity: st.identity, Boundary: st.boundary}, caller, nil
}

// brought returns the documents that a call brings in a list. They go by the names that the real service gives them in
// MatchedStatements: the parameter and the place in it, from 1.
func (o *operating) brought(kind policy.Kind, list string) ([]policy.Attached, error) {
	var out []policy.Attached
	for i, text := range textsIn(list, o.Call) {
		d, err := o.parsed(kind, text)
		if err != nil {
			return nil, o.unsimulated(err)
		}
		out = append(out, policy.Attached{Name: fmt.Sprintf("%s.%d", list, i+1), Document: d})
	}
	return out, nil
}

// unsimulated is the answer to a document that cannot be simulated: InvalidInput, where storing the same document answers
// MalformedPolicyDocument (the errors of API_SimulateCustomPolicy).
func (o *operating) unsimulated(err error) error {
	if fault, ok := err.(*policy.Error); ok {
		return o.refuse("InvalidSimulation", fault.Message)
	}
	return err
}

// evaluationXML is how one action on one resource was decided.
type evaluationXML struct {
	EvalActionName                    string
	EvalResourceName                  string
	EvalDecision                      string
	MatchedStatements                 list[matchedXML]
	MissingContextValues              list[string]
	PermissionsBoundaryDecisionDetail *boundaryDecisionXML `xml:",omitempty"`
}

type boundaryDecisionXML struct{ AllowedByPermissionsBoundary bool }

type matchedXML struct {
	SourcePolicyID   string `xml:"SourcePolicyId"`
	SourcePolicyType string
	StartPosition    policy.Position
	EndPosition      policy.Position
}

type simulateResult struct {
	EvaluationResults list[evaluationXML]
	tail
}

// simulate implements SimulatePrincipalPolicy and SimulateCustomPolicy: every action on every resource, in that order. Nothing of
// the request that asks is in the simulated ones: an administrator with MFA who asks about somebody's policies without naming
// aws:MultiFactorAuthPresent is told what happens where the key is missing, as with an access key, and that it was missing. That is
// the real service's behaviour (Section 4.5), and the most common misreading of its results.
func (o *operating) simulate() (any, error) {
	set, caller, err := o.simulated()
	if err != nil {
		return nil, err
	}
	if arn := o.param("CallerArn"); arn != "" {
		caller.ARN = arn
	}
	// SimulateCustomPolicy names nobody: policies are somebody's, and a caller without an account would be refused everything.
	if caller.Type == policy.Anonymous {
		caller.Type, caller.Account = policy.User, o.account.ID
	}
	if text := o.param("ResourcePolicy"); text != "" {
		// A resource policy speaks of principals, and there is none to compare them with (API_SimulateCustomPolicy, CallerArn).
		if caller.ARN == "" {
			return nil, o.refuse("InvalidSimulation", "CallerArn is required when a ResourcePolicy is given.")
		}
		d, err := o.parsed(policy.Resource, text)
		if err != nil {
			return nil, o.unsimulated(err)
		}
		set.Resource = []policy.Attached{{Name: "ResourcePolicy", Document: d}}
	}
	resources := textsIn("ResourceArns", o.Call)
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	known := o.contextEntries()
	var all []numbered
	for _, action := range textsIn("ActionNames", o.Call) {
		for _, resource := range resources {
			r := &policy.Request{Caller: caller, Action: action, Resource: resource, Context: known}
			all = append(all, numbered{fmt.Sprintf("%06d", len(all)), r})
		}
	}
	all, end, err := page(o, all, func(n numbered) string { return n.key })
	var out []evaluationXML
	for _, n := range all {
		out = append(out, evaluate(&set, n.Request))
	}
	return simulateResult{list[evaluationXML]{out}, end}, err
}

// numbered is a request with its place: pages are cut by the order of keys, and the order of the results is that of the call.
type numbered struct {
	key string
	*policy.Request
}

// evaluate decides one request. Under an explicit deny the statements that deny are the only ones named
// (API_EvaluationResult). A boundary allows nothing by itself, and so its Allows are told in a member of their own and not
// among the statements that matched.
func evaluate(set *policy.Set, r *policy.Request) evaluationXML {
	d := set.Decide(r)
	x := evaluationXML{EvalActionName: r.Action, EvalResourceName: r.Resource, EvalDecision: string(d.Outcome)}
	effect, allowed := policy.Allow, false
	if d.Outcome == policy.ExplicitDeny {
		effect = policy.Deny
	}
	for _, s := range set.Trace(r) {
		if !s.Applies() || s.Statement.Effect != effect {
			continue
		}
		allowed = allowed || s.Kind == policy.Boundary
		if s.Kind != policy.Boundary || effect == policy.Deny {
			x.MatchedStatements.Members = append(x.MatchedStatements.Members,
				matchedXML{s.Policy, "IAM Policy", s.Statement.Start, s.Statement.End})
		}
	}
	if len(set.Boundary) > 0 {
		x.PermissionsBoundaryDecisionDetail = &boundaryDecisionXML{allowed && effect == policy.Allow}
	}
	for _, k := range set.Missing(r) {
		x.MissingContextValues.Members = append(x.MissingContextValues.Members, string(k))
	}
	return x
}

// contextEntries returns what the call says of the requests. ContextKeyType is not asked for: the operators of the policies read
// values as the types that they need, and a value that they cannot read meets no condition.
func (o *operating) contextEntries() *policy.Context {
	c := &policy.Context{}
	for i := 1; ; i++ {
		at := fmt.Sprintf("ContextEntries.member.%d.", i)
		name := o.param(at + "ContextKeyName")
		if name == "" {
			return c
		}
		c.Set(policy.Key(name), textsIn(at+"ContextKeyValues", o.Call)...)
	}
}

type contextKeysResult struct{ ContextKeyNames list[string] }

// contextKeys implements GetContextKeysForPrincipalPolicy and GetContextKeysForCustomPolicy: what to bring to a simulation so that
// nothing is missing in it.
func (o *operating) contextKeys() (any, error) {
	set, _, err := o.simulated()
	if err != nil {
		return nil, err
	}
	var documents []*policy.Document
	for _, a := range slices.Concat(set.Identity, set.Boundary) {
		documents = append(documents, a.Document)
	}
	var names []string
	for _, k := range policy.ContextKeys(documents...) {
		names = append(names, string(k))
	}
	return contextKeysResult{list[string]{names}}, nil
}
