package policy

import "strings"

// A CallerType says what kind of principal makes a request.
type CallerType byte

// The kinds of callers (User Guide, "IAM JSON policy elements: Principal").
const (
	Anonymous     CallerType = iota
	Root                     // the account's root user
	User                     // an IAM user, also with credentials of GetSessionToken
	AssumedRole              // a session of a role
	FederatedUser            // a session of GetFederationToken
	Provider                 // who an identity provider vouches for, before a role is assumed
	ServiceCaller            // a service, such as ec2.amazonaws.com
)

// A Caller is who makes a request.
type Caller struct {
	Type    CallerType
	Account string // twelve digits; "" where there is none
	// ARN is that of the user, of the role's or federated user's session, of the provider, or of the root user.
	ARN string
	// Base is the ARN of the role of a session, and of the user that asked for a federated session.
	Base string
	// ID is the unique ID, such as AIDA..., or AROA...:session.
	ID      string
	Service string // of a ServiceCaller
}

// A grant is how closely a Principal element names a caller. In an Allow it decides what else may limit it: see Set.
type grant byte

const (
	unnamed   grant = iota
	byAccount       // the caller's account, which leaves the choice to the account's own policies
	byBase          // the role of a session, the user behind a federated one, or everybody
	directly        // the user, the session, the service itself
)

// grants returns how closely p names c. In a NotPrincipal an account stands for its root user alone: all others of it
// have to be named (User Guide, "IAM JSON policy elements: NotPrincipal").
func (p Principal) grants(c *Caller, negative bool) grant {
	switch {
	case p.Type == "*", p.Type == "AWS" && p.Name == "*":
		if c.Type == AssumedRole || c.Type == FederatedUser {
			return byBase
		}
		return directly
	case p.Type == "Service":
		return directlyIf(c.Type == ServiceCaller && p.Name == c.Service)
	case p.Type == "Federated":
		return directlyIf(c.Type == Provider && p.Name == c.ARN)
	case p.Type == "AWS" && c.Account != "" && p.account() == c.Account:
		if c.Type == Root {
			return directly
		}
		if negative {
			return unnamed
		}
		return byAccount
	case p.Type != "AWS" || c.Type == Provider:
		return unnamed
	}
	return p.names(c)
}

// directlyIf is for principals that name their caller or nobody.
func directlyIf(b bool) grant {
	if b {
		return directly
	}
	return unnamed
}

// names compares p with everything that the caller is called. A session's unique ID begins with that of its role, which
// stays the same when another role takes the name.
func (p Principal) names(c *Caller) grant {
	id, _, session := strings.Cut(c.ID, ":")
	switch p.Name {
	case "":
		return unnamed
	case c.ARN, c.ID:
		return directly
	case c.Base:
		return byBase
	case id:
		if session {
			return byBase
		}
	}
	return unnamed
}

// account returns the account that p stands for as a whole, "" if p is not an account.
func (p Principal) account() string {
	if len(p.Name) == 12 && allDigits(p.Name) {
		return p.Name
	}
	if a, ok := parseARN(p.Name); ok && a[2] == "iam" && a[5] == "root" {
		return a[4]
	}
	return ""
}

// wellFormed reports whether p could name somebody. No part of a name may be left open by a wildcard.
func (p Principal) wellFormed() bool {
	switch p.Type {
	case "*":
		return true
	case "AWS":
		if p.Name == "*" || p.account() != "" {
			return true
		}
		if strings.ContainsAny(p.Name, "*?") {
			return false
		}
		a, ok := parseARN(p.Name)
		if ok {
			return len(a[4]) == 12 && allDigits(a[4]) && (a[2] == "iam" || a[2] == "sts") && strings.Contains(a[5], "/")
		}
		return len(p.Name) >= 16 && len(p.Name) <= 128 && strings.IndexFunc(p.Name, func(r rune) bool { return !alphanumeric(r) }) < 0
	case "Service", "Federated", "CanonicalUser":
		return p.Name != "" && !strings.ContainsAny(p.Name, "*?")
	}
	return false
}
