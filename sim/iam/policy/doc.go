// Package policy decides what a policy allows: it reads documents in the JSON policy language of AWS IAM (User Guide of
// May 2023, "IAM JSON policy reference") and decides requests by them, with the explanation.
//
//	document ── Parse ──▶ *Document ─┐
//	document ── Parse ──▶ *Document ─┼─ Set.Decide(Request) ──▶ Decision: allowed | explicitDeny | implicitDeny
//	                 who, what, where, when ─┘
//
// A document is parsed once and decides as many requests as one likes; a *Document is never changed afterwards, so any
// number of callers may share it. Time is a value of the request's context; nothing in here has a clock.
//
// "AWS MFA" in a citation is this project's notes on the real service; "Section" alone is a section of them. Every text
// that a refused document gets stands in one table (texts.go) with the degree to which it is known.
//
// Not implemented: service and resource control policies, VPC endpoint policies, and knowledge of which actions a service
// has: an action nobody knows is allowed or denied like any other.
package policy
