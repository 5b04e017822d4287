package iam

import (
	"slices"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// From API_AssumeRole: how long a role's session lasts, in seconds.
const (
	chainedSession = 3600 // at most, where one role's session assumes another role
)

// assumeOperations are the operations of STS that hand out another's permissions.
var assumeOperations = []*operation{
	{service: "sts", name: "AssumeRole", free: true, writes: true, run: (*operating).assumeRole, params: []param{
		{"RoleArn", roleARNShape, true}, {"RoleSessionName", roleSessionNameShape, true}, {"PolicyArns", policyARNsShape, false},
		{"Policy", sessionDocumentShape, false}, {"DurationSeconds", roleSecondsShape, false}, {"Tags", tagsShape, false},
		{"TransitiveTagKeys", tagKeysShape, false}, {"ExternalId", externalIDShape, false},
		{"SerialNumber", tokenSerialNumberShape, false}, {"TokenCode", tokenCodeShape, false},
		{"SourceIdentity", sourceIdentityShape, false}}},
	{service: "sts", name: "GetFederationToken", on: onFederated, writes: true, run: (*operating).getFederationToken, params: []param{
		{"Name", federatedNameShape, true}, {"PolicyArns", policyARNsShape, false}, {"Policy", shortSessionDocumentShape, false},
		{"DurationSeconds", sessionSecondsShape, false}, {"Tags", tagsShape, false}}},
	{service: "sts", name: "AssumeRoleWithWebIdentity", free: true, run: (*operating).withoutProvider, params: []param{
		{"RoleArn", roleARNShape, true}, {"RoleSessionName", roleSessionNameShape, true}, {"WebIdentityToken", assertionShape, true}}},
	{service: "sts", name: "AssumeRoleWithSAML", free: true, run: (*operating).withoutProvider, params: []param{
		{"RoleArn", roleARNShape, true}, {"PrincipalArn", roleARNShape, true}, {"SAMLAssertion", assertionShape, true}}},
}

// The shapes of STS, Appendix A.3 of AWS MFA.
var (
	roleARNShape              = newShape(20, 2048, arnModel, `[\x{9}\x{A}\x{D}\x{20}-\x{7E}\x{85}\x{A0}-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]+`)
	roleSessionNameShape      = newShape(2, 64, `[\w+=,.@-]*`, `[\w+=,.@-]*`)
	policyARNsShape           = shape{max: 50, kind: keyList}
	sessionDocumentShape      = newShape(1, 0, documentShape.pattern, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`)
	shortSessionDocumentShape = newShape(1, 2048, documentShape.pattern, `[\x{9}\x{A}\x{D}\x{20}-\x{FF}]+`)
	roleSecondsShape          = shape{min: 900, max: 43200, kind: number}
	externalIDShape           = newShape(2, 1224, `[\w+=,.@:\/-]*`, `[\w+=,.@:/-]*`)
	sourceIdentityShape       = newShape(2, 64, `[\w+=,.@-]*`, `[\w+=,.@-]*`)
	federatedNameShape        = newShape(2, 32, `[\w+=,.@-]*`, `[\w+=,.@-]*`)
	assertionShape            = hidden(shape{min: 4, max: 100000})
)

const arnModel = `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`

// assumeRoleResult answers AssumeRole.
type assumeRoleResult struct {
	SourceIdentity   string `xml:",omitempty"`
	AssumedRoleUser  assumedRoleUserXML
	PackedPolicySize *int `xml:",omitempty"`
	Credentials      credentialsXML
}

type assumedRoleUserXML struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	Arn           string
}

// assumeRole begins a session of a role. The order of the refusals is: what the ARN looks like, the device and its code,
// the policies (a role that is not there is refused as one that does not trust the caller), how long it is to last, and
// what is passed to it. A code that was accepted is used up, whatever comes after it: AWS MFA, Section 0.
func (o *operating) assumeRole() (any, error) {
	if !arnLike(o.param("RoleArn")) {
		return nil, o.refuse("MalformedARN", o.param("RoleArn"))
	}
	mfa, err := o.presentedMFA()
	if err != nil {
		return nil, err
	}
	result, err := o.assume(mfa)
	if e, refused := err.(*Error); refused && mfa {
		e.counted = true
	}
	return result, err
}

// presentedMFA judges the call's device and code and reports whether there were any. It comes before the policies, so that a code
// is judged, and a wrong one counted, whoever sends it; what a caller may do is not said before. What a code here is good for is
// the trust policy's condition alone: the session that begins does not carry aws:MultiFactorAuthPresent on (Section 2.2).
func (o *operating) presentedMFA() (bool, error) {
	serial := o.param("SerialNumber")
	if (serial == "") != (o.param("TokenCode") == "") {
		return false, o.refuse("SerialAndCode")
	}
	if serial == "" {
		return false, nil
	}
	if x := o.Caller.Session; x != nil && x.Kind != UserSession { // only users have devices
		return false, o.refuse("InvalidSerial")
	}
	err := o.login(serial)
	return err == nil, err
}

// assume is assumeRole behind the code: mfa says whether one was given and accepted.
func (o *operating) assume(mfa bool) (any, error) {
	r, err := o.trusting(mfa)
	if err != nil {
		return nil, err
	}
	length, err := o.roleSessionLength(r)
	if err != nil {
		return nil, err
	}
	result, _, err := o.roleSession(r, length, "")
	if err != nil {
		return nil, err
	}
	return result, nil
}

// roleSession begins a session of r. from is the console session from which somebody switched, "" for a call of AssumeRole.
func (o *operating) roleSession(r *Role, length time.Duration, from string) (result assumeRoleResult, x *Session, err error) {
	passed, err := o.passedToSession()
	if err != nil {
		return result, nil, err
	}
	tags, transitive, err := o.transitiveTags(passed.tags)
	if err != nil {
		return result, nil, err
	}
	x, token, err := o.draftSession(r.ID, "", length)
	if err != nil {
		return result, nil, err
	}
	x.Console, x.From = from != "", from
	x.Kind, x.Name, x.IssuerARN, x.IssuerName = RoleSession, o.param("RoleSessionName"), r.arn(o.account.ID), r.Name
	x.Policies, x.Tags, x.Transitive, x.SourceIdentity = passed.policies, tags, transitive, o.param("SourceIdentity")
	if before := o.Caller.Session; before != nil && before.SourceIdentity != "" {
		x.SourceIdentity = before.SourceIdentity // once set it stays, from role to role
	}
	credentials, err := o.handOut(x, token, length)
	return assumeRoleResult{SourceIdentity: x.SourceIdentity, PackedPolicySize: passed.packed, Credentials: credentials,
		AssumedRoleUser: assumedRoleUserXML{r.ID + ":" + x.Name, o.assumedARN(r.Name, x.Name)}}, x, err
}

// arnLike reports whether text has the form of an ARN, as far as STS looks before anything else (recorded).
func arnLike(text string) bool {
	parts := strings.SplitN(text, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[1] != "" && parts[2] != "" && parts[5] != ""
}

// trusting returns the role that the call names, if its trust policy and the caller's own let it be assumed. One answer serves for
// a role that is not there, one under another path, and one that does not trust the caller: nobody learns from it which roles an
// account has, and nobody that MFA is all that is missing (Section 2.2, seen). Session tags and a source identity need
// permissions of their own, in the trust policy as well (id_session-tags, id_credentials_temp_control-access_monitor).
func (o *operating) trusting(mfa bool) (*Role, error) {
	arn := o.param("RoleArn")
	r, err := roleNamed(o.Tx, arn[strings.LastIndexByte(arn, '/')+1:])
	if err != nil {
		return nil, err
	}
	if r == nil || r.arn(o.account.ID) != arn {
		return nil, o.refuse("NotAssumable", o.Caller.ARN, "sts:AssumeRole", arn)
	}
	trust, err := o.parsed(policy.Trust, r.Trust)
	if err != nil {
		return nil, damaged(kindRole, r.Name, err)
	}
	t := target{arn: arn, policies: []policy.Attached{{Name: r.Name, Document: trust}}, set: o.knowAssuming(r, mfa)}
	actions := []string{"sts:AssumeRole"}
	if tags := tagsIn("Tags", o.Call); len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if o.param("SourceIdentity") != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		if err := o.authorize(action, t); err != nil {
			if e, denied := err.(*Error); denied && e.Code == "AccessDenied" {
				// Seen: the short form, with no hint at what is missing.
				short := o.refuse("NotAssumable", o.Caller.ARN, action, arn)
				short.Rule, short.Section = e.Rule, e.Section
				err = short
			}
			return nil, err
		}
	}
	return r, nil
}

// knowAssuming sets what the policies can ask of this call. A code in the call counts as MFA of this moment.
func (o *operating) knowAssuming(r *Role, mfa bool) func(*policy.Context) {
	tagsOfRole := tagged(r.Tags)
	return func(c *policy.Context) {
		if tagsOfRole != nil {
			tagsOfRole(c)
		}
		if mfa {
			c.SetMFA(true, o.Now, o.Now)
		}
		given := func(k policy.Key, v string) {
			if v != "" {
				c.Set(k, v)
			}
		}
		given(policy.STSExternalID, o.param("ExternalId"))
		given(policy.STSRoleSessionName, o.param("RoleSessionName"))
		given(policy.STSSourceIdentity, o.param("SourceIdentity"))
		keys := tagsIn("TransitiveTagKeys", o.Call)
		c.Set("sts:TransitiveTagKeys", tagKeysOf(keys)...)
		tags := tagsIn("Tags", o.Call)
		for _, t := range tags {
			c.Set(policy.RequestTag(t.Key), t.Value)
		}
		c.Set(policy.TagKeys, tagKeysOf(tags)...)
	}
}

// tagKeysOf returns the keys of tags, in their order.
func tagKeysOf(tags []Tag) []string {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
	}
	return keys
}

// roleSessionLength returns how long the session is to last. That of a role that was assumed by another role's session ends
// after an hour.
func (o *operating) roleSessionLength(r *Role) (time.Duration, error) {
	n, err := o.seconds(defaultRoleSession)
	if err != nil {
		return 0, err
	}
	chained := o.Caller.Session != nil && o.Caller.Session.Kind == RoleSession
	switch {
	case chained && n > chainedSession:
		return 0, o.refuse("ChainedSessionTooLong")
	case int64(n) > max(r.MaxSession, defaultRoleSession):
		return 0, o.refuse("RoleSessionTooLong")
	}
	return time.Duration(n) * time.Second, nil
}

// transitiveTags returns the tags of the session to come, with those that the caller's session passes on, and which of them
// it passes on itself. A tag that is passed on cannot be overwritten on the way (recorded): policies of the last role trust what
// the first one said of its caller.
func (o *operating) transitiveTags(tags []Tag) (all []Tag, transitive []string, err error) {
	wanted := tagsIn("TransitiveTagKeys", o.Call)
	has := func(list []Tag, key string) bool {
		return slices.ContainsFunc(list, func(t Tag) bool { return strings.EqualFold(t.Key, key) })
	}
	for _, w := range wanted {
		if !has(tags, w.Key) {
			return nil, nil, o.refuse("TransitiveTagMissing")
		}
		transitive = append(transitive, w.Key)
	}
	all = slices.Clone(tags)
	if before := o.Caller.Session; before != nil {
		for _, t := range before.Tags {
			if !slices.ContainsFunc(before.Transitive, func(k string) bool { return strings.EqualFold(k, t.Key) }) {
				continue
			}
			if has(tags, t.Key) {
				return nil, nil, o.refuse("TransitiveTagConflict")
			}
			all, transitive = append(all, t), append(transitive, t.Key)
		}
	}
	return all, transitive, nil
}

// federationResult answers GetFederationToken.
type federationResult struct {
	Credentials      credentialsXML
	FederatedUser    federatedUserXML
	PackedPolicySize int
}

type federatedUserXML struct {
	FederatedUserID string `xml:"FederatedUserId"`
	Arn             string
}

// onFederated is the federated user that the call makes.
func onFederated(o *operating) (target, error) {
	return target{arn: o.federatedARN(o.param("Name"))}, nil
}

// getFederationToken begins a session for somebody whom the account does not know. It has no MFA: AWS MFA, Section 2.2. The session
// has the permissions of the user who calls, cut down by what is passed: without a policy it may nothing at all
// (API_GetFederationToken).
func (o *operating) getFederationToken() (any, error) {
	length, err := o.sessionLength()
	if err != nil {
		return nil, err
	}
	passed, err := o.passedToSession()
	if err != nil {
		return nil, err
	}
	x, token, err := o.draftSession(o.Caller.UserID, "", length)
	if err != nil {
		return nil, err
	}
	x.Kind, x.Name, x.Policies, x.Tags = FederatedSession, o.param("Name"), passed.policies, passed.tags
	x.IssuerARN, x.IssuerName = o.Caller.ARN, o.Caller.UserName
	credentials, err := o.handOut(x, token, length)
	if err != nil {
		return nil, err
	}
	out := federationResult{Credentials: credentials,
		FederatedUser: federatedUserXML{o.account.ID + ":" + x.Name, o.federatedARN(x.Name)}}
	if passed.packed != nil {
		out.PackedPolicySize = *passed.packed
	}
	return out, nil
}

// withoutProvider refuses what needs an identity provider: the account has none.
func (o *operating) withoutProvider() (any, error) { return nil, o.refuse("NoIdentityProvider") }
