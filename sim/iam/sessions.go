package iam

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mfalab/mfalab/sim/iam/policy"
	"github.com/mfalab/mfalab/sim/trail"
)

// A SessionKind is how a session began.
type SessionKind string

// The kinds of sessions. A console session is a UserSession.
const (
	UserSession      SessionKind = ""          // GetSessionToken
	RoleSession      SessionKind = "role"      // AssumeRole
	FederatedSession SessionKind = "federated" // GetFederationToken
)

// A SessionPolicy is one that limits a session, as it was when the session began.
type SessionPolicy struct {
	Name string `json:"name"` // its ARN; "" for the text that was passed
	Text string `json:"text"`
}

// permitted refuses what the caller's kind of credential cannot do: the table of AWS MFA, Section 2.2, after "Comparing
// the AWS STS API operations" in id_credentials_temp_request.
func (s *Service) permitted(call Call) *Error {
	x := call.Caller.Session
	sts := call.Service == "sts"
	switch {
	case sts && call.Action == "AssumeRole" && call.Caller.IsRoot():
		return s.refuse("RootAssumesRole")
	case x == nil:
		return nil
	case sts && (call.Action == "GetSessionToken" || call.Action == "GetFederationToken"):
		return s.refuse("SessionCallsSession", call.Action)
	case sts && !slices.Contains(callable[x.Kind], call.Action):
		return s.refuse("AccessDenied", call.Caller.ARN, call.Service, call.Action)
	case call.Service != "iam":
		return nil
	case x.Kind == FederatedSession, x.Kind == UserSession && !x.MFA && !x.Console:
		return s.refuse("SessionWithoutMFA")
	}
	return nil
}

// callable is what each kind of session may call of STS.
var callable = map[SessionKind][]string{
	UserSession:      {"AssumeRole", "GetCallerIdentity"},
	RoleSession:      {"AssumeRole", "GetCallerIdentity", "GetAccessKeyInfo", "DecodeAuthorizationMessage"},
	FederatedSession: {"GetCallerIdentity"},
}

// sessionCaller fills in who calls in c's session. Whose it is has to be there still: a user or role made anew under the
// old name is another.
func (s *Service) sessionCaller(tx Tx, c *Caller) error {
	x := c.Session
	if x.Kind == RoleSession {
		r, err := roleWithID(tx, x.UserID)
		if err != nil {
			return err
		}
		if r == nil {
			return s.refuse("InvalidClientTokenId")
		}
		c.UserID, c.ARN = r.ID+":"+x.Name, s.assumedARN(r.Name, x.Name)
		return nil
	}
	u, err := userWithID(tx, x.UserID)
	if err != nil {
		return err
	}
	if u == nil {
		return s.refuse("InvalidClientTokenId")
	}
	if x.Kind == FederatedSession {
		c.UserID, c.ARN = s.Account()+":"+x.Name, s.federatedARN(x.Name)
		return nil
	}
	c.UserID, c.UserName, c.ARN = u.ID, u.Name, u.arn(s.Account())
	return nil
}

// assumedARN is what a session of a role is called: the role's path is not in it (reference_identifiers).
func (s *Service) assumedARN(role, session string) string {
	return "arn:aws:sts::" + s.Account() + ":assumed-role/" + role + "/" + session
}

// federatedARN is who a federated session is.
func (s *Service) federatedARN(name string) string {
	return "arn:aws:sts::" + s.Account() + ":federated-user/" + name
}

// sessionPolicies are the policies that c's session was given when it began.
func (s *Service) sessionPolicies(c Caller) ([]policy.Attached, error) {
	if c.Session == nil {
		return nil, nil
	}
	var out []policy.Attached
	for _, p := range c.Session.Policies {
		d, err := s.parsed(policy.Session, p.Text)
		if err != nil {
			return nil, damaged(kindSession, c.Session.AccessKeyID, err)
		}
		out = append(out, policy.Attached{Name: p.Name, Document: d})
	}
	return out, nil
}

// knowSession sets the keys that a session has: AWS MFA, Section 4.1. One of a role has never had MFA, however it was
// assumed (Section 0); one of a federated user does not say.
func knowSession(c *policy.Context, x *Session, now time.Time) {
	if x.Kind != FederatedSession {
		c.SetMFA(x.MFA, x.Created, now)
	}
	c.SetTime(policy.TokenIssueTime, x.Created)
	for _, t := range x.Tags { // one of the session's hides one of the role's
		c.Set(policy.PrincipalTag(t.Key), t.Value)
	}
	if x.SourceIdentity != "" {
		c.Set("aws:SourceIdentity", x.SourceIdentity)
	}
}

// identity says who c is to the trail.
func (s *Service) identity(c Caller) trail.Identity {
	w := trail.Identity{Kind: trail.IAMUser, Principal: c.UserID, ARN: c.ARN, Key: c.AccessKeyID, User: c.UserName}
	switch {
	case c.IsRoot():
		w.Kind, w.Principal = trail.Root, s.Account()
	case c.UserID == "":
		w.Kind = trail.Anonymous
	}
	x := c.Session
	if x == nil {
		return w
	}
	w.Since, w.MFA, w.SourceIdentity = x.Created, x.MFA, x.SourceIdentity
	switch x.Kind {
	case RoleSession:
		w.Kind, w.Issuer = trail.AssumedRole, &trail.Issuer{Kind: "Role", Principal: x.UserID, ARN: x.IssuerARN, User: x.IssuerName}
	case FederatedSession:
		w.Kind, w.Issuer = trail.FederatedUser, &trail.Issuer{Kind: "IAMUser", Principal: x.UserID, ARN: x.IssuerARN, User: x.IssuerName}
		if x.UserID == Root {
			w.Issuer.Kind, w.Issuer.Principal = "Root", s.Account()
		}
	}
	return w
}

// sessionParams are the policies and tags that AssumeRole and GetFederationToken were passed.
type sessionParams struct {
	policies []SessionPolicy
	tags     []Tag
	// packed is how full they are, in per cent; nil where there are none.
	packed *int
}

// From the quotas of reference_iam-quotas: session policies.
const (
	sessionPolicyARNs = 10
	// packedSpace is what policies and tags share. The service packs them in a way of its own; ours is the plain number
	// of characters, which is what its one sample fits.
	packedSpace = int(policy.SessionText)
)

// passedToSession reads what limits the session to come.
func (o *operating) passedToSession() (p sessionParams, err error) {
	size := 0
	if text := o.param("Policy"); text != "" {
		if _, err := o.parsed(policy.Session, text); err != nil {
			return p, o.malformed(err)
		}
		size += policy.Size(text)
		p.policies = append(p.policies, SessionPolicy{Text: text})
	}
	for i := 1; ; i++ {
		arn := o.param("PolicyArns.member." + strconv.Itoa(i) + ".arn")
		if arn == "" {
			break
		}
		if i > sessionPolicyARNs {
			return p, o.refuse("Constraint", 1, "error",
				"Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10")
		}
		text, err := o.sessionPolicy(arn)
		if err != nil {
			return p, err
		}
		size += len(arn)
		p.policies = append(p.policies, SessionPolicy{arn, text})
	}
	if p.tags, err = o.sessionTags(); err != nil {
		return p, err
	}
	for _, t := range p.tags {
		size += len(t.Key) + len(t.Value)
	}
	if size > 0 {
		percent := (size*100 + packedSpace - 1) / packedSpace
		p.packed = &percent
		if percent > 100 {
			return p, o.refuse("PackedPolicyTooLarge", percent)
		}
	}
	return p, nil
}

// sessionPolicy returns the text of a managed policy.
func (o *operating) sessionPolicy(arn string) (string, error) {
	m, err := o.managed(o.Tx, arn)
	if err != nil {
		return "", err
	}
	if m == nil {
		return "", o.refuse("NoSessionPolicy", arn)
	}
	return documentText(o.Tx, m, m.Default)
}

// sessionTags reads the call's Tags. STS has a code of its own for two with one key.
func (o *operating) sessionTags() ([]Tag, error) {
	tags := tagsIn("Tags", o.Call)
	seen := map[string]bool{}
	for _, t := range tags {
		if key := strings.ToLower(t.Key); seen[key] {
			return nil, o.refuse("DuplicateSessionTags")
		} else {
			seen[key] = true
		}
	}
	return tags, nil
}

// handOut stores a session that was drafted, and returns its credentials as answers show them.
func (o *operating) handOut(x *Session, token string, length time.Duration) (credentialsXML, error) {
	return credentialsXML{x.AccessKeyID, x.Secret, token, stamp(o.Wall.Add(length))}, put(o.Tx, kindSession, x.AccessKeyID, x)
}

// seconds returns the call's DurationSeconds, or fallback where it is left out.
func (o *operating) seconds(fallback int) (int, error) {
	n, err := strconv.Atoi(cmp.Or(o.param("DurationSeconds"), strconv.Itoa(fallback)))
	if err != nil {
		return 0, o.refuse("MalformedNumber", "DurationSeconds")
	}
	return n, nil
}
